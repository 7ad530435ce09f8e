"""Commits of a run: what was prepared and audited becomes visible, table by table or together, whoever ends it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from flows.running.pipeline import work_on
from tasks import events
from tasks import steps as tasks
from tasks.steps import unseen
from tidemark import faults
from tidemark.control import commits, release
from tidemark.control.runs import Warned
from tidemark.operations import staging
from tidemark.plans import store as plans

if TYPE_CHECKING:
    from flows.running.context import RunContext
    from tidemark.control.release import Release
    from tidemark.control.runs import Run
    from tidemark.write.manifest import Prepared


def commit(run: RunContext, table: str, prepared: Prepared) -> None:
    """Commits a prepared batch."""
    with run.collector.step(table, "commit"):
        committed = tasks.on_spark(run.engine.environment, tasks.commit)(unseen(run.engine), table, unseen(prepared))
    run.collector.note(table, version=committed.version, table_id=run.engine.ids.get(table))
    run.collector.end(table, "committed" if committed.changed else "unchanged")


def commit_together(run: RunContext, tables: Sequence[str], plan: str | None = None) -> None:
    """Commits everything that was prepared and audited, inputs first, and records the release.

    A record in the control store names the batches until the last table is committed and the release recorded. `plan`
    is the run that has staged the batches, where it is not this one.
    """
    engine = run.engine
    waiting = [table for table in tables if table in engine.prepared]
    batches = {table: engine.prepared[table].batch_id for table in waiting}
    commits.begin(engine.state, engine.run, run.flow, batches, plan)
    faults.reach("commit: begun")
    run.collector.stage("commit", waiting)
    outcome = work_on(run, waiting, lambda table: commit(run, table, engine.prepared[table]))
    outcome.raise_failures(
        f"{len(outcome.failures)} of {len(waiting)} tables were not committed",
        next_step="run again: it prepares the rest anew, and commits nothing twice",
    )
    faults.reach("commit: all tables, no release")
    recorded, new = _release(run, engine.run, plan)
    faults.reach("commit: released, not ended")
    run.collector.release(recorded.name, new)
    commits.end(engine.state, engine.run.run_id)


def claim(run: RunContext, tables: Collection[str]) -> None:
    """Ends what runs that died were committing, and makes this run the only writer of the tables."""
    if not tables:
        return
    for earlier in commits.interrupted(run.engine.state):
        _finish(run, earlier)
    if not run.engine.run.plans:  # it looks, and writes no table
        _lease(run, tables)


def finish_interrupted(run: RunContext, tables: Collection[str]) -> None:
    """Ends what runs that died were committing to any of the tables."""
    for earlier in commits.interrupted(run.engine.state):
        if not earlier.batches.keys().isdisjoint(tables):
            _finish(run, earlier)


def _finish(run: RunContext, earlier: commits.Interrupted) -> None:
    """Commits to the end what an earlier run was committing together when it died, and records its release."""
    engine = run.engine
    _lease(run, earlier.batches)
    engine.prepared.update(staging.staged(engine, earlier))
    for table in earlier.batches:
        commit_it = tasks.on_spark(engine.environment, tasks.commit)
        committed = commit_it(unseen(engine), table, unseen(engine.prepared[table]))
        if run.lineage is not None:
            run.lineage.finished_for(earlier, table, committed.version)
    died = replace(engine.run, run_id=earlier.run_id, date=earlier.date)
    recorded, _ = _release(run, died, earlier.plan)
    commits.end(engine.state, earlier.run_id)
    told = f"run {earlier.run_id} died while it committed its {len(earlier.batches)} tables; that was finished"
    run.collector.warn(Warned(None, f"{told}, as release {recorded.name}", f"tidemark runs show {earlier.run_id}"))


def _lease(run: RunContext, tables: Collection[str]) -> None:
    """Takes the leases in the order of a daily run, those of bronze last, so that no two runs wait for each other."""
    received = {table for table in tables if run.engine.table(table).load.source}
    run.engine.leases.acquire_all(set(tables) - received)
    run.engine.leases.acquire_all(received)


def _release(run: RunContext, committer: Run, plan: str | None) -> tuple[Release, bool]:
    """The release after everything of a run is committed, and whether it is a new one; a plan is closed with it."""
    recorded, new = release.record(run.engine.state, committer, run.engine.committed)
    if plan is not None:
        plans.note_applied(run.engine.state, plan, committer.run_id, recorded.name)
    if new:
        events.release_created(run.engine, recorded)
    return recorded, new
