"""Staging and exchange: batches on their way, taken over by whoever ends the work, cleaned when nothing needs them.

Once all of a run is committed nobody reads it again; of a run that failed it is evidence for some days; of one that
died while it committed, replayed errors, or was a backfill, it is what the next run ends that with; and of one that
planned it is kept as long as the plan can be applied.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tidemark.backfill import notes
from tidemark.control import commits
from tidemark.errors import CommitError, ConfigError
from tidemark.plans import store as plans
from tidemark.spark import storage
from tidemark.write import manifest

if TYPE_CHECKING:
    from tidemark.aws.folder import Folder
    from tidemark.control.commits import Interrupted
    from tidemark.control.runs import RunStore
    from tidemark.control.state import StateStore
    from tidemark.engine import Engine
    from tidemark.write.manifest import Prepared

KEPT = timedelta(days=3)
EXCHANGED = ("publish", "extract")
"""Folders of the exchange bucket: what goes to warehouses, and what comes of them, each by its run."""
_FOLDER = "run_id="


def staged(engine: Engine, run: Interrupted, done: Collection[str] = ()) -> dict[str, Prepared]:
    """The batches of the run as they lie in staging, inputs first.

    Raises `CommitError` where one is no longer there, unless its table is `done`: nobody needs it any more.
    """
    found = {}
    for table, batch in run.batches.items():
        path = engine.staging_path(table, run.staged_by)
        prepared = manifest.load(engine.session(table), path)
        if prepared is None or prepared.batch_id != batch:
            if table in done:
                continue
            raise CommitError(
                f"run {run.run_id} died while it committed, and this batch of it is no longer in staging",
                table=table,
                step="recover",
                seen=[f"batch {batch}", f"tables of that run: {', '.join(run.batches)}"],
                evidence=path,
                next_step=f"tidemark recover --run {run.short_id} shows what can be done, and does it",
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


def clean(
    staging: Folder, runs: RunStore, state: StateStore, also_keep: Collection[str] = (), kept: timedelta = KEPT
) -> tuple[str, ...]:
    """Removes what runs have staged that is no longer needed; gives the ids of these runs. What one that failed has
    staged is `kept` for so long."""
    plans.retire(state)
    return _remove(staging, runs, {*needed(state), *also_keep}, kept)


def clean_exchange(exchange: Folder, runs: RunStore, state: StateStore, kept: timedelta) -> tuple[str, ...]:
    """The same for what runs have exchanged with warehouses; a source's rows lie there unmasked."""
    keep = needed(state)
    return tuple(run_id for kind in EXCHANGED for run_id in _remove(exchange.below(kind), runs, keep, kept))


def _remove(place: Folder, runs: RunStore, keep: Collection[str], kept: timedelta) -> tuple[str, ...]:
    removed = []
    for name in place.folders():
        run_id = name.removeprefix(_FOLDER)
        if name.startswith(_FOLDER) and run_id not in keep and _is_over(runs, run_id, kept):
            place.delete(name)
            removed.append(run_id)
    return tuple(removed)


def needed(state: StateStore) -> set[str]:
    """The runs whose staging is still on its way: of open plans, of commits that were begun, replays and backfills."""
    busy = {run.staged_by for run in commits.interrupted(state)}
    replays = {str(note.value["run_id"]) for note in state.list("replay") if note.value}
    backfills = notes.unfinished_runs(state)
    return busy | replays | backfills | {plan.plan for plan in plans.still_open(state)}


def _is_over(runs: RunStore, run_id: str, kept: timedelta) -> bool:
    """Whether the run is done, or failed so long ago that nobody looks into it any more. An unknown one is kept."""
    try:
        run = runs.load(run_id)
    except ConfigError:
        return False
    old = datetime.now(UTC).replace(tzinfo=None) - (run.finished_at or run.started_at) > kept
    return run.status == "done" or (old and run.status != "running")
