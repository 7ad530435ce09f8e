"""Keeps secrets out of everything that is written for people: known values, and what looks like a credential."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

MARK = "[redacted]"
_SHORTEST = 6  # shorter values are ordinary words too often
_LINE_OF_A_KEY = 40  # of a private key a log may hold a line, or all of them with their ends written as \n
_PUBLIC_FIELDS = frozenset({"user", "username", "account", "host", "port", "database", "role", "warehouse"})
_CREDENTIALS = (
    # key=value, key: value, "key": "value"; the key ends in a word that names a secret
    re.compile(
        r"(?i)((?:password|passwd|pwd|client_secret|secret_?(?:access_?)?key|access_?token|session_?token|api_?key|"
        r"private_?key)[\"']?\s*[=:]\s*[\"']?)([^\s\"',;&)}\]]+)"
    ),
    re.compile(r"(?i)(\b(?:bearer|basic)\s+)([A-Za-z0-9._~+/=-]{8,})"),
    re.compile(r"(://[^/\s:@]+:)([^@\s/]+)(?=@)"),
    re.compile(r"(https://hooks\.slack\.com/services/)(\S+)"),
)
_known: set[str] = set()
_lock = threading.Lock()


def protect(secret: Mapping[str, Any]) -> None:
    """Remembers a fetched secret's values, so that `redact` takes them out from now on (in this process)."""
    values = {str(value) for key, value in secret.items() if value is not None and key.lower() not in _PUBLIC_FIELDS}
    lines = {line for value in values if "\n" in value for line in value.splitlines() if len(line) >= _LINE_OF_A_KEY}
    with _lock:
        _known.update(value for value in values | lines if len(value) >= _SHORTEST)


def redact(text: str) -> str:
    """The text without secrets."""
    for value in sorted(_known, key=len, reverse=True):
        text = text.replace(value, MARK)
    for pattern in _CREDENTIALS:
        text = pattern.sub(rf"\g<1>{MARK}", text)
    return text


def install() -> None:
    """Redacts every log record of this process at its birth: whatever handler gets it, it holds no secret.

    A handler's filter would not do: Prefect brings handlers of its own that send records to its database.
    """
    if not isinstance(logging.getLogRecordFactory(), _RedactedRecords):
        logging.setLogRecordFactory(_RedactedRecords(logging.getLogRecordFactory()))


class _RedactedRecords:
    """A record factory that redacts what another one makes."""

    def __init__(self, make_record: Callable[..., logging.LogRecord]) -> None:
        self._make_record = make_record

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._make_record(*args, **kwargs)
        _redact_record(record)
        return record


def _redact_record(record: logging.LogRecord) -> None:
    try:
        message = record.getMessage()
    except (TypeError, ValueError):
        return  # the arguments do not fit the message: logging itself reports that when it formats the record
    clean = redact(message)
    if clean != message:
        record.msg, record.args = clean, None
    if record.exc_info and record.exc_info[0] is not None:
        # formatters take this text and do not format the exception again
        record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
