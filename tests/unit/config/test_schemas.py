"""JSON Schemas take what the models take, refuse what these refuse by form, and lie beside the configuration."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tests.support.documented import PAGES
from tidemark.config import schemas
from tidemark.config.contract.meanings import meaning
from tidemark.config.environment import load_environment
from tidemark.config.files.modelfile import build
from tidemark.config.files.yamltext import parse
from tidemark.lint import lint

CONFIG = Path("config")
SHIPPED = {
    "contract": "*/*.contract.yaml",
    "load": "*/*.load.yaml",
    "env": "env/*.yaml",
    "jobs": "jobs.yaml",
    "test": "*/*.test.yaml",
}
FILES = [(kind, path) for kind, pattern in SHIPPED.items() for path in sorted(CONFIG.glob(pattern))]
_YAML = re.compile(r"^```yaml\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
LOAD = {"source": {"connection": "landing", "object": "returns/"}, "write": {"mode": "append"}}
ENV = {"name": "local", "home": ".tidemark", "exchange": "s3a://exchange/"}


@cache
def validator(kind: str) -> Draft202012Validator:
    schema = schemas.json_schema(kind)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def told(kind: str, data: Any) -> list[str]:
    return [f"{list(each.path)}: {each.message[:150]}" for each in validator(kind).iter_errors(data)]


def takes(kind: str, data: Any, folder: Path) -> bool:
    """Whether the model takes the document."""
    path = folder / "document.yaml"
    path.write_text(yaml.safe_dump(data), "utf-8")
    model, findings = build(parse(path, {"PORT": "4"}), schemas.MODELS[kind])
    return model is not None and not findings


@pytest.mark.parametrize("kind", schemas.MODELS)
def test_the_file_beside_the_configuration_is_made_of_the_model(kind: str) -> None:
    path = CONFIG / schemas.FOLDER / f"{kind}{schemas.SUFFIX}"
    assert path.read_text("utf-8") == schemas.text(kind), "tidemark schema --write"


@pytest.mark.parametrize(("kind", "path"), FILES, ids=lambda value: str(value))
def test_shipped_files_fit(kind: str, path: Path) -> None:
    assert told(kind, parse(path).data) == []


def test_examples_of_the_guides_fit(tmp_path: Path) -> None:
    example = tmp_path / "example.yaml"
    documents = []
    for text in (text for page in PAGES for text in _YAML.findall(page.read_text("utf-8"))):
        example.write_text(text, "utf-8")
        documents.append(parse(example).data)
    contracts = [each for each in documents if isinstance(each, dict) and each.get("kind") == "DataContract"]
    loads = [each for each in documents if isinstance(each, dict) and "write" in each]
    tests = [each for each in documents if isinstance(each, dict) and "tests" in each]
    assert contracts
    assert loads
    assert tests
    for document in tests:
        assert told("test", document) == []
    for document in contracts:
        assert told("contract", document) == []
    for document in loads:
        assert told("load", document) == []


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("load", {"watermark": {"column": ["committed_at", "lsn"], "lookback": 1000}}),
        ("load", {"watermark": {"column": "updated_at", "lookback": "72h"}}),
        ("load", {"inputs": {"bronze.a": None}}),
        ("load", {"cast": {"amount": "round", "at": {"zone": "Europe/Berlin"}}}),
        ("load", {"limits": {"deleted": "20%", "rejected": 500}}),
        (
            "load",
            {
                "source": None,
                "write": {
                    "mode": "scd2",
                    "keys": ["a"],
                    "effective_from": ["at", "lsn"],
                    "surrogate_key": "sk",
                    "track": "all but note",
                    "overwrite": True,
                },
            },
        ),
        (
            "load",
            {
                "source": None,
                "write": {
                    "mode": "scd2",
                    "keys": ["a"],
                    "effective_from": "at",
                    "surrogate_key": "sk",
                    "track": {"all_but": ["note"]},
                },
            },
        ),
        ("env", {"secrets": "ssm"}),
        ("env", {"secrets": ["ssm", "env"]}),
        ("env", {"compute": {"concurrency": "${PORT}", "conf": {"a": True, "b": 1, "c": "x"}}}),
        ("env", {"retry": {"for": "20s"}, "plans": {"keep": "2d"}}),
        ("env", {"roots": {"lake": "lake"}}),
        ("env", {"masking": {"secret": "s", "key": "k1"}, "targets": {}}),
    ],
)
def test_short_forms_that_a_file_may_use(kind: str, more: dict[str, Any], tmp_path: Path) -> None:
    document = {**(LOAD if kind == "load" else ENV), **more}
    assert takes(kind, document, tmp_path)
    assert told(kind, document) == []


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("load", {"wirte": {}}),
        ("load", {"write": {"mode": "merge"}}),
        ("load", {"write": {"mode": "append", "deletes": {"misssing": "soft", "flag": "x"}}}),
        ("load", {"watermark": {"lookback": "1h"}}),
        ("load", {"watermark": {"column": "a", "lookback": "3 weeks"}}),
        ("load", {"limits": {"deleted": "a fifth"}}),
        ("load", {"cast": {"a": "shorten"}}),
        ("load", {"inputs": {"bronze.a": {"on": []}}}),
        ("load", {"transform": "not a name"}),
        ("env", {"name": "Not A Name"}),
        ("env", {"secrets": "vault"}),
        ("env", {"compute": {"file_mb": 5}}),
        ("env", {"plans": {"keep": "for ever"}}),
        ("env", {"masking": {"secret": "s", "key": "no good"}}),
        ("env", {"connections": {"a": {"kind": "ftp"}}}),
    ],
)
def test_what_the_model_refuses_by_its_form(kind: str, more: dict[str, Any], tmp_path: Path) -> None:
    document = {**(LOAD if kind == "load" else ENV), **more}
    assert not takes(kind, document, tmp_path)
    assert told(kind, document)


def contract(**column: Any) -> dict[str, Any]:
    columns = [{"name": "a", "logicalType": "string", **column}]
    said = {"apiVersion": "v3.2.0", "kind": "DataContract", "id": "bronze.t", "version": "1.0.0"}
    return {**said, "schema": [{"name": "t", "properties": columns}]}


@pytest.mark.parametrize(
    "column",
    [
        {"name": "Not Allowed"},
        {"logicalType": "text"},
        {"requird": True},
        {"items": {"name": "b"}},
        {"enum": [{"label": "x"}]},
        {"quality": [{"metric": "rowsCount", "mustBe": 0}]},
        {"quality": [{"metric": "nullValues", "mustBe": 0, "severity": "fatal"}]},
    ],
)
def test_a_contract_that_would_not_be_read(column: dict[str, Any]) -> None:
    assert told("contract", contract()) == []
    assert told("contract", contract(**column))


def test_a_contract_has_one_table_and_says_which() -> None:
    two = contract()
    two["schema"] *= 2
    assert told("contract", two)
    assert told("contract", {key: value for key, value in contract().items() if key != "id"})


def keys(model: type[BaseModel]) -> Iterator[tuple[type[BaseModel], str, FieldInfo]]:
    """Every key that a document of the model can have, at any depth."""
    seen: set[type[BaseModel]] = set()
    waiting = [model]
    while waiting:
        each = waiting.pop()
        if each in seen:
            continue
        seen.add(each)
        for name, field in each.model_fields.items():
            yield each, field.alias or name, field
            waiting += models_in(field.annotation)


def models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for each in getattr(annotation, "__args__", ()) for found in models_in(each)]


@pytest.mark.parametrize(("kind", "least"), [("load", 50), ("env", 60), ("jobs", 8), ("test", 4)])
def test_every_key_has_a_meaning(kind: str, least: int) -> None:
    found = list(keys(schemas.MODELS[kind]))
    assert len(found) >= least
    assert [f"{model.__name__}.{name}" for model, name, field in found if not field.description] == []


def test_every_key_of_the_standard_has_a_meaning() -> None:
    found = list(keys(schemas.MODELS["contract"]))
    assert len(found) > 150
    assert [f"{model.__name__}.{name}" for model, name, _ in found if meaning(model.__name__, name) is None] == []


def test_examples_of_keys_fit_the_schema() -> None:
    for kind in schemas.MODELS:
        schema = schemas.json_schema(kind)
        for where, model in {"": schema, **schema["$defs"]}.items():
            for key, told_of in (model.get("properties") or {}).items():
                for example in told_of.get("examples", ()):
                    reader = Draft202012Validator({**told_of, "$defs": schema["$defs"]})
                    assert [each.message for each in reader.iter_errors(example)] == [], f"{kind} {where} {key}"


def test_schemas_in_the_configuration_are_no_tables_of_it() -> None:
    assert load_environment(CONFIG, "local").name == "local"
    assert [each for each in lint(CONFIG, "local") if schemas.FOLDER in str(each.file)] == []


def test_defaults_stand_as_they_are_written() -> None:
    schema = json.loads(schemas.text("env"))
    assert schema["$defs"]["MaintenanceSettings"]["properties"]["keep"]["default"] == "7d"
    assert schema["$defs"]["RetrySettings"]["properties"]["for"]["default"] == "5m"
