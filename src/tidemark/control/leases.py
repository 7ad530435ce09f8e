"""Leases: one writer per table. Held in the control store by conditional writes, renewed while the run lives.

No two clocks are compared. A lease is free when it was given back, when its process is known to be gone, or when it has
not been renewed for as long as it lasts, while somebody watched: by the watcher's own clock, which only goes forward.
Its token grows with every holder and goes into the commit: a holder that was asleep, and wakes up when another has the
lease, is refused.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tidemark.control.state import ABSENT, ConflictError, Record
from tidemark.errors import StateError, TidemarkError

if TYPE_CHECKING:
    from tidemark.control.state import StateStore

KIND = "lease"
_RENEWALS = 3  # within the time that a lease lasts
_LOOK_AGAIN = 0.5  # seconds between two looks at a lease that another run holds
_TELL_AGAIN = 30.0  # seconds

log = logging.getLogger("tidemark.leases")


class LeaseError(TidemarkError):
    """Another run writes the table, or has taken the lease over."""


@dataclass(frozen=True)
class Lease:
    """The right to write one table: who has it, by which process, and what flow run that is.

    `lasts`: without a renewal for so long (seconds) it is free. `since` and `expires_at` are UTC by the holder's clock:
    they are told to people, and decide nothing.
    """

    table: str
    run_id: str
    process: str
    token: int
    expires_at: datetime
    since: datetime
    lasts: float
    flow_run: str = ""
    given_back: bool = False

    @classmethod
    def read(cls, record: Record) -> Lease:
        value = record.value
        expires_at = datetime.fromisoformat(value["expires_at"])
        old = "since" not in value  # written by a version that compared clocks, and gave back by an end that is past
        return cls(
            record.key,
            str(value["run_id"]),
            str(value["process"]),
            int(value["token"]),
            expires_at,
            expires_at if old else datetime.fromisoformat(value["since"]),
            float(value.get("lasts", 0.0)),
            str(value.get("flow_run", "")),
            expires_at <= _now() if old else bool(value["given_back"]),
        )

    def to_json(self) -> dict[str, object]:
        return {
            "run_id": self.run_id,
            "process": self.process,
            "token": self.token,
            "expires_at": self.expires_at.isoformat(),
            "since": self.since.isoformat(),
            "lasts": self.lasts,
            "flow_run": self.flow_run,
            "given_back": self.given_back,
        }

    def is_of(self, other: Lease) -> bool:
        """Whether both are one holder's: a token is given out once."""
        return (self.run_id, self.process, self.token) == (other.run_id, other.process, other.token)


def holder(state: StateStore, table: str, is_gone: Callable[[str], bool]) -> Lease | None:
    """Who holds the lease of the table, as far as one look can tell; None where it is free, or seems to be left."""
    record = state.get(KIND, table)
    lease = Lease.read(record) if record else None
    left = lease is None or lease.given_back or lease.expires_at <= _now() or is_gone(lease.process)
    return None if left else lease


@dataclass(frozen=True)
class _Seen:
    """A revision of a lease, when this run first saw it (monotonic seconds), and whether it has seen another before."""

    revision: int
    at: float
    renewed: bool


