"""`append`: the log of what was received. With keys, a row that is there already is not added again.

An append that compares with nothing is staged in one pass: good and bad rows side by side, read and judged once.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tidemark.books import Books
from tidemark.compile.casts import casts_of
from tidemark.rows import BAD, ERROR, LANE, ROW_HASH, literal, own, quoted
from tidemark.rows.batches import Counter, having, leaving_out, stamp
from tidemark.rows.judging import judged_with_errors
from tidemark.rows.order import file_in, file_lies_at, has_position, order_in, place, stored_order
from tidemark.sources import watermark
from tidemark.sql.types import SOURCE_ORDER
from tidemark.write.batch import INSERT, LABEL, RECEIVED, REPEATED, UNCHANGED
from tidemark.write.compare import is_small
from tidemark.write.counting import judged_rows
from tidemark.write.manifest import CHANGE_TYPE
from tidemark.write.modes import snapshots
from tidemark.write.modes.absence import last_versions, vanished_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from pyspark.sql.types import StructType

    from tidemark.sources.watermark import Mark
    from tidemark.write.batch import Work

_OLD, _NUMBER, _KNOWN = own("old_"), own("number"), own("known")
_FILE, _FILES, _LIES = own("file"), own("files"), own("lies")
_DAY = timedelta(days=1)
_ORDER, _BEFORE, _AFTER = own("order"), own("before"), own("after")
_SEVERAL, _VERSIONS = own("several"), own("versions")
_ACCEPTED, _REJECTED = "accepted", "rejected"


def label(work: Work, rows: DataFrame, superseded: Counter) -> DataFrame:
    """Labels `rows` (good, hashed) as `insert` or `unchanged`; what the batch only repeats of a key is left out, and
    counted by `superseded`.

    A row repeats what is known if the version of its key right before it, in the order at the source, has the same
    values (or the one right after it, for a row that comes late): one that comes back after another is a return, and is
    logged, in whatever batches it came. What was read before can come again, though: rows of a file that has given
    versions of the key before, and of a system that shows several at once, are new only if their values are.

    Where nobody knows the order, a full extract is held against the newest version of each key, anything else against
    every version in the batch's window. Under `deletes: {missing: soft}` keys that a full extract lacks get a
    `vanished` row: a tombstone.
    """
    if not work.keys:
        return _label_copies(work, rows)
    if work.logs_snapshots:
        return snapshots.label(work, rows, superseded)
    target = work.target()
    columns = [*rows.columns, LABEL]
    of = _version_of(work, rows, target)
    joined = _in_sequence(rows, of)
    none = F.lit(None).cast(f"array<struct<{_ORDER}: string, {RECEIVED}: timestamp, {ROW_HASH}: bigint>>")
    joined = joined.withColumn(_VERSIONS, none) if target is None else _beside(work, joined, target, of)
    judged = joined.withColumn(LABEL, _what_it_is(work))
    labelled = leaving_out(judged, F.col(LABEL) == REPEATED, superseded).select(*map(quoted, columns))
    if target is None or work.missing is None:
        return labelled
    gone = vanished_rows(work, columns, last_versions(work, target))
    return labelled if gone is None else labelled.unionByName(gone)


def _version_of(work: Work, rows: DataFrame, target: DataFrame | None) -> tuple[str, ...]:
    """What rows have in common that may be versions of each other, or repetitions: the key, and the change time."""
    cursor = work.table.load.watermark
    known = rows.columns if target is None else set(rows.columns) & set(target.columns)
    return tuple(name for name in dict.fromkeys((*work.keys, *(cursor.columns if cursor else ()))) if name in known)


def _in_sequence(rows: DataFrame, of: Sequence[str]) -> DataFrame:
    """The rows with their order, their neighbours in the batch, and whether the batch has several versions of them."""
    ordered = rows.withColumn(_ORDER, order_in(rows))
    sequence = Window.partitionBy(*map(quoted, of)).orderBy(F.asc_nulls_first(_ORDER), ROW_HASH)
    version = F.struct(F.col(_ORDER).alias(_ORDER), F.col(ROW_HASH).alias(ROW_HASH))
    all_of_key = Window.partitionBy(*map(quoted, of))
    differ = F.min(ROW_HASH).over(all_of_key) != F.max(ROW_HASH).over(all_of_key)
    neighbours = {_BEFORE: F.lag(version).over(sequence), _AFTER: F.lead(version).over(sequence)}
    return ordered.withColumns({**neighbours, _SEVERAL: differ})


def _beside(work: Work, rows: DataFrame, target: DataFrame, of: Sequence[str]) -> DataFrame:
    """The rows with the versions of their keys that the table has, in an array."""
    near = _in_window(work, target)
    if not is_small(work):
        near = having(near, work.checked.judged.select(*map(quoted, of)), of)
    order = stored_order(near)
    version = F.struct(order.alias(_ORDER), F.col(RECEIVED).alias(RECEIVED), F.col(ROW_HASH).alias(ROW_HASH))
    old = [quoted(name).alias(_OLD + name) for name in of]
    known = near.groupBy(*old).agg(F.collect_list(version).alias(_VERSIONS))
    same = reduce(and_, (quoted(name).eqNullSafe(quoted(_OLD + name)) for name in of))
    return rows.join(known, same, "left")


def _what_it_is(work: Work) -> Column:
    """The label of a row of `_in_sequence` and `_beside`; `REPEATED` where the batch itself has it already."""
    source = work.table.load.source
    is_full = source is not None and source.mode == "full"
    order, row_hash, versions = F.col(_ORDER), F.col(ROW_HASH), F.col(_VERSIONS)
    before, after = F.col(_BEFORE), F.col(_AFTER)
    is_known = F.array_contains(versions[ROW_HASH], row_hash)
    earlier, later = _last_before(order, versions), _first_after(order, versions)
    in_table = before.isNull() | F.coalesce(earlier[_ORDER] > before[_ORDER], F.lit(False))
    repeats_batch = ~in_table & (before[ROW_HASH] == row_hash)
    repeats_table = in_table & (earlier[ROW_HASH] == row_hash)
    is_next = after.isNull() | (after[_ORDER] > later[_ORDER])
    stands_later = (later[ROW_HASH] == row_hash) & is_next
    read_before = order.isNotNull() & F.exists(versions, lambda each: place(each[_ORDER]) == place(order))
    has_no_sequence = ~F.coalesce(has_position(order), F.lit(False))
    is_log = F.lit(not is_full) & order.isNull() | has_no_sequence & F.col(_SEVERAL)
    known = is_known & (is_log | repeats_table | stands_later | read_before)
    return F.when(repeats_batch, REPEATED).when(known, UNCHANGED).otherwise(INSERT)


def _last_before(order: Column, versions: Column) -> Column:
    """The newest of the versions that come before a row of this order; those of which nobody knows it come first."""
    precedes = F.filter(versions, lambda each: F.coalesce(each[_ORDER] < order, each[_ORDER].isNull()))
    return F.array_max(precedes)


def _first_after(order: Column, versions: Column) -> Column:
    """The oldest of the versions that come after a row of this order."""
    return F.array_min(F.filter(versions, lambda each: each[_ORDER] > order))


def _label_copies(work: Work, rows: DataFrame) -> DataFrame:
    """Rows that no key names are told apart by how often they are there: of three copies in the window of which the
    table has two, one is new. What comes of a file is held against what came of that file before, or of one of its
    name and folder where the table does not know which."""
    target = work.target()
    if target is None or not work.checked.rereads:
        return rows.withColumn(LABEL, F.lit(INSERT))
    there = _in_window(work, target)
    order = stored_order(there)
    copies = [quoted(ROW_HASH).alias(_OLD + ROW_HASH), file_in(order).alias(_OLD + _FILE)]
    by_file = there.groupBy(*copies, file_lies_at(order).alias(_LIES)).agg(F.count("*").alias(_KNOWN))
    known = by_file.groupBy(*(_OLD + name for name in (ROW_HASH, _FILE))).agg(
        F.collect_list(F.struct(F.col(_LIES).alias(_LIES), F.col(_KNOWN).alias(_KNOWN))).alias(_FILES)
    )
    number = F.row_number().over(Window.partitionBy(ROW_HASH, _FILE, _LIES).orderBy(ROW_HASH))
    order = order_in(rows)
    numbered = rows.withColumns({_FILE: file_in(order), _LIES: file_lies_at(order)}).withColumn(_NUMBER, number)
    same = reduce(and_, (quoted(name).eqNullSafe(quoted(_OLD + name)) for name in (ROW_HASH, _FILE)))
    its = F.filter(_FILES, lambda each: each[_LIES].isNull() | each[_LIES].eqNullSafe(F.col(_LIES)))
    seen = F.aggregate(its, F.lit(0).cast("bigint"), lambda total, each: total + each[_KNOWN])
    is_known = F.when(F.col(_NUMBER) <= F.coalesce(seen, F.lit(0)), UNCHANGED).otherwise(INSERT)
    return numbered.join(known, same, "left").select(*map(quoted, rows.columns), is_known.alias(LABEL))


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
    span = _DAY if isinstance(high, datetime) else 1
    return watermark.window_start(low, None, span) or low, watermark.later(high, span)


def compares_with_nothing(work: Work) -> bool:
    """Whether every good row is appended as it comes."""
    is_first = work.state.version is None or not work.checked.rereads
    return work.table.load.write.mode == "append" and not work.keys and is_first


def stage(work: Work, data: str, metadata: Mapping[str, Any]) -> tuple[Books, StructType]:
    """Writes both lanes below `data` and counts them; gives the schema of the files, too."""
    checked = work.checked
    judged = judged_with_errors(checked.source, work.table.contract, checked.alignment)
    counted = judged_rows(judged)
    staged = counted.on(judged).select(
        F.lit("insert").alias(CHANGE_TYPE),
        *work.columns,
        work.row_hash.alias(ROW_HASH),
        order_in(judged).alias(SOURCE_ORDER),
        ERROR,
        F.when(F.col(BAD), _REJECTED).otherwise(_ACCEPTED).alias(LANE),
    )
    stamped = stamp(staged, metadata)
    stamped.write.mode("overwrite").partitionBy(LANE).parquet(data)
    good = counted.values["extracted"] - counted.values["quarantined"]
    if good == 0:  # a lane without rows has no folder
        stamped.drop(LANE).limit(0).write.mode("overwrite").parquet(accepted(data))
    return Books(**counted.values, accepted=good, inserted=good), stamped.drop(LANE).schema


def accepted(data: str) -> str:
    """Where the good rows lie."""
    return f"{data}/{LANE}={_ACCEPTED}"


def rejected(data: str) -> str:
    """Where the bad rows lie, if there are any."""
    return f"{data}/{LANE}={_REJECTED}"
