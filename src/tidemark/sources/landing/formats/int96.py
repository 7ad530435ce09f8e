"""INT96, the timestamps of Hive, Impala and older writers: nanoseconds of a day and the day's Julian number, 12 bytes.

Spark would cut them to microseconds without a word. It gives the bytes only to a reader that goes row by row: files
that have such columns are read by a session of their own. Those that Spark has written have whole microseconds, and
need none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F
from pyspark.sql.types import BinaryType, StructField, StructType

from tidemark.rows import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

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


def columns_of_bytes(schema: pq.ParquetSchema, notes: Mapping[bytes, bytes]) -> frozenset[str]:
    """The columns of a file that are INT96 and may have more than microseconds; those inside of others are Spark's."""
    if SPARK_SCHEMA in notes:
        return frozenset()
    leaves = (schema.column(number) for number in range(len(schema)))
    return frozenset(leaf.path for leaf in leaves if leaf.physical_type == "INT96" and not leaf.max_repetition_level)


def read_bytes(spark: SparkSession, paths: list[str], options: Mapping[str, str], names: Collection[str]) -> DataFrame:
    """The files with these columns as binary."""
    schema = spark.read.options(**options).parquet(*paths).schema
    fields = [StructField(each.name, BinaryType()) if each.name in names else each for each in schema.fields]
    return _by_rows(spark).read.options(**options).schema(StructType(fields)).parquet(*paths)


def micros(name: str, rebase: str) -> Column:
    """The instant of such bytes; null where they are no whole microsecond, or of no calendar. `rebase`: LEGACY where
    days before 1582-10-15 are the Julian calendar's."""
    return F.when(_beyond_micros(name) == 0, _cut(name, rebase))


def told(name: str, rebase: str) -> Column:
    """What is wrong with bytes that are no instant, null for others."""
    rest = F.lpad(_beyond_micros(name).cast("string"), 3, "0")
    instant = F.concat(F.date_format(_cut(name, rebase), "yyyy-MM-dd HH:mm:ss.SSSSSS"), rest)
    never = F.concat(F.lit("nanosecond "), _number(name, *_NANOS), F.lit(" of Julian day "), _number(name, *_DAY))
    why = F.concat(F.lit(f"{name} is "), F.coalesce(instant, never), F.lit(": a timestamp has microseconds"))
    return F.when(quoted(name).isNotNull() & micros(name, rebase).isNull(), why)


def _beyond_micros(name: str) -> Column:
    return F.pmod(_number(name, *_NANOS), F.lit(_NANOS_A_MICRO))


def _cut(name: str, rebase: str) -> Column:
    """The microsecond that the nanosecond is in."""
    day, nanos = _number(name, *_DAY), _number(name, *_NANOS)
    since = day - _EPOCH
    if rebase == "LEGACY":
        since = F.when(day < _GREGORIAN, _of_julian_calendar(day)).otherwise(since)
    time = ((nanos - _beyond_micros(name)).cast("decimal(20,0)") / F.lit(_NANOS_A_MICRO)).cast("bigint")
    return F.timestamp_micros(F.try_add(F.try_multiply(since, F.lit(_DAY_MICROS)), time))


def _number(name: str, offset: int, length: int) -> Column:
    """The signed number in these bytes."""
    digits = F.hex(quoted(name))
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
