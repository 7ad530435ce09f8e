"""The control store's index of tables: what each one's last commit says, for readers without Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidemark.delta.table import read_state

if TYPE_CHECKING:
    from tidemark.control.state import StateStore
    from tidemark.engine import Engine

KIND = "table"


def versions(state: StateStore) -> dict[str, int | None]:
    """The version of each table, as far as the index knows."""
    return {record.key: record.value.get("version") for record in state.list(KIND)}


def note(engine: Engine, table: str, version: int | None) -> None:
    """Brings the index, and this run, up to a table whose version is now `version` (None: there is none yet).

    The table is the truth: the note is also written where an earlier run died between its commit and the index.
    """
    if version is None:
        return
    engine.committed[table] = engine.pinned[table] = version
    known = engine.state.get(KIND, table)
    if known and known.value.get("version") == version:
        return
    truth = read_state(engine.spark, engine.table_path(table), hint=version)
    found = {"version": truth.version, "batch_id": truth.batch_id, "watermark": truth.watermark}
    engine.state.put(KIND, table, found | {"run_id": truth.metadata.get("run_id")})
