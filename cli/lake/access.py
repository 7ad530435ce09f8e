"""`tidemark access`: released tables in Glue, and who may read which of their columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.console.options import (
    CONFIG,
    LOCAL,
    ConfigOption,
    DebugOption,
    EnvOption,
    JsonOption,
    SelectOption,
    selection,
)
from cli.console.output import columns, show, show_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tidemark.governance.registering import Registered
    from tidemark.governance.review import Reader

access = typer.Typer(help="Released tables in AWS Glue, and who may read which column.", no_args_is_help=True)

_NAMED = 6  # columns that a report names before it counts


@access.command("sync")
def sync(
    select: SelectOption = None,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Registers the tables of the newest release in Glue, and tags their columns by contract, as every run does."""
    from dataclasses import asdict

    from tidemark.config.project import load_project
    from tidemark.control.state import open_state
    from tidemark.governance.registering import register
    from tidemark.serving.lake import open_lake

    project = load_project(config, env)
    names = project.select(selection(select)) if select else None
    done = register(open_lake(project, open_state(project.environment)), names)
    show_json([asdict(each) for each in done]) if as_json else _show_done(done)
    if any(each.outcome == "failed" for each in done):
        raise typer.Exit(1)


@access.command("review")
def review(
    select: SelectOption = None,
    principal: Annotated[
        str | None, typer.Option("--principal", help="Of this principal alone: its ARN, or the end of it.")
    ] = None,
    personal: Annotated[bool, typer.Option("--personal", help="Only who may read personal columns.")] = False,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Who may read which columns, as Lake Formation has it now; roles that may read the bucket itself are IAM's."""
    from dataclasses import asdict

    from tidemark.config.project import load_project
    from tidemark.governance.review import review as look

    project = load_project(config, env)
    found = [
        each
        for each in look(project, project.select(selection(select)) if select else None)
        if (principal is None or each.principal.endswith(principal)) and (each.personal or not personal)
    ]
    show_json([asdict(each) for each in found]) if as_json else _show_readers(found)


def _show_done(done: Sequence[Registered]) -> None:
    table = columns("table", "entry", "outcome", "")
    for each in done:
        table.add_row(each.table, each.entry, each.outcome, each.why)
    show(table)


def _show_readers(found: Sequence[Reader]) -> None:
    if not found:
        show("nobody is granted anything of these tables by Lake Formation")
        return
    table = columns("table", "who", "by", "columns", "personal", "hidden", right=("columns",))
    for each in found:
        who = "everybody whom IAM lets: Lake Formation does not decide" if each.is_open else each.principal
        table.add_row(each.table, who, each.by, str(len(each.columns)), _some(each.personal), _some(each.hidden))
    show(table)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more or "–"
