"""A small shop whose tables lean on each other in every way there is: newest rows, a history, facts, totals."""

from __future__ import annotations

from typing import Any

from tests.support.lakes.lake import Lake

LINES = "order_id! string\nline int\ncustomer string\namount int\nupdated_at! timestamp\nis_deleted boolean"
CUSTOMERS = "customer! string\ncity string\nupdated_at! timestamp\nis_deleted boolean"
LINE_SCHEMA = "order_id string, line int, customer string, amount int, updated_at timestamp, is_deleted boolean"
CUSTOMER_SCHEMA = "customer string, city string, updated_at timestamp, is_deleted boolean"


TABLES = ("silver.lines", "gold.customers", "gold.sales", "gold.totals")


def describe(lake: Lake) -> None:
    """Lines and customers as they were received; newest lines, customers' history, facts that join it, and totals."""
    received = {"source": {"connection": "shop", "object": "x"}}
    lake.table("bronze.lines", LINES, received | {"write": {"mode": "append", "keys": ["order_id", "line"]}})
    lake.table("bronze.customers", CUSTOMERS, received | {"write": {"mode": "append", "keys": ["customer"]}})
    newest = {"mode": "upsert", "order_by": ["updated_at"], "deletes": {"flag": "is_deleted"}}
    lake.table(
        "silver.lines",
        "order_id string\nline int\ncustomer string\namount int\nupdated_at timestamp",
        {"inputs": {"bronze.lines": {"on": ["order_id", "line"]}}, "write": newest | {"keys": ["order_id", "line"]}},
        keys=["order_id", "line"],
        sql="SELECT order_id, line, customer, amount, updated_at, is_deleted FROM bronze.lines",
    )
    history = {"effective_from": "updated_at", "surrogate_key": "sk", "track": ["city"], "unknown_member": True}
    lake.table(
        "gold.customers",
        "sk string\ncustomer string\ncity string\nvalid_from timestamp\nvalid_to timestamp\nis_current boolean",
        {
            "inputs": {"bronze.customers": {"on": ["customer"]}},
            "write": {"mode": "scd2", "keys": ["customer"], "deletes": {"flag": "is_deleted"}} | history,
        },
        keys=["sk"],
        sql="SELECT customer, city, updated_at, is_deleted FROM bronze.customers",
    )
    lake.table(
        "gold.sales",
        "order_id string\nline int\ncustomer string\ncity string\namount int",
        {
            "inputs": {"silver.lines": {"on": ["order_id", "line"]}, "gold.customers": {"on": ["customer"]}},
            "write": {"mode": "upsert", "keys": ["order_id", "line"]},
        },
        keys=["order_id", "line"],
        sql="""SELECT l.order_id, l.line, l.customer, c.city, l.amount FROM silver.lines AS l
               LEFT JOIN gold.customers AS c ON c.customer = l.customer AND c.valid_from <= l.updated_at
                AND (c.valid_to IS NULL OR l.updated_at < c.valid_to)""",
    )
    lake.table(
        "gold.totals",
        "city string\namount bigint",
        {"inputs": {"gold.sales": {"on": ["city"]}}, "write": {"mode": "upsert", "keys": ["city"]}},
        keys=["city"],
        sql="SELECT city, SUM(amount) AS amount FROM gold.sales WHERE city IS NOT NULL GROUP BY city",
    )


Rows = list[tuple[Any, ...]]


def receive(lake: Lake, lines: Rows | None = None, customers: Rows | None = None) -> None:
    if lines:
        lake.load("bronze.lines", lake.frame(LINE_SCHEMA, lines))
    if customers:
        lake.load("bronze.customers", lake.frame(CUSTOMER_SCHEMA, customers))


def held(lake: Lake) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of the tables; the unknown member, which is always there, left out."""
    history = lake.read("gold.customers", "customer", "city", "valid_from", "valid_to", "is_current")
    return {
        "silver.lines": lake.read("silver.lines"),
        "gold.customers": [row for row in history if row[0] != "unknown"],
        "gold.sales": lake.read("gold.sales"),
        "gold.totals": lake.read("gold.totals"),
    }
