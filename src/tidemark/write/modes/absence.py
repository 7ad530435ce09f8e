"""Absence: which rows of the table a full extract of its source lacks, and when that means that they are deleted.

It does where `deletes: {missing: soft | hard}` says so, and where the extract is known to be whole. It is not while a
record came whose key nobody can read: any key may be that record's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from tidemark.delta.table import count_rows
from tidemark.rows import AGE, BAD, CORRUPT, ORDER, ROW_HASH, is_set, quoted
from tidemark.rows.batches import having, newest
from tidemark.rows.order import stored_order
from tidemark.sql.types import SOURCE_ORDER
from tidemark.write.batch import LABEL, RECEIVED, VANISHED

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from tidemark.books import Books
    from tidemark.write.batch import Work


def vanished_rows(work: Work, columns: Sequence[str], known: DataFrame | None = None) -> DataFrame | None:
    """The rows of the target that the extract lacks, with `columns`, as `vanished`.

    None where the load file does not say that what is missing is deleted, or the extract is not known to be whole.

    `known` is what the extract is held against, by default the whole target. Under `soft` the rows are tombstones: as
    they were, with the delete flag set; one that is a tombstone already is none again. A key counts as present
    whatever else is wrong with its row: a rejected row is not a deletion. Of several extracts in one batch the newest
    says what is missing.
    """
    target = work.target() if known is None else known
    if work.missing is None or target is None:
        return None
    target = _with_flag(work, target)
    present = _newest_extract(work).select(*map(quoted, work.keys)).distinct()
    gone = _covered(work, target).join(present, list(work.keys), "left_anti")
    if work.missing == "soft" and work.delete_flag is not None:
        living = gone.where(_lives(work.delete_flag))
        true = F.lit(True).cast(living.schema[work.delete_flag].dataType)
        gone = living.withColumn(work.delete_flag, true).withColumn(ROW_HASH, work.stored_hash(target))
    values = {name: quoted(name) for name in target.columns}
    values |= {LABEL: F.lit(VANISHED), ORDER: stored_order(target)}
    return gone.select(*[values.get(name, F.lit(None)).alias(name) for name in columns])


def _with_flag(work: Work, target: DataFrame) -> DataFrame:
    """The rows of the table with the column of the delete flag, which the table may be about to get."""
    flag = work.delete_flag
    if work.missing != "soft" or flag is None or flag in target.columns:
        return target
    return target.withColumn(flag, F.lit(None).cast(work.checked.judged.schema[flag].dataType))


def last_versions(work: Work, target: DataFrame) -> DataFrame:
    """The newest version of each key of a log."""
    order = (work.taken_at, SOURCE_ORDER, RECEIVED)
    return newest(target, work.keys, [name for name in order if name in target.columns])


def is_unsure(work: Work, books: Books) -> bool:
    """Whether keys were taken for absent although the extract has a record whose key cannot be told.

    Such a record is always rejected, as keys are required: only a batch that deletes and rejects has to be looked at.
    A log of snapshots looks for itself, in each of them.
    """
    if work.missing is None or work.logs_snapshots or not books.vanished or not books.quarantined:
        return False
    nameless = _newest_extract(work).where(F.col(BAD) & _any_null(work.keys)).count()
    return nameless > 0 and nameless > _without_key(work)


def _without_key(work: Work) -> int:
    """How many records were read whole, and have no key in the source: they are nobody's.

    In a text file a key may be missing because the file was damaged.
    """
    source, checked = work.table.load.source, work.checked
    fields = [checked.alignment.sources[key] for key in work.keys]
    if source is None or source.is_text or None in fields:
        return 0
    whole = F.col(CORRUPT).isNull() if CORRUPT in checked.source.columns else F.lit(True)
    return _newest(checked.source).where(whole & _any_null([field.name for field in fields if field])).count()


def _newest_extract(work: Work) -> DataFrame:
    """The rows of the extract that says what is missing, judged."""
    return _newest(work.checked.judged)


def _newest(rows: DataFrame) -> DataFrame:
    return rows.where(quoted(AGE) == 0) if AGE in rows.columns else rows


def _any_null(names: Sequence[str]) -> Column:
    return reduce(or_, (quoted(name).isNull() for name in names))


def notices(work: Work, books: Books) -> tuple[str, ...]:
    """What to tell of a batch whose extract lacks rows that nevertheless stay."""
    deletes = work.table.load.write.deletes
    if work.table.load.source is None or deletes is None or deletes.missing is None or work.missing is not None:
        return ()
    if not work.trusts_absence:
        return (
            "deletes no key: the extract has a record whose key cannot be read, and any absent key may be that one",
        )
    return ("deletes no key: the extract is not known to hold all of its source",) if books.extracted else ()


def rows_at_stake(work: Work, books: Books) -> int | None:
    """How many rows the batch could have deleted, where a limit of the table asks for a share of them; else None."""
    guards, target = work.table.load.guards, work.target()
    limit, may_be_all = guards.deleted, "empty" in guards.told and books.vanished > 0
    asks = limit is not None and limit.share is not None and books.gone >= limit.least
    if target is None or not (asks or may_be_all):
        return None
    if work.missing is None:
        return count_rows(work.spark, work.path, work.state.version or 0)
    return _last_known(work, target).count()


def _covered(work: Work, target: DataFrame) -> DataFrame:
    """The rows of which the extract could have something to say: those `within` the values that its good rows have."""
    deletes = work.table.load.write.deletes
    if deletes is None or not deletes.within:
        return target
    values = _newest_extract(work).where(~F.col(BAD)).select(*map(quoted, deletes.within)).distinct()
    return having(target, values, deletes.within)


def _last_known(work: Work, target: DataFrame) -> DataFrame:
    """One row for each key that is not deleted, of those that the extract could lack; of a log, the last one."""
    rows = last_versions(work, target) if work.table.load.write.mode == "append" else target
    flag = work.delete_flag
    return _covered(work, rows.where(_lives(flag)) if flag in rows.columns else rows)


def _lives(flag: str | None) -> Column:
    return ~is_set(flag) if flag else F.lit(True)
