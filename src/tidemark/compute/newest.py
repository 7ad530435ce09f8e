"""The newest instant in each table, kept in the control store: how old a table is can be told without its log."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from tidemark.compute.pins import state_of
from tidemark.delta import deltalog

if TYPE_CHECKING:
    from tidemark.engine import Engine

KIND = "newest"


def note(engine: Engine, table: str) -> None:
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
    known = engine.state.get(KIND, table)
    if known and subject.items() <= known.value.items():
        return datetime.fromisoformat(known.value["at"])
    found = deltalog.newest(deltalog.snapshot(engine.spark, engine.table_path(table)), column)
    if found is not None:
        engine.state.put(KIND, table, {**subject, "at": found.isoformat()})
    return found
