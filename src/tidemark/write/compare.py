"""Compares a batch with its target by key and row hash and labels every row with what it will do."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tidemark.delta.sizes import SMALL_TABLE, can_be_broadcast, table_bytes
from tidemark.rows import BAD, ORDER, ROW_HASH, is_set, own, quoted
from tidemark.rows.order import order_in, stored_order
from tidemark.write.batch import DELETE, INSERT, KEPT, LABEL, REJECTED, STALE, UNCHANGED, UPDATE, VANISHED
from tidemark.write.pruning import Extent, measured, within

if TYPE_CHECKING:
    from tidemark.write.batch import Work

_OLD = own("old_")
_MATCHED = own("matched")
_PLACE = own("place_")
_PRESENT = own("present")
CONTESTED = own("contested")


def label_by_key(work: Work, rows: DataFrame, *, complete: bool) -> DataFrame:
    """One labelled row a key: `rows` (one row a key, with `_row_hash`) against the target.

    With `complete`, keys of the target (where the batch has a scope: of that) that `rows` lacks come back as
    `vanished`; of those only the keys are filled, the contract's too: by them a warehouse knows the row.
    Otherwise a row older than the target's, by `order_by`, is `stale`. So is, in a batch of changes, one of the same
    age that is no delete, and is the earlier one at the source, or, where nobody knows that, the one whose hash is
    smaller: whichever comes first, the same row stays. Of a large target the result also says where its rows lie, for
    `replaced`.

    A row that is there already is `unchanged`, and keeps the order at the source that it has; but where the batch has
    other values of the key too (`CONTESTED`), which came in between, the table is told that the row came again. Where
    `rows` has `_bad`, a key whose row is bad has no good one: the target's row is `kept`, as it is.
    """
    target = work.target()
    bad = F.col(BAD) if BAD in rows.columns else F.lit(False)
    new = F.when(bad, REJECTED).otherwise(_deleting(work, F.lit(UNCHANGED), F.lit(INSERT)))
    if target is None:
        return rows.withColumn(LABEL, new)
    order_by = work.table.load.write.order_by
    order = [] if complete else [name for name in order_by if name in target.columns]
    is_log = len(order) == len(order_by) and not complete and not work.checked.complete  # a full extract is the truth
    known = _in_scope(work, target) if complete else _met_by(work, target)
    names = tuple(dict.fromkeys((*work.keys, *(key for key in work.table.contract.keys if key in target.columns))))
    places = [] if is_small(work) else [name for name in work.layout if name in target.columns]
    old = known.select(
        *[quoted(name).alias(_OLD + name) for name in names],
        _known_hash(work, known).alias(_OLD + ROW_HASH),
        *[quoted(name).alias(_OLD + name) for name in order if name not in names],
        *[quoted(name).alias(_PLACE + name) for name in places],
        *([stored_order(known).alias(_OLD + ORDER)] if is_log else []),
        F.lit(True).alias(_MATCHED),
    )
    condition = reduce(and_, (quoted(key) == quoted(_OLD + key) for key in work.keys))
    marked = rows.withColumn(_PRESENT, F.lit(True))
    joined = marked.join(old, condition, "full" if complete else "left")
    same = F.coalesce(quoted(ROW_HASH) == quoted(_OLD + ROW_HASH), F.lit(False))
    loses_tie = ~same & _loses_tie(work, order_in(rows)) if is_log else F.lit(False)
    stays = same & ~_came_again(rows) if is_log else same
    label = (
        F.when(F.col(_PRESENT).isNull(), VANISHED)
        .when(F.col(_MATCHED).isNull(), new)
        .when(bad, KEPT)
        .when(_older(order, loses_tie), STALE)
        .otherwise(_deleting(work, F.lit(DELETE), F.when(stays, UNCHANGED).otherwise(UPDATE)))
    )
    named = {name: F.coalesce(quoted(name), quoted(_OLD + name)).alias(name) for name in names}
    placed = [quoted(_PLACE + name) for name in places]
    return joined.select(*[named.get(name, quoted(name)) for name in rows.columns], label.alias(LABEL), *placed)


def replaced(work: Work, labelled: DataFrame) -> Extent | None:
    """Measures where the rows of the target lie that the batch replaces or deletes: by their keys, and by the values
    that they had in the columns which lay the table out. None for a target that is small or not there.

    A row can move: what it has in the batch says nothing of where its old version is.
    """
    compared = work.table.load.write.mode != "append" and work.state.version is not None
    if not compared or work.missing is not None or is_small(work):
        return None
    places = {name: _PLACE + name for name in work.layout if _PLACE + name in labelled.columns}
    columns = {name: name for name in work.keys if name not in places} | places
    return Extent(labelled.schema, columns, F.col(LABEL).isin(UPDATE, DELETE, VANISHED))


def _known_hash(work: Work, target: DataFrame) -> Column:
    """The row hash that the table has; none where all is computed anew and the row was changed under its hash."""
    known = work.comparable_hash(target)
    return F.when(work.stored_hash(target) == quoted(ROW_HASH), known) if work.checked.anew else known


def is_small(work: Work) -> bool:
    """Whether the target is so small that it is compared with as a whole."""
    return table_bytes(work.spark, work.path) <= SMALL_TABLE


def _in_scope(work: Work, target: DataFrame) -> DataFrame:
    """What a complete batch stands for: all of the target, or its affected rows."""
    affected = work.checked.affected
    return target if affected is None else affected.rows_of(target)


def _met_by(work: Work, target: DataFrame) -> DataFrame:
    """What there is to compare with: of a large target only what lies between the batch's least and greatest keys, and
    for a small batch only the rows whose keys it has.

    These are as few as the batch's, so that both joins are broadcasts and no row of the target goes through a shuffle.
    """
    if is_small(work):
        return target
    keys = work.checked.judged.select(*map(quoted, work.keys))
    batch = measured(keys, work.keys)
    near = within(target, batch.bounds, nulls=False)
    if not can_be_broadcast(keys, batch.rows):
        return near
    return F.broadcast(near.join(F.broadcast(keys), list(work.keys), "left_semi"))


def _deleting(work: Work, deleted: Column, otherwise: Column) -> Column:
    """`deleted` for rows that carry the delete flag, where the table has one."""
    if work.delete_flag is None:
        return otherwise
    return F.when(is_set(work.delete_flag), deleted).otherwise(otherwise)


def _came_again(rows: DataFrame) -> Column:
    """Whether a row that is there already came later at the source, and others of its key with it."""
    if CONTESTED not in rows.columns:
        return F.lit(False)
    return quoted(CONTESTED) & F.coalesce(order_in(rows) > quoted(_OLD + ORDER), F.lit(False))


def _loses_tie(work: Work, new_at_source: Column) -> Column:
    """Whether the batch's row stays behind the target's, where neither is older by `order_by`.

    Without `order_by` only the order at the source can say so: where it is not known, what comes last counts.
    """
    by_hash, old_at_source = quoted(ROW_HASH) < quoted(_OLD + ROW_HASH), quoted(_OLD + ORDER)
    if not work.table.load.write.order_by:
        return F.coalesce(new_at_source < old_at_source, F.lit(False))
    both_known = new_at_source.isNotNull() & old_at_source.isNotNull()
    behind = F.when(both_known & (new_at_source != old_at_source), new_at_source < old_at_source).otherwise(by_hash)
    return _deleting(work, F.lit(False), behind)


def _older(order: Sequence[str], loses_tie: Column) -> Column:
    """Whether the batch's row is older than the target's, comparing the order columns one after the other.

    A row without a value is older than any that has one, as it is within a batch.
    """
    older = loses_tie
    for name in reversed(order):
        new, old = quoted(name), quoted(_OLD + name)
        precedes = F.coalesce(new < old, new.isNull() & old.isNotNull())
        older = precedes | (new.eqNullSafe(old) & older)
    return older
