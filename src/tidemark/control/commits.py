"""Commits of several tables that were begun and not ended: what the next run, or a person, has to bring to their end.

Silver and gold of a run are committed together or not at all. Until the first commit nothing of the run is visible,
and the next run starts anew. From the first commit on all of it has passed its gates and lies in staging: a record of
the run, which is there until the last commit and its release, names the batches, inputs first. So it is when a plan
is applied, whose batches were staged by the run that planned them, and of which bronze is a part.

There are two ends: the rest is committed too, or what was committed is taken back. Once somebody has chosen to take it
back the record says so, and whoever finds it goes on with that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from tidemark.control.runs import SHORT_ID
from tidemark.control.state import ConflictError

if TYPE_CHECKING:
    from tidemark.control.runs import Run
    from tidemark.control.state import Record, StateStore

KIND = "committing"


@dataclass(frozen=True)
class Interrupted:
    """A run that died between its first and its last commit; `batches` gives the batch of every table, in order.

    `plan` is the run that has planned and staged them, where the run that died did not do so itself. `before`: the
    versions of the tables when it began (None: there was no table; not said by records of before). `cause` is why it
    could not be finished the last time somebody tried. `undoing`: what was committed is being taken back.
    """

    run_id: str
    date: date
    batches: Mapping[str, str]
    plan: str | None = None
    flow: str = ""
    began_at: str = ""
    before: Mapping[str, int | None] = field(default_factory=dict)
    cause: str | None = None
    undoing: bool = False

    @property
    def staged_by(self) -> str:
        """The run in whose staging the batches lie."""
        return self.plan or self.run_id

    @property
    def short_id(self) -> str:
        return self.run_id[:SHORT_ID]

    def concerns(self, tables: Collection[str]) -> bool:
        """Whether any of these tables is among those that it was committing."""
        return not self.batches.keys().isdisjoint(tables)


def begin(
    state: StateStore,
    run: Run,
    flow: str,
    batches: Mapping[str, str],
    plan: str | None = None,
    before: Mapping[str, int | None] | None = None,
) -> None:
    """Records what the run is about to commit."""
    value = {"flow": flow, "date": run.date, "started_at": run.started_at, "batches": dict(batches), "plan": plan}
    state.put(KIND, run.run_id, value | {"before": dict(before or {})})


def interrupted(state: StateStore) -> tuple[Interrupted, ...]:
    """The runs whose commit was begun and not ended, oldest first. One that still lives holds the tables' leases."""
    ordered = sorted(state.list(KIND), key=lambda record: str(record.value["started_at"]))
    return tuple(_interrupted(record) for record in ordered)


def find(state: StateStore, run_id: str) -> Interrupted | None:
    """The commit of this run, if it was begun and is not ended."""
    record = state.get(KIND, run_id)
    return _interrupted(record) if record else None


def note_cause(state: StateStore, run_id: str, cause: str) -> None:
    """Keeps why the commit could not be brought to its end, for whoever looks at it."""
    _note(state, run_id, {"cause": cause})


def begin_undoing(state: StateStore, run_id: str) -> None:
    """From now on what the run has committed is taken back, by whoever finds it."""
    _note(state, run_id, {"undoing": True})


def end(state: StateStore, run_id: str) -> None:
    """Everything of the run is committed and released, or taken back: there is nothing to finish any more."""
    state.delete(KIND, run_id)


def unreleased(state: StateStore, run_id: str) -> frozenset[str]:
    """The tables that others than this run are committing: what is in them now may be half of something."""
    return frozenset(table for each in interrupted(state) if each.run_id != run_id for table in each.batches)


def _note(state: StateStore, run_id: str, found: Mapping[str, object]) -> None:
    """Adds to the record, unless somebody has ended it just now: it is not to come back."""
    while (record := state.get(KIND, run_id)) is not None and not found.items() <= record.value.items():
        try:
            state.put(KIND, run_id, {**record.value, **found}, expected=record.revision)
        except ConflictError:
            continue


def _interrupted(record: Record) -> Interrupted:
    value = record.value
    return Interrupted(
        run_id=record.key,
        date=date.fromisoformat(value["date"]),
        batches=value["batches"],
        plan=value.get("plan"),
        flow=str(value.get("flow", "")),
        began_at=str(value["started_at"]),
        before=value.get("before") or {},
        cause=value.get("cause"),
        undoing=bool(value.get("undoing")),
    )
