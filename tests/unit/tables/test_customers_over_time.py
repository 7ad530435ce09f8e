"""The shipped chain of customers: from the log of what was received to who is a customer now, and was."""

from __future__ import annotations

import random
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.lakes.lake import Lake, at
from tidemark.compile.schema import spark_schema

CONFIG = Path(__file__).parents[3] / "config"
RECEIVED, CHAIN = "bronze.snowflake_customers", ("silver.customer_versions", "silver.customers", "gold.dim_customer")
LEFT, RETURNED, CHANGED = range(1, 21), range(21, 26), range(31, 41)


def version(number: int, city: str, when: datetime, order: int, *, deleted: bool = False) -> dict[str, Any]:
    return {
        "customer_id": f"CUST-{number:06d}",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "email": f"ada{number}@example.com",
        "city": city,
        "country": "GB",
        "segment": "consumer",
        "created_at": at(1),
        "updated_at": when,
        "is_deleted": deleted,
        "__tidemark_source_order": f"2025-03-01 {order:011d}.000000",
    }


def versions() -> list[dict[str, Any]]:
    found = []
    for number in LEFT:  # the flag is set without a new change time, on the row as it was or on another
        found += [version(number, "Ely", at(2), 1), version(number, "Bath", at(3), 2 + number % 2)]
        found += [version(number, "Bath" if number % 3 else "York", at(3), 3 - number % 2, deleted=True)]
    for number in RETURNED:
        found += [version(number, "Ely", at(2), 1), version(number, "Ely", at(2), 2, deleted=True)]
        found += [version(number, "Ely", at(4), 3)]
    for number in CHANGED:  # two changes in one second
        found += [
            version(number, "Ely", at(2), 1),
            version(number, "Bath", at(2), 2),
            version(number, "York", at(2), 3),
        ]
    return found


@pytest.mark.parametrize("days", [1, 3])
def test_who_was_deleted_is_no_customer_in_whatever_batches_it_was_told(lake: Lake, days: int) -> None:
    for table in (RECEIVED, *CHAIN):
        layer, name = table.split(".")
        for file in (CONFIG / layer).glob(f"{name}.*"):
            target = lake.root / "config" / layer / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    rows = versions()
    random.Random(days).shuffle(rows)
    schema = spark_schema(lake.engine().table(RECEIVED).contract).add("__tidemark_source_order", "string")
    for day in range(days):
        values = [tuple(row.get(name) for name in schema.fieldNames()) for row in rows[day::days]]
        lake.load(RECEIVED, lake.spark.createDataFrame(values, schema))
        lake.build_together(*CHAIN)

    now = dict(lake.read("silver.customers", "customer_id", "city"))
    expected = {f"CUST-{number:06d}": "Ely" for number in RETURNED} | {
        f"CUST-{number:06d}": "York" for number in CHANGED
    }
    assert now == expected
    history = lake.delta("gold.dim_customer").where("customer_id <> 'unknown'").collect()
    assert {row.customer_id: row.city for row in history if row.is_current} == expected
    assert {(row.customer_id, row.city, row.valid_to) for row in history if not row.is_current} == {
        (f"CUST-{number:06d}", "Ely", at(3)) for number in LEFT
    }
