"""The lake beside the sandbox's sources and warehouses: all the same, until somebody changes a row."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.worlds import warehouses
from tests.support.worlds.world import World

pytestmark = pytest.mark.timeout(1800)


def reconciled(world: World, *arguments: str) -> tuple[int, dict[tuple[str, str], dict[str, Any]]]:
    """The exit code, and what was found by upstream and downstream side."""
    answer = world.tidemark("reconcile", "--json", *arguments)
    assert answer.stdout, answer.stderr[-4000:]
    pairs = json.loads(answer.stdout)["pairs"]
    return answer.returncode, {(pair["upstream"], pair["downstream"]): pair for pair in pairs}


def test_everything_that_can_be_asked_is_the_same(world: World) -> None:
    code, found = reconciled(world)
    outcomes = {name: (pair["outcome"], pair["reason"]) for name, pair in found.items() if pair["outcome"] != "equal"}
    assert all("cannot be asked for sums" in str(reason) for _, reason in outcomes.values()), outcomes
    assert {upstream for upstream, _ in outcomes} == {"crm", "landing"}
    assert code == 0
    assert ("snowflake SALES.ORDERS", "bronze.snowflake_orders") in found
    assert ("redshift analytics.behavior", "bronze.redshift_behavior") in found
    for target, schema in (("snowflake", "GOLD"), ("redshift", "gold")):
        assert ("gold.fact_sales", f"{target} {schema}.fact_sales") in found
    assert all(pair["rows"][0] for pair in found.values() if pair["outcome"] == "equal")


@pytest.mark.parametrize("warehouse", ["snowflake", "redshift"])
def test_a_row_that_somebody_changed_in_a_warehouse_is_named(world: World, warehouse: str) -> None:
    row = min(warehouses.rows(world.endpoints, warehouse, "fact_sales"), key=lambda each: str(each["order_id"]))
    where = f"order_id = '{row['order_id']}' AND line_number = {row['line_number']}"
    with warehouses.cursor(world.endpoints, warehouse) as cursor:
        cursor.execute(f"UPDATE gold.fact_sales SET quantity = quantity + 1 WHERE {where}")
    try:
        code, found = reconciled(world, "--select", "gold.fact_sales", "--target", warehouse)
    finally:
        with warehouses.cursor(world.endpoints, warehouse) as cursor:
            cursor.execute(f"UPDATE gold.fact_sales SET quantity = quantity - 1 WHERE {where}")
    (pair,) = found.values()
    assert (code, pair["outcome"], pair["changed"], list(pair["columns"])) == (3, "differs", 1, ["quantity"])
    (different,) = pair["differences"]
    assert different["key"] == {"order_id": row["order_id"], "line_number": str(row["line_number"])}
    assert different["columns"] == {"quantity": [str(row["quantity"]), str(row["quantity"] + 1)]}
