"""Commands that report what happened: state, runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.console.options import (
    CONFIG,
    LOCAL,
    ConfigOption,
    DebugOption,
    EnvOption,
    JsonOption,
    lake_of,
)
from cli.console.output import columns, show, show_json, show_lines
from tidemark.errors import ConfigError, choose

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tidemark.config.environment import Environment
    from tidemark.control.release import Release
    from tidemark.control.runs import RunStore, RunSummary
    from tidemark.control.state import Record

state = typer.Typer(help="The control store.", no_args_is_help=True)
runs = typer.Typer(help="What happened in runs.", no_args_is_help=True)

LATEST = "latest"
_RELEASE = re.compile(r"r[0-9]+")


@state.command("show")
def show_state(
    env: EnvOption = LOCAL, config: ConfigOption = CONFIG, as_json: JsonOption = False, debug: DebugOption = False
) -> None:
    """The newest release, and for every table its version, watermark and last run."""
    from tidemark.control import release
    from tidemark.control.state import open_state

    store = open_state(lake_of(env, config))
    newest, tables = release.latest(store), store.list("table")
    if as_json:
        noted = {record.key: dict(record.value) for record in tables}
        show_json({"release": newest.to_json() if newest else None, "tables": noted})
    else:
        show_release(newest, tables)


def show_release(newest: Release | None, tables: tuple[Record, ...]) -> None:
    """Prints the newest release, and where every table stands."""
    if newest is None:
        show("nothing released yet")
    else:
        show(f"release {newest.name} of run {newest.run_id[:8]}, {newest.created_at:%Y-%m-%d %H:%M} UTC")
        show("")
    table = columns(
        "table", "version", "released", "watermark", "run", right=("version", "released"), needless=("run",)
    )
    for record in tables:
        value = record.value
        mark = _position(value.get("watermark") or {})
        released = newest.tables.get(record.key) if newest else None
        shown = "–" if released is None else str(released)
        table.add_row(record.key, str(value.get("version")), shown, mark, str(value.get("run_id", ""))[:8])
    show(table)


def _position(watermark: Mapping[str, Any]) -> str:
    """How far a source is known: the value of each column of its cursor, or how many files of it are."""
    if "files" in watermark:
        known = watermark["files"] if isinstance(watermark["files"], int) else len(watermark["files"])
        return f"{known} files"
    marks = [watermark, *watermark.get("then", ())]
    highs = [str(mark["high"]) for mark in marks if mark.get("high") is not None]
    return " / ".join(high.removesuffix(".000000").replace("T", " ") for high in highs)


@runs.command("list")
def list_runs(
    limit: Annotated[int, typer.Option("--limit", min=1, help="Show at most so many.")] = 20,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """The latest runs, newest first."""
    from tidemark.aws.folder import open_folder
    from tidemark.control.runs import RunStore

    environment = lake_of(env, config)
    summaries = RunStore(open_folder(environment.roots.runs, environment.aws)).latest(limit)
    if as_json:
        show_json([summary.to_json() for summary in summaries])
    else:
        show_list(summaries)


def show_list(summaries: Sequence[RunSummary]) -> None:
    """Prints runs, a line each."""
    from tidemark.observe.run_report import count, duration

    headers = ("run", "began (UTC)", "flow", "date", "status", "took", "tables", "rejected", "release")
    table = columns(*headers, right=("tables", "rejected"), needless=("tables", "date", "took", "release"))
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
    run: Annotated[str, typer.Argument(help="Id of the run (its start will do), its release (r31), or latest.")],
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """The summary of one run."""
    from tidemark.aws.folder import open_folder
    from tidemark.control.runs import RunStore

    environment = lake_of(env, config)
    summary = _run_called(run, RunStore(open_folder(environment.roots.runs, environment.aws)), environment)
    if as_json:
        show_json(summary.to_json())
        return
    show_summary(summary)


def show_summary(summary: RunSummary) -> None:
    """Prints what one run did, and why it failed."""
    from tidemark.observe.run_report import render

    show(render(summary))
    if summary.error:
        show_lines(["", *summary.error.split("\n")])


def _run_called(name: str, runs_of: RunStore, environment: Environment) -> RunSummary:
    """The run of this id, that made the release of this name, or the latest; raises `ConfigError` for any other."""
    from tidemark.control import release
    from tidemark.control.state import open_state

    if name == LATEST:
        newest = runs_of.latest(1)
        if not newest:
            raise ConfigError("there is no run yet", next_step="tidemark run")
        return newest[0]
    if not _RELEASE.fullmatch(name):
        return runs_of.load(name)
    made = {each.name: each.run_id for each in release.every(open_state(environment))}
    if name not in made:
        raise ConfigError(f"there is no release {name}", next_step=choose(name, made, what="name"))
    return runs_of.load(made[name])
