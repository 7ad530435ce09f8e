"""JSON Schemas of the configuration's files, from the models that read them: for editors, which complete and check.

A file fits its schema wherever its model takes it. `validate` knows more: names that must be there, queries, types.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from open_data_contract_standard.model import OpenDataContractStandard
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from tidemark.config.cases import Cases
from tidemark.config.contract import LAYERS
from tidemark.config.contract.meanings import REFUSED, meaning
from tidemark.config.contract.properties import NAME, NESTED
from tidemark.config.contract.quality import METRICS
from tidemark.config.environment import Environment
from tidemark.config.files.modelfile import span_text
from tidemark.config.jobs import Jobs
from tidemark.config.limits import Limit
from tidemark.config.load import Load

DRAFT = "https://json-schema.org/draft/2020-12/schema"
MODELS: Mapping[str, type[BaseModel]] = {
    "contract": OpenDataContractStandard,
    "load": Load,
    "env": Environment,
    "jobs": Jobs,
    "test": Cases,
}
SUFFIX = ".schema.json"
FOLDER = "schemas"
"""Where in a configuration folder the schemas lie, for editors."""

_TITLES = {
    "contract": "What a table is: <layer>/<table>.contract.yaml",
    "load": "How a table is filled: <layer>/<table>.load.yaml",
    "env": "Where a run happens: env/<name>.yaml",
    "jobs": "Parts of the pipeline by name: jobs.yaml",
    "test": "Tests of a table's query: <layer>/<table>.test.yaml",
}
_VARIABLE = {"type": "string", "pattern": r"\$\{"}
_LOGICAL = ("string", "integer", "number", "boolean", "date", "timestamp", *NESTED)
_TYPE = r"^\s*[A-Za-z]+\s*(\(\s*\d+\s*(,\s*\d+\s*)?\))?\s*$"  # the reader says which there are


class _Generator(GenerateJsonSchema):
    """Defaults as they are written in a file."""

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, timedelta):
            return span_text(dft)
        return str(dft) if isinstance(dft, Limit) else super().encode_default(dft)


def json_schema(kind: str) -> dict[str, Any]:
    """The schema of a kind of file, one of `MODELS`."""
    mode: JsonSchemaMode = "validation"
    schema = MODELS[kind].model_json_schema(by_alias=True, schema_generator=_Generator, mode=mode)
    for each in _inside(schema):
        each.pop("title", None)
        if each.get("default", ...) is None:
            del each["default"]
    if kind in _FURTHER:
        _FURTHER[kind](schema)
    return {"$schema": DRAFT, "title": _TITLES[kind], **schema}


def text(kind: str) -> str:
    """The schema as it stands in a file."""
    return json.dumps(json_schema(kind), indent=2, ensure_ascii=False) + "\n"


def write(config_dir: Path) -> tuple[Path, ...]:
    """Writes all schemas into the folder of a configuration that is theirs, and says where."""
    paths = {kind: config_dir / FOLDER / f"{kind}{SUFFIX}" for kind in MODELS}
    for kind, path in paths.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(kind), "utf-8")
    return tuple(paths.values())


def _inside(schema: Any) -> Iterator[dict[str, Any]]:
    """The schema and every schema in it; what stands in examples and defaults is none."""
    if not isinstance(schema, dict):
        return
    yield schema
    for key in ("properties", "$defs"):
        for each in schema.get(key, {}).values():
            yield from _inside(each)
    for key in ("items", "additionalProperties"):
        yield from _inside(schema.get(key))
    for each in schema.get("anyOf", ()):
        yield from _inside(each)


def _with_variables(schema: dict[str, Any]) -> None:
    """A number or a truth may be a variable that is filled when the file is read."""
    for each in list(_inside(schema)):
        if each.get("type") in ("integer", "number", "boolean"):
            told = {key: each.pop(key) for key in list(each) if key not in ("description", "examples", "default")}
            each["anyOf"] = [told, _VARIABLE]
        elif "enum" in each and each.get("type") != "string" and not isinstance(each["enum"][0], str):
            each["anyOf"] = [{"enum": each.pop("enum")}, _VARIABLE]


def _as_tidemark_reads_it(schema: dict[str, Any]) -> None:
    """The standard's document with what each key means here, and what a table's contract must say."""
    models = {"OpenDataContractStandard": schema, **schema["$defs"]}
    for name, model in models.items():
        model["additionalProperties"] = False
        for key, told in model["properties"].items():
            _explain(told, name, key)
    schema["required"] = ["apiVersion", "kind", "id", "version", "schema"]
    schema["properties"] |= {
        "kind": {**schema["properties"]["kind"], "const": "DataContract"},
        "apiVersion": {**schema["properties"]["apiVersion"], "pattern": r"^v3\."},
        "id": {**schema["properties"]["id"], "pattern": rf"^({'|'.join(LAYERS)})\.{NAME.pattern}$"},
    }
    schema["properties"]["schema"] |= {"minItems": 1, "maxItems": 1}
    models["SchemaObject"]["required"] = ["name", "properties"]
    column = models["SchemaProperty"]
    column["required"] = ["name", "logicalType"]
    column["properties"]["name"] |= {"pattern": f"^{NAME.pattern}$"}
    column["properties"]["logicalType"] |= {"enum": [*_LOGICAL]}
    column["properties"]["physicalType"] |= {"pattern": _TYPE}
    check = models["DataQuality"]["properties"]
    check["metric"] |= {"enum": [*METRICS, None]}
    check["type"] |= {"enum": ["library", "sql", "custom", "text", None]}
    check["severity"] |= {"enum": ["error", "warning", None]}
    models["EnumValue"]["required"] = ["value"]


def _explain(told: dict[str, Any], model: str, key: str) -> None:
    known = meaning(model, key)
    if known is None:
        return
    told["description"] = known.text
    if known.example is not None:
        told["examples"] = [known.example]
    if f"{model}.{key}" in REFUSED:
        told["enum"] = [None, False]


_FURTHER: Mapping[str, Callable[[dict[str, Any]], None]] = {"contract": _as_tidemark_reads_it, "env": _with_variables}
