"""Brings events away beside the run, and leaves what cannot be brought away to a later one.

A thread makes the events and hands them over: the run waits for nothing but, for a moment, its end. A backend that is
down is asked again after a while; what it does not take meanwhile waits.
"""

from __future__ import annotations

import contextvars
import logging
import queue
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from tidemark.control.runs import LineageSummary
from tidemark.observe.lineage.left import Left
from tidemark.observe.lineage.transports import RefusedError, UnreachableError

if TYPE_CHECKING:
    from tidemark.aws.folder import Folder
    from tidemark.observe.lineage.left import LeftOpen
    from tidemark.observe.lineage.transports import Transport

PATIENCE = 3.0
"""Seconds for which the end of a run waits until its events are brought away."""
_GATHER = 0.2  # seconds in which events come together
_AT_FIRST = 10.0  # seconds in which events of earlier runs come first
_IDLE = 1.0  # seconds without an event, after which the rest of them does
_ASK_AGAIN = 60.0  # seconds until a backend that was down is asked again
_REFRESH = 300.0  # seconds between two signs of life

log = logging.getLogger("tidemark.lineage")

Event = dict[str, Any]
Make = Callable[[], Event]


@dataclass(frozen=True)
class _End:
    """The last thing in the queue; jobs of the runs in `held` stay open, as what they began is still to be ended.

    Where nobody knows which runs these are (None), those of all others do.
    """

    held: Collection[str] | None = ()


@dataclass
class _Count:
    sent: int = 0
    waiting: int = 0
    lost: int = 0
    why: str | None = None


