"""Where the summaries of runs lie, so that a look at the newest costs the same however many there were.

A run is a file under its id, and an empty one under the day and the moment it began (`by_day/2025-03-30/…`), by which
the newest are found. Maintenance packs a day that is long over into one file of JSON lines, `packed/2025-03-30.jsonl`.
Who dies on the way leaves a run in both places, where it counts once. Older versions left no trace under the day: these
runs are read all, until maintenance sets it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidemark.aws.folder import Folder

BY_RUN = timedelta(days=35)
"""So long a run has a file of its own."""
SUMMARY, ALERTS, METRICS = ".json", ".alerts.jsonl", ".metrics.jsonl"
_BY_DAY, _PACKED, _LINES = "by_day", "packed", ".jsonl"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = len("060000.000000-")


def mark(folder: Folder, run_id: str, began: datetime) -> None:
    """Notes when a run began."""
    moment = began.time().isoformat("microseconds").replace(":", "")
    folder.write_text(f"{_BY_DAY}/{began.date().isoformat()}/{moment}-{run_id}", "")


def newest(folder: Folder, since: date | None = None) -> Iterator[str]:
    """The ids of the runs that are noted under their days, newest first; with `since` only of this day and later."""
    for day in _days(folder):
        if since is not None and day < since.isoformat():
            return
        yield from reversed(_noted(folder, day))


def own_files(folder: Folder) -> list[str]:
    """The ids of all runs that have a file of their own."""
    return [name.removesuffix(SUMMARY) for name in folder.files() if name.endswith(SUMMARY)]


def packs(folder: Folder) -> Iterator[tuple[str, list[str]]]:
    """The packed days, newest first: where each lies, and the summaries in it."""
    for name in reversed(folder.below(_PACKED).files()):
        if _DAY.fullmatch(name.removesuffix(_LINES)):
            path = f"{_PACKED}/{name}"
            yield path, _lines(folder, path)


def pack(folder: Folder, before: date, began: Callable[[str], datetime]) -> int:
    """Packs the days before this one; gives how many runs that were. `began` says when a run with a file began."""
    noted = set(newest(folder))
    for run_id in own_files(folder):
        if run_id not in noted:
            mark(folder, run_id, began(run_id))
    days = [day for day in _days(folder) if day < before.isoformat()]
    return sum(_pack(folder, day) for day in days)


def _pack(folder: Folder, day: str) -> int:
    runs, place = _noted(folder, day), f"{_PACKED}/{day}"
    summaries = {str(json.loads(line)["run_id"]): line for line in _lines(folder, place + _LINES)}
    alerts = dict.fromkeys(_lines(folder, place + ALERTS))
    for run_id in runs:
        text = folder.read_text(run_id + SUMMARY)
        if text is not None:
            summaries[run_id] = json.dumps(json.loads(text))
        alerts |= dict.fromkeys(_lines(folder, run_id + ALERTS))
    if alerts:
        folder.write_text(place + ALERTS, "".join(f"{line}\n" for line in alerts))
    folder.write_text(place + _LINES, "".join(f"{line}\n" for line in summaries.values()))
    for run_id in runs:
        for name in folder.starting(f"{run_id}."):
            folder.delete(name)
    folder.delete(f"{_BY_DAY}/{day}")
    return len(runs)


def _days(folder: Folder) -> list[str]:
    return [name for name in reversed(folder.below(_BY_DAY).folders()) if _DAY.fullmatch(name)]


def _noted(folder: Folder, day: str) -> list[str]:
    """The runs of a day, oldest first."""
    return [name.rpartition("/")[2][_MOMENT:] for name in folder.names(f"{_BY_DAY}/{day}")]


def _lines(folder: Folder, name: str) -> list[str]:
    return [line for line in (folder.read_text(name) or "").split("\n") if line]
