"""Looks at files: their columns and some of their rows, without Spark.

A file is looked at as the engine reads it: CSV by its header, JSON as lines, documents or an array, Parquet by its
own types. What only looks at a part of a file says so.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from tidemark.errors import ConfigError
from tidemark.sketch.sample import BYTES, Nested, Sample, SeenColumn

if TYPE_CHECKING:
    from typing import BinaryIO

ROWS = 50_000  # of a file
_BYTES = 64_000_000
_SEPARATORS = (",", ";", "\t", "|")
_HEAD = 20  # records that say how a file is written
FORMATS: Mapping[str, str] = {
    "csv": "csv",
    "tsv": "csv",
    "txt": "csv",
    "json": "json",
    "jsonl": "json",
    "ndjson": "json",
    "parquet": "parquet",
    "pq": "parquet",
}
"""The end of a file's name → the format of a load file."""
PACKED: Mapping[str, str] = {"gz": "gzip", "bz2": "bz2", "zst": "zstd"}


@dataclass(frozen=True)
class Look:
    """A sample, and what there is to say of how its files are written."""

    sample: Sample
    options: Mapping[str, Any] = field(default_factory=dict)


def format_of(name: str) -> str | None:
    """The format that a file's name tells, None where it tells none."""
    *_, stem, end = ("", *name.lower().rsplit(".", 1)) if "." in name else ("", name, "")
    if end in PACKED:
        return format_of(stem)
    return FORMATS.get(end)


def look_at(file: BinaryIO, name: str, form: str) -> Look:
    """What is in an open file; raises `ConfigError` where nothing could be read from it."""
    packed = PACKED.get(name.lower().rpartition(".")[2])
    if form == "parquet":
        return Look(_parquet(file, name))
    content = pa.CompressedInputStream(file, packed).read(_BYTES + 1) if packed else file.read(_BYTES + 1)
    text, encoding = _decoded(content[:_BYTES], is_cut=len(content) > _BYTES)
    if not text.strip():
        raise ConfigError(f"{name} is empty", next_step="name a file with some rows")
    if form == "json":
        return Look(_json(text, name, is_cut=len(content) > _BYTES))
    sample, options = _csv(text, name, is_cut=len(content) > _BYTES)
    return Look(sample, options | ({"encoding": encoding} if encoding else {}))


