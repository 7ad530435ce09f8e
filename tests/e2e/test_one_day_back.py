"""`tidemark restore`: tables, watermarks and warehouses one day back, and by the next run forward again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.worlds.world import DAYS, World, ledger

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.timeout(1800)

WITH_WATERMARKS = ("bronze.snowflake_orders", "bronze.redshift_behavior", "bronze.crm_accounts", "bronze.fx_rates")


def watermark(world: World, table: str, name: str) -> object:
    """The watermark in the table's log, as the run of this name left it."""
    log = world.path(table) / "_delta_log" / f"{world.versions[name][table]:020}.json"
    (metadata,) = [
        found for line in log.read_text("utf-8").splitlines() if (found := json.loads(line).get("commitInfo"))
    ]
    return json.loads(metadata["userMetadata"])["watermark"]


@pytest.fixture(scope="module")
def moved(world: World) -> World:
    """Back to the release of day 30, and then the run of day 31 again."""
    world.note("back", "restore", "--run", world.summaries["day 30"]["run_id"], "--yes")
    world.run("forward", DAYS[31])
    return world


def test_every_table_and_both_warehouses_are_as_they_were(spark: SparkSession, moved: World) -> None:
    assert moved.tables_unlike(ledger(30), spark, "back") == {}
    assert moved.published_unlike(ledger(30), "back") == {}


def test_bronze_and_its_watermarks_are_as_they_were(spark: SparkSession, moved: World) -> None:
    for table in WITH_WATERMARKS:
        assert len(moved.read(spark, "back", table)) == len(moved.read(spark, "day 30", table)), table
        assert watermark(moved, table, "back") == watermark(moved, table, "day 30"), table
        assert watermark(moved, table, "day 31") != watermark(moved, table, "day 30"), table


def test_the_next_run_brings_everything_forward_again(spark: SparkSession, moved: World) -> None:
    assert moved.tables_unlike(ledger(31), spark, "forward") == {}
    assert moved.published_unlike(ledger(31), "forward") == {}
    for table in WITH_WATERMARKS:
        assert len(moved.read(spark, "forward", table)) == len(moved.read(spark, "day 31", table)), table
