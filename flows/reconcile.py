"""Sources beside bronze, gold beside the warehouses: the same rows, or which rows and columns differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from prefect import Task, flow

from flows.running.context import RunContext, open_run
from flows.running.parameters import CONFIG, LOCAL, Config, Connection, EnvironmentName, Selection, Target
from flows.running.pipeline import work_on
from flows.running.telling.artifacts import show_markdown
from tasks import steps as tasks
from tasks.steps import unseen
from tidemark import publishing
from tidemark.errors import GateError, TidemarkError
from tidemark.reconcile.found import Reconciled
from tidemark.reconcile.pairs import Pair, pairs
from tidemark.reconcile.report import command, markdown

ARTIFACT = "tidemark-reconciliation"


@flow(name="reconcile", flow_run_name="reconcile {env}", persist_result=False, log_prints=False)
def reconcile(
    env: EnvironmentName = LOCAL,
    config: Config = CONFIG,
    select: Selection | None = None,
    connection: Connection | None = None,
    target: Target | None = None,
) -> str:
    """Compares tables with their sources and with the warehouses that they are published to; gives the id of the run.

    Both sides sum up their rows in their own SQL; where the sums differ, both are asked for ever smaller ranges of
    keys, down to the rows and columns. Fails when a row differs, or when two that should be the same cannot be
    compared. Nothing is written.

    Args:
        env: Environment: the name of a file in the configuration's env folder.
        config: Configuration: a folder, or an s3:// prefix that holds one.
        select: Tables: names, patterns (gold.*), tags (tag:crm), + for up- or downstream; all when empty.
        connection: Only what comes from this connection; with a target, that too.
        target: Only what is published to this target.
    """
    with open_run("reconcile", env, config, None) as run:
        asked: dict[str, list[Pair]] = defaultdict(list)
        for pair in pairs(run.engine.project, select or (), connection, target):
            asked[pair.table].append(pair)
        run.collector.stage("reconcile", list(asked))
        found: list[tuple[Pair, Reconciled]] = []
        try:
            outcome = work_on(run, list(asked), lambda table: _compare(run, asked[table], found), after={})
        finally:
            publishing.finish(run.engine)
        told = [each for _, each in found]
        show_markdown(ARTIFACT, markdown(told), f"{len(told)} pairs reconciled")
        outcome.raise_failures(
            f"{len(outcome.failures)} of {len(asked)} tables could not be reconciled",
            next_step="see to the tables named above, then tidemark reconcile",
        )
        _judge(found)
        return run.engine.run.run_id


def _compare(run: RunContext, asked: Sequence[Pair], told: list[tuple[Pair, Reconciled]]) -> None:
    """Compares a table with each of its others, one after the other, and notes and tells what was found."""
    (table,) = {pair.table for pair in asked}
    found: list[Reconciled] = []
    for pair in asked:
        with run.collector.step(table, "reconcile"):
            reconcile_one = tasks.on_spark(run.engine.environment, _at(run, pair))
            found.append(reconcile_one(unseen(run.engine), table, pair.other, unseen(pair)))
        told.append((pair, found[-1]))
        run.collector.note(table, reconciled=tuple(each.to_json() for each in found))
    differs = any(each.outcome == "differs" for each in found)
    run.collector.end(table, "gate failed" if differs else "checked")


def _at(run: RunContext, pair: Pair) -> Task[..., Reconciled]:
    """The task as one that talks to the connection."""
    environment = run.engine.environment
    connection = pair.other if pair.way == "from" else environment.targets[pair.other].connection
    return tasks.at(environment, connection, tasks.reconcile)


def _judge(found: Sequence[tuple[Pair, Reconciled]]) -> None:
    """Raises what a person has to look at: `GateError` where rows differ, `TidemarkError` where nobody knows."""
    differing = [each for _, each in found if each.outcome == "differs"]
    open_questions = [each for pair, each in found if each.outcome == "not compared" and pair.reason is None]
    untold = [f"{each.table} and {_beside(each)} cannot be compared: {each.reason}" for each in open_questions]
    if differing:
        raise GateError(
            f"{len(differing)} of {len(found)} pairs do not have the same rows",
            table=differing[0].table if len(differing) == 1 else None,
            step="reconcile",
            seen=[*(f"{each.upstream} → {each.told}" for each in differing), *untold],
            next_step=command(differing),
        )
    if open_questions or all(pair.reason for pair, _ in found):
        reasons = untold or [f"{each.table}: {each.reason}" for _, each in found]
        raise TidemarkError(
            f"{len(reasons)} of {len(found)} pairs could not be compared",
            step="reconcile",
            seen=reasons,
            next_step="docs/reconciliation.md says what can be compared, and what to do about the rest",
        )


def _beside(found: Reconciled) -> str:
    return found.upstream if found.downstream == found.table else found.downstream
