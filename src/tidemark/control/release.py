"""Releases: which version of every table belongs together. What readers see is a release, never a lake half-written.

A release is made from the index of tables: what each one's last commit says, for readers without Spark.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from tidemark.control.state import ABSENT, ConflictError
from tidemark.errors import StateError

if TYPE_CHECKING:
    from tidemark.control.runs import Run
    from tidemark.control.state import Record, StateStore

KIND = "release"
TABLE = "table"
PUBLISHED = "publish"
_ATTEMPTS = 5


@dataclass(frozen=True)
class Release:
    """One consistent state of the lake: the Delta version of every table that exists. `created_at` is UTC."""

    number: int
    run_id: str
    date: date
    created_at: datetime
    tables: Mapping[str, int]

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
        }


def indexed_versions(state: StateStore) -> dict[str, int | None]:
    """The version of each table, as far as the index knows."""
    return {record.key: record.value.get("version") for record in state.list(TABLE)}


def every(state: StateStore) -> tuple[Release, ...]:
    """All releases, oldest first."""
    return tuple(sorted(map(_release, state.list(KIND)), key=lambda release: release.number))


def latest(state: StateStore) -> Release | None:
    """The newest release, or None before the first."""
    return max(map(_release, state.list(KIND)), key=lambda release: release.number, default=None)


def find(state: StateStore, name: str) -> Release | None:
    """The release of that name (`r31`), or None."""
    record = state.get(KIND, name)
    return _release(record) if record else None


def record(state: StateStore, run: Run, committed: Mapping[str, int]) -> tuple[Release, bool]:
    """The release after a run, and whether it is a new one: the same versions as before are the same release.

    `committed` are the versions that this run knows; those of all other tables come from the control store's index.
    """
    for _ in range(_ATTEMPTS):
        indexed = {table: int(version) for table, version in indexed_versions(state).items() if version is not None}
        versions = indexed | dict(committed)
        before = latest(state)
        if before is not None and dict(before.tables) == versions:
            return before, False
        number = before.number + 1 if before else 1
        created = datetime.now(UTC).replace(tzinfo=None)
        release = Release(number, run.run_id, run.date, created, dict(sorted(versions.items())))
        try:
            state.put(KIND, release.name, release.to_json(), expected=ABSENT)
        except ConflictError:
            continue  # another run took the number: look again
        return release, True
    raise StateError(
        f"no release could be recorded in {_ATTEMPTS} attempts: other runs record theirs at the same time",
        step="release",
        next_step="the tables are committed; run again to record the release",
    )


def note_published(state: StateStore, release: Release, target: str, run_id: str) -> None:
    """Records that the run `run_id` left a warehouse with all tables of the release that are published there."""
    published = {"at": datetime.now(UTC).replace(tzinfo=None).isoformat(), "run_id": run_id}
    state.put(PUBLISHED, _published_key(release, target), published)


def is_published(state: StateStore, release: Release, target: str) -> bool:
    """Whether a warehouse was brought to this release. Its own word counts more: a publish asks it for each table."""
    return state.get(PUBLISHED, _published_key(release, target)) is not None


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
    )
