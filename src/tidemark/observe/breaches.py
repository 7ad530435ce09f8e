"""Breaches of promises, told once on each channel, and once when they are over; the control store remembers.

A channel that could not be reached is tried again by the next check, the others hear nothing twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tidemark.control.state import ABSENT, ConflictError
from tidemark.observe.alerts import AlertEvent, tell

if TYPE_CHECKING:
    from tidemark.config.environment import AlertSpec, Environment
    from tidemark.control.state import Record, StateStore
    from tidemark.observe.sla import Judged, Promise

BREACH = "sla"
_TAKEN_FOR = timedelta(minutes=10)
"""Who has said that it will tell, and has not said that it did, has died by then."""


def follow(
    environment: Environment, state: StateStore, judged: Iterable[Judged], run_id: str, now: datetime
) -> tuple[Judged, ...]:
    """Tells what has changed, and gives the promises that are broken.

    Of several checks at the same time one tells.
    """
    known = {record.key: record for record in state.list(BREACH)}
    broken = []
    for each in judged:
        if each.kept is None:
            continue
        _follow(environment, state, known.get(each.promise.key), each, run_id, now)
        if not each.kept:
            broken.append(each)
    return tuple(broken)


def forget(state: StateStore, promised: Collection[Promise]) -> None:
    """Forgets breaches of what is not promised any more."""
    keys = {promise.key for promise in promised}
    for record in state.list(BREACH):
        if record.key not in keys:
            state.delete(BREACH, record.key)


def _follow(
    environment: Environment, state: StateStore, record: Record | None, each: Judged, run_id: str, now: datetime
) -> None:
    before: Mapping[str, Any] = record.value if record else {"open": False}
    turned = before["open"] == bool(each.kept)
    listening = [spec for spec in environment.alerts if each.promise.severity in spec.on]
    left = [spec for spec in listening if turned or _name(spec) in before.get("left", ())]
    if not turned and (not left or _is_taken(before, now)):
        return
    since = now.isoformat() if turned else before.get("since", now.isoformat())
    value = {
        "open": not each.kept,
        "since": since,
        "seen": each.seen,
        "limit": each.promise.limit,
        "left": _names(left),
    }
    try:
        expected = record.revision if record else ABSENT
        revision = state.put(BREACH, each.promise.key, {**value, "taken_at": now.isoformat()}, expected)
    except ConflictError:
        return  # another check tells
    reached = _names(tell(environment, left, _event(environment, each, run_id, now)))
    unreached = [name for name in _names(left) if name not in reached]
    with suppress(ConflictError):  # it has turned again meanwhile, and that is being told
        state.put(BREACH, each.promise.key, {**value, "left": unreached}, revision)


def _is_taken(before: Mapping[str, Any], now: datetime) -> bool:
    taken = before.get("taken_at")
    return taken is not None and now - datetime.fromisoformat(taken) < _TAKEN_FOR


def _event(environment: Environment, each: Judged, run_id: str, now: datetime) -> AlertEvent:
    promise = each.promise
    about = "" if promise.table else f"{promise.subject}: "
    return AlertEvent(
        promise.severity,
        f"{about}{each.told}",
        each.run_id or run_id,
        environment.name,
        table=promise.table,
        step=promise.kind,
        next_step=None if each.kept else each.next_step,
        at=now.isoformat(timespec="seconds"),
        recovered=bool(each.kept),
    )


def _names(channels: Sequence[AlertSpec]) -> list[str]:
    return [_name(spec) for spec in channels]


def _name(spec: AlertSpec) -> str:
    return f"{spec.channel}:{spec.target or ''}"
