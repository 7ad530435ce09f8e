"""Finds the Prefect server before Prefect is imported: without one it would start its own, and take half a minute."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from tidemark.config.environment import Environment

API_URL = "PREFECT_API_URL"
_SECONDS = 5.0
_QUIET = {
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_HANDLERS_DEBUG_LEVEL": "CRITICAL",
    "DO_NOT_TRACK": "1",
}


def use_prefect(environment: Environment, *, debug: bool = False) -> str:
    """Points this process to the Prefect server and gives its address.

    `PREFECT_API_URL` comes first, then the environment's file, then Prefect's own profile. Prefect's records stay off
    the console unless `debug`. Raises `ConfigError` when there is no server or it does not answer.
    """
    for name, value in _QUIET.items():
        if not (debug and name.startswith("PREFECT_LOGGING")):
            os.environ.setdefault(name, value)
    named = os.environ.get(API_URL) or (environment.prefect.api_url if environment.prefect else None)
    url = named or _from_profile()
    if url is None:
        raise ConfigError(
            f"no Prefect server is named: {API_URL} is not set, and env/{environment.name}.yaml has no prefect.api_url",
            next_step="tidemark sandbox up starts a local one; or name yours",
        )
    problem = unreachable(url)
    if problem:
        raise ConfigError(
            f"the Prefect server at {url} does not answer: {problem}",
            next_step="tidemark sandbox up starts the local one; for another check its address and that it runs",
        )
    os.environ[API_URL] = url
    return url


def unreachable(url: str) -> str | None:
    """Why no server answers at this address; None when one does (whatever it answers)."""
    import httpx

    try:
        httpx.get(f"{url.rstrip('/')}/health", timeout=_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as failure:
        return str(failure) or type(failure).__name__
    return None


def _from_profile() -> str | None:
    from prefect.settings import PREFECT_API_URL

    url = PREFECT_API_URL.value()
    return str(url) if url else None
