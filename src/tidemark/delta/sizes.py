"""How large frames and tables are, as far as Spark and the log know without reading a row, and what follows from it.

Compiling a query costs a second, interpreting one costs microseconds a row: code is generated where it pays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tidemark.delta import deltalog

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

WHOLE_STAGE = "spark.sql.codegen.wholeStage"
FACTORY = "spark.sql.codegen.factoryMode"
MEGABYTE = 1_000_000
SMALL_TABLE = 32 * MEGABYTE
"""Bytes of a table up to which reading and copying it costs less than planning around it."""
_WORD = 8  # bytes that a row takes in memory for the nulls, and for each column beside its value


def table_bytes(spark: SparkSession, path: str) -> int:
    """The files of the Delta table at `path`, in bytes."""
    return deltalog.size(deltalog.snapshot(spark, path))


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


def choose_codegen(spark: SparkSession, frame: DataFrame, target: str | None, from_mb: float | None) -> None:
    """Lets `spark`, the session of one table, generate code when `frame` and the Delta table `target` are large.

    `from_mb` is where that begins, in megabytes of files; None leaves the session as it is.
    """
    if from_mb is None:
        return
    _generate(spark, read_bytes(frame) + (table_bytes(spark, target) if target else 0) >= from_mb * MEGABYTE)


def stop_codegen(spark: SparkSession, from_mb: float | None) -> None:
    """Lets `spark` generate no more code, where that was chosen: what follows are small queries of Delta's log."""
    if from_mb is not None:
        _generate(spark, False)


def _generate(spark: SparkSession, large: bool) -> None:
    spark.conf.set(WHOLE_STAGE, str(large).lower())
    spark.conf.set(FACTORY, "FALLBACK" if large else "NO_CODEGEN")