class Courier:
    """The events of one run, on their way. `aborted` makes the end of a job: of its start, an instant and a reason."""

    def __init__(
        self,
        connect: Callable[[], Transport],
        folder: Folder,
        *,
        run_id: str,
        process: str,
        aborted: Callable[[Event, datetime, str], Event],
        patience: float = PATIENCE,
    ) -> None:
        self._connect = connect
        self._left = Left(folder)
        self._run_id, self._process = run_id, process
        self._aborted = aborted
        self._patience = patience
        self._queue: queue.SimpleQueue[Make | _End] = queue.SimpleQueue()
        self._count = _Count()
        self._open: dict[str, Event] = {}
        self._settled: set[str] = set()
        self._transport: Transport | None = None
        self._not_before = 0.0
        self._sign_of_life = time.monotonic()
        self._files = 0
        self._all_sent = False
        self._lock = threading.Lock()
        self._under_way: Sequence[Event] = ()
        self._abandoned = False
        self._finished = threading.Event()
        work = partial(contextvars.copy_context().run, self._work)  # it logs as the run does
        self._thread = threading.Thread(target=work, name="tidemark-lineage", daemon=True)
        self._thread.start()

    def take(self, make: Make) -> None:
        """An event to be made and brought away; the caller goes on at once."""
        self._queue.put(make)

    def settle(self, job_run: str) -> None:
        """The end of a job of a run that died is told by this one: nobody else has to."""
        self._settled.add(job_run)

    def finish(self, held: Collection[str] | None = ()) -> LineageSummary:
        """The run is over: what cannot be brought away in a moment waits. Gives what became of all events.

        Jobs of other runs that died are ended too, but for those of the runs in `held`: of all, where it is None.
        """
        self._queue.put(_End(held))
        if not self._finished.wait(self._patience) or not self._queue.empty():
            self._abandon()
        with self._lock:
            count, where = self._count, self._transport.where if self._transport else self._left.spool
            return LineageSummary(count.sent, where, count.waiting, count.lost, count.why)

    # The thread

    def _work(self) -> None:
        try:
            began = time.monotonic()
            while not self._all_sent and time.monotonic() - began < _AT_FIRST and self._send_what_waits():
                pass
            end: _End | None = None
            while end is None and not self._abandoned:
                events, end = self._next()
                self._bring(events)
            if end is not None and end.held is not None:
                self._end_dead(end.held)
        except Exception:
            log.exception("lineage stopped telling")
        finally:
            self._finished.set()
            if self._transport is not None:
                self._transport.close()

    def _next(self) -> tuple[list[Event], _End | None]:
        """What has come together; where nothing comes, events of earlier runs are sent meanwhile."""
        try:
            first = self._queue.get(timeout=_IDLE)
        except queue.Empty:
            self._send_what_waits()
            self._note_open(only_as_a_sign=True)
            return [], None
        taken = [first]
        if not isinstance(first, _End):
            time.sleep(_GATHER)
        while not self._queue.empty():
            taken.append(self._queue.get_nowait())
        events = [event for each in taken if not isinstance(each, _End) and (event := _made(each)) is not None]
        return events, next((each for each in taken if isinstance(each, _End)), None)

    def _bring(self, events: Sequence[Event]) -> None:
        if not events:
            return
        with self._lock:
            self._under_way = events
        before = set(self._open)
        for event in events:
            if event["eventType"] == "START":
                self._open[event["run"]["runId"]] = event
            else:
                self._open.pop(event["run"]["runId"], None)
        if set(self._open) != before:
            self._note_open()
        rest = self._hand_over(events)
        with self._lock:
            self._under_way = ()
            if not self._abandoned:
                self._keep(rest)

    def _hand_over(self, events: Sequence[Event], *, own: bool = True) -> Sequence[Event]:
        """Gives the events that stay, because nobody can be reached. Those of earlier runs are not counted."""
        while events and time.monotonic() >= self._not_before:
            try:
                if self._transport is None:
                    self._transport = self._connect()
                self._transport.send(events)
            except RefusedError as refused:
                self._add(sent=refused.delivered * own, lost=1, why=str(refused))
                self._left.refuse(events[refused.delivered], f"{self._run_id}-{self._count.lost}")
                events = events[refused.delivered + 1 :]
            except UnreachableError as failure:
                self._add(sent=failure.delivered * own, why=str(failure))
                self._down(str(failure))
                events = events[failure.delivered :]
            except Exception as failure:  # a secret that is not there, say
                self._add(why=f"{type(failure).__name__}: {failure}")
                self._down(str(failure))
            else:
                self._add(sent=len(events) * own)
                return ()
        return events

    def _down(self, why: str) -> None:
        if not self._not_before:
            log.warning("lineage events wait: %s", why)
        self._not_before = time.monotonic() + _ASK_AGAIN

    def _add(self, sent: int = 0, lost: int = 0, why: str | None = None) -> None:
        with self._lock:
            self._count.sent += sent
            self._count.lost += lost
            self._count.why = why or self._count.why

    def _keep(self, events: Sequence[Event]) -> None:
        """Lets events wait for a later run."""
        if not events:
            return
        self._files += 1
        try:
            self._left.keep(events, f"{self._run_id}-{self._files:04}")
            self._count.waiting += len(events)
        except Exception as failure:
            self._count.lost += len(events)
            log.warning("%d lineage events are lost: %s", len(events), failure)

    def _note_open(self, *, only_as_a_sign: bool = False) -> None:
        now = time.monotonic()
        if only_as_a_sign and (not self._open or now - self._sign_of_life < _REFRESH):
            return
        self._sign_of_life = now
        try:
            self._left.note_open(self._run_id, self._process, self._open.values())
        except Exception as failure:
            log.warning("if this run dies, nobody tells lineage of it: %s", failure)

    def _send_what_waits(self) -> bool:
        """Sends one file of the events that earlier runs could not, and says whether there may be more to send."""
        if self._all_sent or time.monotonic() < self._not_before:
            return False
        try:
            name = next(iter(self._left.waiting()), None)
            if name is None:
                self._all_sent = True
                return False
            waiting = self._left.take(name)
            rest = self._hand_over(waiting, own=False)
            if len(rest) < len(waiting) or not waiting:
                self._left.done(name, rest)
        except Exception as failure:
            self._all_sent = True
            log.warning("lineage events of earlier runs stay where they are: %s", failure)
            return False
        return not rest

    def _end_dead(self, held: Collection[str]) -> None:
        """Tells the end of the jobs whose runs have died."""
        now = datetime.now(UTC).replace(tzinfo=None)
        for each in self._left.open():
            if each.run_id != self._run_id and each.run_id not in held and each.is_dead(now):
                self._bring([self._aborted(start, now, _died(each)) for start in self._unsettled(each)])
                self._left.note_open(each.run_id, each.process, ())

    def _unsettled(self, left: LeftOpen) -> list[Event]:
        return [start for start in left.starts if start["run"]["runId"] not in self._settled]

    # The run's own thread, when the other one takes too long

    def _abandon(self) -> None:
        """Lets everything wait that is not away yet; what is under way just now may then be told twice."""
        with self._lock:
            self._abandoned = True
            made = []
            while not self._queue.empty():
                each = self._queue.get_nowait()
                if not isinstance(each, _End) and (event := _made(each)) is not None:
                    made.append(event)
            self._keep([*self._under_way, *made])
            self._open.clear()
        self._note_open()


def _died(left: LeftOpen) -> str:
    return f"run {left.run_id} died before it could say how this ended; nothing unaudited is visible"


def _made(make: Make) -> Event | None:
    """The event, unless it cannot be made: lineage fails no run."""
    try:
        return make()
    except Exception:
        log.exception("a lineage event could not be made")
        return None
