"""What flows do with one table, and with all tables of a stage: the steps in order, noted in the run's summary."""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from flows.collector import check_text
from flows.side_by_side import Outcome, side_by_side
from tasks import steps as tasks
from tasks.guard import step
from tasks.steps import unseen
from tasks.transient import is_transient
from tidemark import faults, recovery, release, steps
from tidemark.books import Books
from tidemark.errors import GateError, TidemarkError
from tidemark.runs import Publication, Warned

if TYPE_CHECKING:
    from flows.run_context import RunContext
    from tidemark.quality import GateResult
    from tidemark.release import Release
    from tidemark.replay import Which
    from tidemark.sources import Extract
    from tidemark.write.manifest import Prepared
    from tidemark.write.work import Checked

log = logging.getLogger("tidemark.publish")


def receive(run: RunContext, table: str, since: datetime | None, full: bool) -> None:
    """Brings what is new in a source into its bronze table: extract, validate, prepare, gate, commit."""
    engine, collector = unseen(run.engine), run.collector
    run.engine.leases.acquire(table)
    with collector.step(table, "extract"):
        extracted = tasks.extract(engine, table, since, full)
    if steps.has_nothing(run.engine, table, extracted):
        leave(run, table, extracted.notices)
        return
    checked = _validate(run, table, extracted)
    prepared = _prepare(run, table, checked)
    _write_errors(run, table, checked, prepared)
    pass_gate(run, table)
    commit(run, table, prepared)


def replay(run: RunContext, table: str, which: Which) -> None:
    """Brings the open errors of a bronze table into it, as far as they now keep its contract.

    What is rejected again stays open in the error lane.
    """
    engine, collector = unseen(run.engine), run.collector
    run.engine.leases.acquire(table)
    with collector.step(table, "read errors"):
        found = tasks.read_errors(engine, table, unseen(which))
    if found is None:
        collector.note(table, books=Books())
        collector.end(table, "unchanged")
        return
    extracted, errors = found
    checked = _validate(run, table, extracted)
    prepared = _prepare(run, table, checked)
    pass_gate(run, table)
    with collector.step(table, "note"):
        tasks.begin_replay(engine, table, unseen(prepared), unseen(errors), unseen(checked))
    commit(run, table, prepared)
    with collector.step(table, "note"):
        tasks.end_replay(engine, table)


def build(run: RunContext, table: str, full: bool) -> None:
    """Prepares and audits a silver or gold table; its batch waits in the engine to be committed with the others.

    A table of which no input has changed stays as it is, and as it was audited.
    """
    with run.collector.step(table, "build"):
        checked = tasks.build(unseen(run.engine), table, full)
    if checked is None:
        leave(run, table)
        return
    run.collector.note(table, computed=checked.reason or "what changed")
    _write_errors(run, table, checked, _prepare(run, table, checked))
    pass_gate(run, table)
    run.collector.end(table, "prepared")


def leave(run: RunContext, table: str, notices: Sequence[str] = ()) -> None:
    """Ends the work on a table that has nothing new; all that can go wrong with it is that it has grown old."""
    _warn(run, table, notices)
    with run.collector.step(table, "gate"):
        aged = tasks.stay(unseen(run.engine), table)
    if aged is not None:
        run.collector.gate(table, aged)
    run.collector.note(table, books=Books(), version=run.engine.committed.get(table), computed="nothing")
    run.collector.end(table, "unchanged")
    if aged is not None and not aged.passed:
        raise _refusal(run, table, aged)


def _validate(run: RunContext, table: str, extracted: Extract) -> Checked:
    with run.collector.step(table, "validate"):
        return tasks.validate(unseen(run.engine), table, unseen(extracted))


def _prepare(run: RunContext, table: str, checked: Checked) -> Prepared:
    _warn(run, table, checked.notices)
    with run.collector.step(table, "prepare"):
        prepared = tasks.prepare(unseen(run.engine), table, unseen(checked))
    run.collector.note(table, books=prepared.books)
    return prepared


def _write_errors(run: RunContext, table: str, checked: Checked, prepared: Prepared) -> None:
    if prepared.books.quarantined:
        with run.collector.step(table, "write errors"):
            rejected = tasks.write_errors(unseen(run.engine), table, unseen(checked), unseen(prepared))
            run.collector.rejected(table, rejected.by_rule)


def _warn(run: RunContext, table: str, notices: Sequence[str]) -> None:
    for notice in notices:
        run.collector.warn(Warned(table, notice))


def pass_gate(run: RunContext, table: str) -> None:
    """Runs the table's checks; raises `GateError` when one of them fails."""
    with run.collector.step(table, "gate"):
        result = tasks.gate(unseen(run.engine), table)
    run.collector.gate(table, result)
    if not result.passed:
        raise _refusal(run, table, result)


def commit(run: RunContext, table: str, prepared: Prepared) -> None:
    """Commits a prepared batch."""
    with run.collector.step(table, "commit"):
        committed = tasks.commit(unseen(run.engine), table, unseen(prepared))
    run.collector.note(table, version=committed.version)
    run.collector.end(table, "committed" if committed.changed else "unchanged")


