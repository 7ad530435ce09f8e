"""Holds events against the official OpenLineage JSON Schemas, and facets without one against the official client."""

from __future__ import annotations

import inspect
import json
import os
import types
import typing
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any

import attr
from jsonschema import Draft202012Validator, FormatChecker
from openlineage.client import facet_v2
from referencing import Registry, Resource

SPECIFICATION = Path(os.environ.get("TIDEMARK_TEST_OPENLINEAGE", Path(__file__).parents[1] / "fixtures/openlineage"))
EVENT = "https://openlineage.io/spec/2-0-2/OpenLineage.json"


@lru_cache(maxsize=1)
def _registry() -> Registry[Any]:
    paths = [SPECIFICATION / "OpenLineage.json", *sorted((SPECIFICATION / "facets").glob("*.json"))]
    loaded = [json.loads(path.read_text("utf-8")) for path in paths]
    return Registry().with_resources((each["$id"], Resource.from_contents(each)) for each in loaded)


@lru_cache(maxsize=64)
def _validator(reference: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": reference}, registry=_registry(), format_checker=FormatChecker())


@lru_cache(maxsize=1)
def _carried() -> Mapping[str, str]:
    """The schemas that lie here, by the names of their files, whichever version they have."""
    return {address.rpartition("/")[2]: address for address in _registry()}


def problems(event: Mapping[str, Any]) -> list[str]:
    """What is wrong with an event, and with each of its facets."""
    found = _found(f"{EVENT}#/$defs/RunEvent", event, "event")
    for where, facet in _facets(event):
        file, _, definition = facet["_schemaURL"].rpartition("/spec/")[2].partition("#")
        name = file.rpartition("/")[2]
        if name in _carried():
            found += _found(f"{_carried()[name]}#{definition}", facet, where)
        else:
            found += [f"{where}: {problem}" for problem in _misfits(_classes()[facet["_schemaURL"]], facet)]
    return found


def _found(reference: str, value: object, where: str) -> list[str]:
    return [f"{where}{error.json_path[1:]}: {error.message}" for error in _validator(reference).iter_errors(value)]


def _facets(event: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    owners = {"run": event["run"], "job": event["job"]}
    owners |= {f"{side}.{number}": each for side in ("inputs", "outputs") for number, each in enumerate(event[side])}
    for where, owner in owners.items():
        for group in ("facets", "inputFacets", "outputFacets"):
            for name, facet in (owner.get(group) or {}).items():
                yield f"{where}.{group}.{name}", facet


@lru_cache(maxsize=1)
def _classes() -> dict[str, type]:
    """The client's classes of facets, by the schema that each was generated from."""
    modules = [getattr(facet_v2, name) for name in facet_v2.__all__ if inspect.ismodule(getattr(facet_v2, name))]
    classes = [each for module in modules for _, each in inspect.getmembers(module, inspect.isclass)]
    return {each._get_schema(): each for each in classes if hasattr(each, "_get_schema")}


def _misfits(kind: type, value: object) -> Iterator[str]:
    """What of a value a class of the client would not have: unknown and missing fields, other types."""
    if not isinstance(value, dict):
        yield f"is no {kind.__name__}"
        return
    fields = {each.name: each for each in attr.fields(kind)}
    hints = typing.get_type_hints(kind)
    yield from (f"{kind.__name__} has no `{name}`" for name in value if name not in fields)
    for name, each in fields.items():
        if name in value:
            yield from _wrong(hints[name], value[name], f"{kind.__name__}.{name}")
        elif each.default is attr.NOTHING:
            yield f"{kind.__name__}.{name} is missing"


def _wrong(hint: Any, value: object, where: str) -> Iterator[str]:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        tried = [list(_wrong(each, value, where)) for each in inner if each is not type(None)]
        yield from min(tried, key=len)
    elif origin is list:
        if not isinstance(value, list):
            yield f"{where} is no list"
        else:
            for each in value:
                yield from _wrong(inner[0], each, where)
    elif origin is dict:
        for each in value.values() if isinstance(value, dict) else [None]:
            yield from _wrong(inner[1], each, where)
    elif hint is Any:
        return
    elif attr.has(hint):
        yield from _misfits(hint, value)
    elif isinstance(hint, type) and issubclass(hint, Enum):
        yield from () if value in {each.value for each in hint} else (f"{where} is {value!r}",)
    elif type(value) is not hint and not (hint is float and type(value) is int):
        yield f"{where} is {value!r}, and no {hint.__name__}"
