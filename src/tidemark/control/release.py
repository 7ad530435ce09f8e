"""Releases: which version of every table belongs together. What readers see is a release, never a lake half-written.

A release is made from the index of tables: what each one's last commit says, for readers without Spark.

Releases have numbers without gaps, so that whoever knows one of the last finds the newest by asking for the next: the
control store notes where to begin, and nobody reads all of them. Maintenance removes those that nobody can go back to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from tidemark.control import commits
from tidemark.control.state import ABSENT, ConflictError
from tidemark.errors import StateError

if TYPE_CHECKING:
    from tidemark.control.runs import Run
    from tidemark.control.state import Record, StateStore

KIND = "release"
TABLE = "table"
NEWEST = "newest"
"""Records of how new a table is: its newest row, and the batch that this is true of."""
PUBLISHED = "publish"
PUBLISHED_TABLE = "published_id"
"""Records of which Delta table a warehouse has, by target and table."""
LAST_KEPT = 1_000
"""So many releases are kept, however old they are."""
_ATTEMPTS = 5
NUMBERS, _NEWEST, _OLDEST = "release numbers", "newest", "oldest"


@dataclass(frozen=True)
class Release:
    """One consistent state of the lake: the Delta version of every table that exists. `created_at` is UTC.

    `ids`: the Delta ids of the tables whose versions these are, as far as they are known.
    """

    number: int
    run_id: str
    date: date
    created_at: datetime
    tables: Mapping[str, int]
    ids: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What people call it: `r31`."""
        return f"r{self.number}"

    def to_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "run_id": self.run_id,
            "date": self.date.isoformat(),
            "created_at": self.created_at.isoformat(),
            "tables": dict(self.tables),
            "ids": dict(self.ids),
        }


def indexed_versions(state: StateStore) -> dict[str, int | None]:
    """The version of each table, as far as the index knows."""
    return {record.key: record.value.get("version") for record in state.list(TABLE)}


def every(state: StateStore) -> tuple[Release, ...]:
    """All releases, oldest first."""
    return tuple(sorted(map(_release, state.list(KIND)), key=lambda release: release.number))


def latest(state: StateStore) -> Release | None:
    """The newest release, or None before the first."""
    number = _noted(state, _NEWEST)
    found = find(state, f"r{number}") if number else None
    if found is None:  # nothing was noted, as in a store of an older version
        found = max(every(state), key=lambda release: release.number, default=None)
    while found is not None and (later := find(state, f"r{found.number + 1}")):
        found = later
    return found


def find(state: StateStore, name: str) -> Release | None:
    """The release of that name (`r31`), or None."""
    record = state.get(KIND, name)
    return _release(record) if record else None


def record(state: StateStore, run: Run, committed: Mapping[str, int]) -> tuple[Release, bool]:
    """The release after a run, and whether it is a new one: the same versions as before are the same release.

    The control store's index says which: it is as new as the last commit of anybody. `committed`, what this run knows,
    counts for tables that the index has lost. Tables that another run is committing, or has left half committed, stay
    as they were released last.
    """
    for _ in range(_ATTEMPTS):
        # In this order: who ends a commit of several tables meanwhile has recorded the number that is taken here.
        before = latest(state)
        held = commits.unreleased(state, run.run_id)
        index = {record.key: record.value for record in state.list(TABLE)}
        indexed = {table: int(value["version"]) for table, value in index.items() if value.get("version") is not None}
        held |= commits.unreleased(state, run.run_id)
        released = before.tables if before else {}
        versions = {table: version for table, version in (dict(committed) | indexed).items() if table not in held}
        versions |= {table: released[table] for table in held & released.keys()}
        ids = {table: str(value["table_id"]) for table, value in sorted(index.items()) if value.get("table_id")}
        ids = {table: table_id for table, table_id in ids.items() if table not in held}
        ids |= {table: before.ids[table] for table in sorted(held) if before and table in before.ids}
        if before is not None and dict(before.tables) == versions and _same(before.ids, ids):
            return before, False
        number = before.number + 1 if before else 1
        created = datetime.now(UTC).replace(tzinfo=None)
        release = Release(number, run.run_id, run.date, created, dict(sorted(versions.items())), ids)
        try:
            state.put(KIND, release.name, release.to_json(), expected=ABSENT)
        except ConflictError:
            continue  # another run took the number: look again
        _note(state, _NEWEST, number)
        return release, True
    raise StateError(
        f"no release could be recorded in {_ATTEMPTS} attempts: other runs record theirs at the same time",
        step="release",
        next_step="the tables are committed; run again to record the release",
    )


