"""The daily run: sources to bronze, bronze to gold, one release, and gold to the warehouses; one process throughout."""

from __future__ import annotations

from typing import Any

from prefect import flow

from flows.build_layer import build_layer
from flows.ingest import ingest
from flows.publish import publish_built
from flows.running.approval import allowance
from flows.running.commits import claim, commit_together
from flows.running.context import open_run
from flows.running.parameters import (
    BOTH,
    CONFIG,
    LOCAL,
    Allowed,
    Approvals,
    Config,
    EnvironmentName,
    RunDate,
    Selection,
    Since,
)
from flows.running.run_names import dated
from flows.sla import check_all
from flows.verify import verify_some
from tidemark.errors import UnfinishedError


@flow(name="daily", flow_run_name=dated("daily"), persist_result=False, log_prints=False)
def daily(
    env: EnvironmentName = LOCAL,
    config: Config = CONFIG,
    date: RunDate = None,
    select: Selection | None = None,
    full_refresh: bool = False,
    since: Since = None,
    allow: Allowed | None = None,
    approvals: Approvals = None,
) -> str:
    """Runs the pipeline, or the selected part of it, and gives the id of the run.

    Bronze is committed source by source. Silver and gold are prepared and audited as a whole, committed together,
    recorded as a release and published. A failure on the way leaves silver and gold as they were. Where the environment
    says so (`verify: {sample: 1%}`), a sample of some tables is computed anew and compared; what differs is a warning.
    At last everything that is promised of jobs and tables is checked.

    Args:
        env: Environment: the name of a file in the configuration's env folder.
        config: Configuration: a folder, or an s3:// prefix that holds one.
        date: Logical date of the run (UTC), today when empty; nothing after its end is read.
        select: Tables: names, patterns (gold.*), tags (tag:crm), + for up- or downstream; all when empty.
        full_refresh: Read everything the sources have, not only what is new, and build every table anew.
        since: Read from this instant (UTC) on, not from the committed watermark.
        allow: Limits of the selected tables that this run lets pass: deleted, rejected, empty.
        approvals: Tokens of two people (`tidemark approve`), blanks between, where the environment wants them.
    """
    allows = allowance(
        "daily", env, config, approvals, day=date, allow=allow, select=select, since=since, full_refresh=full_refresh
    )
    with open_run("daily", env, config, date, allows=allows) as run:
        project = run.engine.project
        chosen = project.select(select or ())
        received = [name for name in chosen if project.table(name).load.source]
        built = [name for name in chosen if not project.table(name).load.source]
        where: dict[str, Any] = {"env": env, "config": config, "date": date}
        try:
            claim(run, built)
        except UnfinishedError:
            if received:  # bronze keeps what it receives, whatever is wrong downstream
                ingest(**where, select=received, full_refresh=full_refresh, since=since)
            raise
        if received:
            ingest(**where, select=received, full_refresh=full_refresh, since=since)
        if built:
            build_layer(**where, layer=BOTH, select=built, full_refresh=full_refresh)
            commit_together(run, built)
            publish_built(run, built, env, config)
            verify_some(run, built)
        check_all(run)
        return run.engine.run.run_id
