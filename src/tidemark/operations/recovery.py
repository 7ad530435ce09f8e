"""What a run that died while committing has left: its tables are committed to the end, from staging, by whoever comes.

Silver and gold of a run are committed together or not at all. Until the first commit nothing of the run is visible,
and the next run starts anew. From the first commit on all of it has passed its gates and lies in staging: a record of
the run, which is there until the last commit and its release, names the batches, inputs first. So it is when a plan
is applied, whose batches were staged by the run that planned them, and of which bronze is a part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from tidemark.errors import CommitError
from tidemark.spark import storage
from tidemark.write import manifest

if TYPE_CHECKING:
    from tidemark.control.runs import Run
    from tidemark.control.state import Record, StateStore
    from tidemark.engine import Engine
    from tidemark.write.manifest import Prepared

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


def staged(engine: Engine, run: Interrupted) -> dict[str, Prepared]:
    """The batches of the run as they lie in staging, inputs first.

    Raises `CommitError` where one is no longer there.
    """
    found = {}
    for table, batch in run.batches.items():
        path = engine.staging_path(table, run.staged_by)
        prepared = manifest.load(engine.session(table), path)
        if prepared is None or prepared.batch_id != batch:
            raise CommitError(
                f"run {run.run_id} died while it committed, and this batch of it is no longer in staging",
                table=table,
                step="recover",
                seen=[f"batch {batch}", f"tables of that run: {', '.join(run.batches)}"],
                evidence=path,
                next_step="bring the folder back from a backup, or restore the release before that run",
            )
        found[table] = replace(prepared, run_id=run.run_id)
    return found


def take_over(engine: Engine, table: str, batch: str) -> None:
    """Makes a batch this run's own that an earlier attempt at the same work had staged, where it is the very same.

    Not so with what came from a source: that may have more to give by now.
    """
    if engine.table(table).load.source is not None:
        return
    spark, path = engine.session(table), engine.staging_path(table)
    for run_id in engine.attempts:
        earlier = manifest.load(spark, engine.staging_path(table, run_id))
        if earlier is not None and earlier.batch_id == batch and storage.exists(spark, earlier.data):
            manifest.save(spark, replace(earlier, run_id=engine.run.run_id, path=path))
            return


def _interrupted(record: Record) -> Interrupted:
    value = record.value
    return Interrupted(record.key, date.fromisoformat(value["date"]), value["batches"], value.get("plan"))
