"""The gates alone: the checks of tables as they are, without building or committing anything."""

from __future__ import annotations

from prefect import flow

from flows.running.context import RunContext, open_run
from flows.running.parameters import CONFIG, LOCAL, Config, EnvironmentName, RunDate, Selection
from flows.running.pipeline import pass_gate, work_on
from flows.running.run_names import dated

FLOW = "quality-gate"


@flow(name=FLOW, flow_run_name=dated("quality gate"), persist_result=False, log_prints=False)
def quality_gate(
    env: EnvironmentName = LOCAL,
    config: Config = CONFIG,
    date: RunDate = None,
    select: Selection | None = None,
) -> str:
    """Runs the checks of the selected tables and gives the id of the run; fails when a check fails.

    Args:
        env: Environment: the name of a file in the configuration's env folder.
        config: Configuration: a folder, or an s3:// prefix that holds one.
        date: Logical date of the run (UTC), today when empty; nothing after its end is read.
        select: Tables: names, patterns (gold.*), tags (tag:crm), + for up- or downstream; all when empty.
    """
    with open_run(FLOW, env, config, date) as run:
        tables = run.engine.project.select(select or ())
        run.collector.stage("check", tables)
        outcome = work_on(run, tables, lambda table: check(run, table), after={})
        outcome.raise_failures(
            f"{len(outcome.failures)} of {len(tables)} tables do not pass their checks",
            next_step="correct the rows at their source, or the checks in the contracts, then tidemark check",
        )
        return run.engine.run.run_id


def check(run: RunContext, table: str) -> None:
    """Runs the checks of one table."""
    pass_gate(run, table)
    run.collector.end(table, "checked")