def _decoded(content: bytes, *, is_cut: bool) -> tuple[str, str | None]:
    """The text, and the encoding where it is none that goes without saying."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace"), "UTF-16"
    try:
        return content.decode("utf-8-sig"), None
    except UnicodeDecodeError as wrong:
        if is_cut and wrong.start > len(content) - 4:
            return content[: wrong.start].decode("utf-8-sig"), None
        return content.decode("cp1252", "replace"), "windows-1252"


def _csv(text: str, name: str, *, is_cut: bool) -> tuple[Sample, dict[str, Any]]:
    separator = _separator(text)
    records = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    header = [each.strip() for each in next(records, [])]
    while header and not header[-1]:  # a comma at the end of every line is no column
        header.pop()
    folded = [each.lower() for each in header if each]
    twice = next((each for each in folded if folded.count(each) > 1), None)
    if twice or not folded:
        seen = f"its header has `{twice}` twice" if twice else "its first line names no columns"
        raise ConfigError(f"{name} cannot be read so: {seen}", next_step="correct the file's first line")
    columns = [SeenColumn(each) for each in header]
    rows, whole = 0, not is_cut
    for record in _all(records, name):
        if rows == ROWS:
            whole = False
            break
        if not record:
            continue
        rows += 1
        for place, column in enumerate(columns):
            column.values.append(record[place] or None if place < len(record) else None)
    if is_cut and rows:
        rows -= 1
        for column in columns:
            column.values.pop()
    options: dict[str, Any] = {} if separator == "," else {"sep": separator}
    lacking = [column for column in columns if column.type != "string" and None in column.values]
    if lacking and re.search(rf'(?:^|[{re.escape(separator)}\r\n])""(?:$|[{re.escape(separator)}\r\n])', text):
        options["null_values"] = [""]  # every value is quoted, and `""` is no number and no time
    return Sample(tuple(column for column in columns if column.name), rows, whole), options


def _all(records: Iterator[list[str]], name: str) -> Iterator[list[str]]:
    try:
        yield from records
    except csv.Error as broken:
        raise ConfigError(f"{name} is no CSV: {broken}", next_step="name a file that is whole") from None


def _separator(text: str) -> str:
    """The character that cuts the first records into as many parts each, and into most; a comma where none does."""
    lines = io.StringIO(text, newline="").readlines()[:_HEAD]

    def parts(separator: str) -> tuple[bool, int]:
        counts = [len(record) for record in csv.reader(lines, delimiter=separator) if record]
        return len({*counts[: max(1, len(counts) - 1)]}) == 1 and counts[0] > 1, counts[0] if counts else 0

    return max(_SEPARATORS, key=parts)


class _Number(str):
    """A number of JSON as it is written."""


def _json(text: str, name: str, *, is_cut: bool) -> Sample:
    columns: dict[str, SeenColumn] = {}
    rows, whole = 0, not is_cut
    for record in _records(text, name, is_cut=is_cut):
        if rows == ROWS:
            whole = False
            break
        for key, value in record.items():
            column = columns.setdefault(key, SeenColumn(key, [None] * rows))
            column.nested = column.nested or _nested(value)
            column.values.append(_text(value))
        rows += 1
        for column in columns.values():
            column.values += [None] * (rows - len(column.values))
    if not columns:
        raise ConfigError(f"{name} holds no object with a key", next_step="name a file with some rows")
    for column in columns.values():
        if column.nested and any(value is not None and value[:1] not in "{[" for value in column.values):
            column.nested, column.known_type = None, "string"
    return Sample(tuple(columns.values()), rows, whole)


def _records(text: str, name: str, *, is_cut: bool) -> Iterator[dict[str, Any]]:
    """The objects of JSON Lines, of documents one after another, or of an array of them."""
    decoder = json.JSONDecoder(parse_float=_Number, parse_int=_Number)
    place, end = 0, len(text)
    found = 0
    while True:
        while place < end and text[place] in " \t\r\n,[]":
            place += 1
        if place >= end or found > ROWS:
            return
        try:
            value, place = decoder.raw_decode(text, place)
        except ValueError as broken:
            if is_cut and found:
                return
            line = text.count("\n", 0, place) + 1
            raise ConfigError(
                f"{name} is no JSON (line {line}): {broken}", next_step="name a file that is whole"
            ) from None
        if not isinstance(value, dict):
            raise ConfigError(f"{name} does not hold objects", next_step="name a file of JSON objects")
        found += 1
        yield value


def _nested(value: Any) -> Nested | None:
    return "object" if isinstance(value, dict) else "array" if isinstance(value, list) else None


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value)


def _parquet(file: BinaryIO, name: str) -> Sample:
    try:
        parquet = pq.ParquetFile(file)
        batch = next(parquet.iter_batches(batch_size=ROWS), None)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as broken:
        raise ConfigError(f"{name} is no Parquet: {broken}", next_step="name a file that is whole") from None
    rows = 0 if batch is None else batch.num_rows
    columns = []
    for place, each in enumerate(parquet.schema_arrow):
        column_type, nested = _type_of(each.type, f"{name}: column {each.name}")
        values = list[str | None]([None] * rows) if batch is None or nested else _shown(batch.column(place))
        if batch is not None and _is_no_text(batch.column(place)):
            column_type = BYTES
        columns.append(SeenColumn(each.name, values, column_type, nested))
    return Sample(tuple(columns), rows, rows == parquet.metadata.num_rows)


def _is_no_text(column: pa.Array) -> bool:
    """Whether a column holds bytes, and some that are not UTF-8."""
    kinds = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary)
    if not any(is_one(column.type) for is_one in kinds):
        return False
    try:
        for value in column.to_pylist():
            _ = (value or b"").decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def _shown(column: pa.Array) -> list[str | None]:
    return [None if value is None else str(value) for value in column.to_pylist()]


def _type_of(arrow: pa.DataType, place: str) -> tuple[str | None, Nested | None]:
    """The Spark type that holds a Parquet column, and what it is where it is nested; None for one without values."""
    types = pa.types
    if any(is_one(arrow) for is_one in _LISTS):
        return "string", "array"
    if types.is_struct(arrow) or types.is_map(arrow):
        return "string", "object"
    if types.is_dictionary(arrow):
        return _type_of(arrow.value_type, place)
    if types.is_decimal(arrow) and arrow.precision <= _MOST_DIGITS:
        return f"decimal({arrow.precision},{arrow.scale})", None
    if types.is_timestamp(arrow):
        return "timestamp", None
    if types.is_fixed_size_binary(arrow):
        return "string", None
    if types.is_duration(arrow):
        return "bigint", None  # the number that the file has: only Arrow knows that it is a span
    known = _ARROW.get(str(arrow))
    if known is None:
        advice = "have it written with another type: see docs/files.md, Parquet"
        raise ConfigError(f"{place} is a {arrow}, which cannot be read", next_step=advice)
    return known or None, None


_LISTS = (
    pa.types.is_list,
    pa.types.is_large_list,
    pa.types.is_fixed_size_list,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
)
_MOST_DIGITS = 38
_ARROW: Mapping[str, str] = {
    "null": "",
    "bool": "boolean",
    "int8": "tinyint",
    "int16": "smallint",
    "int32": "int",
    "int64": "bigint",
    "uint8": "smallint",
    "uint16": "int",
    "uint32": "bigint",
    "uint64": "decimal(20,0)",
    "float": "float",
    "double": "double",
    "string": "string",
    "large_string": "string",
    "string_view": "string",
    "binary": "string",
    "large_binary": "string",
    "binary_view": "string",
    "date32[day]": "date",
    "date64[ms]": "date",
    "time64[us]": "string",
}
