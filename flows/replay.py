"""Replays the error lane: rows that were rejected go into their tables after a fix, once."""

from __future__ import annotations

from prefect import flow

from flows.ingest import bronze_tables
from flows.running.commits import commit, finish_interrupted
from flows.running.context import RunContext, open_run
from flows.running.parameters import (
    CONFIG,
    LOCAL,
    Config,
    EnvironmentName,
    Rule,
    RunDate,
    RunId,
    Selection,
)
from flows.running.pipeline import pass_gate, prepare, validate, work_on
from tasks import steps as tasks
from tasks.steps import unseen
from tidemark.aws.folder import open_folder
from tidemark.books import Books
from tidemark.control.runs import Warned
from tidemark.errorlane import rejects
from tidemark.errorlane.quarantine import Rejected
from tidemark.errorlane.replay import Which, refuse
from tidemark.errors import ConfigError


@flow(name="replay", flow_run_name="replay {env}", persist_result=False, log_prints=False)
def replay(
    env: EnvironmentName = LOCAL,
    config: Config = CONFIG,
    date: RunDate = None,
    select: Selection | None = None,
    run: RunId | None = None,
    rule: Rule | None = None,
) -> str:
    """Brings open errors into their bronze tables as far as they keep today's contracts, and gives the id of the run.

    An error is replayed once; what is rejected again stays open. Silver and gold follow with the next daily run.

    Args:
        env: Environment: the name of a file in the configuration's env folder.
        config: Configuration: a folder, or an s3:// prefix that holds one.
        date: Logical date of the run (UTC), today when empty.
        select: Bronze tables: names, patterns (bronze.*), tags (tag:crm); all when empty.
        run: Only errors of this run (the start of its id will do).
        rule: Only errors that broke this rule: enum, or status.enum.
    """
    with open_run("replay", env, config, date) as context:
        which, chosen = Which(run, rule), bronze_tables(context, None, select or ())
        tables = [name for name in chosen if select or not _passed_over(context, name, which)]
        finish_interrupted(context, tables)
        context.collector.stage("replay", tables)
        outcome = work_on(context, tables, lambda table: _replay(context, table, which), after={}, gated=True)
        outcome.raise_failures(
            f"errors of {len(outcome.failures)} of {len(tables)} tables were not replayed",
            next_step="see to the tables named above, then replay again: what was committed is not replayed twice",
        )
        return context.engine.run.run_id


def _replay(run: RunContext, table: str, which: Which) -> None:
    """Brings the open errors of a bronze table into it, as far as they now keep its contract.

    What is rejected again stays open in the error lane.
    """
    engine, collector = unseen(run.engine), run.collector
    run.engine.leases.acquire(table)
    with collector.step(table, "read errors"):
        read_errors = tasks.on_spark(run.engine.environment, tasks.read_errors)
        found = read_errors(engine, table, unseen(which))
    if found is None:
        collector.note(table, books=Books())
        collector.end(table, "unchanged")
        return
    extracted, errors = found
    checked = validate(run, table, extracted)
    prepared = prepare(run, table, checked)
    collector.rejected(table, Rejected())  # what is rejected again lies in the lane already
    pass_gate(run, table)
    with collector.step(table, "note"):
        tasks.begin_replay(engine, table, unseen(prepared), unseen(errors), unseen(checked))
    commit(run, table, prepared)
    with collector.step(table, "note"):
        tasks.end_replay(engine, table)


def _passed_over(run: RunContext, table: str, which: Which) -> bool:
    """Whether a replay of all tables passes over this one, which would refuse it; its open errors are told."""
    try:
        refuse(run.engine.project.table(table))
    except ConfigError as refused:
        if _has_open_errors(run, table, which):
            reason = refused.summary.removeprefix(f"{table} ")
            run.collector.warn(Warned(table, f"has open errors that are not replayed: it {reason}", refused.next_step))
        return True
    return False


def _has_open_errors(run: RunContext, table: str, which: Which) -> bool:
    environment = run.engine.environment
    lanes = open_folder(environment.roots.errors, environment.aws)
    entries = rejects.entries(lanes, rejects.Filters(table, which.run, which.rule))
    return any(entry.status == "open" for entry in entries)
