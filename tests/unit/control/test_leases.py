"""Leases on one store that several runs share."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tidemark.control import leases as module
from tidemark.control.leases import KIND, Lease, LeaseError, Leases, holder
from tidemark.control.state import SqliteState, StateStore
from tidemark.errors import StateError

TABLE = "gold.sales"
HERE, GONE, ELSEWHERE = True, False, None
Open = Callable[..., Leases]


@pytest.fixture
def store(tmp_path: Path) -> StateStore:
    return SqliteState(tmp_path / "state.db")


@pytest.fixture
def leases(store: StateStore, monkeypatch: pytest.MonkeyPatch) -> Open:
    """The leases of a run; `lasts` and `wait` in seconds, `others`: whether processes but its own live."""
    monkeypatch.setattr(module, "_LOOK_AGAIN", 0.02)

    def of(
        run: str,
        *,
        lasts: float = 60,
        wait: float = 0,
        others: bool | None = HERE,
        waits: Callable[[str], None] | None = None,
    ) -> Leases:
        return Leases(
            store,
            run,
            f"{run}-host:1",
            lasts=timedelta(seconds=lasts),
            wait=timedelta(seconds=wait),
            lives=lambda _: others,
            flow_run=f"{run}-otter",
            waits=waits,
        )

    return of


def given_back_after(seconds: float, mine: Leases) -> threading.Timer:
    timer = threading.Timer(seconds, mine.release, [TABLE])
    timer.start()
    return timer


def test_one_run_writes_a_table_and_the_other_learns_who(leases: Open) -> None:
    leases("first").acquire(TABLE)

    with pytest.raises(LeaseError) as refused:
        leases("second").acquire(TABLE)

    assert refused.value.table == TABLE
    told = str(refused.value)
    assert "held by run first in process first-host:1, flow run first-otter" in told
    assert f"since {datetime.now(UTC):%Y-%m-%d %H:}" in told
    assert "tidemark runs show first" in told
    leases("second").acquire("gold.other")


def test_a_lease_given_back_is_free_and_its_token_grows_with_every_holder(leases: Open) -> None:
    tokens = []
    for run in ("a", "b", "a"):
        mine = leases(run)
        tokens.append(mine.acquire(TABLE).token)
        assert mine.acquire(TABLE).token == tokens[-1]
        assert mine.held() == {TABLE}
        mine.release(TABLE)
    assert tokens == [1, 2, 3]


@pytest.mark.parametrize("others", [HERE, ELSEWHERE], ids=["hangs here", "elsewhere"])
def test_a_lease_that_is_not_renewed_while_somebody_watches_is_free(leases: Open, others: bool | None) -> None:
    leases("dead", lasts=0.2).acquire(TABLE)
    time.sleep(0.25)  # nobody has watched: for all that is known, it was renewed a moment ago
    next_run = leases("next", wait=5, others=others)
    began = time.monotonic()
    assert next_run.acquire(TABLE).token == 2
    assert 0.2 <= time.monotonic() - began < 4


def test_the_lease_of_a_process_that_is_gone_is_free_at_once(leases: Open) -> None:
    leases("dead").acquire(TABLE)
    assert leases("next", others=GONE).acquire(TABLE).token == 2


def test_who_does_not_want_to_wait_still_waits_for_one_who_may_be_dead(leases: Open) -> None:
    dead, living = leases("dead", lasts=0.3), leases("living", lasts=0.3)
    dead.acquire(TABLE)
    living.acquire("gold.other")
    with living.kept():
        with pytest.raises(LeaseError, match="held by run living"):
            leases("next", wait=0, others=ELSEWHERE).acquire("gold.other")
        assert leases("next", wait=0, others=ELSEWHERE).acquire(TABLE).token == 2


def test_of_many_leases_that_a_dead_run_has_left_one_span_is_waited_for(leases: Open) -> None:
    tables = [f"gold.t{number}" for number in range(8)]
    leases("dead", lasts=0.4).acquire_all(tables)
    began = time.monotonic()
    next_run = leases("next", wait=20, others=ELSEWHERE)
    next_run.acquire_all(tables)
    assert next_run.held() == set(tables)
    assert time.monotonic() - began < 1.2


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(hours=-3), timedelta(hours=3), timedelta(days=400)])
def test_a_clock_that_is_wrong_takes_no_lease_and_keeps_none(
    leases: Open, monkeypatch: pytest.MonkeyPatch, jump: timedelta
) -> None:
    first = leases("first", lasts=0.3)
    first.acquire(TABLE)
    right = module._now
    monkeypatch.setattr(module, "_now", lambda: right() + jump)
    with first.kept(), pytest.raises(LeaseError):
        leases("second", wait=0.7, others=ELSEWHERE).acquire(TABLE)
    assert leases("second", lasts=0.3, others=ELSEWHERE).acquire(TABLE).token == 2
    assert leases("third", wait=5, others=ELSEWHERE).acquire(TABLE).token == 3


def test_who_waits_is_told_for_whom_and_gets_the_lease_when_it_is_given_back(
    leases: Open, caplog: pytest.LogCaptureFixture
) -> None:
    shown: list[str] = []
    first = leases("first")
    first.acquire(TABLE)
    timer = given_back_after(0.3, first)
    second = leases("second", wait=20, waits=shown.append)
    with caplog.at_level(logging.WARNING, "tidemark.leases"):
        assert second.acquire(TABLE).token == 2
    timer.join()
    (told,) = shown
    assert caplog.messages == shown
    assert told.startswith(f"waits for the lease of {TABLE}, 20 s at most: held by run first in process first-host:1")
    assert "flow run first-otter; since " in told


def test_who_has_waited_long_enough_refuses(leases: Open) -> None:
    leases("first").acquire(TABLE)
    with pytest.raises(LeaseError, match="this run has waited 0 s") as refused:
        leases("second", wait=0.2).acquire(TABLE)
    assert "state: {lease_wait: 30m}" in str(refused.value)


def test_a_holder_that_slept_past_its_lease_is_refused_before_it_commits(leases: Open, store: StateStore) -> None:
    sleeper = leases("sleeper", lasts=0.1)
    sleeper.acquire(TABLE)
    leases("second", wait=5).acquire(TABLE)

    with pytest.raises(LeaseError, match="held by run second"):
        sleeper.confirm(TABLE)

    sleeper.release(TABLE)
    record = store.get(KIND, TABLE)
    assert record is not None
    assert Lease.read(record).run_id == "second"


def test_what_is_kept_outlasts_its_span_and_is_given_back_at_the_end(leases: Open) -> None:
    first, second = leases("first", lasts=0.3), leases("second", wait=0.6)
    with first.kept():
        first.acquire(TABLE)
        with pytest.raises(LeaseError):
            second.acquire(TABLE)
        first.confirm(TABLE)
    assert second.acquire(TABLE).token == 2


def test_of_many_that_ask_at_once_one_gets_it(leases: Open) -> None:
    runs = [leases(f"run-{number}") for number in range(8)]
    together = threading.Barrier(8)

    def ask(run: Leases) -> bool:
        together.wait()
        try:
            run.acquire(TABLE)
        except LeaseError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, runs)) == 1


def test_a_token_is_greater_than_the_tables_where_the_store_was_lost(leases: Open, store: StateStore) -> None:
    mine = leases("mine")
    assert mine.acquire(TABLE).token == 1
    assert mine.confirm(TABLE, above=57).token == 58
    assert mine.confirm(TABLE).token == 58
    mine.release(TABLE)
    assert leases("next").acquire(TABLE).token == 59


def test_a_lease_that_cannot_be_given_back_hides_no_other_failure(
    leases: Open, store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> int:
        raise StateError("the disk is full")

    mine = leases("mine", lasts=0.2)
    mine.acquire(TABLE)
    monkeypatch.setattr(store, "put", broken)
    with pytest.raises(ValueError, match="the load itself failed"), mine.kept():
        raise ValueError("the load itself failed")
    monkeypatch.undo()
    assert holder(store, TABLE, lambda _: False) is not None
    assert leases("next", wait=5).acquire(TABLE).token == 2
    assert holder(store, TABLE, lambda _: True) is None


def test_a_store_that_fails_for_a_moment_ends_no_waiting(
    leases: Open, store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = leases("first"), leases("second", wait=20)
    first.acquire(TABLE)
    get, failures = store.get, [0, 0, 0]

    def sometimes(kind: str, key: str) -> object:
        if threading.current_thread() is threading.main_thread() and len(failures) < 6:
            failures.append(1)
            if len(failures) > 4:
                raise StateError("throttled")
        return get(kind, key)

    monkeypatch.setattr(store, "get", sometimes)
    timer = given_back_after(0.3, first)
    assert second.acquire(TABLE).token == 2
    timer.join()
    assert len(failures) == 6


def test_the_lease_of_a_version_that_compared_clocks_is_understood(leases: Open, store: StateStore) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    old = {"run_id": "old", "process": "worker:1", "token": 7}
    store.put(KIND, TABLE, old | {"expires_at": (now - timedelta(seconds=1)).isoformat()})
    store.put(KIND, "gold.other", old | {"expires_at": (now + timedelta(hours=1)).isoformat()})
    assert leases("next").acquire(TABLE).token == 8
    with pytest.raises(LeaseError, match="held by run old"):
        leases("next").acquire("gold.other")
