"""A publish that is killed while a warehouse loads: nobody reads a half table, and the next publish ends it."""

from __future__ import annotations

import signal

import pytest

from tests.support.worlds import warehouses
from tests.support.worlds.world import World

pytestmark = pytest.mark.timeout(900)

TABLE, NAME = "gold.dim_product", "dim_product"


def published(world: World, warehouse: str) -> list[str]:
    return sorted(map(repr, warehouses.rows(world.endpoints, warehouse, NAME)))


@pytest.mark.parametrize("warehouse", ["snowflake", "redshift"])
@pytest.mark.parametrize("point", ["written to {}, not committed", "committed to {}"])
def test_a_publish_that_is_killed_leaves_no_half_table_and_is_ended_by_the_next(
    world: World, warehouse: str, point: str
) -> None:
    before = published(world, warehouse)
    warehouses.forget(world.endpoints, warehouse, TABLE)
    job = ("job", f"publish_gold_to_{warehouse}")

    assert world.killed_at(f"{TABLE}: {point.format(warehouse.title())}", *job) == -signal.SIGKILL
    assert published(world, warehouse) == before

    answer = world.tidemark(*job)
    assert answer.returncode == 0, answer.stderr[-2000:]
    assert published(world, warehouse) == before
    assert "0 rows" in world.tidemark(*job).stdout, "and then there is nothing left to do"
