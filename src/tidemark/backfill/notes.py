"""What the control store knows of backfills: the runs that worked on each, and the chunks that are committed.

A backfill that died, and is asked for once more, does the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tidemark import faults

if TYPE_CHECKING:
    from tidemark.backfill.request import Backfill, Chunk
    from tidemark.control.state import StateStore

KIND = "backfill"
TAKEN_UP_WITHIN = timedelta(days=14)
"""So long after it began a backfill that died can be taken up again; after that it begins anew."""
_ATTEMPTS = 50
"""So many of its runs are remembered: what earlier ones have staged is computed again."""


class Notes:
    """What the control store knows of a backfill: the runs that worked on it, and what they have done."""

    def __init__(self, state: StateStore, backfill: Backfill) -> None:
        self._state = state
        self._backfill = backfill

    def attempts(self) -> tuple[str, ...]:
        """The runs that did not come to its end, oldest first."""
        return tuple(self._note().get("runs", ()))

    def done(self, table: str) -> frozenset[str]:
        """The chunks that are committed, by the source, load file and contract of today."""
        noted = self._state.get(KIND, self._key(table)) if self._note() else None
        if noted is None or noted.value["definition"] != self._backfill.definitions.get(table):
            return frozenset()
        return frozenset(noted.value["chunks"])

    def rest(self, table: str) -> tuple[Chunk, ...]:
        """The chunks that are not."""
        done = self.done(table)
        return tuple(chunk for chunk in self._backfill.chunks[table] if chunk.name not in done)

    def begin(self, run_id: str) -> None:
        """The run works on it from now on. Notes of backfills that nobody has taken up in time are forgotten."""
        for key in {record.key.partition("/")[0] for record in self._state.list(KIND)}:
            if _is_old(self._state, key):
                _delete(self._state, key)
        known = self._note()
        now = datetime.now(UTC).replace(tzinfo=None).isoformat()
        request = asdict(self._backfill.request)
        value = {"request": request, "began_at": now, **known, "runs": [*known.get("runs", ()), run_id][-_ATTEMPTS:]}
        self._state.put(KIND, self._backfill.backfill_id, value)

    def chunk_done(self, table: str, name: str) -> None:
        """A chunk is committed, or had nothing new. Chunks of a table come one after the other."""
        value = {"chunks": sorted({*self.done(table), name}), "definition": self._backfill.definitions[table]}
        self._state.put(KIND, self._key(table), value)
        faults.reach(f"{table}: chunk {name} noted")

    def committing(self, batches: Mapping[str, str]) -> None:
        """These batches of silver and gold are about to be committed, together."""
        self._state.put(KIND, self._backfill.backfill_id, {**self._note(), "batches": dict(batches)})

    def batches(self) -> Mapping[str, str]:
        """The batches that an earlier attempt began to commit, by table."""
        found: Mapping[str, str] = self._note().get("batches", {})
        return found

    def end(self) -> None:
        """It is done and released; the same request is a new backfill from now on."""
        _delete(self._state, self._backfill.backfill_id)

    def _note(self) -> Mapping[str, Any]:
        if _is_old(self._state, self._backfill.backfill_id):
            return {}
        noted = self._state.get(KIND, self._backfill.backfill_id)
        return noted.value if noted else {}

    def _key(self, table: str) -> str:
        return f"{self._backfill.backfill_id}/{table}"


def unfinished_runs(state: StateStore) -> set[str]:
    """The runs whose staging an unfinished backfill may take over."""
    noted = {record.key: record.value for record in state.list(KIND) if "/" not in record.key}
    return {run for key, value in noted.items() if not _is_old(state, key) for run in value["runs"]}


def forget(state: StateStore, table: str) -> None:
    """The table was taken back to what it was: what backfills had done to it, they have to do again."""
    for record in state.list(KIND):
        key, _, noted = record.key.partition("/")
        if noted == table:
            state.delete(KIND, record.key)
        elif not noted and table in record.value.get("batches", {}):
            state.put(KIND, key, {**record.value, "batches": {}})


def _is_old(state: StateStore, key: str) -> bool:
    noted = state.get(KIND, key)
    if noted is None:
        return True
    now = datetime.now(UTC).replace(tzinfo=None)
    return now - datetime.fromisoformat(noted.value["began_at"]) > TAKEN_UP_WITHIN


def _delete(state: StateStore, key: str) -> None:
    """The tables' notes go first: while the backfill's own is there, they can be found by it."""
    for record in state.list(KIND):
        if record.key.startswith(f"{key}/"):
            state.delete(KIND, record.key)
    state.delete(KIND, key)
