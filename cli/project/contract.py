"""`tidemark contract`: what changes between two versions of contracts, and whom it breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.console.options import CONFIG, ConfigOption, DebugOption, JsonOption
from cli.console.output import show, show_json, show_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tidemark.revisions.difference import Change

contract = typer.Typer(help="Contracts and their versions.", no_args_is_help=True)

PLACE = "a contract file, a configuration folder, or a revision of the configuration in git (main, HEAD~1)"
VersionedOption = Annotated[
    bool,
    typer.Option(
        "--versioned",
        help="Fail only for breaking changes that no version announces: its first number is raised (below 1.0.0 the "
        "second), or a table that goes was deprecated before.",
    ),
]


@contract.command("diff", epilog="Exit codes: 0 nothing breaks, 1 something does, 2 wrong usage or configuration.")
def diff(
    old: Annotated[str, typer.Argument(help=f"The older version: {PLACE}.")],
    new: Annotated[str | None, typer.Argument(help="The newer version; without it the configuration as it is.")] = None,
    versioned: VersionedOption = False,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """What changed in contracts from one version to the next, what of it breaks readers or rejects rows, and why."""
    from dataclasses import asdict

    from tidemark.config.files.source import local_folder
    from tidemark.revisions.announced import unannounced
    from tidemark.revisions.difference import all_changes
    from tidemark.revisions.reading import aligned, read_revision, working

    folder = local_folder(config)
    newer = working(folder) if new is None else read_revision(new, folder, strict=True)
    before, after = aligned(read_revision(old, folder, strict=False), newer)
    found = all_changes(before, after)
    silent = unannounced(before, after, found)
    breaking = [change for change in found if change.effect == "breaking"]
    if as_json:
        unsaid = {id(change): fix for change, fix in silent}
        listed = [asdict(each) | {"announced": id(each) not in unsaid, "fix": unsaid.get(id(each))} for each in found]
        show_json({"old": old, "new": new or config, "breaking": len(breaking), "changes": listed})
    else:
        show_changes(found, silent)
    if silent if versioned else breaking:
        raise typer.Exit(1)


def show_changes(found: Sequence[Change], silent: Sequence[tuple[Change, str]]) -> None:
    """Prints changes of contracts; `silent`: those that break and that no version announces, with what mends that."""
    if not found:
        show("no contract changed")
        return
    for change in found:
        show_lines([f"{change.effect:<10}  {change.subject}: {change.what}", f"            {change.why}"])
    counted = [
        f"{sum(each.effect == effect for each in found)} {effect}" for effect in ("breaking", "loosened", "compatible")
    ]
    show("")
    show(f"{len(found)} change{'' if len(found) == 1 else 's'}: {', '.join(counted)}")
    for table_name, fix in dict.fromkeys((change.table, fix) for change, fix in silent):
        show(f"{table_name} breaks without saying so: {fix}")
