"""Leases: one writer per table. Held in the control store by conditional writes, renewed while the run lives.

A lease that is not renewed expires, so that a run which died keeps nobody out for long. Its token grows with every
holder and goes into the commit: a holder that was asleep, and wakes up when another has the lease, is refused.
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

from tidemark.control.state import ABSENT, ConflictError
from tidemark.errors import StateError, TidemarkError

if TYPE_CHECKING:
    from tidemark.control.state import Record, StateStore

KIND = "lease"
_RENEWALS = 3  # within the time that a lease lasts
_LOOK_AGAIN = 0.5  # seconds between two looks at a lease that another run holds

log = logging.getLogger("tidemark.leases")


class LeaseError(TidemarkError):
    """Another run writes the table, or has taken the lease over."""


@dataclass(frozen=True)
class Lease:
    """The right to write one table. `process` is the holder's `host:pid`; `expires_at` is UTC."""

    table: str
    run_id: str
    process: str
    token: int
    expires_at: datetime

    @classmethod
    def read(cls, record: Record) -> Lease:
        value = record.value
        expires_at = datetime.fromisoformat(value["expires_at"])
        return cls(record.key, str(value["run_id"]), str(value["process"]), int(value["token"]), expires_at)

    def to_json(self) -> dict[str, object]:
        return {
            "run_id": self.run_id,
            "process": self.process,
            "token": self.token,
            "expires_at": self.expires_at.isoformat(),
        }


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
        is_gone: Callable[[str], bool],
    ) -> None:
        """`lasts`: the time without renewal after which a lease is free; `wait`: how long to wait for another run.

        `is_gone` says of a process (`host:pid`) that it surely does not live any more.
        """
        self._state = state
        self._run_id = run_id
        self._process = process
        self._lasts = lasts
        self._wait = wait
        self._is_gone = is_gone
        self._held: dict[str, tuple[Lease, int]] = {}
        self._lock = threading.Lock()

    def acquire(self, table: str) -> Lease:
        """The lease of the table, from now on this run's. Raises `LeaseError` that says who holds it."""
        with self._lock:
            held = self._held.get(table)
        if held:
            return held[0]
        give_up = time.monotonic() + self._wait.total_seconds()
        while True:
            holder = self._try(table)
            if holder is None:
                return self._held[table][0]
            if time.monotonic() >= give_up:
                raise self._taken(holder)
            time.sleep(min(_LOOK_AGAIN, max(give_up - time.monotonic(), 0)))

    def acquire_all(self, tables: Iterable[str]) -> None:
        """The leases of the tables, in one order for all runs: of two with tables in common one gets all of them."""
        for table in sorted(tables):
            self.acquire(table)

    def confirm(self, table: str) -> Lease:
        """The lease, renewed: from now on it lasts its full time. To be called right before a commit.

        Raises `LeaseError` when another run has it.
        """
        self.acquire(table)
        return self._renew(table)

    def release(self, table: str) -> None:
        """Gives the lease back. One that was lost is left alone, and one that cannot be given back expires."""
        with self._lock:
            held = self._held.pop(table, None)
        if held is None:
            return
        lease, revision = held
        try:
            self._state.put(KIND, table, replace(lease, expires_at=_now()).to_json(), expected=revision)
        except ConflictError:
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

    def _renew_all(self) -> None:
        for table in list(self._held):
            try:
                self._renew(table)
            except Exception as failure:  # the commit asks again, and fails where it is lost
                log.warning("the lease of %s was not renewed: %s", table, failure)

    def _renew(self, table: str) -> Lease:
        with self._lock:
            held = self._held.get(table)
            if held is None:
                raise LeaseError("the lease was given back", table=table, step="lease", next_step="run again")
            lease, revision = held
            renewed = replace(lease, expires_at=_now() + self._lasts)
            try:
                self._held[table] = renewed, self._state.put(KIND, table, renewed.to_json(), expected=revision)
            except ConflictError:
                record = self._state.get(KIND, table)
                del self._held[table]
                raise self._taken(Lease.read(record) if record else lease) from None
            return renewed

    def _try(self, table: str) -> Lease | None:
        """Takes the lease if it is free, else says who holds it."""
        with self._lock:
            record = self._state.get(KIND, table)
            holder = Lease.read(record) if record else None
            if holder and not self._is_free(holder):
                return holder
            token = holder.token + 1 if holder else 1
            lease = Lease(table, self._run_id, self._process, token, _now() + self._lasts)
            try:
                revision = self._state.put(KIND, table, lease.to_json(), record.revision if record else ABSENT)
            except ConflictError:
                return self._winner(table, lease)
            self._held[table] = lease, revision
            return None

    def _winner(self, table: str, lost: Lease) -> Lease:
        record = self._state.get(KIND, table)
        return Lease.read(record) if record else lost

    def _is_free(self, holder: Lease) -> bool:
        return holder.run_id == self._run_id or holder.expires_at <= _now() or self._is_gone(holder.process)

    def _taken(self, holder: Lease) -> LeaseError:
        return LeaseError(
            f"another run writes {holder.table}; nothing was written",
            table=holder.table,
            step="lease",
            seen=[
                f"held by run {holder.run_id} in process {holder.process}",
                f"until {holder.expires_at:%H:%M:%S} UTC, and longer while that run lives",
            ],
            next_step=f"let it end (tidemark runs show {holder.run_id[:8]}), then run again",
        )


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
