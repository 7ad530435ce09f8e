"""Keeps secrets out of everything that is written for people: known values, and what looks like a credential.

A known value is found in the disguises that texts put it in: escaped, quoted, encoded, in part. Not here: what secrets
there are, which whoever fetches one says.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from tidemark import shown

MARK = "[redacted]"
_SHORTEST = 6  # shorter values are ordinary words too often
_LINE_OF_A_KEY = 12  # of a private key a log may hold a line, or all of them with their ends written as \n
_LOGIN = frozenset({"user", "username", "account", "host", "port", "database", "role", "warehouse", "schema", "region"})
# What AWS writes into the secrets that it keeps for databases.
_OF_AWS = frozenset({"engine", "dbname", "dbclusteridentifier", "dbinstanceidentifier", "namespacename", "masterarn"})
_PUBLIC_FIELDS = _LOGIN | _OF_AWS | {"authenticator"}

# The name of a value ends in a word that names a secret; it stands in a text, an address, JSON, or JSON inside of JSON.
_NAME_OF_ONE = (
    r"(?:password|passwd|pwd|pass_?phrase|client[_-]?secret|(?<=[?&])secret|secret[_-]?(?:access[_-]?)?key|token|"
    r"api[_-]?key|private[_-]?key|x-amz-(?:signature|credential)|x-goog-signature|awsaccesskeyid|"
    r"(?<![a-z])sig(?:nature)?|(?:set-)?cookie)"
)
_GIVEN = r"[\\\"']*\s*(?:=>|[=:]|%3[da])\s*"
_VALUE = (
    r"(?P<quotes>\\*[\"'])(?P<quoted>(?:(?!(?P=quotes)).)*)"  # to the quotes that end it
    r"|(?P<bare>(?:(?!%26|%22|\\[\"'nr])[^\s\"',;&)}\]]|,(?!\s|\w+=|\w+:))+)"
)
_CREDENTIALS: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = (
    # Words of which a text has to have one, in lower case, for the pattern to be worth a look; its first group stays.
    (("private key",), re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)(?:(?!-----END).)+", re.DOTALL)),
    (
        ("authorization",),
        re.compile(
            r"(?i)(authorization[\\\"']*\s*[:=]\s*[\\\"']*(?:[A-Za-z][A-Za-z0-9-]*\s+)?)(?!\[redacted)[^\"'\r\n\\]+"
        ),
    ),
    (("bearer", "basic"), re.compile(r"(?i)(\b(?:bearer|basic)(?:\s|%20)+)[A-Za-z0-9._~+/=-]{8,}")),
    (("eyj",), re.compile(r"()\beyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){2,4}")),
    (("akia", "asia"), re.compile(r"()\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")),
    (
        ("gh", "xox", "glpat-", "aiza", "sk_live", "sk-", "pypi-", "npm_"),
        re.compile(
            r"()\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[a-z]-[\w-]{10,}|"
            r"AIza[\w-]{30,}|sk_live_\w{16,}|sk-[\w-]{20,}|pypi-[\w-]{30,}|npm_\w{30,})"
        ),
    ),
    (
        ("webhook", "hooks.slack"),
        re.compile(
            r"(?i)((?:hooks\.slack(?:-gov)?\.com(?:/|%2f)(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks|"
            r"webhook\.office\.com/webhookb2)(?:/|%2f))[^\s\"'<>|)]+"
        ),
    ),
    (("://",), re.compile(r"(://[^/\s:@\"']*:)[^\s/\"']+(?=@)")),
    (("%3a%2f%2f",), re.compile(r"(?i)(%3a%2f%2f(?:(?!%3a|%2f|%40)[^\s&])*%3a)(?:(?!%2f|%40)[^\s&])+(?=%40)")),
)
_NAMES = ("pass", "pwd", "secret", "token", "key", "sig", "cookie", "credential")
_NAMED = re.compile(rf"(?i)({_NAME_OF_ONE}{_GIVEN})(?:{_VALUE})")
_known: set[str] = set()
_lock = threading.Lock()


def protect(secret: Mapping[str, Any]) -> None:
    """Remembers a fetched secret's values, so that `redact` takes them out from now on (in this process).

    Values inside of values count, also where a value is JSON.
    """
    found = {value for value in _values(secret) if len(value) >= _SHORTEST}
    lines = {line.strip() for value in found if "\n" in value for line in value.splitlines() if _tells(line)}
    disguised = {form for value in found | lines for form in _disguises(value)}
    with _lock:
        _known.update(disguised)


def redact(text: str) -> str:
    """The text without secrets."""
    with _lock:
        known = sorted(_known, key=len, reverse=True)
    for value in known:
        text = text.replace(value, MARK)
    lowered = text.lower()
    for words, pattern in _CREDENTIALS:
        if any(word in lowered for word in words):
            text = pattern.sub(rf"\g<1>{MARK}", text)
    if any(word in lowered for word in _NAMES):
        text = _NAMED.sub(_without_value, text)
    return text


def _without_value(found: re.Match[str]) -> str:
    value = found["quoted"] if found["bare"] is None else found["bare"]
    if not value or value.startswith(MARK[:-1]):
        return found[0]
    return f"{found[1]}{found['quotes'] or ''}{MARK}"


def _values(secret: Any, name: str = "") -> Iterator[str]:
    """The values of a secret, those inside of others too; what is public of a login is none."""
    match secret:
        case Mapping():
            for key, value in secret.items():
                if str(key).lower() not in _PUBLIC_FIELDS:
                    yield from _values(value, str(key))
        case list() | tuple() | set():
            for value in secret:
                yield from _values(value, name)
        case bytes():
            yield from _values(secret.decode("utf-8", "replace"), name)
        case None | bool():
            return
        case _:
            text = str(secret)
            yield text
            if text.lstrip()[:1] in ("{", "["):
                yield from _of_json(text)


def _of_json(text: str) -> Iterator[str]:
    try:
        inside = json.loads(text)
    except ValueError:
        return
    yield from _values(inside)


def _tells(line: str) -> bool:
    """Whether a line of a value is a secret by itself: the frame of a key is none."""
    return len(line.strip()) >= _LINE_OF_A_KEY and not line.lstrip().startswith("-----")


def _disguises(value: str) -> set[str]:
    """A value as texts write it: itself, escaped, quoted, and encoded, wherever in what is encoded it begins."""
    raw = value.encode("utf-8", "surrogatepass")
    escaped = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1], repr(raw)[2:-1]}
    nested = {json.dumps(each)[1:-1] for each in escaped}
    percent = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
    percent |= {re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), each) for each in percent}
    percent |= {quote(each, safe="") for each in percent}
    encoded = {raw.hex(), raw.hex().upper(), *_in_base64(raw)}
    forms = {value, value.strip(), html.escape(value), *escaped, *nested, *percent, *encoded}
    return {form for form in forms if len(form) >= _SHORTEST}


def _in_base64(raw: bytes) -> Iterator[str]:
    """What Base64 makes of the bytes alone, whatever stands before and after them."""
    for before in range(3):
        text = base64.b64encode(bytes(before) + raw).decode()
        first = (before * 8 + 5) // 6
        last = (before + len(raw)) * 8 // 6
        for alphabet in (text, text.translate(str.maketrans("+/", "-_"))):
            yield alphabet[first:last]


def install() -> None:
    """Redacts every log record of this process at its birth, and makes it one line: whatever handler gets it.

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
    clean = shown.log_line(redact(message))
    if clean != message:
        record.msg, record.args = clean, None
    if record.exc_info and record.exc_info[0] is not None:
        # formatters take this text and do not format the exception again
        record.exc_text = shown.traceback(redact(logging.Formatter().formatException(record.exc_info)))
