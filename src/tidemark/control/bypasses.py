"""Bypasses of gates: a check of a table that may fail until an instant, who said so and why; none is ever deleted."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tidemark.control.state import ABSENT
from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from tidemark.control.state import Record, StateStore

KIND = "bypass"
LONGEST = timedelta(days=31)
"""What has to be let pass for longer is no exception: the contract is wrong."""
_ID_LENGTH = 8
_LONGEST_TEXT = 1000


@dataclass(frozen=True)
class Bypass:
    """A check (by its name) of a table that fails no gate until an instant; instants are UTC."""

    id: str
    table: str
    check: str
    who: str
    why: str
    at: datetime
    until: datetime
    ended_at: datetime | None = None
    ended_by: str | None = None

    def holds(self, now: datetime) -> bool:
        return self.ended_at is None and now < self.until

    @property
    def told(self) -> str:
        """What a run says of it."""
        return f"let pass by {self.who} until {self.until:%Y-%m-%d %H:%M} UTC: {self.why}"

    def to_json(self) -> dict[str, Any]:
        told = {"table": self.table, "check": self.check, "who": self.who, "why": self.why, "ended_by": self.ended_by}
        ended = self.ended_at.isoformat() if self.ended_at else None
        return told | {"at": self.at.isoformat(), "until": self.until.isoformat(), "ended_at": ended}


def add(state: StateStore, table: str, check: str, *, who: str, why: str, until: datetime, now: datetime) -> Bypass:
    """Records a bypass; raises `ConfigError` where it does not say who or why, or holds for no time or too long."""
    told = {"who": " ".join(who.split()), "why": " ".join(why.split())}
    for name, text in told.items():
        if not text or len(text) > _LONGEST_TEXT:
            raise ConfigError(
                f"a bypass says {name}, in 1 to {_LONGEST_TEXT:,} characters",
                next_step="whoever looks at it later asks",
            )
    if not now < until <= now + LONGEST:
        raise ConfigError(
            f"a bypass holds for some time and {LONGEST.days} days at most; it would end at {until:%Y-%m-%d %H:%M} UTC",
            next_step="what has to be let pass for longer is a change of the contract",
        )
    made = Bypass(uuid.uuid4().hex[:_ID_LENGTH], table, check, told["who"], told["why"], now, until)
    state.put(KIND, made.id, made.to_json(), expected=ABSENT)
    return made


def end(state: StateStore, bypass_id: str, *, who: str, now: datetime) -> Bypass:
    """Ends a bypass before its time; raises `ConfigError` when it does not hold."""
    record = state.get(KIND, bypass_id)
    found = _bypass(record) if record else None
    if record is None or found is None or not found.holds(now):
        seen = f"the bypass {bypass_id} has ended already" if found else f"there is no bypass {bypass_id}"
        raise ConfigError(seen, next_step="tidemark bypass list")
    ended = replace(found, ended_at=now, ended_by=who)
    state.put(KIND, bypass_id, ended.to_json(), expected=record.revision)
    return ended


def every(state: StateStore) -> tuple[Bypass, ...]:
    """All that were ever recorded, newest first."""
    return tuple(sorted(map(_bypass, state.list(KIND)), key=lambda each: each.at, reverse=True))


def holding(state: StateStore, table: str, now: datetime) -> Mapping[str, Bypass]:
    """Those of a table that hold now, by the names of their checks."""
    return {each.check: each for each in every(state) if each.table == table and each.holds(now)}


def _bypass(record: Record) -> Bypass:
    value = record.value
    ended = value.get("ended_at")
    return Bypass(
        id=record.key,
        table=value["table"],
        check=value["check"],
        who=value["who"],
        why=value["why"],
        at=datetime.fromisoformat(value["at"]),
        until=datetime.fromisoformat(value["until"]),
        ended_at=datetime.fromisoformat(ended) if ended else None,
        ended_by=value.get("ended_by"),
    )