def commit_together(run: RunContext, tables: Sequence[str]) -> None:
    """Commits everything that was prepared and audited, inputs first, and records the release.

    A record in the control store names the batches until the last table is committed and the release recorded.
    """
    engine = run.engine
    waiting = [table for table in tables if table in engine.prepared]
    batches = {table: engine.prepared[table].batch_id for table in waiting}
    recovery.begin(engine.state, engine.run, run.flow, batches)
    faults.reach("commit: begun")
    run.collector.stage("commit", waiting)
    outcome = work_on(run, waiting, lambda table: commit(run, table, engine.prepared[table]))
    outcome.raise_failures(
        f"{len(outcome.failures)} of {len(waiting)} tables were not committed",
        next_step="run again: it prepares the rest anew, and commits nothing twice",
    )
    faults.reach("commit: all tables, no release")
    recorded, new = release.record(engine.state, engine.run, engine.committed)
    faults.reach("commit: released, not ended")
    run.collector.release(recorded.name, new)
    recovery.end(engine.state, engine.run.run_id)


def claim(run: RunContext, tables: Sequence[str]) -> None:
    """Ends what a run that died was committing, and makes this run the only writer of the tables."""
    if not tables:
        return
    _finish_interrupted(run)
    run.engine.leases.acquire_all(tables)


def _finish_interrupted(run: RunContext) -> None:
    """Commits to the end what earlier runs were committing together when they died, and records their releases."""
    engine = run.engine
    for earlier in recovery.interrupted(engine.state):
        engine.leases.acquire_all(earlier.batches)
        engine.prepared.update(recovery.staged(engine, earlier))
        for table in earlier.batches:
            tasks.commit(unseen(engine), table, unseen(engine.prepared[table]))
        died = replace(engine.run, run_id=earlier.run_id, date=earlier.date)
        recorded, _ = release.record(engine.state, died, engine.committed)
        recovery.end(engine.state, earlier.run_id)
        told = f"run {earlier.run_id} died while it committed its {len(earlier.batches)} tables; that was finished"
        run.collector.warn(Warned(None, f"{told}, as release {recorded.name}", f"tidemark runs show {earlier.run_id}"))


def publish(run: RunContext, target: str, tables: Sequence[str], released: Release) -> None:
    """Brings the released versions of the tables to one warehouse, one after the other.

    A table that fails stops the others only when the warehouse cannot be reached. Raises what failed.
    """
    failures: dict[str, Exception] = {}
    left = list(tables)
    with _exporting(run, target, tables, released):
        while left:
            table = left.pop(0)
            run.watcher.publication_began(table, target)
            try:
                done = tasks.publish(unseen(run.engine), table, target, unseen(released))
            except Exception as failure:
                failures[table] = failure
                run.collector.publication(Publication(table, target, error=str(failure)))
                if is_transient(failure):
                    break
            else:
                run.collector.publication(Publication(table, target, done.inserted, done.deleted, done.rows_after))
    Outcome(failures, tuple(left)).raise_failures(
        f"{len(failures) + len(left)} of {len(tables)} tables were not published to {target}",
        next_step=f"tidemark job publish_gold_to_{target}: it publishes what is missing",
    )


@contextmanager
def _exporting(run: RunContext, target: str, tables: Sequence[str], released: Release) -> Iterator[None]:
    """Writes the tables' files ahead, side by side, while the warehouse loads one after the other.

    What fails here, or is not done in time, is done and told by the publish of that table.
    """

    def export(table: str) -> bool:
        try:
            with step(table, f"export for {target}", run.engine.spark):
                steps.export(run.engine, table, target, released)
        except TidemarkError as failure:
            log.info("%s could not be exported ahead: %s", table, failure)
            return False
        return True

    pool = ThreadPoolExecutor(run.at_once, "tidemark-export")
    try:
        if export(tables[0]):  # with it the warehouse is open: one that is down need not be tried for every table
            for table in tables[1:]:
                pool.submit(contextvars.copy_context().run, export, table)
        yield
    finally:
        pool.shutdown(cancel_futures=True)


def work_on(
    run: RunContext,
    tables: Sequence[str],
    work: Callable[[str], None],
    after: Mapping[str, Collection[str]] | None = None,
) -> Outcome:
    """Works on tables side by side, inputs first (as the project says, when `after` is not given).

    The summary notes which failed and which were stopped by a failure before them.
    """
    inputs = {table: run.engine.table(table).inputs for table in tables} if after is None else after

    def guarded(table: str) -> None:
        try:
            work(table)
        except GateError as refused:
            run.collector.end(table, "gate failed", refused)
            raise
        except Exception as failure:
            run.collector.end(table, "failed", failure)
            raise

    outcome = side_by_side(tables, guarded, at_once=run.at_once, after=inputs, on_abort=run.cancel)
    for table in outcome.stopped:
        run.collector.end(table, "stopped")
    return outcome


def _refusal(run: RunContext, table: str, result: GateResult) -> GateError:
    failed, all_checks = len(result.failures), len(result.checks)
    seen = [check_text(check) for check in result.failures]
    if table in run.engine.prepared:
        seen.append(_what_stays(run, table))
        summary = f"{table} was not committed: {failed} of {all_checks} checks failed"
    else:
        summary = f"{table} does not pass: {failed} of {all_checks} checks failed"
    return GateError(
        summary,
        table=table,
        step="gate",
        seen=seen,
        evidence=result.path,
        next_step="correct the rows at their source, or the check in the contract, then run again",
    )


def _what_stays(run: RunContext, table: str) -> str:
    if run.engine.table(table).load.source is not None:
        return f"nothing of this batch is visible: {table} stays as it was"
    last = release.latest(run.engine.state)
    stay = f"stay at release {last.name}" if last else "stay as they were"
    return f"nothing of this run is visible: silver and gold {stay}; bronze kept what it received"
