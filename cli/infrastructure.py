"""`tidemark config`: what Terraform made, in the environment's file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.console.options import CONFIG, ConfigOption, DebugOption, JsonOption
from cli.console.output import show, show_json

config = typer.Typer(help="The configuration's own files.", no_args_is_help=True)

STANDARD_INPUT = "-"


@config.command("from-terraform")
def from_terraform(
    outputs: Annotated[
        str, typer.Argument(help="What `terraform output -json` printed: a file, or - for standard input.")
    ] = STANDARD_INPUT,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Names and ARNs that Terraform made, written into the file of their environment; comments and order stay."""
    from dataclasses import asdict

    from tidemark.config import infrastructure
    from tidemark.errors import ConfigError

    if outputs != STANDARD_INPUT and not Path(outputs).is_file():
        raise ConfigError(f"there is no file {outputs}", next_step="terraform output -json > outputs.json")
    text = sys.stdin.read() if outputs == STANDARD_INPUT else Path(outputs).read_text("utf-8")
    told = infrastructure.outputs(text)
    changes = infrastructure.write(Path(config), told, dry_run=dry_run)
    if as_json:
        show_json([asdict(change) for change in changes])
        return
    for change in changes:
        show(str(change))
    if not changes:
        show(f"env/{told['name']}.yaml says it all already")
