"""A customer of the shop is erased: from lake and both warehouses, while all others stay as they were."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from sandbox import lifecycle
from sandbox.home import Endpoints
from tests.support.worlds.world import DAYS, SCALE, World

NOBODY = "CUST-000000"
ABOUT = ("gold.dim_customer", "gold.customer_360")
"""Tables whose rows are a customer's own."""


@pytest.fixture(scope="module")
def shop() -> Iterator[World]:
    """A shop of its own after its first day, as what is erased is gone for others too."""
    home = Path(tempfile.mkdtemp(prefix="tidemark-erase-"))
    started = World(home, Endpoints({}))
    try:
        up = started.tidemark("sandbox", "up", "--scale", str(SCALE))
        assert up.returncode == 0, up.stderr[-4000:]
        started.endpoints = lifecycle.up(home, scale=SCALE)
        started.run("before", DAYS[30])
        yield started
    finally:
        lifecycle.down(home)
        shutil.rmtree(home, ignore_errors=True)


def told(shop: World, *command: str) -> Any:
    answer = shop.tidemark(*command, "--json")
    assert answer.returncode == 0, answer.stderr[-4000:]
    return json.loads(answer.stdout)


def holding(home: Path, values: list[str]) -> list[str]:
    """The files of the lake and of what runs have told that hold a value, but for the shop's own systems."""
    found = []
    for root in (each for each in home.iterdir() if each.name not in ("sandbox", "config")):
        for file in (each for each in [root, *root.rglob("*")] if each.is_file()):
            is_parquet = file.suffix == ".parquet"
            text = str(pq.read_table(file).to_pylist()) if is_parquet else file.read_bytes().decode("utf-8", "replace")
            if any(value in text for value in values):
                found.append(str(file.relative_to(home)))
    return sorted(found)


def without(rows: list[dict[str, Any]], customer: str) -> list[dict[str, Any]]:
    return [row for row in rows if row.get("customer_id") not in (customer, NOBODY, None)]


@pytest.mark.timeout(1800)
def test_a_customer_of_the_shop_is_erased(shop: World) -> None:
    sales = shop.published["before"]["snowflake", "gold.fact_sales"]
    contacts = shop.published["before"]["redshift", "gold.customer_360"]
    known = {row["customer_id"] for row in contacts if row["contact_id"]}
    customer = next(row["customer_id"] for row in sales if row["customer_id"] in known)
    hers = told(shop, "subject", "export", f"customer_id={customer}")["tables"]
    person = hers["silver.customers"][0]
    values = [customer, person["email"], person["phone"], person["street"]]
    assert {"bronze.snowflake_customers", "bronze.crm_contacts", "bronze.snowflake_orders"} <= hers.keys()
    assert holding(shop.home, values)

    shop.note("after", "erase", "--subject", f"customer_id={customer}", "--yes")

    assert holding(shop.home, values) == []
    for (warehouse, table), rows in shop.published["after"].items():
        before = shop.published["before"][warehouse, table]
        assert customer not in json.dumps(rows, default=str), (warehouse, table)
        if table in ABOUT:
            assert rows == [row for row in before if row["customer_id"] != customer], (warehouse, table)
        elif rows and "customer_id" in rows[0]:
            assert without(rows, customer) == without(before, customer), (warehouse, table)
            assert len(rows) == len(before), "business goes on without a name"
    anonymous = [row for row in shop.published["after"]["redshift", "gold.fact_sales"] if row["customer_id"] == NOBODY]
    assert {row["customer_sk"] for row in anonymous} == {"0" * 32}

    shop.note("again", "run", "--date", DAYS[30])  # the shop still has her, and sends the last three days again
    assert holding(shop.home / "lake", values) == []
    assert shop.published["again"] == shop.published["after"]
    refused = shop.tidemark("restore", "--run", "r1", "--yes")
    assert refused.returncode == 1
    assert "r1 is of before the erasure of a person" in refused.stderr
