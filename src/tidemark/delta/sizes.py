"""How large frames and tables are, and how new, as far as Spark and the log know without reading a row.

Compiling a query costs a second, interpreting one costs microseconds a row: code is generated where it pays. And a few
rows are computed soonest in one task: every further one, and every shuffle or broadcast between them, costs more than
it takes off.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tidemark.delta import deltalog
from tidemark.instants import as_utc

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

WHOLE_STAGE = "spark.sql.codegen.wholeStage"
FACTORY = "spark.sql.codegen.factoryMode"
MEGABYTE = 1_000_000
SMALL_TABLE = 32 * MEGABYTE
"""Bytes of a table up to which reading and copying it costs less than planning around it."""
_LISTED = 500  # files
ONE_TASK = 4 * MEGABYTE
"""Bytes up to which work is not divided."""
_UNDIVIDED = {
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.autoBroadcastJoinThreshold": "-1",
    "spark.sql.files.minPartitionNum": "1",
}
_WORD = 8  # bytes that a row takes in memory for the nulls, and for each column beside its value


def table_bytes(spark: SparkSession, path: str) -> int:
    """The files of the Delta table at `path`, in bytes."""
    return deltalog.size(deltalog.snapshot(spark, path))


def newest(snapshot: Any, column: str) -> datetime | None:
    """The greatest value of a date or timestamp column (naive UTC, to a millisecond), as the log's statistics have it.

    None where they do not tell: a file has no bound for it or rows that are marked as deleted, there is no row, or
    there are more files than the driver should list.
    """
    if deltalog.is_mapped(snapshot) or deltalog.file_count(snapshot) > _LISTED:
        return None
    found = []
    for file in deltalog.files(snapshot):
        text = file.stats()
        told = json.loads(text) if text and file.deletionVector() is None else {}
        if column in told.get("maxValues", {}):
            found.append(_instant(str(told["maxValues"][column])))
        elif told.get("nullCount", {}).get(column) != told.get("numRecords", -1):
            return None
    return None if None in found else max(filter(None, found), default=None)


def _instant(text: str) -> datetime | None:
    """A bound as naive UTC; None for years that Python does not have."""
    try:
        return as_utc(datetime.fromisoformat(text))
    except ValueError:
        return None


def read_bytes(frame: DataFrame) -> int:
    """The bytes of everything that the frame reads; what its relations do not know counts as endless."""
    internal: Any = frame
    leaves = internal._jdf.queryExecution().analyzed().collectLeaves()
    return sum(int(str(leaves.apply(number).stats().sizeInBytes())) for number in range(leaves.size()))


def can_be_broadcast(frame: DataFrame, rows: int) -> bool:
    """Whether so many rows of the frame's schema, as they lie in memory, are within Spark's threshold for a broadcast.

    Spark's own estimate is of files, in which keys can take a tenth of that; the driver has to hold all of them.
    """
    internal: Any = frame
    session: Any = frame.sparkSession
    threshold = int(session._jsparkSession.sessionState().conf().autoBroadcastJoinThreshold())
    return rows * (_WORD + _WORD * len(frame.columns) + int(internal._jdf.schema().defaultSize())) <= threshold


def gathered(frame: DataFrame, size: int | None) -> DataFrame:
    """The frame in one partition where it reads `size` bytes and that is little; None: nobody knows.

    What comes of such frames alone needs no shuffle.
    """
    return frame.coalesce(1) if size is not None and size <= ONE_TASK else frame


def fit_to_size(spark: SparkSession, frame: DataFrame, target: str | None, codegen_from_mb: float | None) -> None:
    """Fits `spark`, the session of one table, to the size of what `frame` reads and of the Delta table `target`.

    Code is generated from `codegen_from_mb` megabytes of files on; None leaves that as it is. Small work is undivided.
    """
    size = read_bytes(frame) + (table_bytes(spark, target) if target else 0)
    if codegen_from_mb is not None:
        _generate(spark, size >= codegen_from_mb * MEGABYTE)
    _divide(spark, size > ONE_TASK)


def stop_codegen(spark: SparkSession, from_mb: float | None) -> None:
    """Lets `spark` generate no more code, where that was chosen: what follows are small queries of Delta's log."""
    if from_mb is not None:
        _generate(spark, False)


def _generate(spark: SparkSession, large: bool) -> None:
    spark.conf.set(WHOLE_STAGE, str(large).lower())
    spark.conf.set(FACTORY, "FALLBACK" if large else "NO_CODEGEN")


def _divide(spark: SparkSession, large: bool) -> None:
    """As the application's settings say, or not at all. (A session that unsets one has Spark's own default for it.)"""
    application = spark.sparkContext.getConf()
    for name, undivided in _UNDIVIDED.items():
        value = application.get(name) if large else undivided
        if value is None:
            spark.conf.unset(name)
        else:
            spark.conf.set(name, value)
