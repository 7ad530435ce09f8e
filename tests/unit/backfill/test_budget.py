"""What a backfill would cost, by what runs were measured to cost, and who may go over the budget."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.lakes.config_folder import ConfigFolder
from tidemark.aws.folder import open_folder
from tidemark.backfill import budget
from tidemark.backfill.budget import Answered, refuse_dear
from tidemark.backfill.request import Request, resolve
from tidemark.config.environment import load_environment
from tidemark.config.project import load_project
from tidemark.control.runs import RunStore, RunSummary, TableResult, TableStatus
from tidemark.control.state import SqliteState
from tidemark.errors import ConfigError, Finding

PEOPLE, TABLES = "bronze.people", ("bronze.people", "silver.person_versions", "gold.dim_person", "gold.cities")
DAYS = {"start": date(2025, 3, 1), "end": date(2025, 3, 10)}


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    made = ConfigFolder(tmp_path / "config")
    path = made.root / "env" / "local.yaml"
    prices = "prices: {vcpu_hour_usd: 0.06, memory_gb_hour_usd: 0.007}\n"
    path.write_text(path.read_text() + prices + "budgets: {backfill_usd: 12.5}\n")
    return made


@pytest.fixture
def runs(tmp_path: Path) -> RunStore:
    return RunStore(open_folder(str(tmp_path / "runs")))


@pytest.fixture
def state(tmp_path: Path) -> SqliteState:
    return SqliteState(tmp_path / "state.db")


def ran(runs: RunStore, number: int, status: TableStatus = "committed", flow: str = "daily", **usd: float) -> None:
    """A run that did something to tables, and what it was measured to cost by table (`gold_cities=0.5`)."""
    costs = {name.replace("_", ".", 1): {"cost_estimate_usd": cost} for name, cost in usd.items()}
    summary = RunSummary(
        f"{number:08}-run",
        flow,
        "local",
        date(2025, 3, 1),
        datetime(2025, 3, 1) + timedelta(minutes=number),
        status="done",
        tables=tuple(TableResult(table, status) for table in costs),
        metrics={"job": {}, "tables": costs},
    )
    runs.save(summary)


def all_of(usd: float) -> dict[str, float]:
    return {table.replace(".", "_", 1): usd for table in TABLES}


def asked(
    folder: ConfigFolder,
    state: SqliteState,
    runs: RunStore,
    done: int = 0,
    who: str | None = None,
    why: str | None = None,
    **request: Any,
) -> Answered | None:
    project = load_project(folder.root, "local")
    todo = resolve(project, Request(**DAYS | request))
    return refuse_dear(project.environment, state, runs, todo, {PEOPLE: done}, who=who, why=why)


def test_a_backfill_within_the_budget_begins(folder: ConfigFolder, state: SqliteState, runs: RunStore) -> None:
    ran(runs, 1, **all_of(0.3))
    assert asked(folder, state, runs) is None
    assert budget.every(state) == ()


def test_one_that_would_cost_more_is_refused_with_the_numbers(
    folder: ConfigFolder, state: SqliteState, runs: RunStore
) -> None:
    ran(runs, 1, **all_of(0.3) | {"gold_cities": 0.2})
    ran(runs, 2, **all_of(0.3) | {"gold_cities": 1.0})
    ran(runs, 3, "unchanged", **all_of(0.0))

    with pytest.raises(
        ConfigError, match=r"costs about 15.00 USD, and the budget of local for one is 12.50"
    ) as refused:
        asked(folder, state, runs)

    assert "10 days × 1.5000 USD" in str(refused.value)
    assert "gold.cities 0.6000" in str(refused.value)
    assert "--over-budget-by" in str(refused.value)
    assert asked(folder, state, runs, done=2) is None, "what is done already costs nothing"
    assert asked(folder, state, runs, select=(PEOPLE,)) is None


@pytest.mark.parametrize("flow", ["backfill", "plan", "maintain", "replay", "apply"])
def test_only_loads_say_what_a_day_costs(folder: ConfigFolder, state: SqliteState, runs: RunStore, flow: str) -> None:
    ran(runs, 1, **all_of(0.3))
    ran(runs, 2, flow=flow, **all_of(30.0))
    assert asked(folder, state, runs) is None
    assert budget.every(state) == ()


def test_plans_after_the_loads_hide_none(folder: ConfigFolder, state: SqliteState, runs: RunStore) -> None:
    ran(runs, 1, **all_of(0.3))
    for number in range(2, 70):
        ran(runs, number, flow="plan", **all_of(30.0))
    assert asked(folder, state, runs) is None


def test_an_earlier_backfill_alone_says_nothing(folder: ConfigFolder, state: SqliteState, runs: RunStore) -> None:
    ran(runs, 1, flow="backfill", **all_of(0.1))
    with pytest.raises(ConfigError, match=r"no load was measured of bronze\.people, silver\.person_versions"):
        asked(folder, state, runs)


def test_what_nobody_has_measured_is_refused_too(folder: ConfigFolder, state: SqliteState, runs: RunStore) -> None:
    ran(runs, 1, bronze_people=0.1)
    with pytest.raises(ConfigError, match=r"no load was measured of silver\.person_versions, gold\.dim_person"):
        asked(folder, state, runs)
    assert asked(folder, state, runs, select=(PEOPLE,)) is None


def test_who_goes_over_it_says_why_and_that_is_kept(folder: ConfigFolder, state: SqliteState, runs: RunStore) -> None:
    ran(runs, 1, **all_of(1.0))
    for who, why in ((None, "rates"), ("ann", None), ("ann", "  "), ("", "rates")):
        with pytest.raises(ConfigError, match="says wh"):
            asked(folder, state, runs, who=who, why=why)
    assert budget.every(state) == ()

    made = asked(folder, state, runs, who="ann", why="the rates of March  were wrong")

    assert made is not None
    assert (made.who, made.why, made.usd, made.budget_usd) == ("ann", "the rates of March were wrong", 40.0, 12.5)
    assert [each["backfill_id"] for each in budget.every(state)] == [made.backfill_id]


def test_without_a_budget_nothing_is_asked(folder: ConfigFolder, state: SqliteState, runs: RunStore) -> None:
    path = folder.root / "env" / "local.yaml"
    path.write_text(path.read_text().replace("budgets: {backfill_usd: 12.5}\n", ""))
    assert asked(folder, state, runs) is None


def test_a_budget_without_prices_is_refused_by_validate(folder: ConfigFolder) -> None:
    path = folder.root / "env" / "local.yaml"
    path.write_text(path.read_text().replace("prices:", "# prices:"))
    with pytest.raises(ConfigError) as refused:
        load_environment(folder.root, "local")
    (finding,) = refused.value.findings
    assert isinstance(finding, Finding)
    assert "needs prices" in str(finding)
