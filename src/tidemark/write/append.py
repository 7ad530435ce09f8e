"""`append`: the log of what was received. With keys, a row that is there already is not added again.

An append that compares with nothing is staged in one pass: good and bad rows side by side, read and judged once.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from tidemark.books import Books
from tidemark.compile.casts import casts_of
from tidemark.rows import BAD, ERROR, ROW_HASH, literal, own, quoted
from tidemark.rows.batches import Counter, newest, stamp
from tidemark.rows.judging import adapted_values, judged_with_errors
from tidemark.sources import watermark
from tidemark.write.batch import INSERT, LABEL, UNCHANGED
from tidemark.write.compare import vanished_rows
from tidemark.write.manifest import CHANGE_TYPE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pyspark.sql.types import StructType

    from tidemark.sources.watermark import Mark
    from tidemark.write.batch import Work

_OLD, _NUMBER, _KNOWN = own("old_"), own("number"), own("known")
_RECEIVED = "_ingest_ts"
_DAY = timedelta(days=1)
_LANE, _ACCEPTED, _REJECTED = own("lane"), "accepted", "rejected"


def label(work: Work, rows: DataFrame, superseded: Counter) -> DataFrame:
    """Labels `rows` (good, hashed) as `insert` or `unchanged`; with keys, identical rows of the batch come back once,
    and are counted by `superseded`.

    A full extract is held against the newest version of each key, anything else against every version in the batch's
    window. Under `deletes: {missing: soft}` keys that a full extract lacks get a `vanished` row: a tombstone.
    """
    if not work.keys:
        return _label_copies(work, rows)
    once = newest(rows, [*work.keys, ROW_HASH], [], superseded=superseded)
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
    gone = vanished_rows(work, labelled.columns, versions)
    return labelled if gone is None else labelled.unionByName(gone)


def _label_copies(work: Work, rows: DataFrame) -> DataFrame:
    """Rows that no key names are told apart by how often they are there: of three copies in the window of which the
    table has two, one is new."""
    target = work.target()
    if target is None or not work.checked.rereads:
        return rows.withColumn(LABEL, F.lit(INSERT))
    known = _in_window(work, target).groupBy(quoted(ROW_HASH).alias(_OLD + ROW_HASH)).agg(F.count("*").alias(_KNOWN))
    number = F.row_number().over(Window.partitionBy(ROW_HASH).orderBy(ROW_HASH))
    joined = rows.withColumn(_NUMBER, number).join(known, quoted(ROW_HASH) == quoted(_OLD + ROW_HASH), "left")
    is_known = F.when(F.col(_NUMBER) <= F.coalesce(_KNOWN, F.lit(0)), UNCHANGED).otherwise(INSERT)
    return joined.select(*map(quoted, rows.columns), is_known.alias(LABEL))


def _in_window(work: Work, target: DataFrame) -> DataFrame:
    """The target's rows in the batch's window of the watermark column, and those without a value in it, which are read
    with every window; all of them where there is no window."""
    spec, stored = work.table.load.watermark, work.checked.watermark
    window = work.checked.window or (watermark.Window.from_json(stored) if stored.get("high") is not None else None)
    if spec is None or window is None or window.low is None:
        return target
    value = quoted(spec.column)
    low, high = _as_stored(work, spec.column, window.low, window.high)
    inside = value.between(literal(low), literal(high))
    required = {column.name for column in work.table.contract.columns if column.required}
    return target.where(inside if spec.column in required else inside | value.isNull())


def _as_stored(work: Work, column: str, low: Mark, high: Mark) -> tuple[Mark, Mark]:
    """Between what the table may have what the source has between `low` and `high`: where a value is cast from another
    time zone, to its day or to a whole number, it may lie a day, or one, beside what it was."""
    types = {each.name: each.type for each in work.table.contract.columns}
    if types.get(column) != "date" and column not in casts_of(work.table.contract, work.table.load):
        return low, high
    if isinstance(high, datetime):
        return watermark.window_start(low, None, _DAY) or low, high + _DAY
    return watermark.window_start(low, None, 1) or low, high + 1


def compares_with_nothing(work: Work) -> bool:
    """Whether every good row is appended as it comes."""
    is_first = work.state.version is None or not work.checked.rereads
    return work.table.load.write.mode == "append" and not work.keys and is_first


def stage(work: Work, data: str, metadata: Mapping[str, Any]) -> tuple[Books, StructType]:
    """Writes both lanes below `data` and counts them; gives the schema of the files, too."""
    checked = work.checked
    judged = judged_with_errors(checked.source, work.table.contract, checked.alignment)
    adapted = Counter(values=F.sum(adapted_values(judged)))
    staged = adapted.on(judged).select(
        F.lit("insert").alias(CHANGE_TYPE),
        *work.columns,
        work.row_hash.alias(ROW_HASH),
        ERROR,
        F.when(F.col(BAD), _REJECTED).otherwise(_ACCEPTED).alias(_LANE),
    )
    counter = Counter(extracted=F.count("*"), quarantined=F.count_if(F.col(_LANE) == _REJECTED))
    stamped = stamp(staged, metadata)
    counter.on(stamped).write.mode("overwrite").partitionBy(_LANE).parquet(data)
    extracted, quarantined = counter.values["extracted"], counter.values["quarantined"]
    good = extracted - quarantined
    if good == 0:  # a lane without rows has no folder
        stamped.drop(_LANE).limit(0).write.mode("overwrite").parquet(accepted(data))
    books = Books(
        extracted=extracted, quarantined=quarantined, accepted=good, inserted=good, adapted=adapted.values["values"]
    )
    return books, stamped.drop(_LANE).schema


def accepted(data: str) -> str:
    """Where the good rows lie."""
    return f"{data}/{_LANE}={_ACCEPTED}"


def rejected(data: str) -> str:
    """Where the bad rows lie, if there are any."""
    return f"{data}/{_LANE}={_REJECTED}"
