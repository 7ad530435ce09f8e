"""Whether a table may be written as it stands: whose it is, whether others have moved it, and what it asks of a writer.

People and other engines write the tables too. What they do is followed where it changes nothing that a batch was made
from; otherwise nothing is committed on top of it. See docs/other-writers.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.errors import PySparkException
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from tidemark.delta import deltalog, entries, protocol
from tidemark.delta.table import read_version
from tidemark.errors import CommitError
from tidemark.write.manifest import CHANGE_TYPE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from tidemark.delta.entries import Change
    from tidemark.delta.protocol import Terms
    from tidemark.delta.table import TargetState
    from tidemark.write.manifest import Prepared

_SHOWN = 5
_AGAIN = "run again: the batch is prepared anew"


class FencedError(CommitError):
    """The token under which the table was last written is greater than the one that this commit has."""


def refuse_foreign(spark: SparkSession, table: str, path: str, state: TargetState, step: str) -> None:
    """Raises `CommitError` where the table that stands here was put there by others: no batch says what is in it.

    One that is empty may be written: a person who makes a table beforehand, or a run that died right after making it.
    """
    if state.version is None or state.batch_id is not None:
        return
    snapshot = deltalog.snapshot(spark, path)
    was_ours = state.lost and "_batch_id" in deltalog.schema(snapshot).names
    if was_ours or not deltalog.file_count(snapshot):
        return
    before = None if state.replaced is None else state.replaced.version - 1
    back = "" if before is None else f"take it back: RESTORE TABLE {_named(path)} TO VERSION AS OF {before}; or "
    raise CommitError(
        "the table holds rows that were not committed by Tidemark, which cannot tell what of the source, or of its "
        "inputs, is in it; nothing was written",
        table=table,
        step=step,
        seen=[str(state.replaced) if state.replaced else f"at version {state.version} no entry of its log is a batch"],
        evidence=path,
        next_step=f"{back}remove its folder, and run again: the table is then made anew",
    )


def refuse_lost(table: str, path: str, state: TargetState) -> None:
    """Raises `CommitError` where nobody knows any more how far the source of the table was read."""
    if state.lost:
        raise CommitError(
            "the log of the table no longer has its last batch, and the control store has no copy of what it said: how "
            "far the source was read is not known; nothing was read",
            table=table,
            step="extract",
            seen=[f"the entry of batch {state.batch_id or state.sequence} was cleaned from the log by its retention"],
            evidence=f"{path}/_delta_log",
            next_step=f"tidemark run --select {table} --full-refresh reads the source as a whole, and adds what the "
            "table lacks",
        )


@dataclass(frozen=True)
class Gone:
    """Columns that others have taken away since the last batch, and the last version that still had them all."""

    columns: tuple[str, ...]
    version: int


def columns_gone(spark: SparkSession, path: str, state: TargetState) -> Gone | None:
    """What the table had after its last batch, and others have dropped or renamed since."""
    since, now = state.batch_version, state.version
    if since is None or now is None or since == now:
        return None
    above = changes_above(spark, path, since, now)
    if above is None or not any(each.metadata for each in above):
        return None
    before = deltalog.schema(deltalog.at_version(spark, path, since)).names
    if set(before) <= set(deltalog.schema(deltalog.snapshot(spark, path)).names):
        return None
    for each in above:
        if each.metadata:
            stored = set(deltalog.schema(deltalog.at_version(spark, path, each.told.version)).names)
            if gone := tuple(name for name in before if name not in stored):
                return Gone(gone, each.told.version - 1)
    return None


def refuse_columns_gone(
    spark: SparkSession, table: str, path: str, state: TargetState, *, is_computed: bool = False
) -> None:
    """Raises `CommitError` where others have taken columns of the table away: of rows that were received nobody can
    compute what was in there, and what is computed has to be computed anew.
    """
    gone = columns_gone(spark, path, state)
    if gone:
        back = f"take the table back: RESTORE TABLE {_named(path)} TO VERSION AS OF {gone.version}; then run again"
        raise CommitError(
            "others have dropped or renamed columns of the table since its last batch; nothing was written",
            table=table,
            step="prepare" if is_computed else "extract",
            seen=[f"{', '.join(gone.columns)}: in the table at version {gone.version}, and not after it"],
            evidence=path,
            next_step="run again: the table is computed anew" if is_computed else back,
        )


def refuse_moved(spark: SparkSession, path: str, prepared: Prepared, state: TargetState, *, is_new: bool) -> None:
    """Raises `CommitError` where the table is no longer what the batch was made from.

    What others commit that changes no row and takes no column away is no obstacle.
    """
    if state.fence > prepared.fence:
        raise FencedError(
            "another run has taken over the lease of this table and has written it; nothing was written",
            table=prepared.table,
            step="commit",
            seen=[f"this run's lease has the token {prepared.fence}, the table's last commit {state.fence}"],
            evidence=prepared.path,
            next_step=_AGAIN,
        )
    _refuse_another_table(prepared, state)
    if prepared.target_version is not None and state.epoch != prepared.epoch:
        seen = [f"the table is under epoch {state.epoch}, and was under {prepared.epoch}"]
        raise _refusal(prepared, "the table was restored since this batch was prepared; nothing was written", seen)
    same_batch = state.batch_id == prepared.after or (state.lost and state.batch_id is None)
    if not same_batch or (prepared.target_version is None and not is_new):
        raise _refusal(
            prepared,
            "another run has committed to the table since this batch was prepared; nothing was written",
            [f"prepared after batch {prepared.after}", f"the table's last batch is {state.batch_id}"],
        )
    if prepared.target_version is None or state.version == prepared.target_version:
        return
    found = changes_above(spark, path, prepared.target_version, state.version or 0)
    moved = None if found is None else [str(each) for each in found if each.rows]
    if moved is None:
        moved = ["what was committed to it is no longer in its log"]
    if moved:
        raise _refusal(
            prepared,
            "others have changed rows of the table since this batch was prepared; nothing was written on top of that",
            moved[:_SHOWN],
        )
    _refuse_other_columns(spark, path, prepared, found or ())


def changes_above(spark: SparkSession, path: str, since: int, until: int) -> list[Change] | None:
    """What was committed after version `since` and up to `until`; None where the log no longer has all of it."""
    try:
        return list(entries.changes(spark, path, since, until))
    except entries.GoneError:
        return None


def _refuse_another_table(prepared: Prepared, state: TargetState) -> None:
    if prepared.target_version is None:
        return
    if state.version is None:
        raise _refusal(prepared, "the table was dropped since this batch was prepared; nothing was written", [])
    is_other = None not in (prepared.target_id, state.table_id) and state.table_id != prepared.target_id
    if is_other or state.replaced is not None:
        raise _refusal(
            prepared,
            "another table stands where this one was when the batch was prepared; nothing was written",
            [str(state.replaced)] if state.replaced else [f"it was {prepared.target_id}, and is {state.table_id}"],
        )


def _refuse_other_columns(spark: SparkSession, path: str, prepared: Prepared, found: Sequence[Change]) -> None:
    if not any(each.metadata for each in found) or prepared.target_version is None:
        return
    now = {each.name: each.dataType for each in deltalog.schema(deltalog.snapshot(spark, path)).fields}
    then = read_version(spark, path, prepared.target_version).schema
    seen = [
        f"{each.name} was {each.dataType.simpleString()}, and is "
        + (now[each.name].simpleString() if each.name in now else "not there")
        for each in then.fields
        if now.get(each.name) != each.dataType
    ]
    if seen:
        summary = "columns of the table were changed since this batch was prepared; nothing was written"
        raise _refusal(prepared, summary, [*seen[:_SHOWN], *map(str, found[:_SHOWN])])


def terms_of(spark: SparkSession, path: str, prepared: Prepared) -> Terms:
    """What the table asks of whoever writes the batch; raises `CommitError` where the batch, or Delta, cannot give it.

    Looked at before anything is committed: the batch that is refused in the middle of its commit comes too late.
    """
    snapshot = deltalog.snapshot(spark, path)
    if int(snapshot.version()) < 0:
        return protocol.Terms()
    terms = protocol.terms(snapshot)
    try:
        deltalog.refuse_unwritable(spark, path, snapshot)
    except PySparkException as refused:
        raise _unmet(
            prepared, "the table asks for what this version of Delta cannot write", [_first(refused)]
        ) from None
    books = prepared.books
    if terms.append_only and (prepared.operation == "overwrite" or books.updated + books.deleted + books.vanished):
        changes = f"{books.updated} updates, {books.deleted + books.vanished} deletes"
        what = "replaces its rows" if prepared.operation == "overwrite" else changes
        raise _unmet(
            prepared,
            f"the table takes no changes of rows (delta.appendOnly), and the batch has some: {what}",
            [],
            f"ALTER TABLE {_named(path)} UNSET TBLPROPERTIES ('delta.appendOnly'); then run again",
        )
    if terms.constraints:
        _refuse_broken(spark, path, prepared, terms.constraints, deltalog.schema(snapshot))
    return terms


def _refuse_broken(
    spark: SparkSession, path: str, prepared: Prepared, constraints: Mapping[str, str], stored: StructType
) -> None:
    rows = prepared.rows(spark).where(F.col(CHANGE_TYPE) != "delete")
    broken = _broken(rows, constraints, stored)
    if not broken:
        return
    first = next(iter(broken))
    drop = (
        f"ALTER TABLE {_named(path)} ALTER COLUMN {first.removesuffix(' NOT NULL')} DROP NOT NULL"
        if first.endswith(" NOT NULL")
        else f"ALTER TABLE {_named(path)} DROP CONSTRAINT {first}"
    )
    raise _unmet(
        prepared,
        "rows of the batch break a constraint that somebody has put on the table",
        [f"{name} ({constraints[name]}): {count} rows" for name, count in broken.items()],
        f"make it a rule of the contract, so that such rows go to the error lane, or take it off: {drop}; then run",
    )


def _broken(rows: DataFrame, constraints: Mapping[str, str], stored: StructType) -> dict[str, int]:
    """How many rows break each constraint. Of updated rows the columns that the batch lacks stay as they are."""
    lacking = [field for field in stored.fields if field.name not in rows.columns]
    whole = rows.withColumns({each.name: F.lit(None).cast(each.dataType) for each in lacking}) if lacking else rows
    is_new = F.col(CHANGE_TYPE) == "insert"
    counts = []
    for name, condition in constraints.items():
        breaks = ~F.coalesce(F.expr(condition), F.lit(False))
        if any(re.search(rf"\b{re.escape(each.name)}\b", condition, re.IGNORECASE) for each in lacking):
            breaks = breaks & is_new
        counts.append(F.count_if(breaks).alias(name))
    found = whole.agg(*counts).collect()[0].asDict()
    return {name: count for name, count in found.items() if count}


def _named(path: str) -> str:
    """A table as Delta's SQL takes it."""
    return f"delta.`{path.replace('`', '``')}`"


def _first(failure: BaseException) -> str:
    return str(failure).partition("\n")[0]


def _unmet(prepared: Prepared, summary: str, seen: Sequence[str], next_step: str | None = None) -> CommitError:
    return CommitError(
        f"{summary}; nothing was written",
        table=prepared.table,
        step="prepare",
        seen=seen,
        evidence=prepared.path,
        next_step=next_step
        or "write it with an engine that knows the feature, or drop it (ALTER TABLE … DROP FEATURE)",
    )


def _refusal(prepared: Prepared, summary: str, seen: Sequence[str]) -> CommitError:
    return CommitError(
        summary, table=prepared.table, step="commit", seen=seen, evidence=prepared.path, next_step=_AGAIN
    )
