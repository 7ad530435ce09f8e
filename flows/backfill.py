"""Days of the past once more: from the sources, or from bronze; released when all of the range is good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from prefect import flow, task
from pydantic import Field

from flows.plan import draw_up
from flows.publish import publish_built
from flows.running.approval import approve
from flows.running.commits import claim, commit, commit_together, finish_interrupted
from flows.running.context import RunContext, open_run
from flows.running.parameters import (
    CONFIG,
    LOCAL,
    Allowed,
    Approvals,
    Config,
    Day,
    EnvironmentName,
    Selection,
    Since,
    Text,
)
from flows.running.pipeline import build, receive, work_on
from flows.running.sealed import refuse_other_environments
from flows.running.telling.artifacts import ProgressArtifact
from tasks.steps import NOTHING_STORED, unseen
from tidemark import faults
from tidemark.aws.folder import open_folder
from tidemark.backfill.budget import Answered, refuse_dear
from tidemark.backfill.notes import Notes
from tidemark.backfill.outline import outline, unconfirmed
from tidemark.backfill.request import Backfill, Chunk, ChunkSize, ReadFrom, Request, resolve
from tidemark.books import Books
from tidemark.compute.received import Received
from tidemark.config.project import load_project
from tidemark.control.approvals import Allowance, Approved, Asked, needed, note
from tidemark.control.runs import RunStore, Warned
from tidemark.control.state import open_state
from tidemark.delta.table import read_state

if TYPE_CHECKING:
    from tidemark.config.environment import Environment
    from tidemark.write.manifest import Prepared

FLOW = "backfill"
PROGRESS_ARTIFACT = "tidemark-backfill-progress"

AtOnce = Annotated[int, Field(ge=1, le=64)]


@flow(name=FLOW, flow_run_name="backfill {start} to {end} {env}", persist_result=False, log_prints=False)
def backfill(
    start: Day,
    end: Day,
    env: EnvironmentName = LOCAL,
    config: Config = CONFIG,
    select: Selection | None = None,
    chunk: ChunkSize = "day",
    read_from: ReadFrom | None = None,
    at_once: AtOnce | None = None,
    as_of: Since = None,
    forward_only: bool = False,
    dry_run: bool = False,
    confirmed: bool = False,
    allow: Allowed | None = None,
    over_budget_by: Text | None = None,
    over_budget_why: Text | None = None,
    approvals: Approvals = None,
) -> str:
    """Reads days of the past again, computes what follows from them, and gives the id of the run.

    Bronze is committed chunk by chunk; a backfill that died does the rest when it is started again with the same
    parameters. Silver and gold are committed together and released once, when everything has passed its gates. The
    daily run reads on from where it was.

    Args:
        start: First day of the range (UTC).
        end: Last day of the range (UTC).
        env: Environment: the name of a file in the configuration's env folder.
        config: Configuration: a folder, or an s3:// prefix that holds one.
        select: Tables: names, patterns (gold.*), tags (tag:crm), + for up- or downstream; all when empty.
        chunk: What a bronze table takes in at a time.
        read_from: Ask the sources again, or compute from what bronze has; empty: the sources of the selected tables.
        at_once: How many tables are worked on at the same time; as the environment says when empty.
        as_of: Look at nothing later than this instant (UTC); now when empty.
        forward_only: After a change of logic, leave rows that the range does not lead to as they are, for good.
        dry_run: Prepare and audit all of it, show what would change, and commit nothing.
        confirmed: Yes, do it.
        allow: Limits of tables that this run lets pass: deleted, rejected, empty.
        over_budget_by: Who answers for a backfill that costs more than the environment's budget.
        over_budget_why: Why it may.
        approvals: Tokens of two people (`tidemark approve`), blanks between, where the environment wants them.
    """
    request = Request(start, end, tuple(select or ()), chunk, read_from, as_of, forward_only)
    project = load_project(config, env)
    refuse_other_environments(project.environment, config)
    todo = resolve(project, request)
    if not (confirmed or dry_run):
        raise unconfirmed(outline(todo, Notes(open_state(project.environment), todo)))
    answered = _within_budget(project.environment, todo, over_budget_by, over_budget_why)
    day, allows = as_of.date() if as_of else None, Allowance(frozenset(allow or ()))
    asked = Asked("backfill", project.environment.name, request.decisive() | {"allow": ",".join(allow or ())})
    days, bypasses = (end - start).days + 1, bool(allow) and needed(project.environment.approvals, "bypass")
    approved = (
        approve(project.environment, asked, approvals, days=days, wanted=bypasses) if not dry_run else Approved("")
    )
    with open_run(FLOW, env, config, day, as_of=as_of, at_once=at_once, plans=dry_run, allows=allows) as run:
        if answered is not None:
            told = f"{answered.usd:.2f} USD over a budget of {answered.budget_usd:.2f}"
            run.collector.warn(Warned(None, f"{told}: {answered.who} answers for it: {answered.why}"))
        if dry_run:
            _plan(run, todo)
        else:
            note(run.engine.state, asked, approved, run.engine.run.started_at, run.engine.run.run_id)
            _work(run, todo)
            publish_built(run, todo.built, env, config)
        return run.engine.run.run_id


def _within_budget(environment: Environment, todo: Backfill, who: str | None, why: str | None) -> Answered | None:
    """Refuses a backfill that would cost too much; where somebody answers for it, that is recorded."""
    if environment.budgets.backfill_usd is None:
        return None
    state = open_state(environment)
    notes, runs = Notes(state, todo), RunStore(open_folder(environment.roots.runs, environment.aws))
    done = {table: len(notes.done(table)) for table in todo.chunks}
    return refuse_dear(environment, state, runs, todo, done, who=who, why=why)


def _plan(run: RunContext, todo: Backfill) -> None:
    """Prepares and audits the whole range at once, commits nothing, and shows what that would change."""
    received = _received(todo)
    tables = run.engine.project.order((*todo.chunks, *todo.built))
    claim(run, tables)

    def prepare(table: str) -> Prepared | None:
        if table in todo.chunks:
            return receive(run, table, period=None if table in todo.wholes else todo.request.period)
        return build(run, table, received=received)

    draw_up(run, tables, prepare, outline(todo, Notes(run.engine.state, todo)))


def _received(todo: Backfill) -> Received:
    return Received(todo.request.period, todo.request.forward_only)


@dataclass(frozen=True)
class _Work:
    """A backfill at work."""

    run: RunContext
    todo: Backfill
    notes: Notes
    progress: ProgressArtifact


def _work(run: RunContext, todo: Backfill) -> None:
    claim(run, todo.built)
    finish_interrupted(run, todo.chunks)
    notes, engine = Notes(run.engine.state, todo), run.engine
    engine.attempts.extend(notes.attempts())
    notes.begin(engine.run.run_id)
    for table, reason in todo.left.items():
        run.collector.warn(Warned(table, f"is left alone: it {reason}"))
    for table in todo.wholes:
        run.collector.warn(Warned(table, "is read as a whole, once: its source does not tell days apart"))
    parts = sum(len(notes.rest(table)) for table in todo.chunks) + len(todo.built) + 1
    about = f"backfill {todo.request.start} to {todo.request.end}"
    work = _Work(run, todo, notes, ProgressArtifact(PROGRESS_ARTIFACT, about, parts))
    _receive(work)
    if todo.built:
        _build(work)
    faults.reach("backfill: released, not ended")
    notes.end()
    work.progress.finish("released" if todo.built else "received")


def _receive(work: _Work) -> None:
    """Takes the chunks of every bronze table in, one table's after the other's."""
    tables = tuple(work.todo.chunks)
    if not tables:
        return
    work.run.collector.stage("receive", tables)
    outcome = work_on(work.run, tables, lambda table: _receive_chunks(work, table), after={}, gated=True)
    outcome.raise_failures(
        f"{len(outcome.failures)} of {len(tables)} bronze tables failed; nothing was built or released",
        next_step="see to the tables named above, then start the same backfill again: it does the rest",
    )


def _receive_chunks(work: _Work, table: str) -> None:
    collector, rest = work.run.collector, work.notes.rest(table)
    for chunk in rest:
        with collector.one_of_several(table):
            receive_chunk(unseen(work.run), table, chunk.name, unseen(chunk))
        work.notes.chunk_done(table, chunk.name)
        work.progress.advance(f"{table} {chunk.name}")
    every = len(work.todo.chunks[table])
    if not rest:
        collector.note(table, books=Books())
        collector.end(table, "unchanged")
    earlier = "; an earlier run did the others" if len(rest) < every else ""
    collector.note(table, chunk=None, computed=f"{len(rest)} of {every} chunks{earlier}")


@task(task_run_name="backfill {table} {name}", tags=["tidemark"], **NOTHING_STORED)
def receive_chunk(run: RunContext, table: str, name: str, chunk: Chunk) -> None:
    """Reads a chunk of a source again and brings what its bronze table lacks into it."""
    run.collector.note(table, chunk=name)
    prepared = receive(run, table, period=chunk.period)
    if prepared is not None:
        commit(run, table, prepared)


def _build(work: _Work) -> None:
    """Builds and audits what the range leads to, and commits and releases all of it; or ends what was committed."""
    run, tables = work.run, work.todo.built
    if _is_committed(work):
        for table in tables:
            run.collector.note(table, books=Books(), computed="nothing: an earlier run committed it")
            run.collector.end(table, "unchanged")
        commit_together(run, ())
        return
    received = _received(work.todo)

    def build_one(table: str) -> None:
        if build(run, table, received=received) is not None:
            run.collector.end(table, "prepared")
        work.progress.advance(table)

    run.collector.stage("build", tables)
    outcome = work_on(run, tables, build_one, gated=True)
    outcome.raise_failures(
        f"{len(outcome.failures)} of {len(tables)} tables failed; nothing of silver and gold was committed",
        next_step="see to the tables named above, then start the same backfill again: it does the rest",
    )
    prepared = run.engine.prepared
    work.notes.committing({table: each.batch_id for table, each in prepared.items() if not each.changes_nothing})
    commit_together(run, tables)


def _is_committed(work: _Work) -> bool:
    """Whether an earlier attempt began to commit silver and gold: then all of it is committed by now."""
    engine, batches = work.run.engine, work.notes.batches()
    last = {table: read_state(engine.session(table), engine.table_path(table)).batch_id for table in batches}
    return bool(batches) and last == dict(batches)
