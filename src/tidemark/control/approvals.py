"""Approvals: two people for what cannot be taken back. Each signs what is to be done, with a key of their own.

A token says what is to be done, in which environment, by whom and until when, and is signed by HMAC-SHA-256. It is
good for just that, so it can lie in a parameter or a chat. Whoever verifies has all keys; who signs needs only theirs.
"""

from __future__ import annotations

import base64
import binascii
import getpass
import hashlib
import hmac
import json
import os
import shlex
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, get_args

from tidemark.aws.secrets import fetch
from tidemark.control.state import ABSENT
from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from tidemark.config.environment import ApprovalSettings, Environment
    from tidemark.config.limits import LimitName
    from tidemark.control.state import StateStore

KIND = "approval"
KEY = "TIDEMARK_APPROVAL_KEY"
"""The variable with the key of whoever signs."""
PEOPLE = 2
LONGEST = timedelta(hours=24)
SHORTEST_KEY = 32

Action = Literal["restore", "erase", "apply", "backfill", "bypass"]
ACTIONS: tuple[Action, ...] = get_args(Action)

_MEANING = b"tidemark approval\0"
_CLOCKS_DIFFER = timedelta(minutes=5)


@dataclass(frozen=True)
class Asked:
    """What somebody wants to do: `what` is all that decides what happens, as `name=value`."""

    action: Action
    environment: str
    what: Mapping[str, str]

    @property
    def told(self) -> str:
        """As the command that approves is given it."""
        return f"{self.action} {self.named}"

    @property
    def named(self) -> str:
        """What decides it, as a shell takes it."""
        return " ".join(shlex.quote(f"{name}={value}") for name, value in sorted(self.what.items()) if value)

    def text(self, by: str, until: datetime) -> bytes:
        """What is signed."""
        what = {name: value for name, value in self.what.items() if value}
        told = {"action": self.action, "environment": self.environment, "what": what, "by": by}
        return json.dumps(told | {"until": until.isoformat(timespec="seconds")}, sort_keys=True).encode()


@dataclass(frozen=True)
class Approved:
    """Who has asked for something, and who else has said yes to it."""

    requested_by: str
    approved_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Allowance:
    """The limits of tables that a run lets pass; and what was asked and approved for it, where that is kept."""

    limits: frozenset[LimitName] = frozenset()
    asked: Asked | None = None
    approved: Approved | None = None


def needed(settings: ApprovalSettings, action: Action, days: int = 0) -> bool:
    """Whether the environment wants a second person for this; a backfill is of so many `days`."""
    if action == "backfill":
        return settings.backfill_days is not None and days > settings.backfill_days
    wanted = {"restore": settings.restore, "erase": settings.erase, "apply": settings.apply, "bypass": settings.bypass}
    return wanted[action]


def acting() -> str:
    """Who runs this process, as the system calls them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return f"uid {os.getuid()}"


def sign(asked: Asked, by: str, key: str, until: datetime) -> str:
    """A token: `by` says yes to it until then (UTC). Raises `ConfigError` for a key that is too short to be one."""
    _refuse_weak(by, key)
    text = asked.text(by, until)
    return f"{_encoded(text)}.{_encoded(_signature(key, text))}"


def people(tokens: Iterable[str], asked: Asked, known: Mapping[str, str], now: datetime) -> tuple[str, ...]:
    """Who says yes to it: everybody whose token it is, once. Raises `ConfigError` for a token that says anything else,
    whose time is over, or that nobody of these has signed."""
    if len(set(known.values())) < len(known):
        raise ConfigError("two people have the same key to approve by", next_step="give each one of their own")
    return tuple(sorted({_signer(token, asked, known, now) for token in tokens}))


def signed(environment: Environment, asked: Asked, tokens: str | None, now: datetime | None = None) -> tuple[str, ...]:
    """The people who say yes to it by their tokens; raises `ConfigError` unless these are two."""
    found = people((tokens or "").split(), asked, keys(environment), now or _now())
    refuse_few(found, asked)
    return found


def keys(environment: Environment) -> Mapping[str, str]:
    """The key of everybody who may ask or approve."""
    settings = environment.approvals
    found = fetch(settings.secret, environment.secrets, environment.aws) if settings.secret else {}
    return {str(name): str(key) for name, key in found.items()}


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def refuse_few(found: Sequence[str], asked: Asked) -> None:
    """Raises `ConfigError` unless two people have said yes."""
    if len(found) < PEOPLE:
        have = f"{found[0]} has" if found else "nobody has"
        raise ConfigError(
            f"{asked.told} needs {PEOPLE} people in {asked.environment}, of whom one asks and another approves: "
            f"{have} signed it; nothing was done",
            next_step=f"each of them: tidemark approve {asked.action} {asked.named} --env {asked.environment} "
            "--by NAME; then the same again with --approvals 'TOKEN TOKEN'",
        )


def note(state: StateStore, asked: Asked, approved: Approved, at: datetime, run_id: str = "") -> None:
    """Records who asked for it, who approved it, and which run did it; such records are never deleted."""
    told: dict[str, Any] = {
        "action": asked.action,
        "what": dict(asked.what),
        "requested_by": approved.requested_by,
        "approved_by": list(approved.approved_by),
        "at": at.isoformat(timespec="seconds"),
        "run_id": run_id,
    }
    state.put(KIND, uuid.uuid4().hex, told, expected=ABSENT)


def _signer(token: str, asked: Asked, known: Mapping[str, str], now: datetime) -> str:
    try:
        text, signature = map(_decoded, token.split("."))
        told = json.loads(text)
        by, until = str(told["by"]), datetime.fromisoformat(told["until"])
    except (ValueError, TypeError, KeyError, binascii.Error):
        raise ConfigError("this is no approval", next_step="the command that approves makes one") from None
    key = known.get(by)
    if key is None:
        raise ConfigError(f"{by} is none of those who may approve here", next_step="see the secret of approvals:")
    _refuse_weak(by, key)
    if not hmac.compare_digest(_signature(key, text), signature):
        raise ConfigError(f"the approval in the name of {by} is not signed by them", next_step="ask them for one")
    if text != asked.text(by, until):
        raise ConfigError(
            f"the approval of {by} is for something else",
            seen=[f"wanted: {asked.told} in {asked.environment}"],
            next_step=f"tidemark approve {asked.action} {asked.named} --env {asked.environment} --by {by}",
        )
    if until.tzinfo is not None or not now < until <= now + LONGEST + _CLOCKS_DIFFER:
        raise ConfigError(f"the approval of {by} was good until {until} UTC, or is for too long", next_step="ask anew")
    return by


def _refuse_weak(by: str, key: str) -> None:
    if len(key) < SHORTEST_KEY:
        raise ConfigError(
            f"the key by which {by} approves is shorter than {SHORTEST_KEY} characters",
            next_step="make one: python3 -c 'import secrets; print(secrets.token_hex(32))'",
        )


def _signature(key: str, text: bytes) -> bytes:
    return hmac.new(key.encode(), _MEANING + text, hashlib.sha256).digest()


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