def retire(state: StateStore, before: datetime) -> int:
    """Forgets releases that were made before an instant (UTC), oldest first, and where they were published; gives how
    many. The last ones are kept, whatever their age, and the one that was current at that instant."""
    newest, oldest = latest(state), _noted(state, _OLDEST)
    if newest is None or newest.number <= LAST_KEPT:
        return 0
    first = number = oldest or min(release.number for release in every(state))
    while number <= newest.number - LAST_KEPT:
        follower = find(state, f"r{number + 1}")
        if follower is not None and follower.created_at >= before:
            break
        state.delete(KIND, f"r{number}")
        number += 1
    _note(state, _OLDEST, number)
    for each in state.list(PUBLISHED):
        if _number(each.key) < number:
            state.delete(PUBLISHED, each.key)
    return number - first


def _same(before: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Whether the tables are the same ones: a release of before may not know of what it has."""
    return all(now.get(table, table_id) == table_id for table, table_id in before.items())


def take_over(state: StateStore, releases: Sequence[Mapping[str, Any]]) -> None:
    """Writes the releases of another lake, in the form of `to_json`, into a store that has none: the last one is the
    newest. Where this stops half-way, it is done again."""
    for each in sorted(releases, key=lambda value: int(value["number"])):
        state.put(KIND, f"r{each['number']}", each)
        state.put(NUMBERS, _NEWEST, {"number": int(each["number"])})
    state.put(NUMBERS, _OLDEST, {"number": min(int(each["number"]) for each in releases)})


def note_published(state: StateStore, release: Release, target: str, run_id: str) -> None:
    """Records that the run `run_id` left a warehouse with all tables of the release that are published there."""
    published = {"at": datetime.now(UTC).replace(tzinfo=None).isoformat(), "run_id": run_id}
    state.put(PUBLISHED, _published_key(release, target), published)


def last_published(state: StateStore, target: str) -> Release | None:
    """The newest release that a warehouse was brought to; None where there is none."""
    keys = [each.key for each in state.list(PUBLISHED) if each.key.partition("/")[2] == target]
    newest_first = sorted(keys, key=_number, reverse=True)
    return next((found for key in newest_first if (found := find(state, key.partition("/")[0]))), None)


def is_published(state: StateStore, release: Release, target: str) -> bool:
    """Whether a warehouse was brought to this release. Its own word counts more: a publish asks it for each table."""
    return state.get(PUBLISHED, _published_key(release, target)) is not None


def _noted(state: StateStore, which: str) -> int:
    noted = state.get(NUMBERS, which)
    return int(noted.value["number"]) if noted else 0


def _note(state: StateStore, which: str, number: int) -> None:
    """Where to begin to look. Of two that note at once one may be passed over: then one more is asked for."""
    with suppress(ConflictError):
        state.put(NUMBERS, which, {"number": number})


def _number(key: str) -> int:
    """The number of the release that a key (`r31`, `r31/snowflake`) is of."""
    return int(key.partition("/")[0].removeprefix("r"))


def _published_key(release: Release, target: str) -> str:
    return f"{release.name}/{target}"


def _release(entry: Record) -> Release:
    value = entry.value
    return Release(
        number=int(value["number"]),
        run_id=str(value["run_id"]),
        date=date.fromisoformat(value["date"]),
        created_at=datetime.fromisoformat(value["created_at"]),
        tables={table: int(version) for table, version in value["tables"].items()},
        ids={table: str(table_id) for table, table_id in value.get("ids", {}).items()},
    )
