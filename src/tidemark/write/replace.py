"""`replace`: the batch is the whole table, or the whole of the partitions that it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tidemark.rows import ROW_HASH, quoted

if TYPE_CHECKING:
    from tidemark.write.work import Work


def replaced(work: Work, staged: DataFrame) -> DataFrame | None:
    """What of the target the batch stands in for: all, or the partitions in it; None when there is no target yet."""
    target = work.target()
    partitions = list(work.table.load.write.partition_by)
    if target is None or not partitions:
        return target
    return target.join(staged.select(*map(quoted, partitions)).distinct(), partitions, "left_semi")


def differences(staged: DataFrame, old: DataFrame | None) -> dict[str, int]:
    """Counts of rows by comparing the two as multisets of row hashes: `insert`, `unchanged`, `vanished`."""
    new_rows = staged.groupBy(ROW_HASH).agg(F.count("*").alias("new"))
    old_rows = (staged.limit(0) if old is None else old).groupBy(ROW_HASH).agg(F.count("*").alias("old"))
    both = new_rows.join(old_rows, ROW_HASH, "full").fillna(0, ["new", "old"])
    common = F.least("new", "old")
    counts = both.agg(
        F.sum(F.col("new") - common).alias("insert"),
        F.sum(common).alias("unchanged"),
        F.sum(F.col("old") - common).alias("vanished"),
    ).collect()[0]
    return {name: int(counts[name] or 0) for name in ("insert", "unchanged", "vanished")}
