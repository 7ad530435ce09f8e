"""Parquet files: columns meet by name, and each file is read by its own types, whatever lies beside it.

The driver reads the footer of every file; files of one schema are read together. A file that cannot be read (cut off,
encrypted, of a type that Spark does not know, with columns that Spark cannot tell apart) is one corrupt record that
says why: the others go on. Times of day become text, nanoseconds microseconds where they are whole ones; a row with one
that is not is a corrupt record that holds the row.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    DataType,
    MapType,
    NullType,
    StringType,
    StructType,
    TimestampNTZType,
    VariantType,
)

from tidemark.compile.casts import same_value
from tidemark.rows import CORRUPT, ORDER, ORIGIN, quoted
from tidemark.rows.alignment import alike
from tidemark.rows.order import at_position, place_of_file
from tidemark.sources.landing.formats import int96, nested
from tidemark.sources.landing.listing import UnreadableError, Verdict
from tidemark.sources.landing.onetype import AsTyped
from tidemark.sources.landing.parts import Part
from tidemark.sources.staged import file_options, file_origin, folded, is_own_name

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

    from tidemark.sources.landing.listing import Landing
    from tidemark.sources.watermark import SourceFile

_MAGIC = (b"PAR1", b"PARE")
_TAIL_BYTES = 64 * 1024
_ENDING = 8  # the footer's length and the magic behind it
_JULIAN_BEFORE_1582 = (b"writer.date.proleptic", b"false")  # what Hive notes; Spark finds its own notes itself
_BEYOND_SPARK = {"BROTLI", "LZO", "BYTE_STREAM_SPLIT"}
_HIDDEN = "_metadata"
_MESSAGE_LENGTH = 300
_NANOS_A_MICRO, _NANOS_A_SECOND = 1000, 1_000_000_000


@dataclass(frozen=True)
class _Shape:
    """What files have in common that are read together."""

    text: str
    nanoseconds: frozenset[str]
    without_zone: frozenset[str]
    int96: frozenset[int]
    rebase: str


def read_parquet_files(
    spark: SparkSession,
    landing: Landing,
    files: Sequence[SourceFile],
    wanted: AsTyped,
) -> tuple[list[Part], list[str]]:
    """The rows of the files with `_origin` and `_corrupt_record`, and what to tell about the files.

    `wanted` gives the contract's type of a source column. Raises `UnreadableError` for files that cannot be read.
    """
    groups: dict[_Shape, list[SourceFile]] = defaultdict(list)
    unreadable: dict[SourceFile, Verdict] = {}
    for file, found in zip(files, landing.each(files, lambda file: _look(landing, file)), strict=True):
        if isinstance(found, str):
            unreadable[file] = Verdict("broken", found)
        else:
            groups[found].append(file)
    parts = []
    for shape, group in groups.items():
        read, refused = _read(spark, shape, group)
        parts += [Part(_with_plain_types(frame, meant, shape, wanted), of) for frame, meant, of in read]
        unreadable |= refused
    if unreadable:
        raise UnreadableError(unreadable)
    return parts, []


def read_to_its_end(landing: Landing, file: SourceFile) -> Verdict | None:
    """What is wrong with the inside of a file on which Spark failed, None where pyarrow can read all of it.

    Raises `SourceError` when the place itself does not answer.
    """
    with landing.opened(file) as content:
        source = _Watched(content)
        try:
            for _ in pq.ParquetFile(source).iter_batches():
                pass
        except (pa.ArrowException, OSError, ValueError) as failure:
            if source.failure is not None:
                raise source.failure from None
            return Verdict("broken", f"no Parquet file to its end ({first_line(failure)})")
    return None


def is_beyond_spark(landing: Landing, file: SourceFile) -> Verdict | None:
    """Why Spark cannot read a sound file, where its footer tells; None for any other file."""
    footer = _footer(landing, file)
    if isinstance(footer, str):
        return Verdict("broken", footer)
    groups = map(footer.row_group, range(footer.num_row_groups))
    columns = [group.column(number) for group in groups for number in range(group.num_columns)]
    ways = {way for column in columns for way in (column.compression, *column.encodings)} & _BEYOND_SPARK
    return (
        Verdict("broken", f"a Parquet file written in a way that Spark cannot read ({', '.join(ways)})")
        if ways
        else None
    )


def _look(landing: Landing, file: SourceFile) -> _Shape | str:
    """The shape of a file by its footer, or why it cannot be read."""
    footer = _footer(landing, file)
    return footer if isinstance(footer, str) else _shape(footer)


def _footer(landing: Landing, file: SourceFile) -> pq.FileMetaData | str:
    """The footer of a file, or why it has none."""
    tail = landing.content(file, max(0, file.size - _TAIL_BYTES), file.size)
    if len(tail) < _ENDING or tail[-4:] not in _MAGIC:
        return "no Parquet file (it does not end as one)"
    length = int.from_bytes(tail[-_ENDING:-4], "little") + _ENDING
    if length > file.size:
        return "no Parquet file (its footer is longer than it)"
    if length > len(tail):
        tail = landing.content(file, file.size - length, file.size)
    try:
        return pq.read_metadata(io.BytesIO(tail[-length:]))
    except (pa.ArrowException, OSError) as failure:
        return f"no Parquet file ({first_line(failure)})"


def _shape(footer: pq.FileMetaData) -> _Shape | str:
    schema = footer.schema
    leaves = [schema.column(number) for number in range(len(schema))]
    paths = [leaf.path for leaf in leaves]
    if not leaves:
        return "a Parquet file without columns"
    try:
        names = schema.to_arrow_schema().names
    except (pa.ArrowException, ValueError) as failure:
        return f"a Parquet file of a kind that cannot be read ({first_line(failure)})"
    twins = [name for group in alike(names, folded) for name in group] or _alike_exactly(paths)
    if twins:
        return f"a Parquet file with columns that cannot be told apart ({', '.join(twins)})"
    own = [name for name in names if is_own_name(name) or name.lower() == _HIDDEN]
    if own:
        return f"a Parquet file with a column whose name is the engine's own ({', '.join(own)})"
    nanoseconds = {leaf.path for leaf in leaves if "timeUnit=nanoseconds" in str(leaf.logical_type)}
    inside = sorted(nanoseconds - set(names)) or [
        leaf.path for leaf in leaves if leaf.path in nanoseconds and leaf.max_repetition_level
    ]
    times = [leaf.path for leaf in leaves if leaf.path in nanoseconds and leaf.logical_type.type == "TIME"]
    if inside or times:
        return f"a Parquet file of types that Spark does not know (nanoseconds in {', '.join(inside or times)})"
    local = {leaf.path for leaf in leaves if "isAdjustedToUTC=false" in str(leaf.logical_type)}
    notes = footer.metadata or {}
    key, julian = _JULIAN_BEFORE_1582
    text = str(schema).partition("\n")[2] + str(notes.get(int96.SPARK_SCHEMA, b""))
    rebase = "LEGACY" if notes.get(key) == julian else "CORRECTED"
    return _Shape(text, frozenset(nanoseconds), frozenset(local), int96.leaves_of_bytes(schema, notes), rebase)


def _alike_exactly(paths: Sequence[str]) -> list[str]:
    return sorted({path for path in paths if paths.count(path) > 1})


def _read(
    spark: SparkSession, shape: _Shape, files: Sequence[SourceFile]
) -> tuple[list[tuple[DataFrame, StructType, Sequence[SourceFile]]], dict[SourceFile, Verdict]]:
    """One frame of all files, or one of each that Spark takes, each with its schema by Spark's own types and its files;
    and why it does not take the others."""
    options = file_options([file.path for file in files]) | {
        "datetimeRebaseMode": shape.rebase,
        "int96RebaseMode": shape.rebase,
    }
    paths = [file.path for file in files]
    try:
        if shape.int96:
            return [(*int96.read_bytes(spark, paths, options, shape.int96), files)], {}
        return [(*_as_spark_reads(spark, paths, options), files)], {}
    except (PySparkException, Py4JJavaError, int96.BeyondReadingError) as failure:
        java = failure.java_exception.getMessage() if isinstance(failure, Py4JJavaError) else str(failure)
        if len(files) == 1:
            told = f"a Parquet file of a kind that Spark cannot read ({first_line(java)})"
            return [], {files[0]: Verdict("broken", told)}
    each = [_read(spark, shape, [file]) for file in files]
    frames = [frame for found, _ in each for frame in found]
    return frames, {file: why for _, refused in each for file, why in refused.items()}


def _as_spark_reads(spark: SparkSession, paths: list[str], options: Mapping[str, str]) -> tuple[DataFrame, StructType]:
    frame = spark.read.options(**options).parquet(*paths)
    return frame, frame.schema


def _with_plain_types(frame: DataFrame, meant: StructType, shape: _Shape, wanted: AsTyped) -> DataFrame:
    """The frame in types that can be judged and stored; columns without a type (and a value) are left out."""
    columns, refused = [], []
    inside: list[Column] = []
    for held, field in zip(frame.schema.fields, meant.fields, strict=True):
        if (broken := nested.has_broken_text(quoted(field.name), held.dataType)) is not None:
            inside.append(F.when(broken, _told_of_text(field.name, held.dataType)))
        if (twice := nested.has_key_twice(quoted(field.name), held.dataType)) is not None:
            inside.append(F.when(twice, F.lit(f"{field.name} is a map with a key that comes twice, or has one inside")))
        is_contracted = wanted(field.name) is not None
        if field.name in shape.nanoseconds:
            micros, is_local = _micros(field.name), field.name in shape.without_zone
            value = micros.cast("timestamp_ntz") if is_local and is_contracted else micros
            refused.append(_told_of_nanoseconds(field.name))
        elif held.dataType != field.dataType:
            given = quoted(field.name), held.dataType, field.dataType, shape.rebase
            value = _plain(int96.instants(*given), field.dataType, is_contracted)
            refused.append(int96.told_of(field.name, *given))
        elif isinstance(field.dataType, NullType):
            continue
        else:
            value = _plain(quoted(field.name), field.dataType, is_contracted)
        columns.append(value.alias(field.name))
    refused += inside
    corrupt = F.concat_ws("; ", *refused) if refused else F.lit(None).cast("string")
    order = at_position(place_of_file(), F.col("_metadata.row_index")).alias(ORDER)
    return frame.select(*columns, F.nullif(corrupt, F.lit("")).alias(CORRUPT), file_origin().alias(ORIGIN), order)


def _plain(value: Column, kind: DataType, is_contracted: bool) -> Column:
    if isinstance(kind, VariantType):
        return value.cast("string")  # no table can hash one
    if isinstance(kind, TimestampNTZType) and not is_contracted:
        return value.cast("timestamp")  # times without a zone are UTC, where no contract says otherwise
    if isinstance(kind, ArrayType | MapType | StructType):
        said = nested.sayable(value, kind)
        return said if is_contracted else same_value(said, kind.simpleString(), "string")
    return value.cast("string") if nested.is_without_json(kind) else value


def _told_of_text(name: str, kind: DataType) -> Column:
    """What is said of a value with text that is no UTF-8."""
    shown = F.base64(quoted(name).cast("binary")) if isinstance(kind, StringType) else F.lit("nested")
    return F.concat(F.lit(f"{name} is no UTF-8 ("), shown, F.lit(")"))


def _micros(name: str) -> Column:
    exact = quoted(name) % _NANOS_A_MICRO == 0
    return F.when(exact, F.expr(f"timestamp_micros({_sql(name)} div {_NANOS_A_MICRO})"))


def _told_of_nanoseconds(name: str) -> Column:
    """What is wrong with an instant that is no whole number of microseconds, null for others."""
    fraction = F.pmod(quoted(name), F.lit(_NANOS_A_SECOND))
    begun = F.when(quoted(name) % _NANOS_A_SECOND < 0, 1).otherwise(0)  # before 1970: of the second before
    seconds = F.timestamp_seconds(F.expr(f"{_sql(name)} div {_NANOS_A_SECOND}") - begun).cast("string")
    parts = (seconds, F.format_string(".%09d", fraction), F.lit(": a timestamp has microseconds"))
    return F.when(quoted(name) % _NANOS_A_MICRO != 0, F.concat(F.lit(f"{name} is "), *parts))


class _Watched:
    """A file that remembers a failure of the place it lies in: that is no fault of the file."""

    def __init__(self, content: Any) -> None:
        self._content = content
        self.failure: Exception | None = None
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        try:
            data: bytes = self._content.read(size)
        except Exception as failure:
            self.failure = failure
            raise
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self._content.seek(offset, whence))

    def tell(self) -> int:
        return int(self._content.tell())

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self.closed = True


def first_line(failure: object) -> str:
    """The first line of what a failure says."""
    return next(iter(str(failure).splitlines()), "")[:_MESSAGE_LENGTH]


def _sql(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
