"""How long raw data rests where it is on its way, or was set aside: what is older goes, and the report says so.

The environment's file says how long (`retention: {exchange: 1d, errors: 90d}`). What somebody still needs stays:
batches of open plans, of commits that were begun, of replays and backfills, and all of runs that live.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from tidemark.aws.folder import open_folder
from tidemark.errorlane import compaction
from tidemark.errors import ConfigError
from tidemark.operations import staging

if TYPE_CHECKING:
    from tidemark.aws.folder import Folder
    from tidemark.config.environment import Environment
    from tidemark.control.runs import RunStore
    from tidemark.control.state import StateStore

_RUN, _DAY = "run_id=", "dt="


def expire(environment: Environment, state: StateStore, runs: RunStore, now: datetime) -> dict[str, int]:
    """Removes what has rested longer than it may, but for the error lanes; gives how many files, by where they lay."""
    kept, aws = environment.retention, environment.aws
    needed, removed = staging.needed(state), {}
    lying = open_folder(environment.roots.staging, aws)
    removed["staging"] = _runs_over(lying, runs, needed, now - kept.staging)
    exchange = open_folder(environment.exchange.rstrip("/"), aws)
    removed["exchange"] = sum(
        _runs_over(exchange.below(kind), runs, needed, now - kept.exchange) for kind in staging.EXCHANGED
    )
    for name, root, span in (
        ("logs", environment.roots.logs, kept.logs),
        ("dq_results", environment.roots.dq_results, kept.dq_results),
        ("lineage", environment.roots.lineage, kept.lineage),
    ):
        if span is not None:
            removed[name] = _older(open_folder(root, aws), now - span)
    return {name: count for name, count in removed.items() if count}


def expire_errors(lane: Folder, kept: timedelta | None, today: date) -> int:
    """Removes the days of a table's error lane that are older than it may keep; gives how many files that were.

    To be called with the table's lease. What became of these errors stays in the ledger, which has no values.
    """
    if kept is None:
        return 0
    compaction.settle(lane)
    before, names = (today - kept).isoformat(), lane.names()
    removed = 0
    for day in [each for each in lane.folders() if each.startswith(_DAY)]:
        if day.removeprefix(_DAY) < before:
            removed += sum(name.startswith(f"{day}/") for name in names)
            lane.delete(day)
    return removed


def _runs_over(root: Folder, runs: RunStore, needed: Collection[str], before: datetime) -> int:
    """Removes the folders of runs in which nothing was written since, unless the run lives or is still needed."""
    newest: dict[str, datetime] = {}
    counted: dict[str, int] = {}
    for name, written in _written(root).items():
        run = name.partition("/")[0]
        if run.startswith(_RUN):
            newest[run] = max(written, newest.get(run, written))
            counted[run] = counted.get(run, 0) + 1
    over = [run for run, at in newest.items() if at < before and run.removeprefix(_RUN) not in needed]
    gone = [run for run in over if not _lives(runs, run.removeprefix(_RUN))]
    for run in gone:
        root.delete(run)
    return sum(counted[run] for run in gone)


def _older(root: Folder, before: datetime) -> int:
    names = [name for name, written in _written(root).items() if written < before]
    for name in names:
        root.delete(name)
    return len(names)


def _written(root: Folder) -> Mapping[str, datetime]:
    try:
        return root.written()
    except FileNotFoundError:
        return {}


def _lives(runs: RunStore, run_id: str) -> bool:
    """Whether the run may still go on; of one that nobody knows nothing lives."""
    try:
        return runs.load(run_id).status == "running"
    except ConfigError:
        return False
