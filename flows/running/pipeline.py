"""What flows do with one table, and with all tables of a stage: the steps in order, noted in the run's summary.

Everything up to the gate stands here, and is the same for a run that commits and for one that plans.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from flows.running.side_by_side import Outcome, side_by_side
from flows.running.telling.collector import check_text
from tasks import steps as tasks
from tasks.steps import unseen
from tidemark import steps
from tidemark.books import Books
from tidemark.compute.gate.quality import is_due
from tidemark.control import release
from tidemark.control.runs import Warned
from tidemark.errors import GateError
from tidemark.observe.run_report import errors_command

if TYPE_CHECKING:
    from flows.running.context import RunContext
    from tidemark.compute.gate.quality import GateResult
    from tidemark.compute.received import Received
    from tidemark.sources import Extract
    from tidemark.sources.watermark import Period
    from tidemark.write.batch import Checked
    from tidemark.write.manifest import Prepared

Result = TypeVar("Result")


def receive(
    run: RunContext, table: str, since: datetime | None = None, full: bool = False, period: Period | None = None
) -> Prepared | None:
    """Prepares and audits what is new in the source of a bronze table; None where there is nothing.

    With a `period` it is what the source has of that, received before or not.
    """
    engine, collector = unseen(run.engine), run.collector
    if not _plans(run):
        run.engine.leases.acquire(table)
    with collector.step(table, "extract"):
        extract = tasks.at(run.engine.environment, _connection(run, table), tasks.extract)
        extracted = extract(engine, table, since, full, unseen(period))
    if steps.has_nothing(run.engine, table, extracted):
        leave(run, table, extracted.notices)
        return None
    checked, prepared = _prepared(run, table, extracted)
    _write_errors(run, table, checked, prepared)
    pass_gate(run, table)
    return prepared


def _prepared(run: RunContext, table: str, extracted: Extract) -> tuple[Checked, Prepared]:
    """Holds rows against the contract and stages what changes; a file that proves broken on the way is left out."""
    checked = validate(run, table, extracted)
    try:
        return checked, prepare(run, table, checked)
    except Exception as failure:
        repaired = steps.without_broken_file(extracted, failure)
        if repaired is None:
            raise
        return _prepared(run, table, replace(repaired, notices=_more(repaired, extracted)))


def _more(repaired: Extract, told: Extract) -> tuple[str, ...]:
    """The notices that were not given before."""
    return tuple(notice for notice in repaired.notices if notice not in told.notices)


def _connection(run: RunContext, table: str) -> str:
    source = run.engine.table(table).load.source
    return source.connection if source else ""


def build(run: RunContext, table: str, full: bool = False, received: Received | None = None) -> Prepared | None:
    """Prepares and audits a silver or gold table; its batch waits in the engine to be committed with the others.

    None where no input has changed: the table stays as it is, and as it was audited. With `received` it is computed as
    far as what was received then leads to it.
    """
    with run.collector.step(table, "build"):
        checked = tasks.build(unseen(run.engine), table, full, unseen(received))
    if checked is None:
        leave(run, table)
        return None
    run.collector.note(table, computed=checked.reason or "what changed")
    prepared = prepare(run, table, checked)
    _write_errors(run, table, checked, prepared)
    pass_gate(run, table)
    return prepared


def leave(run: RunContext, table: str, notices: Sequence[str] = ()) -> None:
    """Ends the work on a table that has nothing new; all that can go wrong with it is that it has grown old, or does
    not fit other tables any more.
    """
    _warn(run, table, notices)
    with run.collector.step(table, "gate"):
        stay = tasks.on_spark(run.engine.environment, tasks.stay) if is_due(run.engine, table) else tasks.stay
        aged = _result(lambda: stay(unseen(run.engine), table))
    if aged is not None:
        run.collector.gate(table, aged)
    version, table_id = run.engine.committed.get(table), run.engine.ids.get(table)
    run.collector.note(table, books=Books(), version=version, table_id=table_id, computed="nothing")
    run.collector.end(table, "unchanged")
    if aged is not None and not aged.passed:
        raise _refusal(run, table, aged)


def validate(run: RunContext, table: str, extracted: Extract) -> Checked:
    """Holds what was extracted against the table's contract."""
    with run.collector.step(table, "validate"):
        return tasks.validate(unseen(run.engine), table, unseen(extracted))


