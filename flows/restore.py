"""Back to an earlier release: tables, watermarks and warehouses."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from prefect import flow

from flows.publish import publish_built
from flows.running.approval import approve
from flows.running.commits import lease, restore_tables
from flows.running.context import RunContext, open_run
from flows.running.parameters import CONFIG, LOCAL, Approvals, Config, EnvironmentName, RunDate, RunOrRelease, Selection
from flows.running.sealed import refuse_other_environments
from tasks import events
from tidemark import faults
from tidemark.config.environment import load_environment
from tidemark.config.files.source import local_folder
from tidemark.control import commits, release
from tidemark.control.approvals import Asked, note
from tidemark.operations import recovery
from tidemark.operations import restore as restoring

if TYPE_CHECKING:
    from tidemark.control.commits import Interrupted
    from tidemark.control.release import Release
    from tidemark.operations.restore import Step


@flow(name="restore", flow_run_name="restore {run} {env}", persist_result=False, log_prints=False)
def restore(
    run: RunOrRelease,
    env: EnvironmentName = LOCAL,
    config: Config = CONFIG,
    date: RunDate = None,
    leave: Selection | None = None,
    approvals: Approvals = None,
) -> str:
    """Takes tables, watermarks and warehouses back to the release of a run, and gives the id of this run.

    Nothing is lost: the versions since then stay in the tables' history, and the next daily run brings everything
    forward again, from what the sources have. A commit that was begun and not ended ends here: it is taken back too.

    Args:
        run: The run whose release is wanted (the start of its id will do), or the release's name (r31).
        env: Environment: the name of a file in the configuration's env folder.
        config: Configuration: a folder, or an s3:// prefix that holds one.
        date: Logical date of this run (UTC), today when empty.
        leave: Tables to leave as they are, such as those whose files of then are gone.
        approvals: Tokens of two people (`tidemark approve`), blanks between, where the environment wants them.
    """
    environment = load_environment(local_folder(config), env)
    refuse_other_environments(environment, config)
    asked = Asked("restore", environment.name, {"run": run, "leave": ",".join(leave or ())})
    approved = approve(environment, asked, approvals)
    with open_run("restore", env, config, date) as context:
        engine = context.engine
        note(engine.state, asked, approved, engine.run.started_at, engine.run.run_id)
        back_to = restoring.wanted(engine.state, run)
        left = frozenset(engine.project.select(leave)) if leave else frozenset()
        go_back(context, back_to, left)
        recorded, new = release.record(engine.state, engine.run, engine.committed)
        context.collector.release(recorded.name, new)
        for table in engine.leases.held():
            engine.leases.release(table)
        if new:
            events.release_created(engine, recorded)
        publish_built(context, [table for table in recorded.tables if table in engine.project.tables], env, config)
        return engine.run.run_id


def go_back(context: RunContext, back_to: Release, leave: Collection[str] = ()) -> None:
    """Takes the tables back to the release, but for those to `leave`, and with them what was half committed.

    Raises `CommitError` where one of them cannot go back, before anything is changed.
    """
    engine = context.engine
    todo, begun = _claimed(context, back_to, leave)
    restoring.look_first(engine, back_to, todo.values())
    for each in begun:
        commits.begin_undoing(engine.state, each.run_id)
    faults.reach("restore: looked, nothing restored")
    restore_tables(context, todo, back_to.name)
    for each in begun:
        for table in each.batches.keys() - todo.keys():
            recovery.settle_undone(engine, table)
        commits.end(engine.state, each.run_id)
    faults.reach("restore: all tables, no release")


def _claimed(
    context: RunContext, back_to: Release, leave: Collection[str]
) -> tuple[dict[str, Step], tuple[Interrupted, ...]]:
    """What is done to which table, and the commits that it ends; with the leases of all tables that it has to do with.

    Until these are held tables may move: then it is looked at again.
    """
    engine = context.engine
    while True:
        begun = commits.interrupted(engine.state)
        todo = {step.table: step for step in restoring.steps(engine, back_to, leave)}
        back = {table for table in back_to.tables if table in engine.project.tables}
        for each in begun:
            todo |= {step.table: step for step in recovery.steps_back(engine, each, {*back, *leave})}
        concerned = {*todo, *(table for each in begun for table in each.batches)}
        if concerned <= engine.leases.held():
            return todo, begun
        lease(context, concerned)
