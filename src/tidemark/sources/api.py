"""A JSON API behind OAuth client credentials: tokens renewed as they die, and what passes tried again."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urljoin, urlsplit

import httpx

from tidemark.instants import as_utc
from tidemark.redaction import protect, redact

if TYPE_CHECKING:
    from collections.abc import Callable

    from tidemark.config.connections import ConnectionValue
    from tidemark.retry import RetryPolicy

Answer = TypeVar("Answer")

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 60.0
_SAID_LENGTH = 500
_SEEN_LENGTH = 80
_REDIRECTS = 5
_BUSY = (408, 425, 429)
_SECONDS = re.compile(r"\d{1,9}(\.\d+)?")


class Numeral(str):
    """A number as it stood in the JSON, digit for digit."""

    __slots__ = ()


class Failure(Enum):
    """Why a call came to nothing."""

    DOWN = "it cannot be reached, or is too busy"
    BROKEN = "its answer cannot be read"
    CREDENTIALS = "it refuses the credentials"
    REFUSED = "it refuses the request"
    GONE = "it ends a query before its last page"
    MOVED = "its pages move while they are read"


class ApiError(Exception):
    """A call that failed for good, or (inside) once; `said` holds no secrets. `retry_after` is in seconds.

    `status` is that of the answer, if there was one.
    """

    def __init__(
        self, failure: Failure, said: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(f"{failure.value}: {said}")
        self.failure = failure
        self.said = said
        self.status = status
        self.retry_after = retry_after

    @property
    def passes(self) -> bool:
        """Whether the same call may work a moment later."""
        return self.failure in (Failure.DOWN, Failure.BROKEN)


class Api:
    """Calls to one API. The token lives in this object alone."""

    def __init__(self, base_url: str, login_path: str, connection: ConnectionValue, policy: RetryPolicy) -> None:
        self._base_url = base_url.rstrip("/") + "/"
        self._login_path = login_path
        self._connection = connection
        self._policy = policy
        self._token: str | None = None
        self._told_at: datetime | None = None
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
        """The JSON at `path` (absolute, or below the base address); its numbers are `Numeral`s.

        Raises `ApiError` when it cannot be had.
        """
        return self._patiently(lambda: self._get(path, params or {}, headers or {}))

    def clock(self) -> datetime | None:
        """The other side's clock (naive UTC, to the second) as its last answer has told it; None: it tells none."""
        if self._token is None:
            self._token = self._patiently(self._logged_in)
        return self._told_at

    def _patiently(self, call: Callable[[], Answer]) -> Answer:
        return self._policy.call(
            call,
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
            raise ApiError(Failure.CREDENTIALS, f"a new token was refused: {_said(answer)}", status=answer.status_code)
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
            raise ApiError(Failure.CREDENTIALS, _said(answer), status=answer.status_code)
        _raise_for_status(answer)
        given = _parsed(answer)
        token = given.get("access_token") if isinstance(given, dict) else None
        if not token:
            raise ApiError(Failure.BROKEN, "the answer to the login holds no access_token")
        protect({"access_token": token})
        return str(token)

    def _send(self, method: str, url: str, **arguments: Any) -> httpx.Response:
        """The answer, after redirects within the same host: the token goes to no other."""
        for _ in range(_REDIRECTS):
            answer = self._sent(method, url, **arguments)
            kept = method == "GET" or answer.status_code in (
                httpx.codes.TEMPORARY_REDIRECT,
                httpx.codes.PERMANENT_REDIRECT,
            )
            if not (answer.has_redirect_location and kept):
                return answer
            url, arguments = self._address(urljoin(url, answer.headers["Location"])), {**arguments, "params": None}
        raise ApiError(Failure.REFUSED, f"it redirects more than {_REDIRECTS} times, to {url}")

    def _sent(self, method: str, url: str, **arguments: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, url, **arguments)
        except httpx.DecodingError as failure:
            raise ApiError(Failure.BROKEN, f"its compressed answer is broken: {redact(str(failure))}") from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as failure:
            raise ApiError(Failure.REFUSED, f"{url} is no address: {redact(str(failure))}") from None
        except httpx.TransportError as failure:
            lasts = _is_about_certificates(failure)
            said = f"{type(failure).__name__}: {redact(str(failure))}"
            raise ApiError(Failure.REFUSED if lasts else Failure.DOWN, said) from None
        self._told_at = _instant(answer.headers.get("Date", "")) or self._told_at
        return answer

    def _address(self, path: str) -> str:
        url = urljoin(self._base_url, path)
        if urlsplit(url)[:2] != urlsplit(self._base_url)[:2]:
            raise ApiError(Failure.REFUSED, f"it names an address of another host: {url}")
        return url


def _raise_for_status(answer: httpx.Response) -> None:
    status = answer.status_code
    if status in _BUSY or answer.is_server_error:
        raise ApiError(Failure.DOWN, _said(answer), status=status, retry_after=_retry_after(answer))
    if answer.has_redirect_location:
        raise ApiError(Failure.REFUSED, f"HTTP {status}, it sends us on to {answer.headers['Location']}", status=status)
    if not answer.is_success:
        raise ApiError(Failure.REFUSED, _said(answer), status=status)


def _parsed(answer: httpx.Response) -> Any:
    try:
        return json.loads(answer.content, parse_float=Numeral, parse_int=Numeral, parse_constant=Numeral)
    except (ValueError, RecursionError) as failure:
        said = f"HTTP {answer.status_code}, {len(answer.content)} bytes that are no JSON ({type(failure).__name__})"
        raise ApiError(Failure.BROKEN, redact(f"{said}{_page_shown(answer)}")) from None


def _page_shown(answer: httpx.Response) -> str:
    """How a page begins that was made for people; what was meant for us may hold personal data, or a token."""
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    text = " ".join(answer.text.split())
    return f", {kind}: {text[:_SEEN_LENGTH]!r}" if text.startswith("<") else ""


def exact_json(value: Any) -> str:
    """A value of an answer as JSON again, its numbers digit for digit as they came."""
    if isinstance(value, Numeral):
        return str(value)
    if isinstance(value, Mapping):
        members = (f"{json.dumps(name, ensure_ascii=False)}: {exact_json(item)}" for name, item in value.items())
        return f"{{{', '.join(members)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(exact_json, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _is_about_certificates(failure: BaseException) -> bool:
    """Whether somewhere in the chain of causes a certificate was refused, which waiting does not change."""
    link: BaseException | None = failure
    while link is not None:
        if isinstance(link, ssl.SSLCertVerificationError):
            return True
        link = link.__cause__ or link.__context__
    return False


def _said(answer: httpx.Response) -> str:
    text = " ".join(answer.text.split())[:_SAID_LENGTH]
    return redact(f"HTTP {answer.status_code} {text}".strip())


def _retry_after(answer: httpx.Response) -> float | None:
    """Seconds to wait as the header asks for them, by number or by date."""
    asked = answer.headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(asked):
        return float(asked)
    until = _instant(asked)
    if until is None:
        return None
    now = _instant(answer.headers.get("Date", "")) or datetime.now(UTC).replace(tzinfo=None)
    return max(0.0, (until - now).total_seconds())


def _instant(text: str) -> datetime | None:
    """A date as HTTP writes it, as naive UTC; None for any other text."""
    try:
        told = parsedate_to_datetime(text)
    except ValueError:
        return None
    return as_utc(told)
