"""INT96, the timestamps of Hive, Impala and older writers: nanoseconds of a day and the day's Julian number, 12 bytes.

Spark would cut them to microseconds without a word. It gives the bytes only to a reader that goes row by row: files
that have such columns are read by a session of their own. Those that Spark has written have whole microseconds, and
need none of it. Inside of structs, arrays and maps it is the same.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, BinaryType, DataType, MapType, StructField, StructType

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    import pyarrow.parquet as pq
    from pyspark.sql import Column, DataFrame, SparkSession

SPARK_SCHEMA = b"org.apache.spark.sql.parquet.row.metadata"
_BY_ROWS = ("spark.sql.parquet.enableVectorizedReader", "false")
_EPOCH = 2_440_588  # Julian day number of 1970-01-01
_GREGORIAN = 2_299_161  # of 1582-10-15
_YEAR_1 = 1_721_424  # of the Julian calendar's 0001-01-01
_DAY_MICROS = 86_400_000_000
_NANOS_A_MICRO = 1000
_UNSIGNED = "decimal(20,0)"
_NANOS, _DAY = (0, 8), (8, 4)  # offset and length, least byte first


class BeyondReadingError(Exception):
    """INT96 where Spark does not give its bytes."""


def leaves_of_bytes(schema: pq.ParquetSchema, notes: Mapping[bytes, bytes]) -> frozenset[int]:
    """The numbers of a file's columns without parts that are INT96 and may have more than microseconds."""
    if SPARK_SCHEMA in notes:
        return frozenset()
    return frozenset(each for each in range(len(schema)) if schema.column(each).physical_type == "INT96")


def read_bytes(
    spark: SparkSession, paths: list[str], options: Mapping[str, str], leaves: Collection[int]
) -> tuple[DataFrame, StructType]:
    """The files with these leaves as binary, and the schema that they have for Spark.

    Raises `BeyondReadingError` where a leaf is a key of a map, or Spark takes other leaves together.
    """
    meant = spark.read.options(**options).parquet(*paths).schema
    number = count()
    held = StructType([_field(each, number, leaves) for each in meant.fields])
    if next(number) <= max(leaves):
        raise BeyondReadingError("INT96 beside a type that takes several columns together")
    return _by_rows(spark).read.options(**options).schema(held).parquet(*paths), meant


def _field(field: StructField, number: Iterator[int], leaves: Collection[int]) -> StructField:
    return StructField(field.name, _held(field.dataType, number, leaves), field.nullable)


def _held(kind: DataType, number: Iterator[int], leaves: Collection[int]) -> DataType:
    """The type with binary for these leaves, which are numbered from the next number on."""
    if isinstance(kind, StructType):
        return StructType([_field(each, number, leaves) for each in kind.fields])
    if isinstance(kind, ArrayType):
        return ArrayType(_held(kind.elementType, number, leaves), kind.containsNull)
    if isinstance(kind, MapType):
        if _held(kind.keyType, number, leaves) != kind.keyType:
            raise BeyondReadingError("INT96 in the keys of a map")
        return MapType(kind.keyType, _held(kind.valueType, number, leaves), kind.valueContainsNull)
    return BinaryType() if next(number) in leaves else kind


def instants(value: Column, held: DataType, meant: DataType, rebase: str) -> Column:
    """A value with its instants, where it holds (`held`) their bytes; null for each that is none. `rebase` is as that
    of `micros`."""
    if held == meant:
        return value
    if isinstance(held, StructType) and isinstance(meant, StructType):
        fields = zip(held.fields, meant.fields, strict=True)
        parts = [
            instants(value.getField(one.name), one.dataType, other.dataType, rebase).alias(one.name)
            for one, other in fields
        ]
        return F.when(value.isNotNull(), F.struct(*parts))
    if isinstance(held, ArrayType) and isinstance(meant, ArrayType):
        element = held.elementType, meant.elementType
        return F.transform(value, lambda each: instants(each, *element, rebase))
    if isinstance(held, MapType) and isinstance(meant, MapType):
        kinds = held.valueType, meant.valueType
        return F.transform_values(value, lambda _, each: instants(each, *kinds, rebase))
    return micros(value, rebase)


