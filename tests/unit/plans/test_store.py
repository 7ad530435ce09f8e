"""Which plans can still be applied: looked up, closed when they cannot, and their staging with them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tidemark.aws.folder import open_folder
from tidemark.control import commits
from tidemark.control.runs import Run, RunStore, RunSummary
from tidemark.control.state import SqliteState
from tidemark.errors import ConfigError
from tidemark.operations import staging
from tidemark.plans import store
from tidemark.plans.document import PlanDocument, TablePlan

DAY = date(2025, 3, 1)
HOUR = timedelta(hours=1)


def now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


@pytest.fixture
def state(tmp_path: Path) -> SqliteState:
    return SqliteState(tmp_path / "state.db")


def document(plan: str, expires: timedelta = HOUR, **versions: int | None) -> PlanDocument:
    tables = tuple(
        TablePlan(table=f"silver.{name}", status="prepared", batch_id="b", version=version)
        for name, version in versions.items()
    )
    return PlanDocument(
        plan=plan, environment="test", date=DAY, created_at=now(), expires_at=now() + expires, tables=tables
    )


def at_version(state: SqliteState, table: str, version: int) -> None:
    state.put("table", table, {"version": version})


def test_a_plan_is_found_by_the_start_of_its_id(state: SqliteState) -> None:
    for plan in ("abc-1", "abd-2"):
        store.note_open(state, document(plan, orders=3))
    found = store.find(state, "abc")
    assert (found.plan, found.status, found.date, found.tables) == ("abc-1", "open", DAY, {"silver.orders": 3})
    with pytest.raises(ConfigError, match="2 plans begin with 'ab'"):
        store.find(state, "ab")
    with pytest.raises(ConfigError, match="there is no plan that begins with 'x'"):
        store.find(state, "x")


def test_a_plan_that_was_applied_says_by_whom(state: SqliteState) -> None:
    store.note_open(state, document("p", orders=3))
    store.note_applied(state, "p", "run-9", "r7")
    found = store.find(state, "p")
    assert (found.status, found.run_id, found.release) == ("applied", "run-9", "r7")


@pytest.mark.parametrize(
    ("expires", "planned", "found", "status"),
    [
        (HOUR, 3, 3, "open"),
        (HOUR, 3, 4, "superseded"),
        (HOUR, None, None, "open"),
        (HOUR, None, 0, "superseded"),
        (-timedelta(minutes=5), 3, 3, "open"),  # somebody may just be at it
        (-2 * HOUR, 3, 3, "expired"),
    ],
)
def test_what_nobody_can_apply_any_more_is_closed(
    state: SqliteState, expires: timedelta, planned: int | None, found: int | None, status: store.Status
) -> None:
    store.note_open(state, document("p", expires, orders=planned))
    if found is not None:
        at_version(state, "silver.orders", found)
    store.retire(state)
    assert store.find(state, "p").status == status
    assert [plan.plan for plan in store.still_open(state)] == (["p"] if status == "open" else [])


def test_what_became_of_a_plan_is_told_for_a_month(state: SqliteState) -> None:
    for plan, days in (("old", 31), ("young", 29), ("open", 31)):
        store.note_open(state, document(plan, -timedelta(days=days), orders=3))
    for plan in ("old", "young"):
        store.note_applied(state, plan, "run-9", "r7")
    store.retire(state)
    assert [record.key for record in state.list(store.KIND)] == ["open", "young"]
    assert store.find(state, "open").status == "expired", "it was closed just now"
    store.retire(state)
    assert [record.key for record in state.list(store.KIND)] == ["young"]


def test_a_plan_in_the_middle_of_its_commits_is_left_alone(state: SqliteState) -> None:
    store.note_open(state, document("p", orders=3, items=1))
    commits.begin(state, Run("a", DAY, now(), now()), "apply", {"silver.orders": "b", "silver.items": "b"}, "p")
    at_version(state, "silver.orders", 4)
    store.retire(state)
    assert store.find(state, "p").status == "open"


def test_staging_of_a_plan_stays_as_long_as_it_can_be_applied(state: SqliteState, tmp_path: Path) -> None:
    runs, folder = RunStore(open_folder(str(tmp_path / "runs"))), open_folder(str(tmp_path / "staging"))
    plans = {
        "open": document("open", orders=3),
        "being-applied": document("being-applied", items=1),
        "superseded": document("superseded", orders=2),
        "expired": document("expired", -timedelta(days=1), orders=3),
        "applied": document("applied", orders=3),
    }
    for plan, made in plans.items():
        runs.save(RunSummary(plan, "plan", "test", DAY, now(), "done"))
        store.save(folder, made)
        store.note_open(state, made)
    store.note_applied(state, "applied", "run-9", "r7")
    commits.begin(state, Run("a", DAY, now(), now()), "apply", {"silver.items": "b"}, "being-applied")
    at_version(state, "silver.orders", 3)
    at_version(state, "silver.items", 2)

    assert set(staging.clean(folder, runs, state)) == {"superseded", "expired", "applied"}
    assert folder.folders() == ["run_id=being-applied", "run_id=open"]
    assert store.load(folder, "open") == plans["open"]
    assert store.load(folder, "expired") is None
