"""Options that many commands share, and what is typed into them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from tidemark.errors import ConfigError
from tidemark.instants import as_utc

if TYPE_CHECKING:
    from tidemark.config.environment import Environment

EnvOption = Annotated[
    str, typer.Option("--env", envvar="TIDEMARK_ENV", help="Environment: a file in the configuration's env folder.")
]
ConfigOption = Annotated[
    str, typer.Option("--config", envvar="TIDEMARK_CONFIG", help="Configuration: a folder, or an s3:// prefix.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Report as JSON on standard output.")]
ApprovalsOption = Annotated[
    str | None,
    typer.Option("--approvals", help="Tokens of two people, as `approve` makes them, where these are wanted."),
]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show all logs, and the stack trace of a failure.")]
SelectOption = Annotated[
    list[str] | None,
    typer.Option(
        "--select",
        "-s",
        help="Tables: names, patterns (gold.*), tags (tag:crm); + before or after adds up- or downstream. Repeatable.",
    ),
]
DateOption = Annotated[str | None, typer.Option("--date", help="Logical date, YYYY-MM-DD (UTC); today if left out.")]
SinceOption = Annotated[
    str | None,
    typer.Option("--since", help="Read sources from this date or instant (UTC) on, not from the watermark."),
]
FullRefreshOption = Annotated[
    bool, typer.Option("--full-refresh", help="Read everything the sources have, not only what is new.")
]
AllowOption = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        help="Let a limit of the selected tables pass in this run: deleted, rejected or empty. Repeatable.",
    ),
]

LOCAL = "local"
CONFIG = "config"


def selection(select: Sequence[str] | None) -> list[str]:
    """The expressions of one or several `--select`; commas separate them too."""
    return [part.strip() for text in select or () for part in text.split(",") if part.strip()]


def run_date(text: str | None, option: str = "--date") -> dt.date | None:
    """The date that was typed for an option; raises `ConfigError` when it is none, or lies in the future."""
    if text is None:
        return None
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{option} {text} is not a date", next_step="write it as YYYY-MM-DD") from None
    today = dt.datetime.now(dt.UTC).date()
    if day > today:
        raise ConfigError(
            f"the date {day} lies in the future (today is {today})", next_step=f"give an earlier {option}"
        )
    return day


def instant(text: str | None, option: str = "--since") -> dt.datetime | None:
    """The instant that was typed for an option, in UTC without a zone; raises `ConfigError` when it is none."""
    if text is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"{option} {text} is not a date or an instant", next_step="write it as YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS"
        ) from None
    return as_utc(moment)


def environment_of(env: str, config: str) -> Environment:
    """The environment that a command is told."""
    from tidemark.config.environment import load_environment
    from tidemark.config.files.source import local_folder

    return load_environment(local_folder(config), env)


def lake_of(env: str, config: str) -> Environment:
    """The environment that a command is told, whose lake it only looks at.

    Raises `ConfigError` where it has none here: nothing is made by looking.
    """
    environment = environment_of(env, config)
    refuse_nowhere(environment)
    return environment


def refuse_nowhere(environment: Environment) -> None:
    """Raises `ConfigError` where nothing of the environment's lake is there: what lies elsewhere is taken to be."""
    from pathlib import Path

    from tidemark.aws.settings import is_uri

    roots = environment.roots
    places = [roots.lake, roots.runs, roots.errors]
    places += [environment.state.location] if environment.state.kind == "sqlite" else []
    if environment.state.kind != "sqlite" or any(is_uri(place) or Path(place).exists() for place in places):
        return
    raise ConfigError(
        f"no lake at {environment.home}",
        next_step=f"go to the project's folder, from where paths in env/{environment.name}.yaml are seen; the first "
        "tidemark run makes the lake",
    )
