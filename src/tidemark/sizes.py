"""How large frames and tables are, as far as Spark and the log know without reading a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tidemark.write import deltalog

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

MEGABYTE = 1_000_000
SMALL_TABLE = 32 * MEGABYTE
"""Bytes of a table up to which reading and copying it costs less than planning around it."""


def table_bytes(spark: SparkSession, path: str) -> int:
    """The files of the Delta table at `path`, in bytes."""
    return deltalog.size(deltalog.snapshot(spark, path))


def read_bytes(frame: DataFrame) -> int:
    """The bytes of everything that the frame reads; what its relations do not know counts as endless."""
    internal: Any = frame
    leaves = internal._jdf.queryExecution().analyzed().collectLeaves()
    return sum(int(str(leaves.apply(number).stats().sizeInBytes())) for number in range(leaves.size()))


def can_be_broadcast(frame: DataFrame) -> bool:
    """Whether Spark, by its own estimate and threshold, would send the whole frame to every executor."""
    internal: Any = frame
    estimate = int(str(internal._jdf.queryExecution().optimizedPlan().stats().sizeInBytes()))
    session: Any = frame.sparkSession
    return estimate <= int(session._jsparkSession.sessionState().conf().autoBroadcastJoinThreshold())
