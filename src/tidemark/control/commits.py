"""Commits of several tables that were begun and not ended: what the next run has to bring to their end.

Silver and gold of a run are committed together or not at all. Until the first commit nothing of the run is visible,
and the next run starts anew. From the first commit on all of it has passed its gates and lies in staging: a record of
the run, which is there until the last commit and its release, names the batches, inputs first. So it is when a plan
is applied, whose batches were staged by the run that planned them, and of which bronze is a part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidemark.control.runs import Run
    from tidemark.control.state import Record, StateStore

KIND = "committing"


@dataclass(frozen=True)
class Interrupted:
    """A run that died between its first and its last commit; `batches` gives the batch of every table, in order.

    `plan` is the run that has planned and staged them, where the run that died did not do so itself.
    """

    run_id: str
    date: date
    batches: Mapping[str, str]
    plan: str | None = None

    @property
    def staged_by(self) -> str:
        """The run in whose staging the batches lie."""
        return self.plan or self.run_id


def begin(state: StateStore, run: Run, flow: str, batches: Mapping[str, str], plan: str | None = None) -> None:
    """Records what the run is about to commit."""
    value = {"flow": flow, "date": run.date, "started_at": run.started_at, "batches": dict(batches), "plan": plan}
    state.put(KIND, run.run_id, value)


def interrupted(state: StateStore) -> tuple[Interrupted, ...]:
    """The runs whose commit was begun and not ended, oldest first. One that still lives holds the tables' leases."""
    ordered = sorted(state.list(KIND), key=lambda record: str(record.value["started_at"]))
    return tuple(_interrupted(record) for record in ordered)


def end(state: StateStore, run_id: str) -> None:
    """Everything of the run is committed and released: there is nothing to finish any more."""
    state.delete(KIND, run_id)


def _interrupted(record: Record) -> Interrupted:
    value = record.value
    return Interrupted(record.key, date.fromisoformat(value["date"]), value["batches"], value.get("plan"))
