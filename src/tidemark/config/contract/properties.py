"""The `properties` of an ODCS schema as columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from open_data_contract_standard.model import SchemaProperty

from tidemark.config.contract.model import Column, Nested
from tidemark.config.contract.people import read_erasure
from tidemark.config.contract.privacy import read_privacy
from tidemark.config.files.yamltext import Report, Where
from tidemark.errors import choose
from tidemark.sql.types import HELPER_PREFIX, METADATA_COLUMNS, check_literal, is_zone, logical_type, normal_type

NAME = re.compile(r"[a-z_][a-z0-9_]*")
RESERVED = (
    *METADATA_COLUMNS,
    "_change_type",
    "_commit_version",
    "_commit_timestamp",
    "_metadata",
    "_origin",
    "_corrupt_record",
    "_record",
)
FORMATS = ("email", "uuid")

_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "string": ("minLength", "maxLength", "pattern", "format"),
    "integer": (*_BOUNDS, "format"),
    "number": (*_BOUNDS, "format"),
    "date": _BOUNDS,
    "timestamp": (*_BOUNDS, "timezone", "defaultTimezone"),
    "boolean": (),
}
NESTED: tuple[Nested, ...] = ("array", "object")
_DEFAULT_TYPES: Mapping[str, str] = {
    **dict.fromkeys(NESTED, "string"),
    "string": "string",
    "integer": "int",
    "date": "date",
    "timestamp": "timestamp",
    "boolean": "boolean",
}
_NOT_SUPPORTED = {
    "properties": "remove it: an object is kept as JSON text, whose inside is not checked",
    "items": "remove it: an array is kept as JSON text, whose items are not checked",
    "map": "give every entry a column of its own",
    "physicalName": "remove it: names of the source go to `source.fields` in the load file",
    "partitioned": "remove it: write `partition_by:` in the load file",
}
# What Java writes and Python's `re` does not know, each with something of the same shape: only the syntax is checked.
_JAVA_ONLY = (
    (re.compile(r"\\[pP]\{\^?\w+\}"), r"\\w"),
    (re.compile(r"\(\?<[A-Za-z]\w*>"), "("),
    (re.compile(r"\\k<[A-Za-z]\w*>"), "x"),
    (re.compile(r"\(\?<([=!])"), r"(?\1"),  # Java looks behind over any bounded length
)


def read_columns(report: Report, properties: Sequence[SchemaProperty], where: Where) -> tuple[Column, ...]:
    """The columns in the order of the document; what is wrong with them goes to the report."""
    columns: dict[str, Column] = {}
    for position, found in enumerate(properties):
        here = (*where, position)
        name = found.name or ""
        if not NAME.fullmatch(name):
            fix = "use lower-case letters, digits and _, and start with a letter or _"
            report.error((*here, "name"), f"column name `{name}` is not allowed", fix)
        elif name in RESERVED or name.startswith(HELPER_PREFIX):
            report.error((*here, "name"), f"column name `{name}` is the engine's own", "choose another name")
        elif name in columns:
            report.error((*here, "name"), f"column `{name}` is here twice", "remove one of them")
        else:
            columns[name] = _column(report, found, here)
    _check_key_positions(report, tuple(columns.values()))
    return tuple(columns.values())


def key_columns(columns: Sequence[Column]) -> tuple[str, ...]:
    """The primary key's columns, by position."""
    keys = [column for column in columns if column.key_position is not None]
    return tuple(column.name for column in sorted(keys, key=lambda column: column.key_position or 0))


def _column(report: Report, found: SchemaProperty, where: Where) -> Column:
    for key, fix in _NOT_SUPPORTED.items():
        if getattr(found, key):
            report.error((*where, key), f"`{key}` of column `{found.name}` has no meaning here", fix)
    column_type = _type(report, found, where)
    options = _options(report, found, where, column_type)
    privacy = read_privacy(report, found, where, column_type)
    bounds = {
        key: _bound(report, (*where, "logicalTypeOptions", key), column_type) for key in _BOUNDS if key in options
    }
    return Column(
        name=found.name or "",
        type=column_type,
        required=bool(found.required),
        key_position=_key_position(report, found, where),
        unique=bool(found.unique),
        pattern=_pattern(report, options, where),
        minimum=bounds.get("minimum"),
        maximum=bounds.get("maximum"),
        exclusive_minimum=bounds.get("exclusiveMinimum"),
        exclusive_maximum=bounds.get("exclusiveMaximum"),
        min_length=_length(report, options, "minLength", where),
        max_length=_length(report, options, "maxLength", where),
        format=_format(report, options, where, column_type),
        enum=_enum(report, found, where, column_type),
        zone=_zone(report, options, where),
        classification=found.classification,
        mask=privacy.mask,
        mask_people=privacy.people,
        exception=privacy.exception,
        erasure=read_erasure(report, found, where),
        description=found.description,
        nested=next((kind for kind in NESTED if kind == found.logicalType), None),
        line=report.document.line(where),
    )


