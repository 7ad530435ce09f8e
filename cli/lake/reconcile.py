"""`tidemark reconcile`: the lake beside its sources and warehouses, down to the rows and columns that differ."""

from __future__ import annotations

from contextlib import nullcontext
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
from cli.console.output import show, show_json

if TYPE_CHECKING:
    from tidemark.control.runs import RunSummary
    from tidemark.reconcile.found import Reconciled


def reconcile(
    select: SelectOption = None,
    connection: Annotated[
        str | None, typer.Option("--connection", help="Only what comes from this connection.")
    ] = None,
    target: Annotated[str | None, typer.Option("--target", help="Only what is published to this target.")] = None,
    unmask: Annotated[
        bool,
        typer.Option(
            "--unmask", help="Show personal values as they are; that you saw them is noted in the error lane."
        ),
    ] = False,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Compares bronze with its sources and gold with the warehouses, row by row where sums differ; writes nothing.

    Exit code 3: rows differ. Exit code 1: two that should be the same cannot be compared.
    """
    from cli.console.launch import launch
    from tidemark.reconcile.reconciling import unmasked

    tables = selection(select)
    parameters = {"select": tables, "connection": connection, "target": target}
    if unmask:
        _note(tables, connection, target, env, config)
    with unmasked() if unmask else nullcontext() as seen:

        def report(summary: RunSummary) -> None:
            _show(summary, seen, as_json=as_json)

        launch("reconcile", parameters, env=env, config=config, debug=debug, report=report)


def _note(select: list[str], connection: str | None, target: str | None, env: str, config: str) -> None:
    """Notes who asks for personal values, and of which tables, before anything is shown."""
    import getpass

    from tidemark.config.project import load_project
    from tidemark.reconcile.pairs import pairs
    from tidemark.reconcile.reconciling import note_access

    project = load_project(config, env)
    found = pairs(project, select, connection, target)
    note_access(project.environment, getpass.getuser(), [pair.table for pair in found])


def _show(summary: RunSummary, seen: list[Reconciled] | None, *, as_json: bool) -> None:
    from tidemark.reconcile.found import Reconciled
    from tidemark.reconcile.report import render

    found = [Reconciled.from_json(each) for result in summary.tables for each in result.reconciled]
    if seen:
        clear = {(each.upstream, each.downstream): each for each in seen}
        found = [clear.get((each.upstream, each.downstream), each) for each in found]
    if as_json:
        pairs = [each.to_json() for each in found]
        show_json({"run_id": summary.run_id, "status": summary.status, "error": summary.error, "pairs": pairs})
    elif found:
        show(render(found))
