"""A release into another place, from where a lake can be made again that is gone."""

from __future__ import annotations

from typing import Annotated

from prefect import flow
from pydantic import Field

from flows.running.context import open_run
from flows.running.parameters import CONFIG, LOCAL, Config, EnvironmentName
from flows.running.pipeline import work_on
from tasks import steps as tasks
from tasks.steps import unseen
from tidemark.control.runs import Warned
from tidemark.operations.snapshots import export

ReleaseName = Annotated[str, Field(pattern=r"^r[0-9]+$")]


@flow(name="snapshot", flow_run_name="snapshot {env}", persist_result=False, log_prints=False)
def snapshot(env: EnvironmentName = LOCAL, config: Config = CONFIG, release: ReleaseName | None = None) -> str:
    """Exports a release to where the environment has its snapshots, and gives the id of the run.

    Tables with what is needed to go on with them, control records and configuration. Only what is not there yet is
    copied; the snapshot exists when all of it is there. Older ones are removed when they are over (`snapshots: {keep:
    7}`). Runs may go on meanwhile.

    Args:
        env: Environment: the name of a file in the configuration's env folder.
        config: Configuration: a folder, or an s3:// prefix that holds one.
        release: The release to export (r31), the newest when empty.
    """
    with open_run("snapshot", env, config, None) as run:
        engine, collector = run.engine, run.collector
        exported = export.begin(engine, export.wanted(engine, release))
        tables = tuple(exported.release.tables)
        collector.stage("export", tables)

        def take(table: str) -> None:
            with collector.step(table, "export"):
                tasks.export_table(unseen(engine), table, unseen(exported))
            collector.end(table, "unchanged")

        outcome = work_on(run, tables, take, after={})
        outcome.raise_failures(
            f"{len(outcome.failures)} of {len(tables)} tables were not exported; there is no snapshot of "
            f"{exported.release.name}",
            next_step="see to the tables named above, then export again: what was copied stays",
        )
        taken = export.finish(exported)
        for told in exported.told:
            collector.warn(Warned(None, told))
        collector.release(exported.release.name, new=False)
        collector.snapshot(taken)
        return engine.run.run_id