def told_of(name: str, value: Column, held: DataType, meant: DataType, rebase: str) -> Column:
    """What is wrong with the first bytes in a value that are no instant, null where all are."""
    if held == meant:
        return F.lit(None).cast("string")
    if isinstance(held, StructType) and isinstance(meant, StructType):
        fields = zip(held.fields, meant.fields, strict=True)
        parts = [
            told_of(f"{name}.{one.name}", value.getField(one.name), one.dataType, other.dataType, rebase)
            for one, other in fields
        ]
        return F.coalesce(*parts)
    if isinstance(held, ArrayType) and isinstance(meant, ArrayType):
        element = held.elementType, meant.elementType
        return _first(F.transform(value, lambda each: told_of(f"{name}[]", each, *element, rebase)))
    if isinstance(held, MapType) and isinstance(meant, MapType):
        kinds = held.valueType, meant.valueType
        return _first(F.transform(F.map_values(value), lambda each: told_of(f"{name}{{}}", each, *kinds, rebase)))
    return told(name, value, rebase)


def _first(texts: Column) -> Column:
    return F.get(F.array_compact(texts), F.lit(0))


def micros(value: Column, rebase: str) -> Column:
    """The instant of such bytes; null where they are no whole microsecond, or of no calendar. `rebase`: LEGACY where
    days before 1582-10-15 are the Julian calendar's."""
    return F.when(_beyond_micros(value) == 0, _cut(value, rebase))


def told(name: str, value: Column, rebase: str) -> Column:
    """What is wrong with bytes that are no instant, null for others."""
    rest = F.lpad(_beyond_micros(value).cast("string"), 3, "0")
    instant = F.concat(F.date_format(_cut(value, rebase), "yyyy-MM-dd HH:mm:ss.SSSSSS"), rest)
    never = F.concat(F.lit("nanosecond "), _number(value, *_NANOS), F.lit(" of Julian day "), _number(value, *_DAY))
    why = F.concat(F.lit(f"{name} is "), F.coalesce(instant, never), F.lit(": a timestamp has microseconds"))
    return F.when(value.isNotNull() & micros(value, rebase).isNull(), why)


def _beyond_micros(value: Column) -> Column:
    return F.pmod(_number(value, *_NANOS), F.lit(_NANOS_A_MICRO))


def _cut(value: Column, rebase: str) -> Column:
    """The microsecond that the nanosecond is in."""
    day, nanos = _number(value, *_DAY), _number(value, *_NANOS)
    since = day - _EPOCH
    if rebase == "LEGACY":
        since = F.when(day < _GREGORIAN, _of_julian_calendar(day)).otherwise(since)
    time = ((nanos - _beyond_micros(value)).cast("decimal(20,0)") / F.lit(_NANOS_A_MICRO)).cast("bigint")
    return F.timestamp_micros(F.try_add(F.try_multiply(since, F.lit(_DAY_MICROS)), time))


def _number(value: Column, offset: int, length: int) -> Column:
    """The signed number in these bytes."""
    digits = F.hex(value)
    last_first = range(offset + length - 1, offset - 1, -1)
    unsigned = F.conv(F.concat(*(F.substring(digits, 2 * each + 1, 2) for each in last_first)), 16, 10)
    number, size = unsigned.cast(_UNSIGNED), 1 << 8 * length
    is_negative = number >= F.lit(str(size // 2)).cast(_UNSIGNED)
    return F.when(is_negative, number - F.lit(str(size)).cast(_UNSIGNED)).otherwise(number).cast("bigint")


def _of_julian_calendar(day: Column) -> Column:
    """Days from 1970-01-01 to the date of the same name in our calendar, as Spark takes Hive's; null before year 1.

    The date of a Julian day number by the usual whole-number formula (E. G. Richards, Explanatory Supplement to the
    Astronomical Almanac).
    """
    count = day + 32_082
    years = _whole(4 * count + 3, 1461)
    rest = count - _whole(1461 * years, 4)
    months = _whole(5 * rest + 2, 153)
    number = rest - _whole(153 * months + 2, 5)
    year, month = years - 4800 + _whole(months, 10), months + 3 - 12 * _whole(months, 10)
    first = F.unix_date(F.make_date(year.cast("int"), month.cast("int"), F.lit(1))).cast("bigint")
    return F.when(day >= _YEAR_1, first + number)


def _whole(number: Column, by: int) -> Column:
    return F.floor(number / F.lit(by)).cast("bigint")


def _by_rows(spark: SparkSession) -> SparkSession:
    session = spark.newSession()
    session.conf.set(*_BY_ROWS)
    return session
