"""Delta's statistics of a Parquet file, from its footer: what readers skip files by.

They are what Delta would write for the same rows, in the same text forms, but for one thing: the upper bound of an
instant is rounded up to a millisecond, where Delta rounds down and its own readers know. A bound that may be wrong is
left out: without it a file is read, with it rows are lost.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pyspark.sql import types as T

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_PREFIX = 32  # characters of a least string that Delta keeps, and UTF-16 units of a greatest one
_LONGEST = 2 * _PREFIX
_ASCII_END, _UNICODE_END = "\x7f", "\U0010ffff"
_LEGACY_CALENDAR = (b"org.apache.spark.legacyDateTime", b"org.apache.spark.legacyINT96")
_EPOCH = date(1970, 1, 1).toordinal()
_CYCLE_YEARS, _CYCLE_DAYS = 400, 146_097  # the Gregorian calendar repeats
_MICROS = {"milliseconds": 1_000, "microseconds": 1}
_DAY = 86_400_000  # milliseconds
_LAST_YEAR = 9999


def file_statistics(footer: pq.FileMetaData, indexed: T.StructType, *, tight: bool) -> str:
    """The statistics of a file as the log has them, of the columns in `indexed` (the table's, nested as they are).

    `tight`: say that the bounds are tight, as tables with deletion vectors do.
    """
    rows = int(footer.num_rows)
    found = _of_struct(indexed, "", _chunks(footer), rows)
    whole = {"numRecords": rows, "minValues": found.low, "maxValues": found.high, "nullCount": found.nulls}
    return _json(whole | ({"tightBounds": True} if tight else {}))


@dataclass(frozen=True)
class _Chunks:
    """All chunks of one Parquet column, one a row group, with the column's own type."""

    chunks: Sequence[Any]
    column: Any
    legacy_calendar: bool
    nan_is_greatest: bool


@dataclass(frozen=True)
class _Found:
    """What is known of the columns of a struct, by name; JSON texts, or the same of inner structs."""

    low: dict[str, Any]
    high: dict[str, Any]
    nulls: dict[str, Any]


def _chunks(footer: pq.FileMetaData) -> dict[str, _Chunks | None]:
    """The columns by their dotted paths; None for a path of two, as that of `b` in `a` and of a column `a.b`."""
    schema, count = footer.schema, footer.num_columns
    paths = [str(schema.column(number).path) for number in range(count)]
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    metadata = footer.metadata or {}
    legacy = any(key in metadata for key in _LEGACY_CALENDAR)
    java = str(footer.created_by).startswith("parquet-mr")  # other writers leave NaN out of the bounds
    return {
        path: None
        if paths.count(path) > 1
        else _Chunks([group.column(number) for group in groups], schema.column(number), legacy, java)
        for number, path in enumerate(paths)
    }


def _of_struct(indexed: T.StructType, above: str, chunks: Mapping[str, _Chunks | None], rows: int) -> _Found:
    found = _Found({}, {}, {})
    for field in indexed.fields:
        name, path, type_ = field.name, above + field.name, field.dataType
        if isinstance(type_, T.StructType):
            inner = _of_struct(type_, f"{path}.", chunks, rows)
            _put(found, name, inner.low or None, inner.high or None, inner.nulls or None)
        elif column := chunks.get(path):
            low, high = _bounds(type_, column)
            _put(found, name, low, high, _nulls(column))
        elif path not in chunks:
            _put(found, name, None, None, _nulls_of_others(path, chunks, rows))
    return found


def _put(found: _Found, name: str, low: Any, high: Any, nulls: Any) -> None:
    for values, value in ((found.low, low), (found.high, high), (found.nulls, nulls)):
        if value is not None:
            values[name] = value


def _nulls(column: _Chunks) -> int | None:
    told = [chunk.statistics for chunk in column.chunks]
    if any(each is None or not each.has_null_count for each in told):
        return None
    return sum(int(each.null_count) for each in told)


def _nulls_of_others(path: str, chunks: Mapping[str, _Chunks | None], rows: int) -> int | None:
    """The nulls of what is no Parquet column itself.

    All rows where the file does not have it; 0 for an array or a map where nothing is null inside; None where nulls may
    also be elements, or stand for what is empty.
    """
    inside = [column for other, column in chunks.items() if f"{other}.".lower().startswith(f"{path}.".lower())]
    if not inside:
        return rows
    return 0 if any(column and _nulls(column) == 0 for column in inside) else None


def _bounds(type_: T.DataType, column: _Chunks) -> tuple[Any, Any]:
    """The bounds as JSON has them; None where there are none, or where they cannot be trusted."""
    kind = _KINDS.get(type(type_))
    if kind is None or not all(_is_told(chunk) for chunk in column.chunks):
        return None, None
    filled = [chunk.statistics for chunk in column.chunks if chunk.statistics.has_min_max]
    read = kind.reader(type_, column) if filled else None
    if read is None:
        return None, None
    try:
        lows, highs = [read(each.min_raw) for each in filled], [read(each.max_raw) for each in filled]
    except UnicodeDecodeError:
        return None, None
    return kind.low(min(lows, key=_order)), kind.high(max(highs, key=_order))


def _is_told(chunk: Any) -> bool:
    """Whether the bounds of a chunk are known, or it has only nulls, which have none."""
    told = chunk.statistics
    return told is not None and (told.has_min_max or (told.has_null_count and told.null_count == chunk.num_values))


def _order(value: Any) -> Any:
    """By which values are ordered: numbers as Spark does, NaN above all; text by its bytes, as code points are."""
    return (math.isnan(value), value) if isinstance(value, float) else value


@dataclass(frozen=True)
class _Kind:
    """How bounds of one type are read from a footer (None: they cannot be), and which form they have in the log."""

    reader: Callable[[Any, _Chunks], Callable[[Any], Any] | None]
    low: Callable[[Any], Any]
    high: Callable[[Any], Any]


def _integers(_: Any, column: _Chunks) -> Callable[[Any], int] | None:
    return int if column.column.physical_type in ("INT32", "INT64") and _logical(column) in ("NONE", "INT") else None


def _floats(_: Any, column: _Chunks) -> Callable[[Any], float] | None:
    return float if column.nan_is_greatest and column.column.physical_type in ("FLOAT", "DOUBLE") else None


def _texts(type_: T.StringType, column: _Chunks) -> Callable[[bytes], str] | None:
    return bytes.decode if _logical(column) == "STRING" and type_ == T.StringType() else None  # not of a collation


def _decimals(type_: T.DecimalType, column: _Chunks) -> Callable[[Any], Decimal] | None:
    """Exact, with as many digits after the point as the table's type has."""
    widened = type_.scale - int(column.column.scale)
    if _logical(column) != "DECIMAL" or widened < 0:
        return None

    def read(raw: int | bytes) -> Decimal:
        unscaled = int.from_bytes(raw, "big", signed=True) if isinstance(raw, bytes) else int(raw)
        return Decimal(f"{unscaled * 10**widened}E-{type_.scale}")

    return read


def _days(_: Any, column: _Chunks) -> Callable[[Any], int] | None:
    return int if _logical(column) == "DATE" and not column.legacy_calendar else None


def _instants(_: Any, column: _Chunks) -> Callable[[Any], int] | None:
    """Microseconds since 1970."""
    if _logical(column) != "TIMESTAMP" or column.legacy_calendar:
        return None
    micros = _MICROS.get(json.loads(column.column.logical_type.to_json())["timeUnit"])
    return None if micros is None else lambda raw: int(raw) * micros


def _logical(column: _Chunks) -> str:
    return str(column.column.logical_type.type)


def _json(value: Any) -> str:
    """JSON with decimals as they are: a float would be another number."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{_json(inner)}" for name, inner in value.items()) + "}"
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def _low_number(value: float) -> float | str:
    return _named(-0.0 if value == 0 else value)  # 0.0 and -0.0 are equal, but not to each reader


def _high_number(value: float) -> float | str:
    return _named(0.0 if value == 0 else value)


def _named(value: float) -> float | str:
    if math.isnan(value):
        return "NaN"
    return value if math.isfinite(value) else f"{'-' if value < 0 else ''}Infinity"


def _short(bound: Callable[[float], float | str]) -> Callable[[float], float | str]:
    """The same of 4-byte numbers, with no more digits than tell them from their neighbours."""

    def shortest(value: float) -> float | str:
        found = bound(value)
        if isinstance(found, str):
            return found
        bits = struct.pack("<f", found)
        return next(near for digits in range(6, 10) if struct.pack("<f", near := float(f"{found:.{digits}g}")) == bits)

    return shortest


def _low_text(value: str) -> str:
    return value[:_PREFIX]


def _high_text(value: str) -> str | None:
    """What is not below any text with the same beginning; None where that would be too long.

    As Delta has it: the beginning, and a character after it that is above the one that was left out.
    """
    end = _prefix(value)
    while value[end : end + 1] == _UNICODE_END and _units(value[:end]) <= _LONGEST:
        end += 1
    if _units(value[:end]) > _LONGEST:
        return None
    if end == len(value):
        return value
    return value[:end] + (_ASCII_END if value[end] < _ASCII_END else _UNICODE_END)


def _prefix(value: str) -> int:
    """How many characters make up the first `_PREFIX` units."""
    units = 0
    for number, character in enumerate(value):
        if units >= _PREFIX:
            return number
        units += _units(character)
    return len(value)


def _units(value: str) -> int:
    return len(value) + sum(character > "\uffff" for character in value)


def _day_text(days: int) -> str:
    cycles, day = divmod(days + _EPOCH - 1, _CYCLE_DAYS)
    found = date.fromordinal(day + 1)
    year = found.year + cycles * _CYCLE_YEARS
    sign = "+" if year > _LAST_YEAR else "-" if year < 0 else ""
    return f"{sign}{abs(year):04d}-{found:%m-%d}"


def _instant_text(milliseconds: int) -> str:
    days, rest = divmod(milliseconds, _DAY)
    seconds, part = divmod(rest, 1_000)
    return f"{_day_text(days)}T{timedelta(seconds=seconds)!s:0>8}.{part:03d}"


def _low_instant(micros: int) -> str:
    return _instant_text(micros // 1_000)


def _high_instant(micros: int) -> str:
    return _instant_text(-(-micros // 1_000))


def _zoned(text: Callable[[int], str]) -> Callable[[int], str]:
    return lambda micros: f"{text(micros)}Z"


_INTEGER = _Kind(_integers, int, int)
_KINDS: Mapping[type[T.DataType], _Kind] = {
    T.ByteType: _INTEGER,
    T.ShortType: _INTEGER,
    T.IntegerType: _INTEGER,
    T.LongType: _INTEGER,
    T.FloatType: _Kind(_floats, _short(_low_number), _short(_high_number)),
    T.DoubleType: _Kind(_floats, _low_number, _high_number),
    T.DecimalType: _Kind(_decimals, Decimal, Decimal),
    T.StringType: _Kind(_texts, _low_text, _high_text),
    T.DateType: _Kind(_days, _day_text, _day_text),
    T.TimestampType: _Kind(_instants, _zoned(_low_instant), _zoned(_high_instant)),
    T.TimestampNTZType: _Kind(_instants, _low_instant, _high_instant),
}
