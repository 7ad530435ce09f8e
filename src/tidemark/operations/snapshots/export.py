"""Exports a release: its files are copied, then listed, and at last one document makes the snapshot exist.

An export that dies leaves files which no snapshot has; the next one takes them over, or removes them.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from tidemark import faults
from tidemark.aws.objects import ChangedError, VanishedError
from tidemark.control import erasures
from tidemark.control import release as releases
from tidemark.control.runs import SnapshotTaken
from tidemark.errors import ConfigError, TidemarkError
from tidemark.operations.snapshots import contents, records
from tidemark.operations.snapshots.contents import Content
from tidemark.operations.snapshots.copying import Copied, bring, vanished
from tidemark.operations.snapshots.document import CONFIG, ERRORS, RUNS, Part, Snapshot, snapshot_of
from tidemark.operations.snapshots.place import LEASE, Place, place_of

if TYPE_CHECKING:
    from tidemark.control.release import Release
    from tidemark.delta.table import TargetState
    from tidemark.engine import Engine
    from tidemark.operations.snapshots.document import Item

_PASSES = 3  # over files that runs beside this one write


@dataclass
class Export:
    """An export on its way: what it is of, where to, and what is done of it."""

    engine: Engine
    release: Release
    place: Place
    states: Mapping[str, TargetState]
    seen: Mapping[str, int]
    before: Snapshot | None
    parts: dict[str, Part] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    copied: int = 0
    size: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def name(self) -> str:
        return snapshot_of(self.release)


def wanted(engine: Engine, name: str | None) -> Release:
    """The release to export: that of this name (`r31`), or the newest; raises `ConfigError` without one."""
    found = releases.find(engine.state, name) if name else releases.latest(engine.state)
    if found is None:
        seen = f"there is no release {name}" if name else "nothing is released yet"
        raise ConfigError(f"{seen}: there is nothing to export", next_step="tidemark runs list names the releases")
    erasures.refuse_before(engine.state, found, "snapshot")
    return found


def begin(engine: Engine, release: Release) -> Export:
    """Looks at all that is to be exported; nothing is copied yet. The lease is held until `finish`."""
    place = place_of(engine.environment)
    place.claim(engine.environment.name)
    engine.leases.acquire(LEASE)
    known, (every, _) = contents.states(engine, release), place.every()
    return Export(engine, release, place, known, contents.seen(engine, known), every[-1] if every else None)


def take(export: Export, table: str) -> None:
    """Copies what is missing of a table's files."""
    version = export.release.tables[table]
    since = min(export.seen.get(table, version), version)
    content = contents.of_table(export.engine, table, version, export.states[table], since)
    try:
        _keep(export, content, bring(export.place, content, _known(export, table)))
    except (VanishedError, ChangedError) as failure:
        raise vanished(table, content.source.root, failure) from failure
    faults.reach(f"{table}: copied, no snapshot")


def finish(export: Export) -> SnapshotTaken:
    """Copies what lies beside tables and makes the snapshot exist; then removes those that are over."""
    engine, place = export.engine, export.place
    log = contents.of_drift(engine)
    if log is not None:
        _beside(export, log.part, lambda: contents.of_drift(engine) or log)
    for part, look in {ERRORS: contents.of_errors, RUNS: contents.of_runs, CONFIG: contents.of_config}.items():
        _beside(export, part, partial(look, engine))
    packed = records.packed(records.taken(engine.state, export.release, export.states))
    snapshot = Snapshot(
        release=json.loads(json.dumps(export.release.to_json())),
        environment=engine.environment.name,
        lake=engine.environment.roots.lake,
        made_at=datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds"),
        made_by=engine.run.run_id,
        parts=dict(sorted(export.parts.items())),
        records=place.keep("_records", packed),
        reopen=contents.reopened(engine, export.release),
        told=tuple(export.told),
    )
    faults.reach("snapshot: all copied, none there")
    erasures.refuse_before(engine.state, export.release, "snapshot")
    engine.leases.confirm(LEASE)
    is_new = place.add(snapshot)
    faults.reach("snapshot: there, older ones not removed")
    retired = retire(place, engine.environment.snapshots.keep, made=snapshot.name)
    engine.leases.release(LEASE)
    export.told += [_told_broken(name) for name in place.every()[1]]
    return SnapshotTaken(
        snapshot.name, place.root, snapshot.files, snapshot.size, export.copied, export.size, is_new, retired
    )


def _told_broken(name: str) -> str:
    return f"the snapshot {name} cannot be read, and none is removed before its document is"


def retire(
    place: Place, keep: int | timedelta, now: datetime | None = None, *, made: str | None = None
) -> tuple[str, ...]:
    """Removes the snapshots that are over, with what only they have; the newest always stays, and so does the one that
    was `made` just now. To be called with the lease."""
    every, broken = place.every()
    if broken:
        return ()  # what their lists named is not known: nothing that they may need goes
    if isinstance(keep, int):
        over = every[:-keep]
    else:
        until = (now or datetime.now(UTC).replace(tzinfo=None)) - keep
        over = tuple(each for each in every[:-1] if datetime.fromisoformat(each.made_at) < until)
    over = tuple(each for each in over if each.name != made)
    if over:
        place.remove(over)
    return tuple(each.name for each in over)


def _beside(export: Export, part: str, look: Callable[[], Content]) -> None:
    """Copies files that runs may write meanwhile, as they are at one time."""
    for attempt in range(_PASSES):
        content = look()
        try:
            _keep(export, content, bring(export.place, content, _known(export, part)))
        except (VanishedError, ChangedError) as failure:
            if attempt + 1 == _PASSES:
                raise vanished(part, content.source.root, failure) from failure
        else:
            return


def _keep(export: Export, content: Content, copied: Copied) -> None:
    part = export.place.keep_list(content.part, copied.items)
    with export.lock:
        export.parts[content.part] = part
        export.told += content.told
        export.copied += copied.files
        export.size += copied.size


def _known(export: Export, part: str) -> dict[str, Item]:
    """The files of the last snapshot, by where they lie."""
    if export.before is None or part not in export.before.parts:
        return {}
    try:
        return {item.stored: item for item in export.place.items(export.before.parts[part])}
    except TidemarkError:
        return {}  # the list is gone, as verify says: all is copied anew
