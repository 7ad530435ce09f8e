"""`tidemark backfill`: days of the past once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.console.options import (
    CONFIG,
    LOCAL,
    AllowOption,
    ApprovalsOption,
    ConfigOption,
    DebugOption,
    EnvOption,
    JsonOption,
    SelectOption,
    instant,
    run_date,
    selection,
)
from cli.plan import show_plan

if TYPE_CHECKING:
    from tidemark.control.runs import RunSummary

StartOption = Annotated[str, typer.Option("--start", help="First day, YYYY-MM-DD (UTC).")]
EndOption = Annotated[str, typer.Option("--end", help="Last day, YYYY-MM-DD (UTC).")]
ChunkOption = Annotated[str, typer.Option("--chunk", help="What a bronze table takes in at a time: day or month.")]
FromOption = Annotated[
    str | None,
    typer.Option("--from", help="source: ask the sources again (default); bronze: compute from what bronze has."),
]
AtOnceOption = Annotated[
    int | None, typer.Option("--at-once", min=1, max=64, help="How many tables are worked on at the same time.")
]
AsOfOption = Annotated[str | None, typer.Option("--as-of", help="Look at nothing later than this instant (UTC).")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Prepare and audit all of it, show what would change, commit nothing.")
]
ForwardOnlyOption = Annotated[
    bool,
    typer.Option("--forward-only", help="After a change of logic: leave all other rows as they are, for good."),
]


def backfill(
    start: StartOption,
    end: EndOption,
    select: SelectOption = None,
    chunk: ChunkOption = "day",
    read_from: FromOption = None,
    at_once: AtOnceOption = None,
    as_of: AsOfOption = None,
    forward_only: ForwardOnlyOption = False,
    dry_run: DryRunOption = False,
    allow: AllowOption = None,
    over_budget_by: Annotated[
        str | None, typer.Option("--over-budget-by", help="Who answers for going over the environment's budget.")
    ] = None,
    why: Annotated[str | None, typer.Option("--why", help="Why the budget may be gone over.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Yes, do it.")] = False,
    approvals: ApprovalsOption = None,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Days of the past once more, from the sources or from bronze; what died on the way is taken up where it was."""
    from cli.console.launch import launch
    from tidemark.backfill.notes import Notes
    from tidemark.backfill.outline import outline, unconfirmed
    from tidemark.backfill.request import Request, resolve
    from tidemark.config.project import load_project
    from tidemark.control.state import open_state

    asked = {
        "start": run_date(start, "--start"),
        "end": run_date(end, "--end"),
        "chunk": chunk,
        "read_from": read_from,
        "as_of": instant(as_of, "--as-of"),
        "forward_only": forward_only,
    }
    project, tables = load_project(config, env), selection(select)
    todo = resolve(project, Request(**asked, select=tuple(tables)))
    if not (yes or dry_run):
        raise unconfirmed(outline(todo, Notes(open_state(project.environment), todo)))
    parameters = asked | {"select": tables, "at_once": at_once, "dry_run": dry_run, "confirmed": not dry_run}
    parameters |= {"allow": selection(allow), "over_budget_by": over_budget_by, "over_budget_why": why}
    parameters["approvals"] = approvals

    def plan(summary: RunSummary) -> None:
        show_plan(project.environment, summary, as_json)

    report = plan if dry_run else None
    launch("backfill", parameters, env=env, config=config, as_json=as_json, debug=debug, report=report)
