"""`tidemark recover`: what is half done after a crash, and ending it either way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.console.options import (
    CONFIG,
    LOCAL,
    ApprovalsOption,
    ConfigOption,
    DebugOption,
    EnvOption,
    JsonOption,
    lake_of,
)
from cli.console.output import columns, confirm, show, show_json
from tidemark.advice import addressed
from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.console.listing import Listing
    from tidemark.config.connections import ConnectionValue
    from tidemark.operations.recovery import HalfDone, TableLeft

FinishOption = Annotated[
    bool, typer.Option("--finish", help="Commit what is not committed yet, from staging, and release it.")
]
UndoOption = Annotated[bool, typer.Option("--undo", help="Take back what was committed: tables are as before.")]
OverOthersOption = Annotated[
    bool,
    typer.Option("--over-others", help="With --undo: take back what others changed in these tables since, too."),
]


def recover(
    run: Annotated[str | None, typer.Option("--run", help="Only the commit of this run (the start of its id).")] = None,
    finish: FinishOption = False,
    undo: UndoOption = False,
    over_others: OverOthersOption = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    approvals: ApprovalsOption = None,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Commits that were begun and not ended: shows them, finishes them, or takes them back."""
    if finish and undo:
        raise ConfigError("--finish and --undo are two ways", next_step="tidemark recover shows what each would do")
    if over_others and not undo:
        raise ConfigError("--over-others goes with --undo", next_step="tidemark recover shows what each would do")
    found = _half_done(env, config, run)
    if not (found and (finish or undo)):
        show_half_done(found, as_json=as_json)
        return
    if undo and not yes:
        show_half_done(found, as_json=False)
        tables = [table for each in found for table in each.standing("committed")]
        confirm(f"take back {', '.join(tables) or 'what was begun'}?")
    from cli.console.launch import launch

    parameters = {"run": run, "undo": undo, "over_others": over_others, "approvals": approvals}
    launch("recover", parameters, env=env, config=config, as_json=as_json, debug=debug)


def _half_done(env: str, config: str, run: str | None) -> list[HalfDone]:
    """What is half done, by the tables themselves."""
    from tidemark.config.project import load_project
    from tidemark.control.runs import Run
    from tidemark.control.state import open_state
    from tidemark.engine import Engine
    from tidemark.operations import recovery
    from tidemark.spark.session import build_session

    environment = lake_of(env, config)
    state = open_state(environment)
    begun = recovery.wanted(state, run)
    if not begun:
        return []
    engine = Engine(load_project(config, env), build_session(environment), state, _no_connection, Run.start())
    return [recovery.look(engine, each) for each in begun]


def _no_connection(name: str) -> ConnectionValue:
    raise ConfigError(f"to look at commits needs no connection, but {name} was asked for")


def show_half_done(found: Sequence[HalfDone], *, as_json: bool) -> None:
    """Prints what is half done, and what each way to end it would do."""
    if as_json:
        show_json([each.to_json() for each in found])
        return
    if not found:
        show("nothing is half done")
    for each in found:
        _show_one(each)


def _show_one(found: HalfDone) -> None:
    begun = found.begun
    doing = "taking back what it had committed" if begun.undoing else "committing"
    began = begun.began_at[:16].replace("T", " ")
    show(f"run {begun.run_id} ({begun.flow or 'unknown'}, {begun.date}) was {doing}, begun {began} UTC")
    if found.at_work:
        show(
            f"run {found.at_work} is at work on these tables: it may just be ending this "
            f"({addressed('tidemark runs list')})"
        )
    for line in (begun.cause or "").splitlines():
        show(f"  {line.strip()}")
    table = columns("table", "", "version", "taken back to", right=("version",))
    for each in found.tables:
        version = "–" if each.version is None else str(each.version)
        table.add_row(each.table, each.standing, version, _back_to(each))
    show("")
    show(table)
    show("")
    show(_ways(found))


def _back_to(left: TableLeft) -> str:
    if left.standing == "not committed":
        return "stays as it is"
    return "no row, as before" if left.back_to is None else f"version {left.back_to}"


def _ways(found: HalfDone) -> Listing:
    """What each way would do and the command for it, or why it cannot be gone."""
    command, left = addressed(f"tidemark recover --run {found.begun.short_id}"), found.standing("not committed")
    against = [f"{each.table}: {line}" for each in found.tables for line in each.against_finishing]
    if found.begun.undoing:
        against = ["it is being taken back already"]
    ways = columns("", "")
    does = f"commits {', '.join(left)} from staging, and releases all" if left else "records the release"
    _add(ways, "finish", does if found.can_finish else "", against, f"{command} --finish")
    against = [f"{each.table}: {line}" for each in found.tables for line in each.against_undoing]
    if found.release:
        against = [f"readers have it, as release {found.release}: restore an earlier one to take it back"]
    back = ", ".join(f"{each.table} to {_back_to(each)}" for each in found.tables if each.standing == "committed")
    does = f"{back}; the next run computes all of it anew" if back else "forgets what was begun"
    _add(ways, "take back", does if found.can_undo else "", against, f"{command} --undo")
    return ways


def _add(ways: Listing, way: str, does: str, against: Sequence[str], command: str) -> None:
    ways.add_row(way, does or "cannot be done:")
    for line in [f"→ {command}"] if does else against:
        ways.add_row("", line)
