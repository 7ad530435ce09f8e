"""Leases on one store that several runs share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from tidemark.control.leases import KIND, Lease, LeaseError, Leases
from tidemark.control.state import SqliteState, StateStore
from tidemark.errors import StateError

TABLE = "gold.sales"
Open = Callable[..., Leases]


@pytest.fixture
def store(tmp_path: Path) -> StateStore:
    return SqliteState(tmp_path / "state.db")


@pytest.fixture
def leases(store: StateStore) -> Open:
    """The leases of a run; `lasts` and `wait` in seconds, `gone` are processes that do not live."""

    def of(run: str, *, lasts: float = 60, wait: float = 0, gone: tuple[str, ...] = ()) -> Leases:
        return Leases(
            store,
            run,
            f"{run}-host:1",
            lasts=timedelta(seconds=lasts),
            wait=timedelta(seconds=wait),
            is_gone=lambda process: process in gone,
        )

    return of


def test_one_run_writes_a_table_and_the_other_learns_who(leases: Open) -> None:
    leases("first").acquire(TABLE)

    with pytest.raises(LeaseError) as refused:
        leases("second").acquire(TABLE)

    assert refused.value.table == TABLE
    assert "held by run first in process first-host:1" in str(refused.value)
    leases("second").acquire("gold.other")


def test_a_lease_given_back_is_free_and_its_token_grows_with_every_holder(leases: Open) -> None:
    tokens = []
    for run in ("a", "b", "a"):
        mine = leases(run)
        tokens.append(mine.acquire(TABLE).token)
        assert mine.acquire(TABLE).token == tokens[-1]
        mine.release(TABLE)
    assert tokens == [1, 2, 3]


def test_a_lease_that_is_not_renewed_expires(leases: Open) -> None:
    leases("dead", lasts=0.2).acquire(TABLE)
    next_run = leases("next")
    with pytest.raises(LeaseError):
        next_run.acquire(TABLE)
    time.sleep(0.25)
    assert next_run.acquire(TABLE).token == 2


def test_the_lease_of_a_process_that_is_gone_is_free_at_once(leases: Open) -> None:
    leases("dead").acquire(TABLE)
    assert leases("next", gone=("dead-host:1",)).acquire(TABLE).token == 2


def test_who_waits_gets_the_lease_when_it_is_given_back(leases: Open) -> None:
    first = leases("first")
    first.acquire(TABLE)
    timer = threading.Timer(0.3, first.release, [TABLE])
    timer.start()
    assert leases("second", wait=20).acquire(TABLE).token == 2
    timer.join()


def test_a_holder_that_slept_past_its_lease_is_refused_before_it_commits(leases: Open, store: StateStore) -> None:
    sleeper = leases("sleeper", lasts=0.1)
    sleeper.acquire(TABLE)
    time.sleep(0.15)
    leases("second").acquire(TABLE)

    with pytest.raises(LeaseError, match="held by run second"):
        sleeper.confirm(TABLE)

    sleeper.release(TABLE)
    record = store.get(KIND, TABLE)
    assert record is not None
    assert Lease.read(record).run_id == "second"


def test_what_is_kept_outlasts_its_span_and_is_given_back_at_the_end(leases: Open) -> None:
    first, second = leases("first", lasts=0.3), leases("second")
    with first.kept():
        token = first.acquire(TABLE).token
        time.sleep(0.8)
        with pytest.raises(LeaseError):
            second.acquire(TABLE)
        assert first.confirm(TABLE).token == token
    assert second.acquire(TABLE).token == token + 1


def test_of_many_that_ask_at_once_one_gets_it(leases: Open) -> None:
    runs = [leases(f"run-{number}") for number in range(8)]
    start = threading.Barrier(len(runs))

    def ask(run: Leases) -> bool:
        start.wait()
        try:
            run.acquire(TABLE)
        except LeaseError:
            return False
        return True

    with ThreadPoolExecutor(len(runs)) as pool:
        assert sum(pool.map(ask, runs)) == 1


def test_a_lease_that_cannot_be_given_back_hides_no_other_failure(
    leases: Open, store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> int:
        raise StateError("the disk is full")

    def run() -> None:
        mine = leases("mine", lasts=0.2)
        with mine.kept():
            mine.acquire(TABLE)
            monkeypatch.setattr(store, "put", full)
            raise ValueError("what went wrong")

    with pytest.raises(ValueError, match="what went wrong"):
        run()

    monkeypatch.undo()
    time.sleep(0.25)
    assert leases("next").acquire(TABLE).token == 2
