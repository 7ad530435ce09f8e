"""What changed in what a contract says of its table as a whole: keys, checks, freshness, owner, words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from tidemark.config.contract import Service
from tidemark.revisions.columns import Told

if TYPE_CHECKING:
    from tidemark.config.contract import Check, Contract, Freshness, Reference

_FOR_PEOPLE = "words for people"


def promise_changes(old: Contract, new: Contract) -> Iterator[Told]:
    """The changes of a contract beside its columns."""
    if set(old.keys) != set(new.keys):
        what = f"the key was {_named(old.keys)}, and is {_named(new.keys)}"
        yield "breaking", what, "rows are told apart by other columns: joins by the old key double or lose rows"
    elif old.keys != new.keys:
        yield "compatible", f"the key's order is {_named(new.keys)}", "the same columns tell rows apart"
    yield from _order(old, new)
    yield from _checks(old, new)
    yield from _freshness(old.freshness, new.freshness)
    yield from _service(old.service, new.service)
    yield from _references(old, new)
    yield from _words(old, new)


def _named(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"


def _order(old: Contract, new: Contract) -> Iterator[Told]:
    before = [name for name in old.column_names if name in new.column_names]
    after = [name for name in new.column_names if name in old.column_names]
    if before != after:
        yield "compatible", "the columns stand in another order", "columns are read by their names"


def _checks(old: Contract, new: Contract) -> Iterator[Told]:
    before, after = ({check.name: check for check in each.checks} for each in (old, new))
    for name in dict.fromkeys((*before, *after)):
        was, now = before.get(name), after.get(name)
        if was is None and now is not None:
            yield "compatible", f"check `{name}` is new ({now.severity})", "readers are promised more"
        elif now is None:
            yield "loosened", f"check `{name}` is gone", "nothing looks for it any more"
        elif was is not None and _meant(was) != _meant(now):
            yield _check(was, now)


def _check(was: Check, now: Check) -> Told:
    if replace(_meant(was), severity=now.severity) == _meant(now):
        what = f"check `{now.name}` was of severity {was.severity}, and is {now.severity}"
        if now.severity == "error":
            return "compatible", what, "readers are promised more"
        return "loosened", what, "a batch that fails it is committed, with an alert"
    return "loosened", f"check `{now.name}` asks something else", "what it found before, it may not find now"


def _meant(check: Check) -> Check:
    """A check without the place where it stands."""
    return replace(check, line=0)


def _freshness(old: Freshness | None, new: Freshness | None) -> Iterator[Told]:
    if old is None and new is not None:
        yield "compatible", f"freshness is promised: {_promised(new)}", "readers are promised more"
    elif old is not None and new is None:
        yield "loosened", f"freshness is not promised any more: {_promised(old)}", "rows may be of any age"
    elif old is not None and new is not None and _promised(old) != _promised(new):
        what = f"freshness was {_promised(old)}, and is {_promised(new)}"
        strict = old.severity == "error" and new.severity == "warning"
        if old.column == new.column and new.hours <= old.hours and not strict:
            yield "compatible", what, "readers are promised more"
        else:
            yield "loosened", what, "rows may be older than before"


def _promised(freshness: Freshness) -> str:
    return f"{freshness.column} at most {freshness.hours:f} h old ({freshness.severity})"


def _service(old: Service | None, new: Service | None) -> Iterator[Told]:
    if old == new:
        return
    was, now = old or Service(), new or Service()
    what = f"the promise was {_served(was)}, and is {_served(now)}"
    is_slower = was.seconds is not None and (now.seconds is None or now.seconds > was.seconds)
    is_less = was.records is not None and (now.records is None or now.records < was.records)
    if is_slower or is_less or (was.severity == "error" and now.severity == "warning"):
        yield "loosened", what, "loads may take longer, or days bring less"
    else:
        yield "compatible", what, "readers are promised more"


def _served(service: Service) -> str:
    told = [f"loads within {service.seconds:g} s"] if service.seconds is not None else []
    told += [f"{service.records} rows a day"] if service.records is not None else []
    return f"{' and '.join(told)} ({service.severity})" if told else "none"


def _references(old: Contract, new: Contract) -> Iterator[Told]:
    before, after = ([replace(each, line=0) for each in contract.references] for contract in (old, new))
    for each in before:
        if each not in after:
            yield "loosened", f"{_referred(each)} is gone", "nothing says any more what to join it with"
    for each in after:
        if each not in before:
            yield "compatible", f"{_referred(each)} is new", "it says what to join it with"


def _referred(reference: Reference) -> str:
    return f"relationship of {_named(reference.columns)} to {reference.table} ({_named(reference.to)})"


def _words(old: Contract, new: Contract) -> Iterator[Told]:
    if old.about.status != new.about.status:
        what = f"its status was {old.about.status or 'none'}, and is {new.about.status or 'none'}"
        yield "compatible", what, "nobody should begin to use it" if new.about.is_going else _FOR_PEOPLE
    if old.owner != new.owner:
        yield "compatible", f"its owner was {old.owner or 'none'}, and is {new.owner or 'none'}", _FOR_PEOPLE
    if set(old.tags) != set(new.tags):
        what = f"its tags were {_named(old.tags)}, and are {_named(new.tags)}"
        yield "compatible", what, "`--select tag:…` names other tables"
    if old.description != new.description or replace(old.about, status=None) != replace(new.about, status=None):
        yield "compatible", "its description is another", _FOR_PEOPLE
