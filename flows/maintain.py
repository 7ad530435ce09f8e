"""Housekeeping of the lake: large files instead of many small ones, and nothing kept that nobody can need."""

from __future__ import annotations

from datetime import UTC, datetime

from prefect import flow

from flows.running.commits import finish_where_possible
from flows.running.context import open_run
from flows.running.parameters import CONFIG, LOCAL, Config, EnvironmentName, Selection
from flows.running.pipeline import work_on
from tasks import steps as tasks
from tasks.steps import unseen
from tidemark.aws.folder import open_folder
from tidemark.control.runs import RunStore, Warned
from tidemark.operations.maintenance import needed_since, tidy_records
from tidemark.operations.retention import expire


@flow(name="maintain", flow_run_name="maintain {env}", persist_result=False, log_prints=False)
def maintain(env: EnvironmentName = LOCAL, config: Config = CONFIG, select: Selection | None = None) -> str:
    """Puts the small files of tables together and removes files out of use, and gives the id of the run.

    No row changes. Every release of the last days (`maintenance: {keep: 7d}`) can still be read and restored, and so
    can the newest one; what an open plan or an interrupted run has prepared stays. What rests beside the
    tables goes when its time is over (`retention: {exchange: 1d, errors: 90d}`).

    Args:
        env: Environment: the name of a file in the configuration's env folder.
        config: Configuration: a folder, or an s3:// prefix that holds one.
        select: Tables: names, patterns (gold.*), tags (tag:crm), + for up- or downstream; all when empty.
    """
    with open_run("maintain", env, config, None) as run:
        engine, collector, environment = run.engine, run.collector, run.engine.environment
        selected = engine.project.select(select or ())
        stuck = finish_where_possible(run, selected)
        for table in sorted(stuck):
            told = "is left out: a commit of several tables, of which it is one, is not ended"
            collector.warn(Warned(table, told, "tidemark recover"))
        tables = [table for table in selected if table not in stuck]
        now = datetime.now(UTC).replace(tzinfo=None)
        runs = RunStore(open_folder(environment.roots.runs, environment.aws))
        since = needed_since(environment, engine.state, runs, now)
        collector.stage("maintain", tables)

        def tidy(table: str) -> None:
            engine.leases.acquire(table)
            with collector.step(table, "maintain"):
                tidied = tasks.maintain(unseen(engine), table, since, now)
            engine.leases.release(table)
            if tidied is not None:
                collector.note(table, version=tidied.version, table_id=engine.ids.get(table), files=tidied.files)
                collector.expired({"errors": tidied.expired} if tidied.expired else {})
            collector.end(table, "unchanged")

        outcome = work_on(run, tables, tidy, after={})
        outcome.raise_failures(
            f"{len(outcome.failures)} of {len(tables)} tables were not maintained",
            next_step="see to the tables named above, then maintain again",
        )
        tidy_records(engine, runs, since, now)
        collector.expired(expire(environment, engine.state, runs, now))
        return engine.run.run_id
