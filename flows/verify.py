"""Tables as they are beside what their inputs make them: computed anew, compared, and nothing written."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import flow

from flows.running.context import RunContext, open_run
from flows.running.parameters import CONFIG, LOCAL, Config, EnvironmentName, SampleSize, Selection
from flows.running.pipeline import work_on
from tasks import steps as tasks
from tasks.steps import unseen
from tidemark.compute.incremental import bytes_read
from tidemark.compute.verify import DIFFERS, Sample, Verified
from tidemark.config.load import INCREMENTAL_MODES
from tidemark.control.runs import Warned
from tidemark.delta.sizes import MEGABYTE
from tidemark.errors import GateError


@flow(name="verify", flow_run_name="verify {env}", persist_result=False, log_prints=False)
def verify(
    env: EnvironmentName = LOCAL,
    config: Config = CONFIG,
    select: Selection | None = None,
    sample: SampleSize | None = None,
) -> str:
    """Computes silver and gold tables from what their last commit read, compares, and gives the id of the run.

    Fails when a table differs: it was changed by hand, or its query cannot be computed key by key. Nothing is written.

    Args:
        env: Environment: the name of a file in the configuration's env folder.
        config: Configuration: a folder, or an s3:// prefix that holds one.
        select: Tables: names, patterns (gold.*), tags (tag:crm), + for up- or downstream; all when empty.
        sample: About so many rows of each table (1000), or a part of them (2%); all when empty.
    """
    part = None if sample is None else Sample.parse(sample)
    with open_run("verify", env, config, None) as run:
        project = run.engine.project
        tables = [name for name in project.select(select or ()) if not project.table(name).load.source]
        run.collector.stage("verify", tables)
        differing: dict[str, Verified] = {}

        def compare(table: str) -> None:
            found = _verify(run, table, part)
            if found.outcome == DIFFERS:
                differing[table] = found
            run.collector.end(table, "gate failed" if found.outcome == DIFFERS else "checked")

        outcome = work_on(run, tables, compare, after={})
        outcome.raise_failures(
            f"{len(outcome.failures)} of {len(tables)} tables could not be verified",
            next_step="see to the tables named above, then tidemark verify",
        )
        if differing:
            raise GateError(
                f"{len(differing)} of {len(tables)} tables are not what their inputs make them",
                step="verify",
                seen=[f"{table}: {told(found)}" for table, found in sorted(differing.items())],
                next_step=_mend(sorted(differing)),
            )
        return run.engine.run.run_id


def verify_some(run: RunContext, built: Sequence[str]) -> None:
    """Compares a sample of some of the tables that a run has built, where the environment says so.

    They take turns from day to day, and every day it is another part of them. What differs is a warning: the run is
    done, and its release is there.
    """
    settings = run.engine.environment.verify
    if settings is None:
        return
    tables = sorted(table for table in built if _is_sampled(run, table, settings.up_to_mb))
    day = run.engine.run.date
    first = day.toordinal() * settings.tables
    turn = dict.fromkeys(tables[(first + each) % len(tables)] for each in range(settings.tables)) if tables else {}
    for table in turn:
        found = _verify(run, table, Sample.parse(settings.sample, turn=day.isoformat()))
        if found.outcome == DIFFERS:
            run.collector.warn(Warned(table, f"is not what its inputs make it: {told(found)}", _mend([table])))


def _is_sampled(run: RunContext, table: str, up_to_mb: float) -> bool:
    """Whether a sample of the table costs little: it is computed for keys, and it is not too large to look for them."""
    loaded = run.engine.table(table)
    if loaded.load.grain is None or loaded.load.write.mode not in INCREMENTAL_MODES:
        return False
    return bytes_read(run.engine, run.engine.session(table), loaded) <= up_to_mb * MEGABYTE


def told(found: Verified) -> str:
    """What was found in a table that differs."""
    counts = {"differ": found.differing, "are missing": found.missing, "should not be there": found.extra}
    rows = ", ".join(f"{count} rows {what}" for what, count in counts.items() if count)
    where = f" (in {', '.join(found.columns)})" if found.columns else ""
    return f"of {found.compared} rows compared, {rows}{where}" + (f"; {'; '.join(found.keys)}" if found.keys else "")


def _verify(run: RunContext, table: str, part: Sample | None) -> Verified:
    with run.collector.step(table, "verify"):
        verify_one = tasks.on_spark(run.engine.environment, tasks.verify)
        found = verify_one(unseen(run.engine), table, unseen(part))
    run.collector.note(table, verified=found.to_json())
    return found


def _mend(tables: Sequence[str]) -> str:
    selected = " ".join(f"--select {table}" for table in tables)
    return f"tidemark run --full-refresh {selected} builds them anew; DESCRIBE HISTORY of a table says who changed it"
