"""Pages of every key of contract, load and environment files: type, default, meaning and an example."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from blocks.logins.connections import BLOCKS
from blocks.logins.snowflake_login import DEFAULT_SCHEMA
from tidemark.config.contract.meanings import meaning
from tidemark.config.schemas import json_schema
from tidemark.sources.rest import API_PATH, LOGIN_PATH
from tidemark.warehouses.redshift import STATEMENT_SECONDS
from tidemark.warehouses.snowflake import LOGIN_SECONDS, NETWORK_SECONDS

FURTHER: Mapping[str, Mapping[str, tuple[str, str, str]]] = {
    "snowflake": {
        "schema": ("text", f"`{DEFAULT_SCHEMA}`", "Schema that a session begins in."),
        "storage_integration": ("text", "", "Storage integration with which Snowflake itself reads and writes S3."),
        "login_timeout": ("whole number", f"`{LOGIN_SECONDS}`", "Seconds that a login may take."),
        "network_timeout": ("whole number", f"`{NETWORK_SECONDS}`", "Seconds that a request may take."),
    },
    "redshift": {"statement_timeout": ("whole number", f"`{STATEMENT_SECONDS}`", "Seconds that a statement may take.")},
    "rest": {
        "login_path": ("text", f"`{LOGIN_PATH}`", "Where tokens are given."),
        "api_path": ("text", f"`{API_PATH}`", "Where records are."),
        "check_pages": (
            "true or false",
            "`true`",
            "Whether the keys are asked for once more, to see that no record was missed.",
        ),
    },
}
"""Settings that the clients of a kind take beside the fields of its block: type, default, meaning."""

_SCALARS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": ""}
_NAMES = {"additionalProperties": ".<name>", "items": "[]"}
_VARIABLE = r"\$\{"


@dataclass(frozen=True)
class Section:
    """A mapping in a file: where it stands, and the keys that it has."""

    path: str
    model: str
    schema: Mapping[str, Any]

    @property
    def heading(self) -> str:
        return f"`{self.path}`" if self.path else "The file"


def load_page() -> str:
    return _page(
        "load",
        "# Load files: `<layer>/<table>.load.yaml`",
        "How a table is filled. [Adding a table](../adding-a-table.md) says how the words go together.",
    )


def environment_page() -> str:
    told = (
        "Where a run happens. `${NAME}` and `${NAME:-default}` are filled from the process's environment, then from "
        "`env_file`; a number or a truth may be such a variable too."
    )
    page = _page("env", "# Environment files: `env/<name>.yaml`", told)
    return page + "\n" + "\n".join(_settings())


def jobs_page() -> str:
    told = "Parts of the pipeline by name. `tidemark job` lists them, `tidemark job NAME` runs one."
    return _page("jobs", "# Jobs: `jobs.yaml`", told)


def test_page() -> str:
    told = "Tests of a table's query. [Testing SQL](../testing-sql.md) says how they are run."
    return _page("test", "# Tests: `<layer>/<table>.test.yaml`", told)


def contract_page() -> str:
    told = (
        "What a table is: a document of the [Open Data Contract Standard]"
        "(https://bitol-io.github.io/open-data-contract-standard/latest/) with one table in it. Tidemark acts on the "
        "keys in the tables; the others it keeps for people."
    )
    return _page("contract", "# Contracts: `<layer>/<table>.contract.yaml`", told)


def _page(kind: str, title: str, told: str) -> str:
    schema = json_schema(kind)
    lines = [title, "", told, "", "This page is made of the code: `python -m tests.support.reference`.", ""]
    for section in sorted(sections(schema), key=lambda each: kind == "contract" and not _acts(each)):
        lines += [f"## {section.heading}", ""]
        if section.path and section.schema.get("description"):
            lines += [section.schema["description"], ""]
        lines += _keys(section, schema, acting=kind == "contract")
    return "\n".join(lines)


def sections(schema: Mapping[str, Any]) -> Iterator[Section]:
    """The mappings of a file, from the outside in, each once: where it first stands."""
    seen: set[str] = set()
    waiting = [Section("", str(schema.get("title")), schema)]
    if "contract" in str(schema.get("title")):
        waiting = [Section("", "OpenDataContractStandard", schema)]
    while waiting:
        section = waiting.pop(0)
        yield section
        for key, told in section.schema["properties"].items():
            for path, model in _models(told, f"{section.path}.{key}".lstrip(".")):
                if model not in seen:
                    seen.add(model)
                    waiting.append(Section(path, model, _mapping(schema["$defs"][model])))


def _mapping(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The mapping of a schema, which may be one of several forms."""
    return next((each for each in schema.get("anyOf", ()) if "properties" in each), schema)


