"""A pair reconciled, whichever way rows go between the two; what is personal is hidden, or is noted as seen."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING

from tidemark.aws.folder import open_folder
from tidemark.errorlane.showing import write_access
from tidemark.lint.privacy import admission
from tidemark.reconcile import published, received
from tidemark.reconcile.comparing import Showing, not_compared
from tidemark.reconcile.found import HIDDEN, DifferentRow, Reconciled
from tidemark.reconcile.lake import types

if TYPE_CHECKING:
    from tidemark.config.environment import Environment
    from tidemark.engine import Engine
    from tidemark.reconcile.pairs import Pair

_seen: ContextVar[list[Reconciled] | None] = ContextVar("tidemark_unmasked", default=None)
log = logging.getLogger(__name__)


@contextmanager
def unmasked() -> Iterator[list[Reconciled]]:
    """What is compared inside the block is also given with its personal values, to this process alone."""
    found: list[Reconciled] = []
    token = _seen.set(found)
    try:
        yield found
    finally:
        _seen.reset(token)


def reconcile(engine: Engine, pair: Pair) -> Reconciled:
    """Compares the pair; differences are in the result, not an error. No personal value is in it."""
    table, seen = engine.table(pair.table), _seen.get()
    names = (pair.other, table.name) if pair.way == "from" else (table.name, pair.other)
    if pair.reason is not None:
        return not_compared(table.name, names, pair.reason)
    every = frozenset(types(table))
    open_columns = frozenset(
        name for name in every if not admission.sight(engine.project.tables).given(table.name).seen(name)
    )
    showing = Showing(every if seen is not None else open_columns, open_columns)
    if pair.way == "from":
        found = received.reconcile(engine, table, showing)
    else:
        found = published.reconcile(engine, table, pair.other, showing)
    if seen is None:
        return found
    seen.append(found)
    return replace(found, differences=tuple(_hidden(row, open_columns) for row in found.differences))


def _hidden(row: DifferentRow, open_columns: frozenset[str]) -> DifferentRow:
    key = {name: value if name in open_columns else HIDDEN for name, value in row.key.items()}
    columns = {name: both if name in open_columns else (HIDDEN, HIDDEN) for name, both in row.columns.items()}
    return DifferentRow(row.what, key, columns)


def note_access(environment: Environment, who: str, tables: Sequence[str]) -> str:
    """Notes in the error lane that somebody asked to see differences of tables with their personal values."""
    names = sorted(set(tables))
    lanes = open_folder(environment.roots.errors, environment.aws)
    path = write_access(lanes, who, {"what": "reconciliation", "tables": names})
    log.warning("%s reconciles %s unmasked; noted in %s", who, ", ".join(names), path)
    return path
