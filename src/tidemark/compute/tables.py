"""What a run knows of tables without reading their rows: the version it reads, how new they are, their source's look.

A run reads one version of each table, whatever others commit to it meanwhile. What a batch was computed from is in its
commit, and the next run looks at what changed since. If the changes were looked up in one version and the rows read in
a later one, whatever lies between would never be looked at.

What stands in the control store is an index: the table is the truth, and a note that is lost costs one more look.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tidemark.config.definition import fingerprint
from tidemark.control.release import NEWEST, TABLE
from tidemark.control.state import ABSENT, ConflictError
from tidemark.delta import deltalog, sizes
from tidemark.delta.table import TargetState, read_state
from tidemark.errors import CommitError, StateError
from tidemark.sources.watermark import summary

if TYPE_CHECKING:
    from tidemark.config.project import Table
    from tidemark.engine import Engine, Standing
    from tidemark.write.manifest import Prepared

LOOK = "look"
_ATTEMPTS = 10
_NAMES = ("its Delta id", "its last batch", "its epoch")


def state_of(engine: Engine, table: str) -> TargetState:
    """The table's state now. Where it has not moved since the index was written, Delta is not asked.

    Where the log has dropped the entry of the table's last batch, the index still has a copy of what it said.
    """
    hint = engine.pinned.get(table, engine.indexed.get(table))
    state = read_state(engine.spark, engine.table_path(table), hint=hint)
    return _from_index(engine, table, state) if state.lost else state


def _from_index(engine: Engine, table: str, state: TargetState) -> TargetState:
    """The state with the copy of the last batch's bookkeeping; as it is where that is of another table or batch.

    Where not even a transaction of the batch is left in the log, none has been committed for as long as these are kept.
    """
    known = engine.state.get(TABLE, table)
    copy = dict(known.value) if known else {}
    is_older = copy.get("version") is not None and int(copy["version"]) <= (state.version or 0)
    if not is_older or copy.get("table_id") not in (None, state.table_id):
        return state
    known_number = (state.epoch, state.sequence)
    if state.sequence and known_number != (int(copy.get("epoch", 0)), int(copy.get("sequence", 0))):
        return state
    if isinstance((copy.get("watermark") or {}).get("files"), int):  # of a book of files the index has the number alone
        return replace(state, metadata={**state.metadata, "batch_id": copy.get("batch_id")})
    version = copy.pop("version")
    metadata = {**copy, "epoch": max(int(copy.get("epoch", 0)), state.epoch)}
    return replace(state, metadata=metadata, batch_version=version, lost=False)


def told_gone(engine: Engine, table: str, state: TargetState) -> tuple[str, ...]:
    """What people should hear where a table is not there any more that once was."""
    before = engine.indexed.get(table)
    if state.version is not None or before is None:
        return ()
    return (f"the table is not there any more (it was at version {before}): it is made anew",)


def begin(engine: Engine, table: str, state: TargetState) -> None:
    """Notes what the table is as the work on it begins: what is read for it is for this one."""
    engine.begun[table] = _standing(state)


def refuse_another(engine: Engine, table: str, state: TargetState) -> None:
    """Raises `CommitError` where the table is another, or was taken back, since the work on it began.

    What was read since then, such as the source's window, or the rows that changes affect, fits that one alone.
    """
    begun, now = engine.begun.get(table), _standing(state)
    if begun is None or begun == now:
        return
    raise CommitError(
        "the table was dropped, made anew, taken back or written since the work on it began; nothing was written",
        table=table,
        step="prepare",
        seen=[
            f"{what} was {was}, and is {is_}" for what, was, is_ in zip(_NAMES, begun, now, strict=True) if was != is_
        ],
        evidence=engine.table_path(table),
        next_step="run again: what the table needs is read anew",
    )


def _standing(state: TargetState) -> Standing:
    return state.table_id, state.batch_id, state.epoch


def pinned(engine: Engine, table: str) -> int | None:
    """The committed version of `table` for this run: as it first asked, or as it has committed; None: no table yet."""
    if table not in engine.pinned:
        state = state_of(engine, table)
        engine.ids.setdefault(table, state.table_id)
        engine.pinned.setdefault(table, state.version)
    return engine.pinned[table]


def input_version(engine: Engine, table: str) -> int | None:
    """The committed version of an input that a build reads, under the batch that this run has prepared for it."""
    batch = engine.prepared.get(table)
    return batch.target_version if batch else pinned(engine, table)


def input_id(engine: Engine, table: str) -> str | None:
    """The Delta id of the table that `input_version` is a version of."""
    batch = engine.prepared.get(table)
    if batch:
        return batch.target_id
    pinned(engine, table)
    return engine.ids.get(table)


def note_version(engine: Engine, table: str, version: int | None) -> None:
    """Brings the index, and this run, up to `version` of a table (None: there is none yet).

    The table is the truth: the note is also written where an earlier run died between its commit and the index. With
    the version goes a copy of all that the last batch says of itself. Where another run has committed to the table
    since this one has read it, the index is further, and stays so.
    """
    if version is None:
        return
    engine.committed[table] = engine.pinned[table] = version
    for _ in range(_ATTEMPTS):
        known = engine.state.get(TABLE, table)
        told = known.value if known else {}
        if told.get("version") == version and told.get("table_id") == engine.ids.get(table) is not None:
            return
        if _is_further(engine, table, version, told):
            return
        truth = read_state(engine.spark, engine.table_path(table), at=version, hint=version)
        engine.ids[table] = truth.table_id or engine.ids.get(table)
        if truth.lost:
            truth = _from_index(engine, table, truth)
        entry = index_entry(truth, version, engine.ids[table])
        with suppress(ConflictError):
            engine.state.put(TABLE, table, entry, expected=known.revision if known else ABSENT)
            return
    raise StateError(
        f"the version of {table} could not be noted in {_ATTEMPTS} attempts: other runs note theirs at the same time",
        table=table,
        step="commit",
        next_step="the table is as it should be; run again to note it",
    )


def _is_further(engine: Engine, table: str, version: int, told: Mapping[str, Any]) -> bool:
    """Whether the index names a later version, or the table that has replaced the one of `version`, and the table is
    so: what is not there is of a control store, or a folder, that was put back."""
    noted, noted_id, our_id = told.get("version"), told.get("table_id"), engine.ids.get(table)
    if noted is None or (our_id in (None, noted_id) and int(noted) <= version):
        return False
    now = read_state(engine.spark, engine.table_path(table), hint=int(noted))
    is_true = now.version is not None and now.version >= int(noted) and noted_id in (None, now.table_id)
    return is_true and (int(noted) > version or our_id not in (None, now.table_id))


def index_entry(truth: TargetState, version: int, table_id: str | None) -> dict[str, Any]:
    """What the index says of a table at a version: a copy of what its last batch says of itself."""
    copy = {"batch_id": None, "run_id": None, **truth.metadata, "watermark": summary(truth.watermark)}
    return {**copy, "version": version, "table_id": table_id}


def note_newest(engine: Engine, table: str) -> None:
    """Notes how new a committed table is, where its contract promises that."""
    freshness = engine.table(table).contract.freshness
    if freshness is not None:
        newest(engine, table, freshness.column)


def newest(engine: Engine, table: str, column: str) -> datetime | None:
    """The greatest value of the column in the committed table (naive UTC); None where its log does not tell.

    What was noted counts for the version and batch that it was noted for.
    """
    state = state_of(engine, table)
    subject = {"version": state.version, "batch_id": state.batch_id, "column": column}
    known = engine.state.get(NEWEST, table)
    if known and subject.items() <= known.value.items():
        return datetime.fromisoformat(known.value["at"])
    found = sizes.newest(deltalog.snapshot(engine.spark, engine.table_path(table)), column)
    if found is not None:
        engine.state.put(NEWEST, table, {**subject, "at": found.isoformat()})
    return found


def known_look(engine: Engine, table: Table, state: TargetState) -> Mapping[str, Any]:
    """The look that was taken before the rows of the table's last batch were read; {} where none counts.

    It counts as long as that batch is the table's last (a replay or a restore ends it), and as long as nothing that
    decides about rows has changed: under another contract, rows that were rejected may be good.
    """
    noted = engine.state.get(LOOK, table.name)
    if noted is None or {**noted.value, "look": None} != _look_entry(table, state, None):
        return {}
    look: Mapping[str, Any] = noted.value["look"]
    return look


def note_look(engine: Engine, prepared: Prepared) -> None:
    """Keeps the batch's look, once the batch is in the table or has changed nothing there."""
    if not prepared.look:
        return
    table = engine.table(prepared.table)
    state = read_state(engine.session(table.name), engine.table_path(table.name))
    entry = _look_entry(table, state, prepared.look)
    noted = engine.state.get(LOOK, table.name)
    if noted is None or noted.value != entry:
        engine.state.put(LOOK, table.name, entry)


def _look_entry(table: Table, state: TargetState, look: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"after": state.batch_id, "epoch": state.epoch, "definition": fingerprint(table), "look": look}
