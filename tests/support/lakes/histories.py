"""Versions of many small worlds side by side, and what a person would write down of them: newest rows and histories.

The worlds share no key, so that a few runs of Spark do the work of hundreds of examples. Several versions of a key can
have one instant; which of them counts is the engine's to say, as long as it always says the same: the functions here
give every answer that can be right.
"""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from hypothesis import strategies as st

from tests.support.lakes.lake import at

Shown = TypeVar("Shown")


class Version(NamedTuple):
    """What was received of a key. `city` and `tier` are followed in histories, `note` is only carried along."""

    id: str
    city: str | None
    note: str | None
    updated_at: datetime
    is_deleted: bool | None
    tier: str | None = None


SCHEMA = "id string, city string, note string, updated_at timestamp, is_deleted boolean, tier string"

_PLACES = st.sampled_from(["X", "Y", None])
_DELETED = st.sampled_from([False, False, None, True])
_KEYS, _INSTANTS = st.integers(1, 2), st.integers(0, 5)
_WORLD = st.lists(st.tuples(_KEYS, _PLACES, st.sampled_from("mn"), _INSTANTS, _DELETED, _PLACES), max_size=7)


def worlds(number: int) -> st.SearchStrategy[list[Version]]:
    """The versions of so many worlds, all distinct."""
    return st.lists(_WORLD, min_size=number, max_size=number).map(_versions)


def _versions(drawn: list[list[tuple[Any, ...]]]) -> list[Version]:
    found = [
        Version(f"w{world}-{key}", city, note, at(1, instant), deleted, tier)
        for world, versions in enumerate(drawn)
        for key, city, note, instant, deleted, tier in versions
    ]
    return list(dict.fromkeys(found))


def deliveries(versions: Sequence[Version], batches: int, chance: random.Random) -> list[list[Version]]:
    """The versions in any order and any portions, some of them more than once."""
    portions: list[list[Version]] = [[] for _ in range(batches)]
    for version in versions:
        for portion in chance.choices(portions, k=chance.choice([1, 1, 2, 3])):
            portion.append(version)
    for portion in portions:
        chance.shuffle(portion)
    return portions


def spans(versions: Iterable[tuple[datetime, Any, Shown]]) -> list[tuple[Shown, datetime, datetime | None]]:
    """From versions in order of time (instant, what is followed, what is shown) to what was shown, from when to when.

    What is followed is None where the key was deleted.
    """
    found: list[tuple[Shown, datetime, datetime | None]] = []
    followed: Any = None
    for instant, state, shown in versions:
        if state == followed:
            continue
        if followed is not None:
            found[-1] = (found[-1][0], found[-1][1], instant)
        if state is not None:
            found.append((shown, instant, None))
        followed = state
    return found


def of_one_key(versions: Iterable[Version]) -> Iterator[list[Version]]:
    """The versions of a key in order of time, one an instant: all such lists."""
    by_instant: dict[datetime, list[Version]] = defaultdict(list)
    for version in dict.fromkeys(versions):
        by_instant[version.updated_at].append(version)
    return map(list, itertools.product(*(by_instant[instant] for instant in sorted(by_instant))))


def possible_histories(versions: Iterable[Version]) -> list[list[tuple[Any, ...]]]:
    """Every history of one key that can be right, as rows of city, tier, note, from, to, is current."""
    found = []
    for chosen in of_one_key(versions):
        told = [
            (each.updated_at, None if each.is_deleted else (each.city, each.tier), (each.city, each.tier, each.note))
            for each in chosen
        ]
        found.append([(*shown, start, end, end is None) for shown, start, end in spans(told)])
    return found


def possible_newest(versions: Iterable[Version]) -> set[Version | None]:
    """Every row of one key that can be the newest, a delete being newer than others of its instant; None: deleted."""
    known = list(versions)
    last = max(version.updated_at for version in known)
    newest = [version for version in known if version.updated_at == last]
    return {None} if any(version.is_deleted for version in newest) else set(newest)


def by_key(rows: Iterable[Version]) -> dict[str, list[Version]]:
    """The versions of each key."""
    found: dict[str, list[Version]] = defaultdict(list)
    for row in rows:
        found[row.id].append(row)
    return found
