"""`tidemark blocks` and `tidemark prefect`: what runs and deployments need in Prefect, from the environment's file."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import yaml

from cli.console.options import (
    CONFIG,
    LOCAL,
    ConfigOption,
    DebugOption,
    EnvOption,
    JsonOption,
    environment_of,
)
from cli.console.output import columns, show, show_json
from tidemark.children import variables_for
from tidemark.errors import TidemarkError

if TYPE_CHECKING:
    from blocks.changes import Change
    from tidemark.config.environment import Environment

blocks = typer.Typer(help="Connections, alert channels and sizes as blocks of Prefect.", no_args_is_help=True)
prefect = typer.Typer(help="What deployments need in Prefect.", no_args_is_help=True)

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")]


@blocks.command("register")
def register_blocks(
    dry_run: DryRunOption = False,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Creates or updates the blocks of the environment's file; they hold names of secrets, never secrets."""
    environment = _in_prefect(env, config, debug)
    from blocks.register import register

    planned = register(environment, dry_run=True)
    _show(planned, as_json=as_json)
    if not dry_run:
        register(environment)


@prefect.command("start")
def start(env: EnvOption = LOCAL, config: ConfigOption = CONFIG, debug: DebugOption = False) -> None:
    """A Prefect server on this machine, in the background, ready when this ends; `prefect server stop` ends it."""
    from cli.console.prefect_api import start_here

    started = start_here(environment_of(env, config))
    show(f"Prefect answers at {started}" if started else "a Prefect server answers already")


@prefect.command("setup")
def set_up(
    dry_run: DryRunOption = False,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Work pool, variables, limits and blocks: what the deployments of an environment refer to."""
    environment = _in_prefect(env, config, debug)
    from blocks import workspace
    from blocks.register import register

    planned = (*workspace.set_up(environment, config, dry_run=True), *register(environment, dry_run=True))
    _show(planned, as_json=as_json)
    if not dry_run:
        workspace.set_up(environment, config)
        register(environment)


@prefect.command("deploy")
def deploy(
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    debug: DebugOption = False,
) -> None:
    """Every deployment of prefect.yaml, as those of this environment (`daily/daily.prod`). After `prefect setup`."""
    environment = _in_prefect(env, config, debug)
    from blocks.deployments import deployments, show_forms, variables_in

    document = deployments(environment.name)
    with tempfile.TemporaryDirectory(prefix="tidemark-deploy-") as folder:
        file = Path(folder) / "prefect.yaml"
        file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)]
        ended = subprocess.run(
            command, env=variables_for("prefect deploy", more=variables_in(document)), check=False
        ).returncode
    if ended:
        raise TidemarkError(
            f"Prefect did not deploy everything of {environment.name}; what it said stands above",
            step="deploy",
            next_step=f"tidemark prefect setup --env {environment.name}, then again",
        )
    show_forms(document)


@prefect.command("automations")
def automate(
    dry_run: DryRunOption = False,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Who is told of runs that fail, crash or come late; dead runs are marked as such. After `prefect deploy`."""
    environment = _in_prefect(env, config, debug)
    from blocks.automations import set_up_automations

    planned = set_up_automations(environment, dry_run=True)
    _show(planned, as_json=as_json)
    if not dry_run:
        set_up_automations(environment)


def _in_prefect(env: str, config: str, debug: bool) -> Environment:
    from cli.console.prefect_api import use_prefect

    environment = environment_of(env, config)
    use_prefect(environment, debug=debug)
    return environment


def _show(changes: Sequence[Change], *, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        show_json([asdict(change) for change in changes])
        return
    table = columns("kind", "name", "")
    for change in changes:
        fields = f": {'; '.join(map(str, change.fields))}" if change.fields else ""
        table.add_row(change.kind, change.name, f"{change.outcome}{fields}")
    show(table)
