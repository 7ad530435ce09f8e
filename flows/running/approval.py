"""Asks for a second person, where the environment wants one: by tokens, or on the page of the flow run."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from prefect.context import FlowRunContext
from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput

from flows.running.context import is_open
from flows.running.parameters import allowances
from flows.running.sealed import refuse_other_environments
from tidemark.config.project import load_project
from tidemark.control.approvals import PEOPLE, Allowance, Approved, Asked, acting, needed, signed
from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from tidemark.config.environment import Environment
    from tidemark.config.limits import LimitName
    from tidemark.config.project import Project

_A_DAY = 24 * 60 * 60  # seconds
_EVER = 36_525  # days: longer than any source remembers

log = logging.getLogger("tidemark.run")


class Approval(RunInput):
    """What a second person says to a run that waits for it."""

    approved_by: str


def approve(
    environment: Environment, asked: Asked, tokens: str | None = None, *, days: int = 0, wanted: bool = False
) -> Approved:
    """Who asks for this, and who has approved it; raises `ConfigError` where a second person is wanted and not there.

    The environment's file says what wants one, or whoever asks (`wanted`). To be called before a run is opened: nothing
    is held while it waits.
    """
    given = (tokens or "").split()
    if not (wanted or needed(environment.approvals, asked.action, days)):
        return Approved(_requester())
    if environment.approvals.secret is None:
        return Approved(_requester(), (_second(asked, _requester()),))
    if len(given) < PEOPLE and _is_deployed():
        given += _written(asked).split()
    found = signed(environment, asked, " ".join(given))
    log.info("%s is approved by %s", asked.told, " and ".join(found))
    return Approved(_requester(), found)


def allowance(
    flow: str,
    env: str,
    config: str,
    approvals: str | None,
    *,
    allow: Sequence[LimitName] | None,
    select: Sequence[str] | None,
    day: date | None = None,
    since: datetime | None = None,
    full_refresh: bool = False,
    **further: str | None,
) -> Allowance:
    """What a run lets pass, once everybody whom the environment wants has said yes: limits of tables (a `bypass`), and
    many days that are read again without being called a backfill.

    A flow that is called by another one asks nobody: that one has. `further`: what else decides what the run does.
    Raises `ConfigError` where a second person is wanted and not there, or nobody has said of which tables.
    """
    limits = allowances(allow, select)
    if is_open() or not (limits or since or full_refresh):
        return Allowance(limits)
    project = load_project(config, env)
    environment = project.environment
    refuse_other_environments(environment, config)
    days = days_again(project, select, day, since, full_refresh=full_refresh)
    reads_much = needed(environment.approvals, "backfill", days)
    if not (limits or reads_much):
        return Allowance(limits)
    what = {"flow": flow, "allow": ",".join(sorted(limits)), "select": ",".join(select or ())}
    what |= {"date": day.isoformat() if day else "", "since": since.isoformat() if since else ""}
    what |= {"full_refresh": "yes" if full_refresh else ""} | {name: value or "" for name, value in further.items()}
    asked = Asked("bypass" if limits else "backfill", environment.name, what)
    return Allowance(limits, asked, approve(environment, asked, approvals, days=days, wanted=reads_much))


def days_again(
    project: Project, select: Sequence[str] | None, day: date | None, since: datetime | None, *, full_refresh: bool
) -> int:
    """How many days a run reads again that is told to read its sources from an instant on, or all they have."""
    if not any(project.table(name).load.source for name in project.select(select or ())):
        return 0
    if full_refresh:
        return _EVER
    last = day or datetime.now(UTC).date()
    return (last - since.date()).days + 1 if since else 0


def _second(asked: Asked, requested_by: str) -> str:
    """Who else approves it; raises `ConfigError` for whoever asked, and for nobody."""
    name = " ".join(_written(asked).split())
    if not name:
        raise ConfigError(f"{asked.told} was approved by nobody", next_step="run it again, and write who approves it")
    if name.casefold() == requested_by.casefold():
        raise ConfigError(
            f"whoever asks for {asked.action} does not approve it", next_step="let a second person approve it"
        )
    log.info("%s, asked for by %s, is approved by %s", asked.told, requested_by, name)
    return name


def _written(asked: Asked) -> str:
    """What somebody writes on the page of the flow run, which waits for it a day at most."""
    told = f"{asked.told} in {asked.environment} waits for a second person: their name, or their token."
    waiting = Approval.with_initial_data(description=told, approved_by="")
    return pause_flow_run(wait_for_input=waiting, timeout=_A_DAY).approved_by


def _is_deployed() -> bool:
    context = FlowRunContext.get()
    return bool(context and context.flow_run and context.flow_run.deployment_id)


def _requester() -> str:
    """Who started this: whom Prefect names, or who runs the command."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is not None and run.deployment_id is not None:
        maker = run.created_by.display_value if run.created_by else None
        return maker or f"flow run {run.id}"
    return acting()
