"""Ten days of the shop after a change of logic: killed halfway, started again, they are as if built from scratch."""

from __future__ import annotations

import json
import shutil
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox import lifecycle
from sandbox.home import Endpoints
from tests.support.worlds.world import BUILT, World

pytestmark = pytest.mark.timeout(1800)

CONFIG = Path(__file__).parents[2] / "config"
FIRST = date(2025, 3, 31)
DAYS = 10
LAST = FIRST + timedelta(days=DAYS - 1)
KILLED_ON = FIRST + timedelta(days=4)
SCALE = 0.05
ORDERS = "bronze.snowflake_orders"
SINCE = f"updated_at >= TIMESTAMP'{FIRST}'"
CHANGED = {
    "silver/orders.sql": ("(1 - discount)", f"(1 - CASE WHEN {SINCE} THEN discount / 2 ELSE discount END)"),
    "silver/customer_versions.sql": (
        "lower(trim(email))",
        f"CASE WHEN {SINCE} THEN concat('new.', lower(trim(email))) ELSE lower(trim(email)) END",
    ),
}
"""From the first of the days on discounts are halved, and addresses, which the history of customers tracks, are new."""


@dataclass(frozen=True)
class Backfilled:
    """Versions before the first attempt, after it was killed, and at the end; what the second and the next run said."""

    before: dict[str, int]
    halfway: dict[str, int]
    after: dict[str, int]
    summary: dict[str, Any]
    from_scratch: dict[str, Any]


@pytest.fixture(scope="module")
def backfilled() -> Iterator[Backfilled]:
    home = Path(tempfile.mkdtemp(prefix="tidemark-backfill-"))  # as for `world`
    world = World(home, Endpoints({}))
    try:
        up = world.tidemark("sandbox", "up", "--scale", str(SCALE))
        assert up.returncode == 0, up.stderr[-4000:]
        world.endpoints = lifecycle.up(home, scale=SCALE)
        for _ in range(DAYS):
            assert lifecycle.advance(home) <= LAST
        done(world, "run", "--date", f"{LAST}")
        yield backfill(world)
    finally:
        lifecycle.down(home)
        shutil.rmtree(home, ignore_errors=True)


def backfill(world: World) -> Backfilled:
    """The days, by changed queries: killed after five of ten chunks of the orders, and started again."""
    config = world.home / "config"
    shutil.copytree(CONFIG, config)
    for name, (old, new) in CHANGED.items():
        text = (config / name).read_text()
        assert old in text
        (config / name).write_text(text.replace(old, new, 1))
    before = world.table_versions()
    asked = ["backfill", "--start", f"{FIRST}", "--end", f"{LAST}", "--yes", "--config", str(config)]
    assert world.killed_at(f"{ORDERS}: chunk {KILLED_ON} noted", *asked) == -signal.SIGKILL
    halfway = world.table_versions()
    summary = done(world, *asked)
    after = world.table_versions()
    scratch = done(world, "run", "--date", f"{LAST}", "--config", str(config), "-s", "silver.*", "-s", "gold.*")
    return Backfilled(before, halfway, after, summary, scratch)


def done(world: World, *command: str) -> dict[str, Any]:
    answer = world.tidemark(*command, "--json")
    assert answer.returncode == 0, answer.stderr[-4000:]
    summary: dict[str, Any] = json.loads(answer.stdout)
    return summary


def by_table(summary: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {result["table"]: result for result in summary["tables"]}


def changes(result: dict[str, Any]) -> int:
    return sum(result["books"][kind] for kind in ("inserted", "updated", "deleted", "vanished"))


def test_started_again_it_does_only_the_rest(backfilled: Backfilled) -> None:
    orders = by_table(backfilled.summary)[ORDERS]
    assert orders["computed"] == "5 of 10 chunks; an earlier run did the others"
    assert orders["books"]["unchanged"] > 0
    assert changes(orders) == 0


def test_until_all_of_it_is_good_nothing_is_visible(backfilled: Backfilled) -> None:
    assert {table: backfilled.halfway[table] for table in BUILT} == {table: backfilled.before[table] for table in BUILT}
    assert backfilled.summary["release"] == "r2"
    moved = {table for table, version in backfilled.after.items() if version != backfilled.halfway[table]}
    assert {"silver.orders", "silver.customer_versions", "gold.dim_customer", "gold.fact_sales"} <= moved <= set(BUILT)


def test_what_it_left_is_what_the_changed_queries_give_from_scratch(backfilled: Backfilled) -> None:
    tables = by_table(backfilled.from_scratch)
    assert "a backfill computed a part" in tables["silver.customer_versions"]["computed"]
    assert "a backfill computed a part" in tables["silver.orders"]["computed"]
    assert {table: changes(result) for table, result in tables.items()} == dict.fromkeys(tables, 0)
    assert all(tables[table]["books"]["unchanged"] for table in ("silver.customer_versions", "silver.orders"))
