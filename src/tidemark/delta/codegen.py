"""Code generation where it pays: compiling a query costs a second, interpreting one costs microseconds a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidemark.delta.sizes import MEGABYTE, read_bytes, table_bytes

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

WHOLE_STAGE = "spark.sql.codegen.wholeStage"
FACTORY = "spark.sql.codegen.factoryMode"


def choose(spark: SparkSession, frame: DataFrame, target: str | None, from_mb: float | None) -> None:
    """Lets `spark`, the session of one table, generate code when `frame` and the Delta table `target` are large.

    `from_mb` is where that begins, in megabytes of files; None leaves the session as it is.
    """
    if from_mb is None:
        return
    _generate(spark, read_bytes(frame) + (table_bytes(spark, target) if target else 0) >= from_mb * MEGABYTE)


def stop(spark: SparkSession, from_mb: float | None) -> None:
    """Lets `spark` generate no more code, where `choose` chooses: what follows are small queries of Delta's log."""
    if from_mb is not None:
        _generate(spark, False)


def _generate(spark: SparkSession, large: bool) -> None:
    spark.conf.set(WHOLE_STAGE, str(large).lower())
    spark.conf.set(FACTORY, "FALLBACK" if large else "NO_CODEGEN")
