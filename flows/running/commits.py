"""Commits of a run: what was prepared and audited becomes visible, table by table or together, whoever ends it.

Tables that are committed together are so all or not at all: each commit is tried before the first one is made; where
one fails all the same, the others are taken back; and what a run that died has begun is ended before anything else.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from flows.running.pipeline import work_on
from flows.running.side_by_side import Outcome
from tasks import events
from tasks import steps as tasks
from tasks.steps import unseen
from tidemark import faults
from tidemark.control import commits, leases, release
from tidemark.control.processes import is_gone
from tidemark.control.runs import Warned
from tidemark.errors import TidemarkError, told_lines
from tidemark.operations import recovery
from tidemark.plans import store as plans

if TYPE_CHECKING:
    from flows.running.context import RunContext
    from tidemark.control.commits import Interrupted
    from tidemark.control.release import Release
    from tidemark.control.runs import Run
    from tidemark.operations.restore import Step
    from tidemark.write.manifest import Prepared

log = logging.getLogger("tidemark.commits")


def commit(run: RunContext, table: str, prepared: Prepared, *, keeps_lease: bool = False) -> None:
    """Commits a prepared batch."""
    with run.collector.step(table, "commit"):
        commit_it = tasks.on_spark(run.engine.environment, tasks.commit)
        committed = commit_it(unseen(run.engine), table, unseen(prepared), keeps_lease)
    run.collector.note(table, version=committed.version, table_id=run.engine.ids.get(table))
    run.collector.end(table, "committed" if committed.changed else "unchanged")


def commit_together(run: RunContext, tables: Sequence[str], plan: str | None = None) -> None:
    """Commits everything that was prepared and audited, inputs first, and records the release.

    A record in the control store names the batches until the last table is committed and the release recorded. `plan`
    is the run that has staged the batches, where it is not this one.
    """
    engine = run.engine
    batches = {table: engine.prepared[table] for table in tables if table in engine.prepared}
    _rehearse(run, batches)
    ids = {table: batch.batch_id for table, batch in batches.items()}
    before = {table: batch.target_version for table, batch in batches.items()}
    commits.begin(engine.state, engine.run, run.flow, ids, plan, before)
    faults.reach("commit: begun")
    run.collector.stage("commit", tuple(batches))
    outcome = work_on(run, tuple(batches), lambda table: commit(run, table, batches[table], keeps_lease=True))
    if outcome.failures:
        _all_or_nothing(run, outcome, len(batches))
    faults.reach("commit: all tables, no release")
    recorded, new = _release(run, engine.run, plan)
    faults.reach("commit: released, not ended")
    run.collector.release(recorded.name, new)
    commits.end(engine.state, engine.run.run_id)
    _give_back(run, batches)


def _rehearse(run: RunContext, batches: dict[str, Prepared]) -> None:
    """Tries every commit, so that one that cannot be made leaves nothing behind in the others."""

    def rehearse(table: str) -> None:
        with run.collector.step(table, "rehearse"):
            rehearse_it = tasks.on_spark(run.engine.environment, tasks.rehearse)
            rehearse_it(unseen(run.engine), table, unseen(batches[table]))

    outcome = work_on(run, tuple(batches), rehearse, after={})
    outcome.raise_failures(
        f"{len(outcome.failures)} of {len(batches)} tables cannot be committed; nothing was",
        next_step="see to the tables named above, then run again: they are prepared anew",
    )


def _all_or_nothing(run: RunContext, outcome: Outcome, tables: int) -> None:
    """Takes back what was committed beside a commit that failed, and raises what failed."""
    state, run_id = run.engine.state, run.engine.run.run_id
    was_ended = commits.find(state, run_id) is None  # by a run that has taken this one for dead
    try:
        taken_back = take_back(run, run_id)
    except TidemarkError as stuck:
        begun = commits.find(state, run_id)
        if begun is not None:
            failed = next(iter(outcome.failures.values()))
            unfinished = recovery.cannot_end(run.engine, begun, _as_told(failed))
            first, *others = told_lines(recovery.without_advice(stuck))
            unfinished.seen = (*unfinished.seen, f"not taken back: {first}", *others)
            raise unfinished from failed
        was_ended, taken_back = True, ()
    others = "another run has ended this commit" if was_ended else f"taken back: {', '.join(taken_back) or 'nothing'}"
    for failure in outcome.failures.values():
        if isinstance(failure, TidemarkError):
            failure.seen = (*failure.seen, others)
    outcome.raise_failures(
        f"{len(outcome.failures)} of {tables} tables were not committed; {others}",
        next_step="see to the tables named above, then run again: they are prepared anew",
    )


def _as_told(failure: Exception) -> TidemarkError:
    return failure if isinstance(failure, TidemarkError) else TidemarkError(f"{type(failure).__name__}: {failure}")


def claim(run: RunContext, tables: Collection[str]) -> None:
    """Ends what runs that died were committing, and makes this run the only writer of the tables.

    What cannot be ended stops this run only where it has to do with the tables, or with what they are built from. A
    run that plans looks, and writes no table: it tells what is not ended.
    """
    if not tables:
        return
    known, leases_before = run.engine.project.tables, run.engine.leases.held()
    concerned = {*tables, *(name for table in tables if table in known for name in known[table].inputs)}
    if run.engine.run.plans:
        for earlier in commits.interrupted(run.engine.state):
            if earlier.concerns(concerned) and not _is_worked_on(run, earlier):
                _tell_unended(run, earlier)
        return
    while True:
        for earlier in commits.interrupted(run.engine.state):
            if earlier.concerns(concerned):
                finish(run, earlier)
            else:
                _finish_in_passing(run, earlier)
        lease(run, tables)
        if not any(earlier.concerns(concerned) for earlier in commits.interrupted(run.engine.state)):
            return
        # The run for which this one has waited died in mid-commit: whoever ends that waits with nothing in its hands.
        _give_back(run, set(tables) - leases_before)


def finish_interrupted(run: RunContext, tables: Collection[str]) -> None:
    """Ends what runs that died were committing to any of the tables."""
    for earlier in commits.interrupted(run.engine.state):
        if earlier.concerns(tables):
            finish(run, earlier)


def finish_where_possible(run: RunContext, tables: Collection[str]) -> frozenset[str]:
    """Ends what runs that died were committing; gives those of the tables for which that could not be done."""
    stuck: set[str] = set()
    for earlier in commits.interrupted(run.engine.state):
        if earlier.concerns(tables) and not _finish_in_passing(run, earlier):
            stuck |= earlier.batches.keys() & set(tables)
    return frozenset(stuck)


def finish(run: RunContext, earlier: Interrupted) -> Release | None:
    """Ends what an earlier run was committing together when it died: commits the rest and records its release.

    What is being taken back is taken back to the end. Raises `UnfinishedError` where neither can be.
    """
    engine = run.engine
    with leases_of(run, earlier.batches):
        begun = commits.find(engine.state, earlier.run_id)
        if begun is None:
            return None
        try:
            if begun.undoing:
                _take_back(run, begun, over_others=True)
            else:
                _commit_rest(run, begun)
        except TidemarkError as cause:
            raise recovery.cannot_end(engine, begun, cause) from cause
        if not begun.undoing:
            return _released(run, begun)
        told = f"what run {begun.run_id} had committed was to be taken back; that was finished"
        run.collector.warn(Warned(None, told, f"tidemark runs show {begun.short_id}"))
        return None


def _commit_rest(run: RunContext, begun: Interrupted) -> None:
    engine = run.engine
    waiting = recovery.rest(engine, begun)
    for table, batch in waiting.items():
        tasks.on_spark(engine.environment, tasks.rehearse)(unseen(engine), table, unseen(batch))
    for table in begun.batches:
        if table in waiting:
            commit_it = tasks.on_spark(engine.environment, tasks.commit)
            version = commit_it(unseen(engine), table, unseen(waiting[table]), keeps_lease=True).version
        else:
            version = recovery.note_committed(engine, table)
        if run.lineage is not None:
            run.lineage.finished_for(begun, table, version)


def _released(run: RunContext, begun: Interrupted) -> Release:
    engine = run.engine
    died = replace(engine.run, run_id=begun.run_id, date=begun.date)
    recorded, _ = _release(run, died, begun.plan)
    commits.end(engine.state, begun.run_id)
    told = f"run {begun.run_id} died while it committed its {len(begun.batches)} tables; that was finished"
    run.collector.warn(Warned(None, f"{told}, as release {recorded.name}", f"tidemark runs show {begun.short_id}"))
    return recorded


def _finish_in_passing(run: RunContext, earlier: Interrupted) -> bool:
    """Ends what this run has nothing to do with, where that can be done: a run that is at work on it is left alone.

    What could not be ended before waits for a person.
    """
    if _is_worked_on(run, earlier):
        return False
    cause = earlier.cause
    if cause is None:
        try:
            finish(run, earlier)
        except TidemarkError as stuck:
            cause = str(stuck)
        else:
            return True
    log.warning("%s: %s", _tell_unended(run, earlier), cause)
    return False


def _is_worked_on(run: RunContext, earlier: Interrupted) -> bool:
    return any(leases.holder(run.engine.state, table, is_gone) for table in earlier.batches)


def _tell_unended(run: RunContext, earlier: Interrupted) -> str:
    told = f"run {earlier.run_id} died while it committed its {len(earlier.batches)} tables, and that is not ended"
    run.collector.warn(Warned(None, told, f"tidemark recover --run {earlier.short_id}"))
    return told


def take_back(run: RunContext, run_id: str, *, over_others: bool = False) -> tuple[str, ...]:
    """Takes back what a run has committed together with others that it has not; gives the tables.

    Raises `CommitError` where it cannot be done, before anything is changed. With `over_others` rows that others have
    changed in the tables since are taken back too.
    """
    begun = commits.find(run.engine.state, run_id)
    if begun is None:
        return ()
    with leases_of(run, begun.batches):
        begun = commits.find(run.engine.state, run_id)
        return _take_back(run, begun, over_others=over_others) if begun else ()


def _take_back(run: RunContext, begun: Interrupted, *, over_others: bool) -> tuple[str, ...]:
    engine = run.engine
    todo = {step.table: step for step in recovery.look_before_undoing(engine, begun, over_others=over_others)}
    commits.begin_undoing(engine.state, begun.run_id)
    faults.reach("undo: begun")
    restore_tables(run, todo, f"before run {begun.run_id}")
    for table in begun.batches.keys() - todo.keys():
        recovery.settle_undone(engine, table)
    faults.reach("undo: all tables, not ended")
    commits.end(engine.state, begun.run_id)
    return tuple(todo)


def restore_tables(run: RunContext, todo: dict[str, Step], restored: str) -> None:
    """Takes tables back to earlier versions, side by side."""
    run.collector.stage(f"back to {restored}", tuple(todo))

    def restore(table: str) -> None:
        with run.collector.step(table, "restore"):
            restore_it = tasks.on_spark(run.engine.environment, tasks.restore)
            version = restore_it(unseen(run.engine), table, unseen(todo[table]), restored)
        run.engine.batches.pop(table, None)
        run.collector.note(table, version=version, table_id=run.engine.ids.get(table))
        run.collector.end(table, "taken back")

    outcome = work_on(run, tuple(todo), restore, after={})
    outcome.raise_failures(
        f"{len(outcome.failures)} of {len(todo)} tables were not taken back to {restored}",
        next_step="see to the tables named above, then do the same again: it takes back the rest",
    )


def lease(run: RunContext, tables: Collection[str]) -> None:
    """Takes the leases in the order of a daily run, those of bronze last, so that no two runs wait for each other."""
    known = run.engine.project.tables
    received = {table for table in tables if table in known and known[table].load.source}
    run.engine.leases.acquire_all(set(tables) - received)
    run.engine.leases.acquire_all(received)


@contextmanager
def leases_of(run: RunContext, tables: Iterable[str]) -> Iterator[None]:
    """The leases of tables for a while; those that the run has already stay its own."""
    held = run.engine.leases.held()
    taken = [table for table in tables if table not in held]
    try:
        lease(run, taken)
        yield
    finally:
        _give_back(run, taken)


def _give_back(run: RunContext, tables: Iterable[str]) -> None:
    for table in tables:
        run.engine.leases.release(table)


def _release(run: RunContext, committer: Run, plan: str | None) -> tuple[Release, bool]:
    """The release after everything of a run is committed, and whether it is a new one; a plan is closed with it."""
    recorded, new = release.record(run.engine.state, committer, run.engine.committed)
    if plan is not None:
        plans.note_applied(run.engine.state, plan, committer.run_id, recorded.name)
    if new:
        events.release_created(run.engine, recorded)
    return recorded, new
