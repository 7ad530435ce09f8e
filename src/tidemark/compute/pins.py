"""Which version of each table a run reads: one for the whole run, whatever others commit to it meanwhile.

What a batch was computed from is in its commit, and the next run looks at what changed since. If the changes were
looked up in one version and the rows read in a later one, whatever lies between would never be looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidemark.delta.table import TargetState, read_state

if TYPE_CHECKING:
    from tidemark.engine import Engine


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
