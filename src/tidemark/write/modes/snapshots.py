"""A log of snapshots: every extract is all that the source had when it was taken, and says when that was.

A batch can bring several, and ones that are older than what is known. What a key was at each of them makes the log: a
row where it is not what it was at the one before, and a tombstone where it is missing, dated by the snapshot that
lacks it. In one batch or in many, the log tells the same history.
"""

from __future__ import annotations

from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tidemark.rows import BAD, ORDER, ROW_HASH, literal, own, quoted
from tidemark.rows.batches import leaving_out
from tidemark.rows.order import stored_order
from tidemark.write.batch import INSERT, LABEL, REPEATED, UNCHANGED, VANISHED
from tidemark.write.modes.absence import last_versions

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

    from tidemark.rows.batches import Counter
    from tidemark.write.batch import Work

_RIGHT_AFTER = "~"  # behind an order: one that no row has, and that comes next
_AT, _STATE, _IS_ROW, _NOW, _NEXT, _MISSING, _BEFORE, _GOOD_AT, _GONE_AT, _AGAIN, _SAID, _OLD, _KNOWN = (
    own(f"snapshot_{name}")
    for name in (
        "at", "state", "is_row", "now", "next", "missing", "before", "good_at", "gone_at", "again", "said", "old_",
        "known",
    )
)  # fmt: skip
_FIRST, _WHOLE = own("snapshot_first"), own("snapshot_whole")


def label(work: Work, rows: DataFrame, superseded: Counter) -> DataFrame:
    """Labels `rows` (good, hashed) as `insert` or `unchanged`, and adds a `vanished` row where a snapshot lacks a key.

    A row that stands twice in a snapshot comes back once; `superseded` counts the others. A rejected row says that its
    key is there; one without a readable key, that nobody knows what else its snapshot lacks.
    """
    at, target = work.taken_at or "", work.target()
    snapshots = F.broadcast(_snapshots(work, at))
    spots = _of_batch(work, rows, at)
    if target is not None:
        spots = spots.unionByName(_of_target(work, target, rows, at, snapshots))
    told = _what_they_say(work, spots.crossJoin(snapshots), at)
    said = told.select(F.explode(_SAID).alias(_SAID)).select(f"{_SAID}.*")
    hashed = said.withColumn(ROW_HASH, F.when(F.col(LABEL) == VANISHED, work.row_hash).otherwise(F.col(ROW_HASH)))
    labelled = hashed if target is None else _without_known(work, hashed, target, at)
    return leaving_out(labelled, F.col(LABEL) == REPEATED, superseded)


def _snapshots(work: Work, at: str) -> DataFrame:
    """One row: when the first snapshot of the batch was taken, and when those from which a key can be missing were."""
    judged, asked = work.checked.judged, literal(work.checked.asked_at)
    unreadable = F.col(BAD) & reduce(or_, (quoted(key).isNull() for key in work.keys))
    every, broken = F.collect_set(at), F.collect_set(F.when(unreadable, quoted(at)))
    whole = F.when(F.count("*") == 0, F.array(asked)).otherwise(F.array_except(every, broken))
    return judged.agg(F.coalesce(F.min(at), asked).alias(_FIRST), whole.alias(_WHOLE))


def _of_batch(work: Work, once: DataFrame, at: str) -> DataFrame:
    """The keys with what they are at each snapshot; of those whose row was rejected nobody knows what."""
    keys = [quoted(key) for key in work.keys]
    state = F.struct(*map(quoted, once.columns))
    there = once.select(*keys, quoted(at).alias(_AT), state.alias(_STATE), F.lit(True).alias(_IS_ROW))
    named = reduce(and_, (key.isNotNull() for key in keys), F.col(BAD))
    nothing = F.lit(None).cast(once.select(state).schema[0].dataType)
    rejected = work.checked.judged.where(named).select(
        *keys, quoted(at).alias(_AT), nothing.alias(_STATE), F.lit(False).alias(_IS_ROW)
    )
    return there.unionByName(rejected)


def _of_target(work: Work, target: DataFrame, once: DataFrame, at: str, snapshots: DataFrame) -> DataFrame:
    """The keys with what they were before the first snapshot of the batch."""
    taken = quoted(at) if at in target.columns else F.lit(None).cast("timestamp")
    known = target.withColumn(at, taken).crossJoin(snapshots).where(quoted(at).isNull() | (quoted(at) < F.col(_FIRST)))
    values = {name: quoted(name) for name in target.columns} | {at: quoted(at), ORDER: stored_order(target)}
    types = {field.name: field.dataType for field in once.schema.fields}
    state = F.struct(*[values.get(name, F.lit(None)).cast(types[name]).alias(name) for name in once.columns])
    return last_versions(work, known).select(
        *map(quoted, work.keys), quoted(at).alias(_AT), state.alias(_STATE), F.lit(False).alias(_IS_ROW)
    )


