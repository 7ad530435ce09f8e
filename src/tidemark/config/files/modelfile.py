"""YAML documents as pydantic models: what does not fit becomes findings with file, line and fix.

Spans of time stand in them as `72h`, `15m`, `2d`, `30s`.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ValidationError, WithJsonSchema

from tidemark.config.files.yamltext import Document, Where
from tidemark.errors import Finding, choose

Model = TypeVar("Model", bound=BaseModel)
_SPAN = re.compile(r"(\d+)\s*(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_span(text: object) -> timedelta:
    """`72h`, `15m`, `2d` or `30s` as a timedelta; raises `ValueError` for anything else."""
    if isinstance(text, timedelta):
        return text
    match = _SPAN.fullmatch(str(text).strip())
    if match is None:
        raise ValueError("write a number and s, m, h or d: 72h")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def span_text(span: timedelta) -> str:
    """A span as it stands in a file, in the largest unit that it is a whole number of."""
    seconds = int(span.total_seconds())
    length, unit = next((each for each in ((86_400, "d"), (3_600, "h"), (60, "m")) if not seconds % each[0]), (1, "s"))
    return f"{seconds // length}{unit}" if seconds else "0s"


SPAN_SCHEMA = {"type": "string", "pattern": r"^\s*\d+\s*[smhd]\s*$"}
Span = Annotated[timedelta, BeforeValidator(parse_span), WithJsonSchema(SPAN_SCHEMA)]


def build(document: Document, model: type[Model]) -> tuple[Model | None, list[Finding]]:
    """The document as a `model`, or None, and every finding: unknown keys (at any depth), wrong and missing values."""
    findings = list(document.problems)
    if not isinstance(document.data, dict):
        seen = "is empty" if document.data is None else f"holds a {type(document.data).__name__}, not keys and values"
        return None, [*findings, document.finding((), seen, f"start with one of: {', '.join(_keys(model))}")]
    unknown = list(unknown_keys(document, model))
    findings += unknown
    try:
        return model.model_validate(document.data), findings
    except ValidationError as error:
        return None, findings + [
            _finding(document, dict(problem))
            for problem in error.errors(include_url=False)
            if problem["type"] != "extra_forbidden" or not unknown
        ]


def unknown_keys(document: Document, model: type[BaseModel]) -> Iterator[Finding]:
    """A finding for every key that `model`, or a model inside of it, does not have."""
    yield from _unknown(document, model, document.data, ())


def _unknown(document: Document, model: type[BaseModel], data: Any, where: Where) -> Iterator[Finding]:
    if not isinstance(data, dict):
        return
    known = _keys(model)
    for key, value in data.items():
        here = (*where, key)
        if key not in known:
            yield document.finding(here, f"unknown key `{key}`", choose(key, known))
            continue
        yield from _unknown_inside(document, known[key], value, here)


def _unknown_inside(document: Document, annotation: Any, value: Any, where: Where) -> Iterator[Finding]:
    inner = _model_for(annotation, value)
    if inner is None:
        return
    if isinstance(value, list):
        for position, item in enumerate(value):
            yield from _unknown(document, inner, item, (*where, position))
    elif isinstance(value, dict) and _is_mapping_of_models(annotation):
        for key, item in value.items():
            yield from _unknown(document, inner, item, (*where, key))
    else:
        yield from _unknown(document, inner, value, where)


def _keys(model: type[BaseModel]) -> dict[str, Any]:
    """The keys a YAML mapping may have for `model`, with the annotation of each."""
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _model_for(annotation: Any, value: Any) -> type[BaseModel] | None:
    """The model that a value of this annotation holds: itself, as list items or as mapping values."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation if issubclass(annotation, BaseModel) and isinstance(value, dict) else None
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (list, tuple):
        return _first_model(arguments) if isinstance(value, list) else None
    if _is_mapping(origin):
        return _first_model(arguments) if isinstance(value, dict) else None
    found = (_model_for(argument, value) for argument in arguments)
    return next((model for model in found if model is not None), None)


def _first_model(arguments: tuple[Any, ...]) -> type[BaseModel] | None:
    for argument in arguments:
        found = _model_for(argument, {})
        if found is not None:
            return found
    return None


def _is_mapping_of_models(annotation: Any) -> bool:
    origin = typing.get_origin(annotation)
    if _is_mapping(origin):
        return True
    return origin in (typing.Union, types.UnionType) and any(map(_is_mapping_of_models, typing.get_args(annotation)))


def _is_mapping(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _finding(document: Document, problem: Mapping[str, Any]) -> Finding:
    where = tuple(problem["loc"])
    name = ".".join(str(part) for part in where) or document.path.name
    context = problem.get("ctx") or {}
    if problem["type"] == "missing":
        return document.finding(where[:-1], f"`{name}` is missing", f"add `{where[-1]}:`")
    if problem["type"] == "extra_forbidden":
        return document.finding(where, f"unknown key `{name}`", "remove it")
    if problem["type"] == "literal_error":
        fix = f"use one of: {context['expected']}"
        return document.finding(where, f"`{name}` is `{problem['input']}`", fix)
    message = str(problem["msg"]).removeprefix("Value error, ")
    seen = "" if isinstance(problem["input"], dict | list) else f" (seen: `{problem['input']}`)"
    return document.finding(where, f"`{name}`: {message}{seen}", f"correct `{name}`")
