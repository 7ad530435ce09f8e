"""Commands that report what happened: errors, state, runs; and that register blocks."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli_options import CONFIG, LOCAL, ConfigOption, DebugOption, EnvOption, JsonOption
from flows.cli_output import columns, show, show_json

if TYPE_CHECKING:
    from tidemark.environment import Environment
    from tidemark.rejects import RejectedRow
    from tidemark.release import Release
    from tidemark.state import Record

errors = typer.Typer(help="The error lane: what was rejected, and why.", no_args_is_help=True)
state = typer.Typer(help="The control store.", no_args_is_help=True)
runs = typer.Typer(help="What happened in runs.", no_args_is_help=True)
blocks = typer.Typer(help="The connections in Prefect.", no_args_is_help=True)

_LONGEST_VALUE = 60


@errors.command("list")
def list_errors(
    table: Annotated[str | None, typer.Option("--table", help="Only of this table.")] = None,
    run: Annotated[str | None, typer.Option("--run", help="Only of this run (the start of its id will do).")] = None,
    rule: Annotated[str | None, typer.Option("--rule", help="Only rows that broke it: enum, or status.enum.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Show at most so many rows; 0 for all.")] = 20,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Rejected rows with their reasons, and how many rows broke which rule."""
    from tidemark.folder import open_folder
    from tidemark.rejects import Filters, count_by_rule, rejected_rows

    environment = _environment(env, config)
    lane, filters = open_folder(environment.roots.errors, environment.aws), Filters(table, run, rule)
    rows = list(islice(rejected_rows(lane, filters), limit or None))
    by_rule = count_by_rule(rejected_rows(lane, filters))
    if as_json:
        show_json({"rows": [row.to_json() for row in rows], "by_rule": dict(by_rule.most_common())})
    else:
        _show_errors(rows, by_rule)


def _show_errors(rows: list[RejectedRow], by_rule: Counter[str]) -> None:
    from tidemark.run_report import count

    if not rows:
        show("no rejected rows")
        return
    table = columns("table", "day", "run", "rule", "value", "from")
    for row in rows:
        for reason in row.reasons:
            value = (reason.value or "")[:_LONGEST_VALUE]
            table.add_row(row.table, row.day, row.run_id[:8], reason.code, value, row.origin)
    show(table)
    named = ", ".join(f"{count(number)} {code}" for code, number in by_rule.most_common())
    show(f"\n{len(rows)} rows shown; by rule, of all that match: {named}")


@state.command("show")
def show_state(
    env: EnvOption = LOCAL, config: ConfigOption = CONFIG, as_json: JsonOption = False, debug: DebugOption = False
) -> None:
    """The newest release, and for every table its version, watermark and last run."""
    from tidemark import release
    from tidemark.state import open_state

    store = open_state(_environment(env, config))
    newest, tables = release.latest(store), store.list("table")
    if as_json:
        noted = {record.key: dict(record.value) for record in tables}
        show_json({"release": newest.to_json() if newest else None, "tables": noted})
    else:
        _show_state(newest, tables)


def _show_state(newest: Release | None, tables: tuple[Record, ...]) -> None:
    if newest is None:
        show("nothing released yet")
    else:
        show(f"release {newest.name} of run {newest.run_id[:8]}, {newest.created_at:%Y-%m-%d %H:%M} UTC\n")
    table = columns("table", "version", "released", "watermark", "run", right=("version", "released"))
    for record in tables:
        value = record.value
        mark = (value.get("watermark") or {}).get("high") or ""
        released = newest.tables.get(record.key) if newest else None
        shown = "–" if released is None else str(released)
        table.add_row(record.key, str(value.get("version")), shown, str(mark), str(value.get("run_id", ""))[:8])
    show(table)


@runs.command("list")
def list_runs(
    limit: Annotated[int, typer.Option("--limit", min=1, help="Show at most so many.")] = 20,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """The latest runs, newest first."""
    from tidemark.folder import open_folder
    from tidemark.run_report import count, duration
    from tidemark.runs import RunStore

    environment = _environment(env, config)
    summaries = RunStore(open_folder(environment.roots.runs, environment.aws)).latest(limit)
    if as_json:
        show_json([summary.to_json() for summary in summaries])
        return
    table = columns("run", "began (UTC)", "flow", "date", "status", "took", "tables", "rejected", "release")
    for summary in summaries:
        table.add_row(
            summary.short_id,
            f"{summary.started_at:%Y-%m-%d %H:%M:%S}",
            summary.flow,
            str(summary.date),
            summary.status,
            duration(summary.seconds),
            str(len(summary.tables)),
            count(summary.quarantined),
            summary.release or "–",
        )
    show(table if summaries else "no runs yet")


@runs.command("show")
def show_run(
    run: Annotated[str, typer.Argument(help="Id of the run; its start will do.")],
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """The summary of one run."""
    from tidemark.folder import open_folder
    from tidemark.run_report import render
    from tidemark.runs import RunStore

    environment = _environment(env, config)
    summary = RunStore(open_folder(environment.roots.runs, environment.aws)).load(run)
    if as_json:
        show_json(summary.to_json())
        return
    show(render(summary))
    if summary.error:
        show(f"\n{summary.error}")


@blocks.command("register")
def register_blocks(
    env: EnvOption = LOCAL, config: ConfigOption = CONFIG, as_json: JsonOption = False, debug: DebugOption = False
) -> None:
    """Creates or updates the connection blocks in Prefect from the environment's file."""
    from dataclasses import asdict

    from flows.prefect_api import use_prefect

    environment = _environment(env, config)
    use_prefect(environment, debug=debug)
    from blocks.register import register

    changes = register(environment)
    if as_json:
        show_json([asdict(change) for change in changes])
        return
    table = columns("connection", "block", "kind", "")
    for change in changes:
        fields = f": {', '.join(change.fields)}" if change.fields else ""
        table.add_row(change.connection, change.block, change.kind, f"{change.outcome}{fields}")
    show(table)


def _environment(env: str, config: str) -> Environment:
    from tidemark.config_source import local_folder
    from tidemark.environment import load_environment

    return load_environment(local_folder(config), env)