class Leases:
    """The leases of one run."""

    def __init__(
        self,
        state: StateStore,
        run_id: str,
        process: str,
        *,
        lasts: timedelta,
        wait: timedelta,
        lives: Callable[[str], bool | None],
        flow_run: str = "",
        waits: Callable[[str], None] | None = None,
    ) -> None:
        """`lasts`: the time without renewal after which a lease is free; `wait`: how long to wait for another run.

        `lives` says of a process whether it does, None where that cannot be known from here. `flow_run` is how people
        find this run; `waits` is told, beside the log, for whom it waits.
        """
        self._state = state
        self._run_id = run_id
        self._process = process
        self._lasts = lasts
        self._wait = wait.total_seconds()
        self._lives = lives
        self._flow_run = flow_run
        self._waits = waits
        self._held: dict[str, tuple[Lease, int]] = {}
        self._seen: dict[str, _Seen] = {}
        self._lock = threading.Lock()

    def acquire(self, table: str) -> Lease:
        """The lease of the table, from now on this run's. Raises `LeaseError` that says who holds it."""
        return self._acquire(table, ())

    def acquire_all(self, tables: Iterable[str]) -> None:
        """The leases of the tables, in one order for all runs: of two with tables in common one gets all of them."""
        ordered = sorted(tables)
        for number, table in enumerate(ordered, start=1):
            self._acquire(table, ordered[number:])

    def held(self) -> frozenset[str]:
        """The tables whose lease this run has, as far as it knows."""
        with self._lock:
            return frozenset(self._held)

    def confirm(self, table: str, above: int = 0) -> Lease:
        """The lease, renewed: from now on it lasts its full time. To be called right before a commit.

        Raises `LeaseError` when another run has it. Its token is greater than `above`: a control store that was lost,
        or restored from a backup, counts from less than the tables have seen.
        """
        self.acquire(table)
        return self._renew(table, above)

    def release(self, table: str) -> None:
        """Gives the lease back. One that was lost is left alone, and one that cannot be given back expires."""
        with self._lock:
            held = self._held.pop(table, None)
        if held is None:
            return
        lease, revision = held
        given_back = replace(lease, expires_at=_now(), given_back=True)
        try:
            found = self._written(given_back, revision)
            if isinstance(found, Record) and Lease.read(found).is_of(lease):  # a renewal whose answer was lost
                found = self._written(given_back, found.revision)
            if isinstance(found, Record):
                log.warning("the lease of %s was taken over by another run before it was given back", table)
        except StateError as failure:
            log.warning("the lease of %s could not be given back, it expires: %s", table, failure)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renews what is held while the block runs, and gives everything back at its end."""
        ended = threading.Event()

        def renew() -> None:
            while not ended.wait(self._lasts.total_seconds() / _RENEWALS):
                self._renew_all()

        thread = threading.Thread(target=renew, name="tidemark-leases", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            for table in list(self._held):
                self.release(table)

    def _acquire(self, table: str, next_ones: Iterable[str]) -> Lease:
        """The lease of a table; while another run has it, those that come next are watched too."""
        with self._lock:
            held = self._held.get(table)
        if held:
            return held[0]
        began = time.monotonic()
        told = began - _TELL_AGAIN
        holder = self._try(table)
        if holder is not None:
            self._watch(next_ones)
        while holder is not None:
            now = time.monotonic()
            if now - began >= self._wait and self._is_known_to_live(holder):
                raise self._taken(holder, waited=now - began)
            if now - told >= _TELL_AGAIN:
                told = now
                self._tell(f"waits for the lease of {table}, {self._wait:.0f} s at most: {'; '.join(_told(holder))}")
            left = began + self._wait - now
            time.sleep(min(_LOOK_AGAIN, left) if left > 0 else _LOOK_AGAIN)
            holder = self._try_again(table, holder)
        with self._lock:
            return self._held[table][0]

    def _tell(self, waits: str) -> None:
        log.warning(waits)
        if self._waits:
            self._waits(waits)

    def _watch(self, tables: Iterable[str]) -> None:
        """Begins to watch leases that are wanted later: of several holders that died, one time is waited for all."""
        for table in tables:
            record = self._state.get(KIND, table)
            if record:
                self._is_free(Lease.read(record), record.revision)

    def _try_again(self, table: str, holder: Lease) -> Lease | None:
        """A store that cannot be asked for a moment ends no waiting."""
        try:
            return self._try(table)
        except ConflictError:
            raise
        except StateError as failure:
            log.warning("the lease of %s could not be looked at: %s", table, failure)
            return holder

    def _renew_all(self) -> None:
        for table in list(self._held):
            try:
                self._renew(table)
            except Exception as failure:  # the commit asks again, and fails where it is lost
                log.warning("the lease of %s was not renewed: %s", table, failure)

    def _renew(self, table: str, above: int = 0) -> Lease:
        with self._lock:
            held = self._held.get(table)
            if held is None:
                raise LeaseError("the lease was given back", table=table, step="lease", next_step="run again")
            lease, revision = held
            renewed = replace(lease, expires_at=_now() + self._lasts, token=max(lease.token, above + 1))
            found = self._hold(renewed, revision)
            if found and Lease.read(found).is_of(lease):  # a renewal of before, whose answer was lost
                found = self._hold(renewed, found.revision)
            if found:
                del self._held[table]
                raise self._taken(Lease.read(found))
            return renewed

    def _try(self, table: str) -> Lease | None:
        """Takes the lease if it is free, else says who holds it."""
        with self._lock:
            record = self._state.get(KIND, table)
            holder = Lease.read(record) if record else None
            if record and holder and not self._is_free(holder, record.revision):
                return holder
            token, now = holder.token + 1 if holder else 1, _now()
            lasts = self._lasts.total_seconds()
            lease = Lease(table, self._run_id, self._process, token, now + self._lasts, now, lasts, self._flow_run)
            found = self._hold(lease, record.revision if record else ABSENT)
            return Lease.read(found) if found else None

    def _hold(self, lease: Lease, revision: int) -> Record | None:
        """Writes the lease, which is held then, or gives what another has written meanwhile."""
        written = self._written(lease, revision)
        if isinstance(written, Record):
            return written
        self._held[lease.table] = lease, written
        return None

    def _written(self, lease: Lease, revision: int) -> int | Record:
        """The revision with which the lease was written, or the record that is there in its place.

        A write that was done and answered with an error is refused when it is tried again: what lies there tells.
        """
        try:
            return self._state.put(KIND, lease.table, lease.to_json(), expected=revision)
        except ConflictError:
            record = self._state.get(KIND, lease.table)
            if record is None:
                raise
            return record.revision if Lease.read(record) == lease else record

    def _is_free(self, holder: Lease, revision: int) -> bool:
        """Whether the lease may be taken; notes which revision was seen, and since when."""
        now, seen = time.monotonic(), self._seen.get(holder.table)
        if seen is None or seen.revision != revision:
            seen = self._seen[holder.table] = _Seen(revision, now, renewed=seen is not None)
        if holder.given_back or holder.run_id == self._run_id or self._lives(holder.process) is False:
            return True
        return now - seen.at >= (holder.lasts or self._lasts.total_seconds())

    def _is_known_to_live(self, holder: Lease) -> bool:
        """Whether the holder was seen: nobody is kept out by one of whom nothing is known but that it was there."""
        seen = self._seen.get(holder.table)
        return self._lives(holder.process) is True or (seen is not None and seen.renewed)

    def _taken(self, holder: Lease, waited: float | None = None) -> LeaseError:
        waiting = [] if waited is None else [f"this run has waited {waited:.0f} s for it"]
        return LeaseError(
            f"another run writes {holder.table}; nothing was written",
            table=holder.table,
            step="lease",
            seen=[*_told(holder), *waiting],
            next_step=f"let it end (tidemark runs show {holder.run_id[:8]}), then run again; a run waits for another as"
            " long as the environment's file says: state: {lease_wait: 30m}",
        )


def _told(holder: Lease) -> list[str]:
    flow_run = f", flow run {holder.flow_run}" if holder.flow_run else ""
    return [
        f"held by run {holder.run_id} in process {holder.process}{flow_run}",
        f"since {holder.since:%Y-%m-%d %H:%M:%S} UTC, and as long as that run lives",
    ]


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
