"""Options that many commands share, and what is typed into them."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from tidemark import advice
from tidemark.errors import ConfigError
from tidemark.instants import as_utc

if TYPE_CHECKING:
    from tidemark.config.environment import Environment

LOCAL, CONFIG = advice.LOCAL, "config"
_BARE = {"env": ("TIDEMARK_ENV", LOCAL), "config": ("TIDEMARK_CONFIG", CONFIG)}
"""Where a command works that says nothing of it: the variable that may say so, and what holds without."""


def _typed(context: typer.Context, option: typer.CallbackParam, value: str | None) -> str | None:
    """What is typed before the command's name holds for the command, and advice names what a bare one would miss."""
    name = str(option.name)
    source = context.get_parameter_source(name)
    if value is not None and source is not None and source.name == "COMMANDLINE":
        variable, otherwise = _BARE[name]
        if value != os.environ.get(variable, otherwise):
            advice.name(**{name: value})
        if context.parent is None:
            _set_while(context, variable, value)
    return value


def _set_while(context: typer.Context, variable: str, value: str) -> None:
    before = os.environ.get(variable)

    def put_back() -> None:
        os.environ.pop(variable)
        if before is not None:
            os.environ[variable] = before

    os.environ[variable] = value
    context.call_on_close(put_back)


EnvOption = Annotated[
    str,
    typer.Option(
        "--env",
        envvar=_BARE["env"][0],
        help="Environment: a file in the configuration's env folder.",
        callback=_typed,
    ),
]
ConfigOption = Annotated[
    str,
    typer.Option(
        "--config",
        envvar=_BARE["config"][0],
        help="Configuration: a folder, or an s3:// prefix.",
        callback=_typed,
    ),
]
EnvForAll = Annotated[
    str | None, typer.Option("--env", help="Environment, for whichever command follows.", callback=_typed)
]
ConfigForAll = Annotated[
    str | None, typer.Option("--config", help="Configuration, for whichever command follows.", callback=_typed)
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
