"""Sources to bronze: every table for itself, so that one that fails keeps nothing from the others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from prefect import flow

from flows.running.approval import allowance
from flows.running.commits import commit, finish_interrupted
from flows.running.context import RunContext, open_run
from flows.running.parameters import (
    CONFIG,
    LOCAL,
    Allowed,
    Approvals,
    Config,
    Connection,
    EnvironmentName,
    RunDate,
    Selection,
    Since,
)
from flows.running.pipeline import receive, work_on
from flows.running.run_names import dated
from tidemark.errors import ConfigError


@flow(name="ingest", flow_run_name=dated("ingest"), persist_result=False, log_prints=False)
def ingest(
    env: EnvironmentName = LOCAL,
    config: Config = CONFIG,
    date: RunDate = None,
    connection: Connection | None = None,
    select: Selection | None = None,
    full_refresh: bool = False,
    since: Since = None,
    allow: Allowed | None = None,
    approvals: Approvals = None,
) -> str:
    """Receives what is new in the sources into bronze and gives the id of the run.

    Each table is committed by itself. When one fails, the others go on; the flow then fails in the end and names it.

    Args:
        env: Environment: the name of a file in the configuration's env folder.
        config: Configuration: a folder, or an s3:// prefix that holds one.
        date: Logical date of the run (UTC), today when empty; nothing after its end is read.
        connection: Only tables of this source connection; all when empty.
        select: Tables: names, patterns (gold.*), tags (tag:crm), + for up- or downstream; all when empty.
        full_refresh: Read everything the sources have, not only what is new.
        since: Read from this instant (UTC) on, not from the committed watermark.
        allow: Limits of the selected tables that this run lets pass: deleted, rejected, empty.
        approvals: Tokens of two people (`tidemark approve`), blanks between, where the environment wants them.
    """
    allows = allowance(
        "ingest",
        env,
        config,
        approvals,
        day=date,
        allow=allow,
        select=select,
        since=since,
        full_refresh=full_refresh,
        connection=connection,
    )
    with open_run("ingest", env, config, date, allows=allows) as run:
        tables = bronze_tables(run, connection, select or ())
        finish_interrupted(run, tables)
        run.collector.stage("ingest", tables)
        outcome = work_on(run, tables, lambda table: _receive(run, table, since, full_refresh), after={}, gated=True)
        others = "none was" if len(outcome.failures) == len(tables) else "the others were"
        outcome.raise_failures(
            f"{len(outcome.failures)} of {len(tables)} bronze tables failed; {others} committed",
            next_step="see to the tables named above, then run again: what was committed is not received twice",
        )
        return run.engine.run.run_id


def _receive(run: RunContext, table: str, since: datetime | None, full: bool) -> None:
    prepared = receive(run, table, since, full)
    if prepared is not None:
        commit(run, table, prepared)


def bronze_tables(run: RunContext, connection: str | None, select: Sequence[str]) -> tuple[str, ...]:
    """The selected tables that have a source (on that connection); raises `ConfigError` when there is none."""
    project = run.engine.project
    sources = {name: project.table(name).load.source for name in project.select(select)}
    chosen = tuple(
        name for name, source in sources.items() if source and (connection is None or source.connection == connection)
    )
    if chosen:
        return chosen
    known = {table.load.source.connection for table in project.tables.values() if table.load.source}
    asked = f" on the connection {connection!r}" if connection else ""
    raise ConfigError(
        f"no table with a source{asked} is selected", next_step=f"connections are: {', '.join(sorted(known))}"
    )
