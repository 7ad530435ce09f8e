"""The control records of a snapshot: what the control store has to know for runs to go on from the release.

Most records are an index of the tables, and hold for a batch and a version: those are taken as they are. What says more
than the release knows is cut back to it. Records of work on its way (plans, backfills, commits that were begun) name
what lies in staging, and stay behind, as do those of what warehouses have: a warehouse is filled anew once, as it may
have more than the release.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tidemark.backfill import budget, notes
from tidemark.compute.incremental import SEEN
from tidemark.compute.tables import LOOK, index_entry
from tidemark.control import bypasses, commits, erasures, leases, release, state
from tidemark.errorlane import replay
from tidemark.errors import TidemarkError
from tidemark.observe import breaches, drift, sla
from tidemark.operations.snapshots.place import LEASE
from tidemark.plans import store as plans

if TYPE_CHECKING:
    from tidemark.control.release import Release
    from tidemark.control.state import StateStore
    from tidemark.delta.table import TargetState

AS_THEY_ARE = (release.NEWEST, LOOK, drift.KIND, breaches.BREACH, sla.NOTED, bypasses.KIND, budget.KIND, erasures.KIND)
"""Records that hold for the batch that they name, or for good."""
CUT_BACK = (release.TABLE, SEEN, release.KIND, release.NUMBERS, leases.KIND)
"""Records that are cut back to what the release knows."""
LEFT = (
    plans.KIND,
    notes.KIND,
    commits.KIND,
    replay.KIND,
    replay.UNDOING,
    release.PUBLISHED,
    release.PUBLISHED_TABLE,
    state.OWNER,
)
"""Records that stay behind."""

Records = Mapping[str, Mapping[str, Mapping[str, Any]]]


def taken(store: StateStore, of: Release, states: Mapping[str, TargetState]) -> Records:
    """The records by kind and key; `states` are those of the tables at the versions of the release."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {
        kind: {each.key: each.value for each in store.list(kind)} for kind in AS_THEY_ARE
    }
    index = {each.key: each.value for each in store.list(release.TABLE)}
    found[release.TABLE] = {table: _index(table, index.get(table), of, state) for table, state in states.items()}
    found[SEEN] = {each.key: each.value for each in store.list(SEEN) if _saw(each.value, of)}
    found[leases.KIND] = {
        each.key: {**each.value, "given_back": True} for each in store.list(leases.KIND) if each.key != LEASE
    }
    found[release.KIND] = {each.name: each.to_json() for each in release.every(store) if each.number <= of.number}
    return found


def _index(table: str, known: Mapping[str, Any] | None, of: Release, truth: TargetState) -> Mapping[str, Any]:
    version, table_id = of.tables[table], of.ids.get(table) or truth.table_id
    if known is not None and known.get("version") == version and known.get("table_id") in (None, table_id):
        return known
    if truth.lost:
        raise TidemarkError(
            f"the log of the table no longer has what the batch of version {version} says of itself, which is released "
            f"as {of.name}",
            table=table,
            step="snapshot",
            next_step="export the newest release",
        )
    return index_entry(truth, version, table_id)


def _saw(noted: Mapping[str, Any], of: Release) -> bool:
    """Whether a table was looked at with inputs that the release has: later ones are others after a restore."""
    inputs = noted.get("inputs") or {}
    return all(int(version) <= of.tables.get(name, -1) for name, version in inputs.items() if version is not None)


def packed(records: Records) -> bytes:
    """The stored form; the same records are the same bytes."""
    return gzip.compress(json.dumps(records, sort_keys=True, default=str).encode(), mtime=0)


def unpacked(data: bytes) -> Records:
    found: Records = json.loads(gzip.decompress(data))
    return found


def write(store: StateStore, records: Records, snapshot: str, published: Iterable[str]) -> None:
    """Writes the records into a store that has none, releases last; again is the same.

    `published`: what warehouses are brought to, as `target/table`: they get it in full with the next publication.
    """
    for kind in (*AS_THEY_ARE, release.TABLE, SEEN, leases.KIND):
        for key, value in records.get(kind, {}).items():
            store.put(kind, key, value)
    for key in published:
        store.put(release.PUBLISHED_TABLE, key, {"table_id": f"what it was before snapshot {snapshot} was restored"})
    release.take_over(store, list(records[release.KIND].values()))


def any_of(store: StateStore) -> Collection[str]:
    """The kinds of which a store has records, but for whose it is and who works on it."""
    kinds = {*AS_THEY_ARE, *CUT_BACK, *LEFT} - {leases.KIND, state.OWNER}
    return [kind for kind in sorted(kinds) if store.list(kind)]
