"""`tidemark bypass`: checks that may fail for a while, who let them pass, why and until when."""

from __future__ import annotations

from datetime import UTC, datetime
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
    environment_of,
    instant,
    lake_of,
)
from cli.console.output import columns, show, show_json

if TYPE_CHECKING:
    from tidemark.config.environment import Environment
    from tidemark.control.bypasses import Bypass

bypass = typer.Typer(
    help="Checks of gates that may fail for a while: who says so, why, until when.", no_args_is_help=True
)

ByOption = Annotated[str, typer.Option("--by", help="Who answers for it: a person's name or address.")]


@bypass.command("add")
def add_bypass(
    table: Annotated[str, typer.Argument(help="A table: gold.fact_sales.")],
    check: Annotated[str, typer.Option("--check", help="The check's name, as the gate writes it.")],
    by: ByOption,
    why: Annotated[str, typer.Option("--why", help="Why it may fail.")],
    until: Annotated[str, typer.Option("--until", help="Until this day or instant (UTC), a month ahead at most.")],
    approvals: ApprovalsOption = None,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Lets a check of a table's gate fail until an instant: it warns, in every run, and alert channels are told now."""
    from tidemark.compute.gate.quality import check_names
    from tidemark.config.project import load_project
    from tidemark.control.approvals import Approved, Asked, needed, note, signed
    from tidemark.control.bypasses import add
    from tidemark.control.state import open_state
    from tidemark.errors import ConfigError, choose

    project = load_project(config, env)
    names = check_names(project.table(table).contract)
    if check not in names:
        hint = choose(check, names) if names else "its contract has no checks; a limit is let pass with --allow"
        raise ConfigError(f"{table} has no check named {check!r}", next_step=hint)
    end = instant(until, "--until")
    if end is None:
        raise ConfigError("--until is empty", next_step="write it as YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS")
    state = open_state(project.environment)
    asked = Asked("bypass", project.environment.name, {"table": table, "check": check, "until": end.isoformat()})
    if needed(project.environment.approvals, "bypass"):
        found = signed(project.environment, asked, approvals)
        note(state, asked, Approved(by, found), _now())
    made = add(state, table, check, who=by, why=why, until=end, now=_now())
    _tell(project.environment, made, f"{made.check} may fail: {made.told}")
    show_bypasses([made], as_json=as_json)


@bypass.command("list")
def list_bypasses(
    every: Annotated[bool, typer.Option("--all", help="Those too that do not hold any more.")] = False,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """The bypasses that hold, newest first."""
    from tidemark.control import bypasses
    from tidemark.control.state import open_state

    found = bypasses.every(open_state(lake_of(env, config)))
    show_bypasses([each for each in found if every or each.holds(_now())], as_json=as_json)


@bypass.command("end")
def end_bypass(
    bypass_id: Annotated[str, typer.Argument(help="Its id, as the list shows it.")],
    by: ByOption,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Ends a bypass before its time; the record of it stays."""
    from tidemark.control.bypasses import end
    from tidemark.control.state import open_state

    environment = environment_of(env, config)
    ended = end(open_state(environment), bypass_id, who=by, now=_now())
    _tell(environment, ended, f"{ended.check} fails the gate again: {by} has ended the bypass of {ended.who}")
    show_bypasses([ended], as_json=as_json)


def _tell(environment: Environment, made: Bypass, message: str) -> None:
    from tidemark.observe.alerts import AlertEvent, tell

    at = _now().isoformat(timespec="seconds")
    step = "bypass"
    event = AlertEvent("warning", message, made.id, environment.name, table=made.table, step=step, at=at)
    tell(environment, environment.alerts, event)


def show_bypasses(found: list[Bypass], *, as_json: bool) -> None:
    """Prints bypasses of checks, and what has become of them."""
    if as_json:
        show_json([{"id": each.id, **each.to_json()} for each in found])
        return
    table = columns("id", "table", "check", "by", "until (UTC)", "", "why")
    for each in found:
        state = f"ended by {each.ended_by}" if each.ended_by else ("" if each.holds(_now()) else "over")
        table.add_row(each.id, each.table, each.check, each.who, f"{each.until:%Y-%m-%d %H:%M}", state, each.why)
    show(table)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
