"""Rows of the target whose key a full extract of the source no longer has: `deletes: {missing: soft | hard}`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from tidemark.rows import ROW_HASH, quoted, row_hash
from tidemark.write.work import LABEL, VANISHED

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from tidemark.write.work import Work


def rows(work: Work, columns: Sequence[str], known: DataFrame | None = None) -> DataFrame | None:
    """These rows with `columns`, as `vanished`; None where the load file does not say that what is missing is deleted.

    `known` is what the extract is held against, by default the whole target. Under `soft` the rows are tombstones: as
    they were, with the delete flag set; one that is a tombstone already is none again. A key counts as present
    whatever else is wrong with its row: a rejected row is not a deletion.
    """
    target = work.target() if known is None else known
    if work.missing is None or target is None:
        return None
    present = work.checked.judged.select(*map(quoted, work.keys)).distinct()
    gone = target.join(present, list(work.keys), "left_anti")
    if work.missing == "soft" and work.delete_flag is not None:
        living = gone.where(~F.coalesce(quoted(work.delete_flag), F.lit(False)))
        gone = living.withColumn(work.delete_flag, F.lit(True)).withColumn(ROW_HASH, row_hash(work.columns))
    stored = set(target.columns)
    return gone.select(
        *[
            F.lit(VANISHED).alias(name)
            if name == LABEL
            else quoted(name)
            if name in stored
            else F.lit(None).alias(name)
            for name in columns
        ]
    )
