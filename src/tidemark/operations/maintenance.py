"""Housekeeping: small files of a table are put together, and files that nobody can need any more are removed.

A file is needed while a kept release has it, and while a batch lies in it that is prepared and not committed: of a plan
that is open, of a run that died while it committed, of a replay. Each of these began at an instant; what was in use at
the earliest of them, or came later, stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tidemark import faults
from tidemark.compute import tables
from tidemark.control import release
from tidemark.control.runs import FilesSummary
from tidemark.delta import deltalog
from tidemark.delta.table import read_state
from tidemark.operations import staging
from tidemark.plans import store as plans
from tidemark.spark import storage
from tidemark.write.commit import compact, vacuum

if TYPE_CHECKING:
    from tidemark.config.environment import Environment
    from tidemark.control.runs import RunStore
    from tidemark.control.state import StateStore
    from tidemark.engine import Engine


@dataclass(frozen=True)
class Tidied:
    """What became of a table: its version, and its files."""

    version: int
    files: FilesSummary


def needed_since(environment: Environment, state: StateStore, runs: RunStore, now: datetime) -> datetime:
    """The instant (UTC) since which no file may have gone out of use to be removed.

    A plan's time is added: a batch may have been staged so long before its commit. Raises `ConfigError` when the
    summary of a run is gone whose batches are still needed.
    """
    newest = release.latest(state)
    began = [runs.load(run).started_at for run in staging.needed(state)]
    released = [newest.created_at] if newest else []
    return min([now - environment.maintenance.keep, *released, *began]) - environment.plans.keep


def tidy(engine: Engine, table: str, since: datetime, now: datetime) -> Tidied | None:
    """Puts the table's small files together and removes what went out of use before `since`; None: there is no table.

    The rows stay as they are. Readers of a kept release see its files as before. To be called with the table's lease.
    """
    spark, path = engine.session(table), engine.table_path(table)
    state = read_state(spark, path)
    if state.version is None:
        return None
    lease = engine.leases.confirm(table)
    plan = next((each.short_id for each in plans.still_open(engine.state) if table in each.tables), None)
    before = deltalog.file_count(deltalog.snapshot(spark, path))
    if plan is None and before > 1:
        signed = {"fence": lease.token, "maintained": engine.run.run_id}
        compact(spark, path, signed)
        faults.reach(f"{table}: compacted, not in the index")
    lying = storage.size(spark, path)
    vacuum(spark, path, keep=now - since)
    freed = max(lying - storage.size(spark, path), 0)  # the log beside the files may just have grown
    snapshot = deltalog.snapshot(spark, path)
    version = int(snapshot.version())
    tables.note_version(engine, table, version)
    return Tidied(version, FilesSummary(before, deltalog.file_count(snapshot), freed, plan))
