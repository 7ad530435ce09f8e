"""A replay of the error lane as the flow does it, step by step."""

from __future__ import annotations

from tests.support.lakes.lake import Lake
from tidemark import faults, steps
from tidemark.books import Books
from tidemark.engine import Engine
from tidemark.errorlane import replay
from tidemark.errorlane.replay import Which

COMMITTED = "test: committed"
"""The fault point between the commit of a replay and its entry in the ledger."""


def replayed(lake: Lake, table: str, which: Which | None = None, engine: Engine | None = None) -> Books | None:
    """Replays open errors of the table; gives the books of the batch, None where there was no error."""
    engine = engine or lake.engine()
    found = replay.replayed(engine, table, which or Which())
    if found is None:
        return None
    extract, errors = found
    checked = steps.validate(engine, table, extract)
    prepared = steps.prepare(engine, table, checked)
    replay.begin(engine, table, prepared, errors, checked)
    steps.commit(engine, table, prepared)
    faults.reach(COMMITTED)
    replay.settle(engine, table)
    return prepared.books