def prepare(run: RunContext, table: str, checked: Checked) -> Prepared:
    """Stages what changes; its books go into the summary."""
    _warn(run, table, checked.notices)
    with run.collector.step(table, "prepare"):
        prepared = tasks.on_spark(run.engine.environment, tasks.prepare)(unseen(run.engine), table, unseen(checked))
    run.collector.note(table, books=prepared.books)
    if prepared.books.adapted:
        run.collector.warn(_adapted(run, table, prepared.books.adapted))
    if prepared.books.kept:
        run.collector.warn(_stale(run, table, prepared.books.kept))
    _warn(run, table, prepared.notices)
    return prepared


def _adapted(run: RunContext, table: str, values: int) -> Warned:
    """What to say of values that a load file lets lose something."""
    count = "1 value was" if values == 1 else f"{values} values were"
    columns = ", ".join(name for name, how in run.engine.table(table).load.cast.items() if how.fit)
    return Warned(table, f"{count} rounded or cut, as `cast` of its load file has it ({columns})")


def _stale(run: RunContext, table: str, kept: int) -> Warned:
    """What is said of rows that stay as they were, because what was computed for their keys broke a rule."""
    rows = "1 row" if kept == 1 else f"{kept} rows"
    told = f"keeps {rows} as computed before: what is computed for the same keys now breaks a rule"
    return Warned(table, told, errors_command(run.engine.run.run_id, table))


def _write_errors(run: RunContext, table: str, checked: Checked, prepared: Prepared) -> None:
    if prepared.books.quarantined:
        with run.collector.step(table, "write errors"):
            write_errors = tasks.on_spark(run.engine.environment, tasks.write_errors)
            rejected = write_errors(unseen(run.engine), table, unseen(checked), unseen(prepared))
            run.collector.rejected(table, rejected)


def _warn(run: RunContext, table: str, notices: Sequence[str]) -> None:
    for notice in notices:
        run.collector.warn(Warned(table, notice))


def pass_gate(run: RunContext, table: str) -> None:
    """Runs the table's checks; raises `GateError` when one of them fails."""
    with run.collector.step(table, "gate"):
        gate = tasks.on_spark(run.engine.environment, tasks.gate)
        result = _result(lambda: gate(unseen(run.engine), table))
    run.collector.gate(table, result)
    if not result.passed:
        raise _refusal(run, table, result)


def _result(look: Callable[[], Result]) -> Result | GateResult:
    """What a gate found, whether it passed or not: a task whose gate fails has failed itself."""
    try:
        return look()
    except tasks.GateFailedError as refused:
        return refused.result


def work_on(
    run: RunContext,
    tables: Sequence[str],
    work: Callable[[str], None],
    after: Mapping[str, Collection[str]] | None = None,
    gated: bool = False,
) -> Outcome:
    """Works on tables side by side, inputs first (as the project says, when `after` is not given).

    Where the work is `gated`, a table also waits for those that its checks read; their failures do not stop it. The
    summary notes which failed and which were stopped by a failure before them.
    """
    waits = run.engine.project.gates if gated else {}
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

    outcome = side_by_side(tables, guarded, at_once=run.at_once, after=inputs, waits=waits, on_abort=run.cancel)
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
        next_step=_advice(run, table, result),
    )


def _advice(run: RunContext, table: str, result: GateResult) -> str:
    """What to do about checks that failed; a limit can be let pass once, where somebody has looked."""
    limits = [check.limit for check in result.failures if check.limit]
    if not limits:
        return "correct the rows at their source, or the check in the contract, then run again"
    command = f"tidemark {'plan' if _plans(run) else 'run'} --select {table}"
    command = "the same backfill with" if run.flow == "backfill" else command
    allowing = " ".join(f"--allow {name}" for name in limits)
    listed = f"{errors_command(run.engine.run.run_id, table)} shows the rejected rows; " if "rejected" in limits else ""
    return f"{listed}see whether the source is whole; if this is right, let it pass once: {command} {allowing}"


def _plans(run: RunContext) -> bool:
    return run.engine.run.plans


def _what_stays(run: RunContext, table: str) -> str:
    if _plans(run):
        return "nothing of a plan is visible: every table stays as it was"
    if run.engine.table(table).load.source is not None:
        return f"nothing of this batch is visible: {table} stays as it was"
    last = release.latest(run.engine.state)
    stay = f"stay at release {last.name}" if last else "stay as they were"
    return f"nothing of this run is visible: silver and gold {stay}; bronze kept what it received"
