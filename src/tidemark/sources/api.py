"""A JSON API behind OAuth client credentials: tokens renewed as they die, and what passes tried again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urljoin, urlsplit

import httpx

from tidemark.redaction import protect, redact
from tidemark.retry import RetryPolicy

if TYPE_CHECKING:
    from tidemark.config.connections import ConnectionValue

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 60.0
DEFAULT_POLICY = RetryPolicy(attempts=6, first_wait=0.5, longest_wait=60.0)
_SAID_LENGTH = 500


class Failure(Enum):
    """Why a call came to nothing."""

    DOWN = "it cannot be reached, or is too busy"
    BROKEN = "its answer cannot be read"
    CREDENTIALS = "it refuses the credentials"
    REFUSED = "it refuses the request"


class ApiError(Exception):
    """A call that failed for good, or (inside) once; `said` holds no secrets. `retry_after` is in seconds."""

    def __init__(self, failure: Failure, said: str, retry_after: float | None = None) -> None:
        super().__init__(f"{failure.value}: {said}")
        self.failure = failure
        self.said = said
        self.retry_after = retry_after

    @property
    def passes(self) -> bool:
        """Whether the same call may work a moment later."""
        return self.failure in (Failure.DOWN, Failure.BROKEN)


class Api:
    """Calls to one API. The token lives in this object alone."""

    def __init__(
        self, base_url: str, login_path: str, connection: ConnectionValue, policy: RetryPolicy = DEFAULT_POLICY
    ) -> None:
        self._base_url = base_url.rstrip("/") + "/"
        self._login_path = login_path
        self._connection = connection
        self._policy = policy
        self._token: str | None = None
        self._client = httpx.Client(timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def get(
        self, path: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """The JSON at `path` (absolute, or below the base address); numbers come as their text, digit for digit.

        Raises `ApiError` when it cannot be had.
        """
        return self._policy.call(
            lambda: self._get(path, params or {}, headers or {}),
            passing=lambda failure: isinstance(failure, ApiError) and failure.passes,
            asked_wait=lambda failure: failure.retry_after if isinstance(failure, ApiError) else None,
        )

    def _get(self, path: str, params: Mapping[str, str], headers: Mapping[str, str]) -> Any:
        url = self._address(path)
        renewed = self._token is None
        answer = self._authorized(url, params, headers)
        if answer.status_code == httpx.codes.UNAUTHORIZED and not renewed:
            self._token = None
            answer = self._authorized(url, params, headers)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._token = None
            raise ApiError(Failure.CREDENTIALS, f"a new token was refused: {_said(answer)}")
        _raise_for_status(answer)
        return _parsed(answer)

    def _authorized(self, url: str, params: Mapping[str, str], headers: Mapping[str, str]) -> httpx.Response:
        if self._token is None:
            self._token = self._logged_in()
        bearer = {"Authorization": f"Bearer {self._token}"}
        # httpx drops a query that the address has already when it is given parameters, even none
        return self._send("GET", url, params=dict(params) or None, headers={**headers, **bearer})

    def _logged_in(self) -> str:
        """A new token. Credentials that are refused are fetched again once: somebody may have rotated them."""
        try:
            return self._new_token()
        except ApiError as refused:
            rotated = self._connection.rotated() if refused.failure is Failure.CREDENTIALS else None
            if rotated is None:
                raise
        self._connection = rotated
        return self._new_token()

    def _new_token(self) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._connection.secret["client_id"],
            "client_secret": self._connection.secret["client_secret"],
        }
        answer = self._send("POST", self._address(self._login_path), data=form)
        if answer.status_code in (httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise ApiError(Failure.CREDENTIALS, _said(answer))
        _raise_for_status(answer)
        given = _parsed(answer)
        token = given.get("access_token") if isinstance(given, dict) else None
        if not token:
            raise ApiError(Failure.BROKEN, "the answer to the login holds no access_token")
        protect({"access_token": token})
        return str(token)

    def _send(self, method: str, url: str, **arguments: Any) -> httpx.Response:
        try:
            return self._client.request(method, url, **arguments)
        except httpx.TransportError as failure:
            raise ApiError(Failure.DOWN, f"{type(failure).__name__}: {redact(str(failure))}") from None

    def _address(self, path: str) -> str:
        url = urljoin(self._base_url, path)
        if urlsplit(url)[:2] != urlsplit(self._base_url)[:2]:
            raise ApiError(Failure.REFUSED, f"it names an address of another host: {url}")
        return url


def _raise_for_status(answer: httpx.Response) -> None:
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error:
        raise ApiError(Failure.DOWN, _said(answer), _retry_after(answer))
    if not answer.is_success:
        raise ApiError(Failure.REFUSED, _said(answer))


def _parsed(answer: httpx.Response) -> Any:
    try:
        return json.loads(answer.content, parse_float=str, parse_int=str, parse_constant=str)
    except ValueError as failure:
        size = len(answer.content)
        raise ApiError(Failure.BROKEN, f"{size} bytes that are no JSON ({type(failure).__name__})") from None


def _said(answer: httpx.Response) -> str:
    text = " ".join(answer.text.split())[:_SAID_LENGTH]
    return redact(f"HTTP {answer.status_code} {text}".strip())


def _retry_after(answer: httpx.Response) -> float | None:
    """Seconds to wait as the header asks for them, by number or by date."""
    asked = answer.headers.get("Retry-After", "").strip()
    if asked.isdigit():
        return float(asked)
    try:
        until = parsedate_to_datetime(asked)
    except ValueError:
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