def _what_they_say(work: Work, spots: DataFrame, at: str) -> DataFrame:
    """For each spot the rows that the log gets for it: its own, and the tombstone of when its key is missing next."""
    in_order = Window.partitionBy(*map(quoted, work.keys)).orderBy(
        F.asc_nulls_first(_AT), F.asc_nulls_first(f"{_STATE}.{ROW_HASH}")
    )
    before = in_order.rowsBetween(Window.unboundedPreceding, -1)
    until = in_order.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    now = F.last(_STATE, ignorenulls=True).over(until)
    placed = spots.withColumns({_NOW: now, _NEXT: F.lead(_AT).over(in_order)})
    next_snapshot = F.array_min(F.filter(_WHOLE, lambda each: F.coalesce(each > F.col(_AT), F.lit(True))))
    flag = F.col(_NOW)[work.delete_flag or ""].try_cast("boolean")
    is_there = F.col(_NOW).isNotNull() & ~F.coalesce(flag, F.lit(False))
    is_missing = is_there & (F.col(_NEXT).isNull() | (F.col(_NEXT) > next_snapshot))
    told = placed.withColumn(_MISSING, F.when(is_missing, next_snapshot)).withColumns(
        {
            _BEFORE: F.last(_STATE, ignorenulls=True).over(before),
            _GOOD_AT: F.max(F.when(F.col(_STATE).isNotNull(), F.col(_AT))).over(before),
            _GONE_AT: F.max(_MISSING).over(before),
            _AGAIN: F.lag(_IS_ROW).over(in_order) & (F.lag(_AT).over(in_order) == F.col(_AT)),
        }
    )
    own_row = F.struct(f"{_STATE}.*", _label_of_row().alias(LABEL))
    tombstone = F.when(F.col(_MISSING).isNotNull(), _tombstone(work, at, spots.select(f"{_STATE}.*").schema))
    return told.withColumn(_SAID, F.array_compact(F.array(F.when(F.col(_IS_ROW), own_row), tombstone)))


def _label_of_row() -> Column:
    """A row is new unless its key was the same before, and was not missing since."""
    same = F.coalesce(F.col(_BEFORE)[ROW_HASH] == F.col(_STATE)[ROW_HASH], F.lit(False))
    was_missing = F.col(_GONE_AT).isNotNull() & ~F.coalesce(F.col(_GOOD_AT) >= F.col(_GONE_AT), F.lit(False))
    again = same & F.coalesce(F.col(_AGAIN), F.lit(False))
    return F.when(again, REPEATED).when(same & ~was_missing, UNCHANGED).otherwise(INSERT)


def _tombstone(work: Work, at: str, row: StructType) -> Column:
    """The last known state of the key, as deleted at the snapshot that lacks it."""
    now, flag = F.col(_NOW), work.delete_flag or ""
    values = {name: now[name] for name in row.names}
    values |= {at: F.col(_MISSING), flag: F.lit(True).cast(row[flag].dataType)}
    if ORDER in values:
        values[ORDER] = F.concat(now[ORDER], F.lit(_RIGHT_AFTER))
    return F.struct(*[values[name].alias(name) for name in row.names], F.lit(VANISHED).alias(LABEL))


def _without_known(work: Work, labelled: DataFrame, target: DataFrame, at: str) -> DataFrame:
    """The same, where the log says it already: a snapshot that is read again, or with an older one, adds nothing."""
    if at not in target.columns:
        return labelled
    same = (*work.keys, at, ROW_HASH)
    known = target.select(*[quoted(name).alias(_OLD + name) for name in same], F.lit(True).alias(_KNOWN)).distinct()
    joined = labelled.join(known, reduce(and_, (quoted(name) == quoted(_OLD + name) for name in same)), "left")
    is_known = F.col(_KNOWN).isNotNull()
    kept = joined.where(~(is_known & (F.col(LABEL) == VANISHED)))
    label = F.when(is_known & (F.col(LABEL) == INSERT), UNCHANGED).otherwise(F.col(LABEL)).alias(LABEL)
    return kept.select(*[label if name == LABEL else quoted(name) for name in labelled.columns])
