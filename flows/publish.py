"""Gold to the warehouses: released versions only, all warehouses at the same time."""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prefect import flow

from flows.running.commits import leases_of
from flows.running.context import RunContext, open_run
from flows.running.parameters import CONFIG, LOCAL, Config, EnvironmentName, RunDate, Selection, Target
from flows.running.run_names import dated
from flows.running.side_by_side import Outcome, side_by_side
from flows.running.telling.progress import publish_stage
from tasks import steps as tasks
from tasks.guard import step
from tasks.steps import unseen
from tasks.transient import is_transient
from tidemark import publishing, steps
from tidemark.control import release
from tidemark.control.runs import Publication
from tidemark.errors import ConfigError, TidemarkError

if TYPE_CHECKING:
    from tidemark.control.release import Release

FLOW = "publish"

log = logging.getLogger("tidemark.publish")


@flow(name=FLOW, flow_run_name=dated("publish"), persist_result=False, log_prints=False)
def publish(
    env: EnvironmentName = LOCAL,
    config: Config = CONFIG,
    date: RunDate = None,
    target: Target | None = None,
    select: Selection | None = None,
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
        released = _newest(run)
        tables = published_tables(run, target, select or (), released)
        if run.flow == FLOW:
            run.collector.release(released.name, new=False)
        for name, names in tables.items():
            run.collector.stage(publish_stage(name), names)
        brought: dict[str, Release] = {}
        try:
            outcome = side_by_side(
                list(tables),
                lambda name: brought.update({name: _publish_to(run, name, tables[name])}),
                at_once=run.at_once,
                on_abort=run.cancel,
            )
        finally:
            publishing.finish(run.engine)
        for name, there in brought.items():
            if set(tables[name]) == set(published_tables(run, name, (), there)[name]):
                release.note_published(run.engine.state, there, name, run.engine.run.run_id)
        outcome.raise_failures(
            f"{len(outcome.failures)} of {len(tables)} warehouses did not get all of {released.name}",
            next_step=f"tidemark job publish_gold --env {env}: it publishes what is missing",
        )
        return run.engine.run.run_id


def _newest(run: RunContext) -> Release:
    found = release.latest(run.engine.state)
    if found is None:
        raise ConfigError("there is no release to publish", next_step="tidemark run builds and releases one")
    return found


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


def publish_built(run: RunContext, built: Sequence[str], env: str, config: str) -> None:
    """Publishes what of these tables goes to a warehouse, unless every warehouse has all of the newest release."""
    released = release.latest(run.engine.state)
    to_publish = [name for name in built if released and name in released.tables and _is_published(run, name)]
    if released and to_publish and not _is_everywhere(run, released):
        publish(env=env, config=config, date=run.engine.run.date, select=to_publish)


def _is_everywhere(run: RunContext, released: Release) -> bool:
    """Whether every warehouse has all of the release: then there is no need to ask them."""
    state = run.engine.state
    return all(release.is_published(state, released, target) for target in published_tables(run, None, (), released))


def _is_published(run: RunContext, table: str) -> bool:
    return bool(set(run.engine.project.table(table).load.publish) & set(run.engine.environment.targets))


def _publish_to(run: RunContext, target: str, tables: Sequence[str]) -> Release:
    """Brings the released versions of the tables to one warehouse; gives their release."""
    # What a warehouse has is looked up, and changes are made from that: nobody else may bring it further meanwhile.
    with leases_of(run, [f"target {target}"]):
        released = _newest(run)  # by the run that this one has waited for, perhaps
        _bring(run, target, tables, released)
        return released


def _bring(run: RunContext, target: str, tables: Sequence[str], released: Release) -> None:
    """Brings the tables there one after the other.

    A table that fails stops the others only when the warehouse cannot be reached. Raises what failed.
    """
    failures: dict[str, Exception] = {}
    left = list(tables)
    publish_one = tasks.at(run.engine.environment, run.engine.environment.targets[target].connection, tasks.publish)
    with _exporting(run, target, tables, released):
        while left:
            table = left.pop(0)
            run.watcher.publication_began(table, target)
            try:
                done = publish_one(unseen(run.engine), table, target, unseen(released))
            except Exception as failure:
                failures[table] = failure
                run.collector.publication(Publication(table, target, error=str(failure)))
                if is_transient(failure):
                    break
            else:
                told = Publication(table, target, done.inserted, done.deleted, done.rows_after, version=done.version)
                run.collector.publication(told)
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
