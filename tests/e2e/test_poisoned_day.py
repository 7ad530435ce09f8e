"""A day whose rows keep every rule and whose prices are a hundred times too high: gold refuses it, nobody sees it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import Any

import pytest

from sandbox import lifecycle
from sandbox.ledger import BRONZE_TABLES
from tests.support.world import BUILT, World

pytestmark = pytest.mark.timeout(1800)


@dataclass(frozen=True)
class Poisoned:
    """What the run of the poisoned day answered, and what the tables and warehouses held before and after it."""

    answer: subprocess.CompletedProcess[str]
    before: dict[str, int]
    after: dict[str, int]
    published_before: dict[tuple[str, str], list[dict[str, Any]]]
    published_after: dict[tuple[str, str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def poisoned(world: World) -> Poisoned:
    before, published = world.table_versions(), world.published_rows()
    day = lifecycle.advance(world.home, poison="unit_prices_times_100")
    answer = world.tidemark("run", "--date", day.isoformat(), "--json")
    return Poisoned(answer, before, world.table_versions(), published, world.published_rows())


def test_the_run_fails_at_the_gate_and_says_what_was_seen(poisoned: Poisoned) -> None:
    summary = json.loads(poisoned.answer.stdout)

    assert poisoned.answer.returncode == 3, poisoned.answer.stderr[-2000:]
    assert summary["status"] == "gate failed"
    assert "highest average order value of a day" in poisoned.answer.stderr
    assert "silver and gold stay at release r2" in poisoned.answer.stderr


def test_no_version_of_any_silver_or_gold_table_holds_it_and_bronze_keeps_it(poisoned: Poisoned) -> None:
    assert {table: poisoned.after[table] for table in BUILT} == {table: poisoned.before[table] for table in BUILT}
    orders = BRONZE_TABLES["SALES.ORDERS"]
    assert poisoned.after[orders] > poisoned.before[orders]


def test_the_warehouses_stay_as_they_were(poisoned: Poisoned) -> None:
    assert poisoned.published_after == poisoned.published_before
