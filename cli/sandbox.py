"""Commands of the sandbox: the only place that knows it, so that everything else works without it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.console.options import (
    CONFIG,
    LOCAL,
    ConfigOption,
    DebugOption,
    EnvOption,
    JsonOption,
    environment_of,
)
from cli.console.output import columns, show, show_json, stderr

sandbox = typer.Typer(
    help="The local world: stand-ins for everything outside, and a shop that fills them.", no_args_is_help=True
)


@sandbox.command()
def up(
    days: Annotated[int, typer.Option("--days", min=1, help="Days of the shop to begin with.")] = 30,
    scale: Annotated[float, typer.Option("--scale", min=0.001, help="Size of the shop; 1 is about 250,000 rows.")] = 1,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same shop.")] = 7,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Starts what is not running, fills it once, and registers the connection blocks."""
    from sandbox import lifecycle

    with stderr().status("starting the sandbox"):
        endpoints = lifecycle.up(_home(env, config), days=days, scale=scale, seed=seed)
        _register(env, config, debug)
    if as_json:
        show_json({"ports": dict(endpoints.ports)})
        return
    table = columns("service", "address")
    for name in endpoints.ports:
        table.add_row(name, endpoints.url(name))
    show(table)


@sandbox.command()
def advance(
    days: Annotated[int, typer.Option("--days", min=1, help="How many days.")] = 1,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Moves the shop on: new and changed rows, late ones, deletes, dirty ones."""
    from sandbox import lifecycle

    with stderr().status("moving the shop on"):
        today = lifecycle.advance(_home(env, config), days)
    if as_json:
        show_json({"date": today.isoformat()})
    else:
        show(f"the shop is at {today}")


@sandbox.command()
def down(env: EnvOption = LOCAL, config: ConfigOption = CONFIG, debug: DebugOption = False) -> None:
    """Ends the processes of the sandbox; the lake stays."""
    from sandbox import lifecycle

    lifecycle.down(_home(env, config))
    show("the sandbox is down")


def _home(env: str, config: str) -> Path:
    from tidemark.errors import ConfigError

    home = environment_of(env, config).home
    if "://" in home:
        raise ConfigError(f"the environment {env} lives at {home}; the sandbox needs a folder", next_step="--env local")
    return Path(home)


def _register(env: str, config: str, debug: bool) -> None:
    """The blocks follow the ports that the services got."""
    from cli.console.prefect_api import use_prefect

    environment = environment_of(env, config)
    use_prefect(environment, debug=debug)
    from blocks.register import register_connections

    register_connections(environment)
