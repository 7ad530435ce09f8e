"""Gold to the warehouses: released versions only, all warehouses at the same time."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import flow

from flows import pipeline
from flows.parameters import CONFIG, LOCAL, RunDate
from flows.progress import publish_stage
from flows.run_context import RunContext, open_run
from flows.side_by_side import side_by_side
from tidemark import publishing, release
from tidemark.errors import ConfigError

FLOW = "publish"


@flow(name=FLOW, flow_run_name="publish {env}", persist_result=False, log_prints=False)
def publish(
    env: str = LOCAL,
    config: str = CONFIG,
    date: RunDate = None,
    target: str | None = None,
    select: list[str] | None = None,
) -> str:
    """Brings the newest release to the warehouses and gives the id of the run.

    A table that a warehouse has in this version already is left alone. A warehouse that fails does not stop another.

    Args:
        env: Environment: the name of a file in the configuration's env folder.
        config: Configuration: a folder, or an s3:// prefix that holds one.
        date: Logical date of the run (UTC), today when empty; nothing after its end is read.
        target: Only this target; all that the environment has when empty.
        select: Tables: names, patterns (gold.*), tags (tag:crm), + for up- or downstream; all when empty.
    """
    with open_run(FLOW, env, config, date) as run:
        released = release.latest(run.engine.state)
        if released is None:
            raise ConfigError("there is no release to publish", next_step="tidemark run builds and releases one")
        tables = published_tables(run, target, select or (), released)
        if run.flow == FLOW:
            run.collector.release(released.name, new=False)
        for name, names in tables.items():
            run.collector.stage(publish_stage(name), names)
        try:
            outcome = side_by_side(
                list(tables),
                lambda name: pipeline.publish(run, name, tables[name], released),
                at_once=run.at_once,
                on_abort=run.cancel,
            )
        finally:
            publishing.finish(run.engine)
        everything = published_tables(run, target, (), released)
        for name in tables.keys() - outcome.failures.keys():
            if set(tables[name]) == set(everything[name]):
                release.note_published(run.engine.state, released, name, run.engine.run.run_id)
        outcome.raise_failures(
            f"{len(outcome.failures)} of {len(tables)} warehouses did not get all of {released.name}",
            next_step=f"tidemark job publish_gold --env {env}: it publishes what is missing",
        )
        return run.engine.run.run_id


def published_tables(
    run: RunContext, target: str | None, select: Sequence[str], released: release.Release
) -> dict[str, tuple[str, ...]]:
    """For each target the selected tables that are published there and released; raises `ConfigError` when none is."""
    project = run.engine.project
    known = project.environment.targets
    if target is not None and target not in known:
        raise ConfigError(
            f"the environment {project.environment.name} has no target {target!r}",
            next_step=f"targets are: {', '.join(sorted(known)) or 'none'}",
        )
    selected = [name for name in project.select(select) if name in released.tables]
    tables = {
        name: tuple(table for table in selected if name in project.table(table).load.publish)
        for name in ([target] if target else known)
    }
    chosen = {name: names for name, names in tables.items() if names}
    if chosen:
        return chosen
    raise ConfigError(
        f"nothing to publish: no selected table of release {released.name} names a target in its load file",
        next_step="add publish: [snowflake, redshift] to the load file of a gold table",
    )
