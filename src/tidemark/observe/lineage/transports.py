"""How events leave: into files under the environment's lineage root, or to a backend by HTTP."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from tidemark.redaction import redact

if TYPE_CHECKING:
    from tidemark.aws.folder import Folder
    from tidemark.config.environment import Environment

Event = dict[str, Any]

_RETRY = {
    "total": 2,
    "connect": 2,
    "read": 2,
    "backoff_factor": 0.2,
    "status_forcelist": [429, 500, 502, 503, 504],
    "allowed_methods": ["POST"],
    "respect_retry_after_header": False,  # it may ask for an hour
}
_REFUSES = (400, 409, 413, 422)
"""What a backend answers to an event that it will never take."""


class UnreachableError(Exception):
    """Events could not be handed over; `delivered` of them were before. Later they may be."""

    def __init__(self, why: str, delivered: int = 0) -> None:
        super().__init__(why)
        self.delivered = delivered


class RefusedError(UnreachableError):
    """The first event after `delivered` was looked at and not taken; it never will be."""


class Transport(Protocol):
    """Where events go."""

    @property
    def where(self) -> str:
        """The place, as people are told."""
        ...

    def send(self, events: Sequence[Event]) -> None:
        """Hands events over, in order. Raises `UnreachableError` or `RefusedError` at the first that stays."""
        ...

    def close(self) -> None:
        """Nothing comes any more."""
        ...


class FileTransport:
    """One file of JSON lines a run, in the folder of its day; in S3, which cannot append, a few."""

    def __init__(self, folder: Folder, day: str, run_id: str) -> None:
        self._folder = folder
        self._name = f"{day}/{run_id}"
        self._parts = 0

    @property
    def where(self) -> str:
        """As `Transport.where` says."""
        return self._folder.path(f"{self._name}.jsonl" if self._folder.is_local else f"{self._name}-*.jsonl")

    def send(self, events: Sequence[Event]) -> None:
        """As `Transport.send` says."""
        text = "".join(f"{json.dumps(event, sort_keys=True)}\n" for event in events)
        try:
            if self._folder.is_local:
                path = Path(self.where)
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("a", encoding="utf-8") as file:
                    file.write(text)
            else:
                self._parts += 1
                self._folder.write_text(f"{self._name}-{self._parts:04}.jsonl", text)
        except Exception as failure:
            raise UnreachableError(f"{self.where} cannot be written: {redact(str(failure))}") from failure

    def close(self) -> None:
        """As `Transport.close` says."""


class HttpTransport:
    """A backend that takes OpenLineage events by HTTP; what fails for a moment is tried again."""

    def __init__(self, environment: Environment) -> None:
        from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, TokenProvider
        from openlineage.client.transport.http import HttpTransport as Client

        settings = environment.lineage
        self._address = f"{str(settings.url).rstrip('/')}/{settings.endpoint.lstrip('/')}"
        auth: TokenProvider = TokenProvider({})
        if settings.secret is not None:
            from tidemark.aws.secrets import fetch

            secret = fetch(settings.secret, environment.secrets, environment.aws)
            auth = ApiKeyTokenProvider({"api_key": str(secret["api_key"])})
        config = HttpConfig(
            url=self._address, endpoint="", timeout=settings.timeout.total_seconds(), auth=auth, retry=dict(_RETRY)
        )
        self._client = Client(config)

    @property
    def where(self) -> str:
        """As `Transport.where` says."""
        return self._address

    def send(self, events: Sequence[Event]) -> None:
        """As `Transport.send` says."""
        from requests.exceptions import HTTPError

        for number, event in enumerate(events):
            try:
                self._client.emit(cast("Any", event))
            except HTTPError as answer:
                status = answer.response.status_code if answer.response is not None else 0
                error = RefusedError if status in _REFUSES else UnreachableError
                raise error(f"{self._address} answers {status}", number) from answer
            except Exception as failure:
                raise UnreachableError(f"{self._address} cannot be reached: {_core(failure)}", number) from failure

    def close(self) -> None:
        """As `Transport.close` says."""
        self._client.close()


def _core(failure: Exception) -> str:
    """What kind of failure it was, in its innermost words, without secrets."""
    cause: BaseException = failure
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__ or cause
    return redact(f"{type(cause).__name__}: {cause}")[:200]
