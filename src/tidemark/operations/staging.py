"""Staging is cleaned when nothing can need it any more.

A run's staging holds batches on their way. Once all is committed nobody reads it again; of a run that failed it is
evidence for some days; of one that died while it committed, replayed errors, or was a backfill, it is what the next
run ends that with; and of one that planned it is kept as long as the plan can be applied.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tidemark.backfill import notes
from tidemark.errors import ConfigError
from tidemark.operations import recovery
from tidemark.plans import store as plans

if TYPE_CHECKING:
    from tidemark.aws.folder import Folder
    from tidemark.control.runs import RunStore
    from tidemark.control.state import StateStore

KEPT = timedelta(days=3)
_FOLDER = "run_id="


def clean(staging: Folder, runs: RunStore, state: StateStore, also_keep: Collection[str] = ()) -> tuple[str, ...]:
    """Removes what runs have staged that is no longer needed; gives the ids of these runs."""
    plans.retire(state)
    keep, removed = {*needed(state), *also_keep}, []
    for name in staging.folders():
        run_id = name.removeprefix(_FOLDER)
        if name.startswith(_FOLDER) and run_id not in keep and _is_over(runs, run_id):
            staging.delete(name)
            removed.append(run_id)
    return tuple(removed)


def needed(state: StateStore) -> set[str]:
    """The runs whose staging is still on its way: of open plans, of commits that were begun, replays and backfills."""
    busy = {run.staged_by for run in recovery.interrupted(state)}
    replays = {str(note.value["run_id"]) for note in state.list("replay") if note.value}
    backfills = notes.unfinished_runs(state)
    return busy | replays | backfills | {plan.plan for plan in plans.still_open(state)}


def _is_over(runs: RunStore, run_id: str) -> bool:
    """Whether the run is done, or failed so long ago that nobody looks into it any more. An unknown one is kept."""
    try:
        run = runs.load(run_id)
    except ConfigError:
        return False
    old = datetime.now(UTC).replace(tzinfo=None) - run.started_at > KEPT
    return run.status == "done" or (old and run.status != "running")
