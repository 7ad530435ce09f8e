"""Back to an earlier release: tables, watermarks and warehouses."""

from __future__ import annotations

from prefect import flow

from flows.publish import publish
from flows.running.commits import claim
from flows.running.context import open_run
from flows.running.parameters import CONFIG, LOCAL, Config, EnvironmentName, RunDate, RunOrRelease
from flows.running.pipeline import work_on
from tasks import events
from tasks import steps as tasks
from tasks.steps import unseen
from tidemark.control import release
from tidemark.operations import restore as restoring


@flow(name="restore", flow_run_name="restore {run} {env}", persist_result=False, log_prints=False)
def restore(run: RunOrRelease, env: EnvironmentName = LOCAL, config: Config = CONFIG, date: RunDate = None) -> str:
    """Takes tables, watermarks and warehouses back to the release of a run, and gives the id of this run.

    Nothing is lost: the versions since then stay in the tables' history, and the next daily run brings everything
    forward again, from what the sources have.

    Args:
        run: The run whose release is wanted (the start of its id will do), or the release's name (r31).
        env: Environment: the name of a file in the configuration's env folder.
        config: Configuration: a folder, or an s3:// prefix that holds one.
        date: Logical date of this run (UTC), today when empty.
    """
    with open_run("restore", env, config, date) as context:
        engine, collector = context.engine, context.collector
        back_to = restoring.wanted(engine.state, run)
        todo = {step.table: step for step in restoring.steps(engine, back_to)}
        claim(context, tuple(todo))
        collector.stage(f"restore {back_to.name}", tuple(todo))

        def take_back(table: str) -> None:
            with collector.step(table, "restore"):
                restore_it = tasks.on_spark(engine.environment, tasks.restore)
                version = restore_it(unseen(engine), table, unseen(todo[table]), unseen(back_to))
            collector.note(table, version=version, table_id=engine.ids.get(table))
            collector.end(table, "committed")

        outcome = work_on(context, tuple(todo), take_back, after={})
        outcome.raise_failures(
            f"{len(outcome.failures)} of {len(todo)} tables were not taken back to {back_to.name}",
            next_step="see to the tables named above, then restore again: it takes back the rest",
        )
        recorded, new = release.record(engine.state, engine.run, engine.committed)
        collector.release(recorded.name, new)
        if new:
            events.release_created(engine, recorded)
        if engine.environment.targets:
            publish(env=env, config=config, date=date)
        return engine.run.run_id
