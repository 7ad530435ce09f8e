"""Asks for a second person, where the environment wants one: by tokens, or on the page of the flow run."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from prefect.context import FlowRunContext
from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput

from tidemark.control.approvals import PEOPLE, Approved, Asked, acting, needed, signed
from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from tidemark.config.environment import Environment

_A_DAY = 24 * 60 * 60  # seconds

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