def _models(told: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """The models that a key's value holds, and where they then stand."""
    if "$ref" in told:
        yield path, told["$ref"].rpartition("/")[2]
    for each in told.get("anyOf", ()):
        yield from _models(each, path)
    for key, more in _NAMES.items():
        if isinstance(told.get(key), dict):
            yield from _models(told[key], path + more)


def _acts(section: Section) -> bool:
    """Whether anything is compiled from a section of a contract."""
    return any(known and known.acts for known in (meaning(section.model, key) for key in section.schema["properties"]))


def _keys(section: Section, schema: Mapping[str, Any], *, acting: bool) -> list[str]:
    required = section.schema.get("required", ())
    rows, others = [], []
    for key, told in section.schema["properties"].items():
        known = meaning(section.model, key) if acting else None
        if known is not None and not known.acts:
            others.append(f"`{key}`: {_text(told, schema)}")
            continue
        default = "needed" if key in required else _default(told)
        rows.append((f"`{key}`", type_of(told), default, _text(told, schema), _example(key, told)))
    lines = []
    if rows:
        lines = ["| key | type | default | meaning | example |", "|---|---|---|---|---|"]
        lines += [f"| {' | '.join(_cell(each) for each in row)} |" for row in rows] + [""]
    if others:
        lines += [*(["For people:", ""] if rows else []), *(f"- {each}" for each in others), ""]
    return lines


def _text(told: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """The meaning of a key; where it is only that of its model, the model's."""
    if "description" in told:
        return str(told["description"])
    models = [model for _, model in _models(told, "")]
    return str(_mapping(schema["$defs"][models[0]])["description"]) if models else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def type_of(told: Mapping[str, Any]) -> str:
    """A schema's type in words."""
    if "$ref" in told:
        return "keys"
    if "const" in told:
        return f"`{told['const']}`"
    if "enum" in told:
        return ", ".join(f"`{json.dumps(each).strip(chr(34))}`" for each in told["enum"] if each is not None)
    forms = told.get("anyOf", ())
    if forms:
        words = [type_of(each) for each in forms if each.get("pattern") != _VARIABLE]
        return " or ".join(dict.fromkeys(word for word in words if word))
    if told.get("type") == "array":
        items = told.get("items") or (told.get("prefixItems") or [{}])[0]
        return f"list of {_many(type_of(items))}" if items else "list"
    if told.get("type") == "object":
        inside = told.get("additionalProperties")
        held = type_of(inside) if isinstance(inside, dict) else ""
        return f"names, each with {held}" if held else "keys"
    if isinstance(told.get("type"), list):
        return " or ".join(_SCALARS[each] for each in told["type"])
    if str(told.get("pattern", "")).endswith(r"[smhd]\s*$"):
        return "time (`30s`, `15m`, `72h`, `2d`)"
    if "%" in str(told.get("pattern", "")) and told.get("type") == "string" and "examples" not in told:
        return "share (`20%`)"
    return _SCALARS.get(str(told.get("type")), "anything")


def _many(word: str) -> str:
    plural = {"text": "texts", "keys": "entries", "whole number": "whole numbers", "number": "numbers"}
    return plural.get(word, word)


def _default(told: Mapping[str, Any]) -> str:
    value = told.get("default")
    if value is None or value in ({}, []) or (isinstance(value, dict) and "$ref" in json.dumps(told)):
        return ""
    return f"`{_flow(value)}`"


def _example(key: str, told: Mapping[str, Any]) -> str:
    return ", ".join(f"`{key}: {_flow(each)}`" for each in told.get("examples", ()))


def _flow(value: Any) -> str:
    """A value as YAML in one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...").replace("'on':", "on:")  # a key, and no truth, here


def _settings() -> Iterator[str]:
    """What `settings` of a connection may say, kind by kind, by the blocks that are made of them."""
    for kind, block in BLOCKS.items():
        yield f"## `connections.<name>.settings` of `{kind}`"
        yield ""
        yield (block.__doc__ or "").strip().splitlines()[0]
        yield ""
        yield "| setting | type | default | meaning |"
        yield "|---|---|---|---|"
        properties = block.model_json_schema()["properties"]
        for name in block.setting_names():
            field, told = block.model_fields[name], properties[name]
            default = "needed" if field.is_required() else _default({"default": field.default})
            yield f"| {' | '.join(map(_cell, (f'`{name}`', type_of(told), default, field.description or '')))} |"
        for name, words in FURTHER.get(kind, {}).items():
            yield f"| `{name}` | {' | '.join(words)} |"
        yield ""
