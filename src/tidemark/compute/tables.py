"""What a run knows of tables without reading their rows: the version it reads, how new they are, their source's look.

A run reads one version of each table, whatever others commit to it meanwhile. What a batch was computed from is in its
commit, and the next run looks at what changed since. If the changes were looked up in one version and the rows read in
a later one, whatever lies between would never be looked at.

What stands in the control store is an index: the table is the truth, and a note that is lost costs one more look.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tidemark.config.definition import fingerprint
from tidemark.control.release import TABLE
from tidemark.delta import deltalog
from tidemark.delta.table import TargetState, read_state
from tidemark.sources.watermark import summary

if TYPE_CHECKING:
    from tidemark.config.project import Table
    from tidemark.engine import Engine
    from tidemark.write.manifest import Prepared

NEWEST = "newest"
LOOK = "look"


def state_of(engine: Engine, table: str) -> TargetState:
    """The table's state now. Where it has not moved since the index was written, Delta is not asked."""
    hint = engine.pinned.get(table, engine.indexed.get(table))
    return read_state(engine.spark, engine.table_path(table), hint=hint)


def pinned(engine: Engine, table: str) -> int | None:
    """The committed version of `table` for this run: as it first asked, or as it has committed; None: no table yet."""
    if table not in engine.pinned:
        engine.pinned.setdefault(table, state_of(engine, table).version)
    return engine.pinned[table]


def input_version(engine: Engine, table: str) -> int | None:
    """The committed version of an input that a build reads, under the batch that this run has prepared for it."""
    batch = engine.prepared.get(table)
    return batch.target_version if batch else pinned(engine, table)


def note_version(engine: Engine, table: str, version: int | None) -> None:
    """Brings the index, and this run, up to a table whose version is now `version` (None: there is none yet).

    The table is the truth: the note is also written where an earlier run died between its commit and the index.
    """
    if version is None:
        return
    engine.committed[table] = engine.pinned[table] = version
    known = engine.state.get(TABLE, table)
    if known and known.value.get("version") == version:
        return
    truth = read_state(engine.spark, engine.table_path(table), hint=version)
    found = {"version": truth.version, "batch_id": truth.batch_id, "watermark": summary(truth.watermark)}
    engine.state.put(TABLE, table, found | {"run_id": truth.metadata.get("run_id")})


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
    found = deltalog.newest(deltalog.snapshot(engine.spark, engine.table_path(table)), column)
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
