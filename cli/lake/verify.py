"""`tidemark verify`: tables computed anew from what their last commit read, and compared with what is there."""

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
    from tidemark.control.runs import RunSummary


def verify(
    select: SelectOption = None,
    sample: Annotated[
        str | None, typer.Option("--sample", help="About so many rows of each table (1000), or a part of them (2%).")
    ] = None,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Computes silver and gold tables anew and compares; nothing is written. Exit code 3: a table differs."""
    from cli.console.launch import launch
    from tidemark.compute.verify import Sample

    if sample is not None:
        Sample.parse(sample)

    def report(summary: RunSummary) -> None:
        if as_json:
            found = [result.verified for result in summary.tables if result.verified]
            show_json({"run_id": summary.run_id, "status": summary.status, "error": summary.error, "tables": found})
        else:
            _show(summary)

    parameters = {"select": selection(select), "sample": sample}
    launch("verify", parameters, env=env, config=config, debug=debug, report=report)


def _show(summary: RunSummary) -> None:
    numbers = ("compared", "differing", "missing", "extra", "stale")
    table = columns("table", "outcome", *numbers, "", right=numbers)
    for result in summary.tables:
        found = result.verified
        if found is None:
            table.add_row(result.table, result.status, *["–"] * len(numbers), result.error or "")
            continue
        counts = [str(found[name]) if found["reason"] is None else "–" for name in numbers]
        where = f"in {', '.join(found['columns'])}" if found["columns"] else ""
        table.add_row(result.table, found["outcome"], *counts, found["reason"] or where)
    show(table)
