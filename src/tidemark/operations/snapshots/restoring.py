"""Restores a snapshot into an empty lake: verified first, then copied, and at last the control records.

The lake says of itself that it is being restored until all is there, and no run works on it before. A restore that dies
is done again: it goes on with the same snapshot.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidemark import faults
from tidemark.aws.folder import open_folder
from tidemark.aws.objects import ChangedError, Objects, VanishedError, open_objects
from tidemark.control import sealing
from tidemark.control.leases import Leases
from tidemark.control.processes import lives, this_process
from tidemark.control.state import open_state
from tidemark.errorlane.compaction import reopen
from tidemark.errors import ConfigError, TidemarkError
from tidemark.operations.snapshots import records
from tidemark.operations.snapshots.copying import side_by_side
from tidemark.operations.snapshots.document import CONFIG, ERRORS, RUNS
from tidemark.operations.snapshots.place import LEASE
from tidemark.operations.snapshots.verification import refuse_faults, verify

if TYPE_CHECKING:
    from tidemark.config.environment import Environment
    from tidemark.config.project import Project
    from tidemark.control.state import StateStore
    from tidemark.operations.snapshots.document import Item, Snapshot
    from tidemark.operations.snapshots.place import Place

_SHOWN = 3
_NEXT = "name an empty place: home (or roots.lake and state.location) in env/{}.yaml"


@dataclass(frozen=True)
class Restored:
    """What a restore has brought back; `unknown` are tables that the configuration does not have."""

    snapshot: str
    release: str
    tables: tuple[str, ...]
    files: int
    size: int
    unknown: tuple[str, ...] = ()


def refuse_unfit(place: Place, snapshot: Snapshot, environment: Environment, of: str | None) -> None:
    """Raises where this environment must not be filled with the snapshot, whatever is in it now."""
    if snapshot.environment != (of or environment.name):
        raise ConfigError(
            f"the snapshot {snapshot.name} is of the environment {snapshot.environment}, not of "
            f"{of or environment.name}; nothing was written",
            next_step="leave --of out"
            if snapshot.environment == environment.name
            else f"to fill {environment.name} with the data of {snapshot.environment}, say so: "
            f"--of {snapshot.environment}",
        )
    later = [each for each in place.erasures() if snapshot.number <= int(each["until"])]
    if later:
        raise TidemarkError(
            f"the snapshot {snapshot.name} is of before the erasure of a person, and cannot be restored",
            step="restore",
            seen=[f"receipt {each['receipt']}, begun {each['began_at']}" for each in later],
            next_step="take a later one: tidemark snapshot list",
        )


def restore(project: Project, place: Place, snapshot: Snapshot, *, read: bool = False) -> Restored:
    """Fills the empty lake of the project's environment; raises, with nothing written, where it is not empty or the
    snapshot is not whole."""
    environment = project.environment
    state = open_state(environment)
    leases = _leases(environment, state)
    with leases.kept():
        leases.acquire(LEASE)
        _refuse_full(environment, state, snapshot)
        refuse_faults(place, snapshot, verify(place, snapshot, read=read))
        sealing.begin_restoring(environment, snapshot.name)
        _restore(environment, state, place, snapshot)
        leases.confirm(LEASE)
        sealing.end_restoring(environment)
        leases.release(LEASE)
    unknown = tuple(table for table in snapshot.tables if table not in project.tables)
    release = f"r{snapshot.number}"
    return Restored(snapshot.name, release, snapshot.tables, snapshot.files, snapshot.size, unknown)


def _restore(environment: Environment, state: StateStore, place: Place, snapshot: Snapshot) -> None:
    for part, listed in snapshot.parts.items():
        target = _target(environment, part)
        if target is not None:
            bring_back(place, target, part, place.items(listed))
            faults.reach(f"{part}: restored, no record of it")
    for table, batches in snapshot.reopen.items():
        lane = f"{environment.roots.errors}/{table.replace('.', '/', 1)}"
        reopen(open_folder(lane, environment.aws), batches)
    published = (f"{target}/{table}" for target in environment.targets for table in snapshot.tables)
    records.write(state, records.unpacked(place.content(snapshot.records)), snapshot.name, published)
    faults.reach("restore: all there, not given free")


def _leases(environment: Environment, state: StateStore) -> Leases:
    """The right to fill the lake: one at a time."""
    settings = environment.state
    run = f"restore-{uuid.uuid4()}"
    return Leases(state, run, this_process(), lasts=settings.lease, wait=settings.lease_wait, lives=lives)


def write_config(place: Place, snapshot: Snapshot, folder: str) -> int:
    """Writes the configuration of then into an empty folder; gives how many files it has."""
    target = open_objects(folder)
    if any(True for _ in target.listed()):
        raise ConfigError(f"{folder} is not empty; nothing was written", next_step="name a folder that is not there")
    items = place.items(snapshot.parts[CONFIG])
    bring_back(place, target, CONFIG, items)
    return len(items)


def _target(environment: Environment, part: str) -> Objects | None:
    """Where the files of a part belong; the configuration stays where it is."""
    roots = environment.roots
    beside: Mapping[str, str | None] = {ERRORS: roots.errors, RUNS: roots.runs, CONFIG: None}
    root = beside.get(part, f"{roots.lake}/{part.replace('.', '/', 1)}")
    return None if root is None else open_objects(root, environment.aws)


def bring_back(place: Place, target: Objects, part: str, items: tuple[Item, ...]) -> None:
    """Copies files to where they belong; each has to arrive as it was."""
    lying, there = place.lying(part), {file.name: file.size for file in target.listed()}

    def one(item: Item) -> str | None:
        if there.get(item.name) == item.size and target.told(item.name) == (item.size, item.sha256):
            return None  # a restore that died has brought it
        try:
            taken = target.take(place.objects, lying[item.stored], item.name)
        except (KeyError, VanishedError, ChangedError):
            return item.stored
        return None if (taken.size, taken.sha256) == (item.size, item.sha256) else item.stored

    wrong = [stored for stored in side_by_side(one, items) if stored]
    if wrong:
        raise TidemarkError(
            f"{len(wrong)} files did not arrive as they were written; the lake cannot be used",
            table=part,
            step="restore",
            seen=wrong[:_SHOWN],
            evidence=f"{place.root}, {target.root}",
            next_step="look who else writes there, then restore again: it goes on from here",
        )


def _refuse_full(environment: Environment, state: StateStore, snapshot: Snapshot) -> None:
    """Raises `ConfigError` unless lake and control store are empty, or are being filled with this very snapshot."""
    begun = sealing.restoring(environment)
    if begun == snapshot.name:
        return
    if begun is not None:
        raise ConfigError(
            f"the lake {environment.roots.lake} is being filled with the snapshot {begun}; nothing was written",
            next_step=f"end that first: tidemark snapshot restore {begun}; or {_NEXT.format(environment.name)}",
        )
    there = []
    for root in (environment.roots.lake, environment.roots.errors):
        names = (file.name for file in open_objects(root, environment.aws).listed())
        there += [f"{root}/{name}" for name in names if name not in (sealing.LAKE_FILE, "_conditional_put")][:_SHOWN]
    if kinds := records.any_of(state):
        there.append(f"records of {', '.join(kinds)} in the control store {environment.state.location}")
    if there:
        raise ConfigError(
            "a snapshot is restored into an empty lake, and this one is not; nothing was written",
            seen=there[: _SHOWN + 1],
            next_step=_NEXT.format(environment.name),
        )
