"""Promises are judged by what runs noted: how long, how many, how fresh; what nobody knows is not judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tidemark.books import Books
from tidemark.config.contract import Column, Contract, Freshness, Service
from tidemark.config.environment import SlaSettings
from tidemark.control.release import NEWEST, TABLE
from tidemark.control.runs import RunSummary, TableResult
from tidemark.control.state import SqliteState
from tidemark.observe import sla

NOW = datetime(2025, 3, 2, 12)
ORDERS = "bronze.orders"


@pytest.fixture
def state(tmp_path: Path) -> SqliteState:
    return SqliteState(tmp_path / "state.db")


def project(settings: dict[str, Any], *contracts: Contract) -> Any:
    tables = {contract.table: SimpleNamespace(name=contract.table, contract=contract) for contract in contracts}
    environment = SimpleNamespace(sla=SlaSettings.model_validate(settings), name="test")
    return SimpleNamespace(environment=environment, tables=tables, table=tables.__getitem__)


@pytest.fixture
def orders(contract_of: Callable[..., Contract]) -> Contract:
    return contract_of(Column("at", "timestamp"), table=ORDERS)


def run(
    run_id: str = "r1",
    *,
    rows: int = 5,
    minutes: float = 10,
    day: date = date(2025, 3, 2),
    status: str = "committed",
    began: datetime = datetime(2025, 3, 2, 4),
    **more: Any,
) -> RunSummary:
    table = TableResult(ORDERS, status, minutes * 60, books=Books(extracted=rows, accepted=rows, inserted=rows), **more)
    return RunSummary(run_id, "daily", "test", day, began, "done", began + timedelta(minutes=minutes), tables=(table,))


def seen(of: Any, state: SqliteState, now: datetime = NOW) -> dict[str, tuple[float | None, bool | None]]:
    return {each.promise.key: (each.seen, each.kept) for each in sla.judge(of, state, sla.promises(of), now)}


def note(of: Any, state: SqliteState, *runs: RunSummary, done: bool = True) -> None:
    for each in runs:
        sla.note_ended(state, sla.promises(of), each, done=done)


DAILY = {"jobs": {"daily": {"runtime": "1h", "records": 4, "freshness": "26h"}}}


def test_a_job_that_never_ran_is_not_judged(state: SqliteState) -> None:
    assert set(seen(project(DAILY), state).values()) == {(None, None)}


def test_a_run_is_judged_by_its_time_its_rows_and_when_it_was_done(state: SqliteState) -> None:
    of = project(DAILY)
    note(of, state, run())
    assert seen(of, state) == {
        "job daily/runtime": (600, True),
        "job daily/records": (5, True),
        "job daily/freshness": (7 * 3600 + 50 * 60, True),
    }
    assert seen(of, state, NOW + timedelta(days=1))["job daily/freshness"][1] is False


def test_the_promise_is_kept_at_its_limit(state: SqliteState) -> None:
    of = project(DAILY)
    note(of, state, run(rows=4, minutes=60))
    assert [kept for _, kept in seen(of, state).values()] == [True, True, True]
    note(of, state, run("r2", rows=0, minutes=60.1, day=date(2025, 3, 3)))
    assert [kept for _, kept in seen(of, state).values()] == [False, False, True]


def test_rows_of_a_day_are_those_of_all_its_runs_and_a_run_noted_twice_counts_once(state: SqliteState) -> None:
    of = project(DAILY)
    note(of, state, run(rows=3), run(rows=3), run("r2", rows=2), run("r2", rows=2))
    assert seen(of, state)["job daily/records"] == (5, True)
    note(of, state, run("r3", rows=1, day=date(2025, 3, 3)))
    assert seen(of, state)["job daily/records"] == (1, False)


def test_a_day_of_the_past_says_nothing_of_the_newest(state: SqliteState) -> None:
    of = project(DAILY)
    note(of, state, run(rows=5), run("r2", rows=0, day=date(2025, 2, 1)))
    assert seen(of, state)["job daily/records"] == (5, True)


def test_a_failed_run_is_not_done(state: SqliteState) -> None:
    of = project(DAILY)
    note(of, state, run(began=NOW - timedelta(hours=30)), run("r2", began=NOW - timedelta(hours=6)), done=False)
    assert seen(of, state)["job daily/freshness"] == (30 * 3600, False), "since it was first heard of"


def test_a_run_that_still_runs_is_late_before_it_ends_and_not_once_it_is_cancelled(state: SqliteState) -> None:
    of = project(DAILY)
    note(of, state, run())
    running = run("r2", began=NOW - timedelta(hours=2))
    sla.note_began(state, sla.promises(of), running)
    assert seen(of, state)["job daily/runtime"] == (7200, False)
    assert seen(of, state, NOW - timedelta(hours=1.5))["job daily/runtime"] == (600, True)
    sla.note_cancelled(state, running)
    assert seen(of, state)["job daily/runtime"] == (600, True)


def test_a_job_is_called_as_its_deployment_is(state: SqliteState) -> None:
    of = project({"jobs": {"crm_to_bronze": {"records": 1}}})
    note(of, state, replace(run(), flow="ingest", job="crm_to_bronze"), replace(run("r2"), flow="ingest", job="other"))
    assert seen(of, state) == {"job crm_to_bronze/records": (5, True)}


def test_a_table_is_timed_by_its_loads_alone(state: SqliteState, orders: Contract) -> None:
    """Not by checks of it, or by loads that came to nothing."""
    of = project({"tables": {ORDERS: {"runtime": "30m", "records": 4}}}, orders)
    note(of, state, run())
    checked = replace(run("r2"), tables=(TableResult(ORDERS, "checked", 1.0),))
    note(of, state, checked, run("r3", status="gate failed", rows=9, minutes=90))
    assert seen(of, state)[f"{ORDERS}/runtime"] == (600, True)


@pytest.mark.parametrize("flow", ["backfill", "plan", "replay", "maintain", "erase"])
@pytest.mark.parametrize(("rows", "minutes"), [(900, 300), (0, 0.1)])
def test_what_is_no_load_of_today_says_nothing_of_its_tables(
    state: SqliteState, orders: Contract, flow: str, rows: int, minutes: float
) -> None:
    of = project({"tables": {ORDERS: {"runtime": "30m", "records": 4}}}, orders)
    other = replace(run("r2", rows=rows, minutes=minutes, day=date(2025, 3, 3)), flow=flow)
    note(of, state, other)
    assert set(seen(of, state).values()) == {(None, None)}
    note(of, state, run(rows=3, minutes=40), other)
    assert seen(of, state) == {f"{ORDERS}/runtime": (2400, False), f"{ORDERS}/records": (3, False)}


def test_an_apply_brings_rows_and_says_nothing_of_how_long_a_load_takes(state: SqliteState, orders: Contract) -> None:
    of = project({"tables": {ORDERS: {"runtime": "30m", "records": 4}}}, orders)
    note(of, state, run(rows=3, minutes=40), replace(run("r2", rows=6, minutes=0.3), flow="apply"))
    assert seen(of, state) == {f"{ORDERS}/runtime": (2400, False), f"{ORDERS}/records": (9, True)}


def test_a_job_that_loads_nothing_keeps_its_own_promises(state: SqliteState) -> None:
    of = project({"jobs": {"maintain": {"runtime": "1h", "freshness": "26h"}, "backfill": {"records": 4}}})
    note(of, state, replace(run(), flow="maintain"), replace(run("r2", rows=9), flow="backfill"))
    assert seen(of, state) == {
        "job maintain/runtime": (600, True),
        "job maintain/freshness": (7 * 3600 + 50 * 60, True),
        "job backfill/records": (9, True),
    }


def test_a_run_that_failed_at_once_says_nothing_of_how_long_one_takes(state: SqliteState) -> None:
    of = project({"jobs": {"daily": {"runtime": "1h"}}})
    note(of, state, run(minutes=0.1), done=False)
    assert seen(of, state)["job daily/runtime"] == (None, None)
    note(of, state, run("r2", minutes=90))
    note(of, state, run("r3", minutes=0.1), done=False)
    assert seen(of, state)["job daily/runtime"] == (5400, False), "it is broken still"
    note(of, state, run("r4", minutes=120), done=False)
    assert seen(of, state)["job daily/runtime"] == (7200, False), "too long is too long"
    note(of, state, run("r5"))
    assert seen(of, state)["job daily/runtime"] == (600, True)


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ([], "nothing is promised"),
        ([True], "1 promise is kept"),
        ([True, True], "2 promises are kept"),
        ([None], "1 promise is not known yet"),
        ([None, None], "2 promises are not known yet"),
        ([True, True, None], "2 promises are kept, 1 is not known yet"),
        ([False, True, None, None], "1 of 4 promises are broken, 2 are not known yet"),
        ([False, False], "2 of 2 promises are broken"),
    ],
)
def test_what_nobody_knows_is_not_counted_as_kept(kept: list[bool | None], told: str) -> None:
    ages = {True: 60.0, False: 7200.0, None: None}
    promise = sla.Promise("job daily", "freshness", 3600)
    assert sla.counted(sla.Judged(promise, ages[each]) for each in kept) == told


def test_what_the_environment_promises_goes_before_the_contract(
    state: SqliteState, contract_of: Callable[..., Contract]
) -> None:
    fresh = Freshness("at", hours=26, severity="warning")
    told = contract_of(Column("at", "timestamp"), table=ORDERS, freshness=fresh)
    told = replace(told, service=Service(seconds=60.0, records=10))
    own = {each.key: (each.limit, each.severity) for each in sla.promises(project({}, told))}
    assert own == {
        f"{ORDERS}/freshness": (26 * 3600, "warning"),
        f"{ORDERS}/runtime": (60, "warning"),
        f"{ORDERS}/records": (10, "warning"),
    }
    here = project({"tables": {ORDERS: {"freshness": "2h", "records": 1}}}, told)
    assert {each.key: (each.limit, each.severity) for each in sla.promises(here)} == {
        f"{ORDERS}/freshness": (7200, "error"),
        f"{ORDERS}/runtime": (60, "warning"),
        f"{ORDERS}/records": (1, "error"),
    }


def test_age_is_known_of_the_last_batch_alone(state: SqliteState, contract_of: Callable[..., Contract]) -> None:
    of = project({}, contract_of(Column("at", "timestamp"), table=ORDERS, freshness=Freshness("at", hours=26)))
    key = f"{ORDERS}/freshness"
    assert seen(of, state)[key] == (None, None)
    noted = {"version": 3, "batch_id": "b3", "column": "at", "at": (NOW - timedelta(hours=30)).isoformat()}
    state.put(NEWEST, ORDERS, noted)
    assert seen(of, state)[key] == (None, None), "no table is known"
    state.put(TABLE, ORDERS, {"version": 4, "batch_id": "b3"})  # its files were put together since then
    assert seen(of, state)[key] == (30 * 3600, False)
    state.put(TABLE, ORDERS, {"version": 5, "batch_id": "b5"})
    assert seen(of, state)[key] == (None, None), "it was loaded since then, and nobody noted how new it is"
    state.put(NEWEST, ORDERS, {**noted, "batch_id": "b5", "column": "other"})
    assert seen(of, state)[key] == (None, None)
    state.put(NEWEST, ORDERS, {**noted, "batch_id": "b5", "at": (NOW + timedelta(hours=1)).isoformat()})
    assert seen(of, state)[key] == (0, True), "a clock that is ahead makes nothing late"


def test_a_run_for_the_past_says_nothing_of_how_old_tables_are_now(contract_of: Callable[..., Contract]) -> None:
    told = contract_of(Column("at", "timestamp"), table=ORDERS, freshness=Freshness("at", hours=26))
    every = sla.promises(project(DAILY, told))
    assert sla.of_today(every, NOW.date(), NOW) == every
    of_past = sla.of_today(every, NOW.date() - timedelta(days=1), NOW)
    assert [each.key for each in every if each not in of_past] == [f"{ORDERS}/freshness"]


def test_a_promise_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing is promised"):
        SlaSettings.model_validate({"jobs": {"daily": {"severity": "warning"}}})
