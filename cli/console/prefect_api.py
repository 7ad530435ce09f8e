"""Finds the Prefect server before Prefect is imported: without one it would start its own, and take half a minute."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tidemark.children import variables_for
from tidemark.errors import ConfigError, TidemarkError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tidemark.config.environment import Environment

API_URL = "PREFECT_API_URL"
AUTH_STRING, API_KEY = "PREFECT_API_AUTH_STRING", "PREFECT_API_KEY"
_SECONDS = 5.0
_QUIET = {
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_HANDLERS_DEBUG_LEVEL": "CRITICAL",
    "DO_NOT_TRACK": "1",
}


_STARTING_SECONDS = 120.0
_HERE = ("127.0.0.1", "localhost")


def start_here(environment: Environment) -> str | None:
    """Starts Prefect's own server on this machine, in the background, where the environment's address is one of it.

    Gives its address once it answers; None where one answered already. Raises `ConfigError` for an address elsewhere,
    and `TidemarkError` when the server does not come up.
    """
    url = os.environ.get(API_URL) or (environment.prefect.api_url if environment.prefect else None)
    address = urlsplit(url or "")
    if url is None or address.hostname not in _HERE:
        seen = f"{url} is not on this machine" if url else f"env/{environment.name}.yaml names no Prefect server"
        raise ConfigError(seen, next_step="prefect: {api_url: http://127.0.0.1:4200/api} names one on this machine")
    if unreachable(url) is None:
        return None
    place = ("--host", str(address.hostname), "--port", str(address.port or 80))
    quiet = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
    command = [sys.executable, "-m", "prefect", "server", "start", "--background", *place]
    begun = subprocess.run(
        command, env=quiet | variables_for("prefect server"), capture_output=True, text=True, check=False
    )
    until = time.monotonic() + _STARTING_SECONDS
    while begun.returncode == 0 and time.monotonic() < until:
        if unreachable(url) is None:
            return url
        time.sleep(0.5)
    said = (begun.stderr or begun.stdout).strip().splitlines()[-1:]
    raise TidemarkError(
        f"the Prefect server at {url} did not come up",
        seen=said,
        next_step="prefect server start shows what it says; prefect server stop ends one that hangs",
    )


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
            next_step="tidemark sandbox up or tidemark prefect start starts a local one; or name yours",
        )
    problem = unreachable(url)
    if problem:
        raise ConfigError(
            f"the Prefect server at {url} does not answer: {problem}",
            next_step="tidemark sandbox up starts the sandbox's, tidemark prefect start one without a sandbox; for "
            "another check its address and that it runs",
        )
    if lets_nobody_in(url):
        raise ConfigError(
            f"the Prefect server at {url} does not let this process in",
            next_step=f"set {AUTH_STRING}=USER:PASSWORD for a server of your own, {API_KEY} for Prefect Cloud",
        )
    os.environ[API_URL] = url
    return url


def lets_nobody_in(url: str) -> bool:
    """Whether the server wants a login that is not given, or refuses the one that is."""
    if not _refuses(url, os.environ.get(AUTH_STRING), os.environ.get(API_KEY)):
        return False
    return _refuses(url, *_login_of_profile(), _headers_of_profile())


def _refuses(url: str, auth_string: str | None, key: str | None, more: Mapping[str, str] | None = None) -> bool:
    """Asks as Prefect's client would: for what a server tells only those who may come in, unlike its health."""
    import httpx

    token = f"Basic {b64encode(auth_string.encode()).decode()}" if auth_string else f"Bearer {key}" if key else ""
    headers = ({"Authorization": token} if token else {}) | dict(more or {})
    try:
        answer = httpx.get(f"{url.rstrip('/')}/admin/version", headers=headers, timeout=_SECONDS)
    except httpx.HTTPError:
        return False  # whoever uses it says so
    return answer.status_code == httpx.codes.UNAUTHORIZED


def _login_of_profile() -> tuple[str | None, str | None]:
    """What Prefect's own profile has, beside the variables."""
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_KEY

    found = (each.value() for each in (PREFECT_API_AUTH_STRING, PREFECT_API_KEY))
    auth_string, key = (each.get_secret_value() if hasattr(each, "get_secret_value") else each for each in found)
    return auth_string, key


def _headers_of_profile() -> Mapping[str, str]:
    """What Prefect's client sends beside, such as the login of a proxy before the server."""
    from prefect.settings import get_current_settings

    return get_current_settings().client.custom_headers


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
