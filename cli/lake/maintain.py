"""`tidemark maintain`: files put together, and files removed that nobody can need any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    from tidemark.control.runs import RunSummary


def maintain(
    select: SelectOption = None,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Puts small files together and removes files out of use; no row changes, and kept releases stay readable."""
    from cli.console.launch import launch

    def report(summary: RunSummary) -> None:
        if as_json:
            show_json(summary.to_json())
        else:
            _show(summary)

    launch("maintain", {"select": selection(select)}, env=env, config=config, debug=debug, report=report)


def _show(summary: RunSummary) -> None:
    from rich.filesize import decimal

    table = columns("table", "files", "now", "freed", "", right=("files", "now", "freed"))
    for result in summary.tables:
        if result.files is None:
            table.add_row(result.table, "–", "–", "–", result.status if result.in_trouble else "is not there yet")
            continue
        files = result.files
        why = f"not put together: plan {files.plan} is open" if files.plan else ""
        table.add_row(result.table, str(files.before), str(files.after), decimal(files.freed), why)
    show(table)
    for place, count in summary.expired.items():
        show(f"{count} files of {place} had rested for their time and were removed (retention)")
