"""A customer of the shop is erased, though it is killed on the way: from all that rests; others stay as they were."""

from __future__ import annotations

import json
import shutil
import signal
import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from sandbox import lifecycle
from sandbox.home import Endpoints
from sandbox.seeding.aws import EXCHANGE
from tests.support.worlds import prefect_database, resting
from tests.support.worlds.world import DAYS, SCALE, World

NOBODY = "CUST-000000"
ABOUT = ("gold.dim_customer", "gold.customer_360")
"""Tables whose rows are a customer's own."""
KILLED = (
    "bronze.snowflake_customers: taken out, not in the index",
    "gold.dim_customer: committed to Snowflake",
    "silver.customers: vacuumed, its log not purged",
)


@pytest.fixture(scope="module")
def shop() -> Iterator[World]:
    """A shop of its own after its first day, with a snapshot, and a run that died with all of bronze on its way."""
    home = Path(tempfile.mkdtemp(prefix="tidemark-erase-"))
    started = World(home, Endpoints({}))
    try:
        up = started.tidemark("sandbox", "up", "--scale", str(SCALE))
        assert up.returncode == 0, up.stderr[-4000:]
        started.endpoints = lifecycle.up(home, scale=SCALE)
        started.run("before", DAYS[30])
        exported = started.tidemark("snapshot", "export")
        assert exported.returncode == 0, exported.stderr[-4000:]
        again = ("run", "--date", DAYS[30], "--full-refresh")
        assert started.killed_at("bronze.snowflake_customers: after prepare", *again) == -signal.SIGKILL
        yield started
    finally:
        lifecycle.down(home)
        shutil.rmtree(home, ignore_errors=True)


def told(shop: World, *command: str) -> Any:
    answer = shop.tidemark(*command, "--json")
    assert answer.returncode == 0, answer.stderr[-4000:]
    return json.loads(answer.stdout)


def somebody(shop: World) -> str:
    """A customer who has bought, is known to the CRM, and of whom a row was rejected."""
    sales = shop.published["before"]["snowflake", "gold.fact_sales"]
    contacts = shop.published["before"]["redshift", "gold.customer_360"]
    lane = (shop.home / "lake/_errors/bronze/snowflake_customers").rglob("*.json")
    lines = [json.loads(line) for file in lane for line in file.read_text("utf-8").splitlines()]
    payloads = [json.loads(line["payload"]) for line in lines if "payload" in line]
    rejected = {value for each in payloads for name, value in each.items() if name.lower() == "customer_id"}
    known = {row["customer_id"] for row in contacts if row["contact_id"]}
    return min(rejected & known & {row["customer_id"] for row in sales})


def telling(customer: str, person: dict[str, Any]) -> frozenset[str]:
    """What tells who somebody is, as it is, and as JSON may write it."""
    values = [customer, *(person[each] for each in ("email", "phone", "street"))]
    return frozenset(chain(values, (json.dumps(value)[1:-1] for value in values)))


def held(shop: World, values: frozenset[str]) -> dict[str, set[str]]:
    """Where any of the values rests, but in the shop's own systems."""
    versions = (("versions", text) for _, text in resting.versions(shop.home / "lake"))
    database = prefect_database.tables(shop.home).items()
    resting_now = (resting.files(shop.home), resting.objects(shop.endpoints), resting.published(shop))
    places = chain(*resting_now, versions, database)
    return resting.found(values, places)


def without(rows: list[dict[str, Any]], customer: str) -> list[dict[str, Any]]:
    return [row for row in rows if row.get("customer_id") not in (customer, NOBODY, None)]


@pytest.mark.timeout(3000)
def test_a_customer_of_the_shop_is_erased(shop: World) -> None:
    customer = somebody(shop)
    hers = told(shop, "subject", "export", f"customer_id={customer}")
    person = hers["tables"]["silver.customers"][0]
    values = telling(customer, person)
    assert {"bronze.snowflake_customers", "bronze.crm_contacts", "bronze.snowflake_orders"} <= hers["tables"].keys()
    assert hers["rejected"], "a row of hers was rejected"
    layers = {f"lake/{each}" for each in ("bronze", "silver", "gold", "_errors", "_staging")}
    warehouses = {"snowflake gold.fact_sales", "redshift gold.customer_360"}
    before = held(shop, values).keys()
    assert layers | warehouses | {"snapshots", "versions", EXCHANGE} <= before, "this looks, and finds"

    erase = ("erase", "--subject", f"customer_id={customer}", "--yes")
    for point in KILLED:
        assert shop.killed_at(point, *erase) == -signal.SIGKILL, point
    shop.note("after", *erase)

    assert held(shop, values) == {}
    names = {repr(person["first_name"]), repr(person["last_name"])}
    assert resting.found(names, resting.published(shop)) == {}
    (receipt,) = told(shop, "subject", "receipts")
    assert receipt["status"] == "done"
    for (warehouse, table), rows in shop.published["after"].items():
        then = shop.published["before"][warehouse, table]
        if table in ABOUT:
            assert rows == [row for row in then if row["customer_id"] != customer], (warehouse, table)
        elif rows and "customer_id" in rows[0]:
            assert without(rows, customer) == without(then, customer), (warehouse, table)
            assert len(rows) == len(then), "business goes on without a name"
    anonymous = [row for row in shop.published["after"]["redshift", "gold.fact_sales"] if row["customer_id"] == NOBODY]
    assert {row["customer_sk"] for row in anonymous} == {"0" * 32}

    shop.note("again", "run", "--date", DAYS[30])  # the shop still has her, and sends the last three days again
    assert held(shop, values) == {}
    assert shop.published["again"] == shop.published["after"]
    refused = shop.tidemark("restore", "--run", "r1", "--yes")
    assert refused.returncode == 1
    assert "r1 is of before the erasure of a person" in refused.stderr
    assert told(shop, "snapshot", "list") == []
