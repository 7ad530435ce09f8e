"""`tidemark subject`: what there is about a person, and what was erased."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.console.options import CONFIG, LOCAL, ConfigOption, DebugOption, EnvOption, JsonOption, lake_of, refuse_nowhere
from cli.console.output import columns, show, show_json

subject = typer.Typer(help="What there is about a person, and what was erased.", no_args_is_help=True)


@subject.callback()
def group() -> None:
    """What there is about a person, and what was erased."""


@subject.command()
def export(
    person: Annotated[str, typer.Argument(help="The person: customer_id=CUST-000123.", metavar="KEY=VALUE")],
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """All that the released tables and the error lane hold about a person, as it is; that you saw it is noted."""
    import getpass

    from tidemark.config.project import load_project
    from tidemark.control.state import open_state
    from tidemark.operations.subject import exported, note_export

    project = load_project(config, env)
    refuse_nowhere(project.environment)
    found = exported(project, open_state(project.environment), person)
    note_export(project.environment, getpass.getuser(), found)
    if as_json:
        show_json(found.to_json())
        return
    for table, rows in found.tables.items():
        show(f"{table}: {len(rows)} rows")
        for row in rows:
            show("  " + ", ".join(f"{name}={value}" for name, value in row.items() if value is not None))
    show(f"rejected rows: {len(found.rejected)}")


@subject.command()
def receipts(
    env: EnvOption = LOCAL, config: ConfigOption = CONFIG, as_json: JsonOption = False, debug: DebugOption = False
) -> None:
    """The erasures: of which column, when, by whom, of how many rows; no value of anybody."""
    from tidemark.control import erasures
    from tidemark.control.state import open_state

    every = erasures.every(open_state(lake_of(env, config)))
    if as_json:
        show_json([receipt.to_json() for receipt in every])
        return
    listed = columns("receipt", "column", "status", "begun", "by", "rows", right=("rows",))
    for each in every:
        listed.add_row(each.receipt_id, each.column, each.status, each.began_at, each.by, str(sum(each.rows.values())))
    show(listed)
