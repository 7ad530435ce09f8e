"""`tidemark approve`: one of two people says yes to what cannot be taken back."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from cli.console.options import CONFIG, LOCAL, ConfigOption, DebugOption, EnvOption, environment_of
from cli.console.output import write
from tidemark.errors import ConfigError, choose


def approve(
    action: Annotated[str, typer.Argument(help="restore, erase, apply, backfill or bypass.")],
    what: Annotated[
        list[str],
        typer.Argument(help="What decides it, as the refusal says: run=r31.", metavar="NAME=VALUE"),
    ],
    by: Annotated[str, typer.Option("--by", help="Your name, as the secret of approvals has it.")],
    hours: Annotated[int, typer.Option("--hours", min=1, max=24, help="How long it is good.")] = 8,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    debug: DebugOption = False,
) -> None:
    """Signs with the key in TIDEMARK_APPROVAL_KEY that something may be done, and prints the token; nothing else."""
    from tidemark.control.approvals import ACTIONS, KEY, Asked, sign

    wanted = next((each for each in ACTIONS if each == action), None)
    if wanted is None:
        raise ConfigError(f"{action} is nothing to approve", next_step=choose(action, ACTIONS))
    key = os.environ.get(KEY, "")
    if not key:
        raise ConfigError(f"{KEY} is empty", next_step="set it to your key, which the secret of approvals has too")
    named = [each.partition("=") for each in what]
    odd = [name for name, equals, _ in named if not equals]
    if odd:
        raise ConfigError(f"{odd[0]} is no NAME=VALUE", next_step="write it as the refusal does: run=r31")
    until = datetime.now(UTC).replace(tzinfo=None, microsecond=0) + timedelta(hours=hours)
    asked = Asked(wanted, environment_of(env, config).name, {name: value for name, _, value in named})
    write(f"{sign(asked, by, key, until)}\n")
