"""Housekeeping: small files of a table are put together, and files that nobody can need any more are removed.

A file is needed while a kept release has it, and while a batch lies in it that is prepared and not committed: of a plan
that is open, of a run that died while it committed, of a replay. Each of these began at an instant; what was in use at
the earliest of them, or came later, stays.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from tidemark import faults
from tidemark.aws.folder import open_folder
from tidemark.compute import tables
from tidemark.control import release
from tidemark.control.runfiles import BY_RUN
from tidemark.control.runs import FilesSummary
from tidemark.delta import deltalog
from tidemark.delta.purging import hidden_files, remove_unheld
from tidemark.delta.table import read_state, version_at
from tidemark.errorlane import compaction
from tidemark.observe import drift
from tidemark.operations import staging
from tidemark.operations.packing import pack_results
from tidemark.operations.retention import expire_errors
from tidemark.operations.upkeep import compact, remember_removed, rename, vacuum
from tidemark.plans import store as plans
from tidemark.sources.landing.shelf import Shelf, page_names
from tidemark.spark import storage
from tidemark.write.manifest import BATCH

if TYPE_CHECKING:
    from tidemark.config.environment import Environment
    from tidemark.control.runs import RunStore
    from tidemark.control.state import StateStore
    from tidemark.engine import Engine

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tidied:
    """What became of a table: its version, its files, and how many files of its error lane had lain for their time."""

    version: int
    files: FilesSummary
    expired: int = 0


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

    The rows stay as they are. Readers of a kept release see its files as before. So it is with what lies beside the
    table: its error lane, and results of its checks. To be called with the table's lease.
    """
    tidied = _tidy_table(engine, table, since, now)
    environment, place = engine.environment, table.replace(".", "/", 1)
    pack_results(open_folder(f"{environment.roots.dq_results}/{place}", environment.aws), now - BY_RUN)
    lane = open_folder(engine.errors_path(table), environment.aws)
    compaction.compact_ledger(lane)
    expired = expire_errors(lane, environment.retention.errors, now.date())
    compaction.compact(engine.session(table), lane, table, now.date())
    return None if tidied is None else replace(tidied, expired=expired)


def _tidy_table(engine: Engine, table: str, since: datetime, now: datetime) -> Tidied | None:
    spark, path = engine.session(table), engine.table_path(table)
    state = read_state(spark, path)
    if state.version is None:
        _clean_first_batches(engine, table, since)
        return None
    lease = engine.leases.confirm(table)
    kept = max(engine.environment.maintenance.keep, now - since - engine.environment.plans.keep)
    remember_removed(spark, path, kept, {"fence": lease.token})
    plan = next((each.short_id for each in plans.still_open(engine.state) if table in each.tables), None)
    before = deltalog.file_count(deltalog.snapshot(spark, path))
    signed = {"fence": lease.token, "maintained": engine.run.run_id}
    if plan is None:
        rename(spark, path, signed)
    if plan is None and before > 1:
        compact(spark, path, signed)
        faults.reach(f"{table}: compacted, not in the index")
    lying = storage.size(spark, path)
    if not vacuum(spark, path, keep=now - since):
        log.warning(
            "%s: what is out of use stays for now, as an earlier version has named files unknown to VACUUM", table
        )
    _clean_hidden(engine, table, since)
    _clean_shelf(engine, table, since)
    freed = max(lying - storage.size(spark, path), 0)  # the log beside the files may just have grown
    snapshot = deltalog.snapshot(spark, path)
    version = int(snapshot.version())
    tables.note_version(engine, table, version)
    return Tidied(version, FilesSummary(before, deltalog.file_count(snapshot), freed, plan))


def tidy_records(engine: Engine, runs: RunStore, since: datetime, now: datetime) -> None:
    """Tidies what is of no single table: the log of drift, releases that nobody can go back to, runs that are over."""
    spark, log = engine.spark, drift.log_path(engine)
    if deltalog.latest_version(spark, log) is not None:
        if deltalog.file_count(deltalog.snapshot(spark, log)) > 1:
            compact(spark, log, {"maintained": engine.run.run_id})
        vacuum(spark, log, keep=now - since)
    release.retire(engine.state, since)
    runs.pack((now - BY_RUN).date())


def _clean_first_batches(engine: Engine, table: str, since: datetime) -> None:
    """Removes what was staged for a table that never came to be; of one that there is, Delta does so."""
    folder = open_folder(engine.table_path(table), engine.environment.aws)
    last: dict[str, datetime] = {}
    for name, written in folder.written().items():
        batch = name.partition("/")[0]
        last[batch] = max(written, last.get(batch, written))
    for batch, written in last.items():
        if batch.startswith(BATCH) and written < since:
            folder.delete(batch)


def _clean_hidden(engine: Engine, table: str, since: datetime) -> None:
    """Removes what earlier versions of Tidemark have staged in folders that VACUUM passes over, and nobody needs."""
    environment, spark, path = engine.environment, engine.session(table), engine.table_path(table)
    folder = open_folder(path, environment.aws)
    if hidden := hidden_files(folder, since):
        remove_unheld(spark, path, folder, hidden, version_at(spark, path, since + environment.plans.keep))


def _clean_shelf(engine: Engine, table: str, since: datetime) -> None:
    """Removes pages of the table's book of files that no kept release needs.

    A page is in every book from the one that it was written for until one puts it together with others. What was
    written before `since` was committed a plan's time later, or never: what the book of that instant does not have, and
    the book of now does not have, nobody can go back to.
    """
    environment, spark, path = engine.environment, engine.session(table), engine.table_path(table)
    shelf = Shelf.of(table, environment.roots.lake, environment.aws)
    if not shelf.written_before(since.date()):
        return
    kept_since = version_at(spark, path, since + environment.plans.keep)
    books = (read_state(spark, path).watermark, read_state(spark, path, at=kept_since).watermark)
    shelf.clean(since.date(), set().union(*map(page_names, books)))