def _type(report: Report, found: SchemaProperty, where: Where) -> str:
    """The Spark type: the physical one, else what the logical type stands for; `string` when neither is right."""
    try:
        if found.physicalType:
            column_type = normal_type(found.physicalType)
        elif (found.logicalType or "") in _DEFAULT_TYPES:
            column_type = _DEFAULT_TYPES[found.logicalType or ""]
        else:
            message = f"column `{found.name}` has no physicalType"
            report.error(where, message, "add one: `physicalType: decimal(18,2)`")
            return "string"
    except ValueError as error:
        what, _, fix = str(error).partition("does not exist: ")
        message = f"{what}does not exist"
        if found.logicalType in NESTED:
            fix = f"write `physicalType: string`: the {found.logicalType} is kept as JSON text"
        report.error((*where, "physicalType"), f"column `{found.name}`: {message}", fix)
        return "string"
    expected = logical_type(column_type)
    if found.logicalType in NESTED and column_type == "string":
        return column_type
    if found.logicalType is None or found.logicalType != expected:
        message = f"column `{found.name}` is a {column_type}, its logicalType is `{found.logicalType}`"
        report.error((*where, "logicalType"), message, f"write `logicalType: {expected}`")
    return column_type


def _options(report: Report, found: SchemaProperty, where: Where, column_type: str) -> dict[str, Any]:
    options = dict(found.logicalTypeOptions or {})
    allowed = _OPTIONS[logical_type(column_type)]
    for key in options:
        if key not in allowed:
            message = f"logicalTypeOptions of `{found.name}` ({column_type}): `{key}` is not checked"
            report.error((*where, "logicalTypeOptions", key), message, choose(key, allowed))
    return {key: value for key, value in options.items() if key in allowed and value is not None}


def _bound(report: Report, where: Where, column_type: str) -> str | None:
    text = report.document.text(where)
    try:
        check_literal(text or "", column_type)
    except ValueError as error:
        report.error(where, f"{where[-1]}: {error}", f"write a {column_type} value")
        return None
    return text


def _length(report: Report, options: Mapping[str, Any], key: str, where: Where) -> int | None:
    value = options.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        report.error((*where, "logicalTypeOptions", key), f"{key} is `{value}`", "write a whole number from 0")
        return None
    return value


def _pattern(report: Report, options: Mapping[str, Any], where: Where) -> str | None:
    pattern = options.get("pattern")
    if pattern is None:
        return None
    text = str(pattern)
    problem = pattern_problem(text)
    if problem is not None:
        here = (*where, "logicalTypeOptions", "pattern")
        report.error(here, f"pattern `{text}` does not compile: {problem}", "correct the regular expression")
        return None
    return text


def pattern_problem(pattern: str) -> str | None:
    """Why a regular expression would not compile in Java, as far as Python can tell; None when it looks right."""
    if "(?P" in pattern:
        return "Java writes named groups as (?<name>…)"
    neutral = pattern
    for syntax, stand_in in _JAVA_ONLY:
        neutral = syntax.sub(stand_in, neutral)
    try:
        re.compile(neutral)
    except re.error as error:
        return str(error)
    return None


def _format(report: Report, options: Mapping[str, Any], where: Where, column_type: str) -> str | None:
    """The format to check. Of numbers it only says how wide they are, which the type does better."""
    found = options.get("format")
    if found is None or column_type != "string":
        return None
    if found not in FORMATS:
        message = f"format `{found}` is not checked"
        report.error(
            (*where, "logicalTypeOptions", "format"), message, f"{choose(str(found), FORMATS)} Or write a pattern"
        )
        return None
    return str(found)


def _zone(report: Report, options: Mapping[str, Any], where: Where) -> str | None:
    """The time zone of values that come without one."""
    zone = options.get("defaultTimezone")
    if zone is None or is_zone(str(zone)):
        return None if zone is None else str(zone)
    here = (*where, "logicalTypeOptions", "defaultTimezone")
    report.error(here, f"there is no time zone `{zone}`", "write `UTC`, or a name such as `Europe/Berlin`")
    return None


def _enum(report: Report, found: SchemaProperty, where: Where, column_type: str) -> tuple[str, ...]:
    values: list[str] = []
    for position in range(len(found.enum or [])):
        here = (*where, "enum", position, "value")
        text = report.document.text(here)
        try:
            check_literal(text or "", column_type)
        except ValueError as error:
            report.error(here, f"enum of `{found.name}`: {error}", f"write `{{value: …}}` with a {column_type}")
            continue
        if text is None:
            report.error(here, f"enum of `{found.name}` has an entry without value", "write `{value: …}`")
        elif text in values:
            report.error(here, f"enum of `{found.name}` has `{text}` twice", "remove one of them")
        else:
            values.append(text)
    return tuple(values)


def _key_position(report: Report, found: SchemaProperty, where: Where) -> int | None:
    if not found.primaryKey:
        if found.primaryKeyPosition is not None and found.primaryKeyPosition > 0:
            message = f"column `{found.name}` has a primaryKeyPosition but is not primaryKey"
            report.error((*where, "primaryKeyPosition"), message, "add `primaryKey: true`")
        return None
    if not found.required:
        report.error(where, f"key column `{found.name}` may be null", "add `required: true`")
    return 1 if found.primaryKeyPosition is None else found.primaryKeyPosition


def _check_key_positions(report: Report, columns: Sequence[Column]) -> None:
    keys = [column for column in columns if column.key_position is not None]
    positions = sorted(column.key_position or 0 for column in keys)
    if positions != list(range(1, len(keys) + 1)):
        seen = ", ".join(f"{column.name} {column.key_position}" for column in keys)
        message = f"primaryKeyPosition must count from 1 without gaps (seen: {seen})"
        report.error_on_line(keys[0].line, message, "number the key columns 1, 2, 3…")
