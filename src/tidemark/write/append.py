"""`append`: the log of what was received. With keys, a row that is there already is not added again."""

from __future__ import annotations

from datetime import datetime
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tidemark.rows import ROW_HASH, newest, quoted
from tidemark.write import missing
from tidemark.write.work import INSERT, LABEL, UNCHANGED

if TYPE_CHECKING:
    from tidemark.write.work import Work

_OLD = "_old_"
_RECEIVED = "_ingest_ts"


def label(work: Work, rows: DataFrame) -> DataFrame:
    """Labels `rows` (good, hashed) as `insert` or `unchanged`; identical rows of the batch come back once.

    A full extract is held against the newest version of each key, anything else against every version in the batch's
    window. Under `deletes: {missing: soft}` keys that a full extract lacks get a `vanished` row: a tombstone.
    """
    if not work.keys:
        return rows.withColumn(LABEL, F.lit(INSERT))
    once = rows.dropDuplicates([*work.keys, ROW_HASH])
    target = work.target()
    if target is None:
        return once.withColumn(LABEL, F.lit(INSERT))
    source = work.table.load.source
    versions = newest(target, work.keys, [_RECEIVED]) if source and source.mode == "full" else _in_window(work, target)
    known = versions.select(
        *[quoted(key).alias(_OLD + key) for key in work.keys], quoted(ROW_HASH).alias(_OLD + ROW_HASH)
    )
    same = [quoted(name) == quoted(_OLD + name) for name in (*work.keys, ROW_HASH)]
    joined = once.join(known, reduce(and_, same), "left")
    is_known = F.when(quoted(_OLD + ROW_HASH).isNotNull(), UNCHANGED).otherwise(INSERT)
    labelled = joined.select(*map(quoted, once.columns), is_known.alias(LABEL))
    gone = missing.rows(work, labelled.columns, versions)
    return labelled if gone is None else labelled.unionByName(gone)


def _in_window(work: Work, target: DataFrame) -> DataFrame:
    """The target's rows in the batch's window of the watermark column; all of them where there is no window."""
    watermark, among = work.table.load.watermark, work.checked.window
    window = among.to_json() if among else work.checked.watermark
    if watermark is None or window.get("low") is None or window.get("high") is None:
        return target
    low, high = (datetime.fromisoformat(str(window[name])) for name in ("low", "high"))
    inside: Column = (quoted(watermark.column) > F.lit(low)) & (quoted(watermark.column) <= F.lit(high))
    return target.where(inside)
