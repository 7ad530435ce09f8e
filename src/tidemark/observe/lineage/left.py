"""What runs leave for later ones under the lineage root: events that wait, events that nobody takes, open jobs.

`_spool` holds events that could not be handed over, `_refused` those that a backend will never take. `_open` has, of
every run that lives, the starts of its jobs that have not ended: of a run that died a later one tells the end.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tidemark.control.processes import lives

if TYPE_CHECKING:
    from tidemark.aws.folder import Folder

Event = dict[str, Any]

SPOOL, REFUSED, OPEN = "_spool", "_refused", "_open"
MOST_SPOOLED = 1000
"""Files of events that wait at most; the oldest go."""
FORGOTTEN = timedelta(hours=1)
"""A run of which nobody knows whether it lives, and that was not heard of for so long, is taken for dead."""


@dataclass(frozen=True)
class LeftOpen:
    """The jobs that a run has begun and not ended, each by the event of its start."""

    run_id: str
    process: str
    at: datetime
    starts: tuple[Event, ...]

    def is_dead(self, now: datetime) -> bool:
        """Whether the run is over without having said so."""
        alive = lives(self.process)
        return now - self.at > FORGOTTEN if alive is None else not alive


class Left:
    """The folders in which it lies."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    @property
    def spool(self) -> str:
        """Where events wait."""
        return self._folder.path(SPOOL)

    def keep(self, events: Sequence[Event], name: str) -> None:
        """Events that could not be handed over wait for a later run. There is an end to how many do."""
        self._folder.write_text(f"{SPOOL}/{_stamp()}-{name}.jsonl", _lines(events))
        waiting = self.waiting()
        for oldest in waiting[: max(0, len(waiting) - MOST_SPOOLED)]:
            self._folder.delete(oldest)

    def waiting(self) -> list[str]:
        """The files of events that wait, oldest first."""
        return [f"{SPOOL}/{name}" for name in self._folder.below(SPOOL).files() if name.endswith(".jsonl")]

    def take(self, name: str) -> list[Event]:
        """The events of a file that waits; none where another run was sooner. What is no event is put aside."""
        events, broken = [], []
        for line in (self._folder.read_text(name) or "").splitlines():
            try:
                events += [json.loads(line)] if line.strip() else []
            except ValueError:
                broken.append(line)
        if broken:
            self._put_aside(name, "\n".join(broken))
        return events

    def done(self, name: str, rest: Sequence[Event] = ()) -> None:
        """The events of a file do not wait any more, but for the rest of them."""
        if rest:
            self._folder.write_text(name, _lines(rest))
        elif self._folder.read_text(name) is not None:
            self._folder.delete(name)

    def refuse(self, event: Event, name: str) -> None:
        """An event that a backend will never take is kept for people to look at."""
        self._folder.write_text(f"{REFUSED}/{_stamp()}-{name}.json", json.dumps(event, indent=1, sort_keys=True))

    def note_open(self, run_id: str, process: str, starts: Collection[Event]) -> None:
        """The jobs of a run that have not ended; none: it has told of the end of all."""
        name = f"{OPEN}/{run_id}.json"
        if starts:
            told = {"process": process, "at": _now().isoformat(), "starts": list(starts)}
            self._folder.write_text(name, json.dumps(told))
        elif self._folder.read_text(name) is not None:
            self._folder.delete(name)

    def open(self) -> Iterator[LeftOpen]:
        """The runs that have jobs without an end."""
        for name in self._folder.below(OPEN).files():
            text = self._folder.read_text(f"{OPEN}/{name}") if name.endswith(".json") else None
            if text is None:
                continue
            try:
                told: Mapping[str, Any] = json.loads(text)
                at = datetime.fromisoformat(told["at"])
                left = LeftOpen(name.removesuffix(".json"), str(told["process"]), at, tuple(told["starts"]))
            except (ValueError, KeyError, TypeError):
                self._put_aside(name, text)
                self._folder.delete(f"{OPEN}/{name}")
            else:
                yield left

    def _put_aside(self, name: str, text: str) -> None:
        """Text that is not what it should be, as a machine that went down leaves it: nobody else is held up by it."""
        self._folder.write_text(f"{REFUSED}/{name.rpartition('/')[2]}.broken", text)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _stamp() -> str:
    return _now().strftime("%Y%m%dT%H%M%S%f")


def _lines(events: Sequence[Event]) -> str:
    return "".join(f"{json.dumps(event, sort_keys=True)}\n" for event in events)
