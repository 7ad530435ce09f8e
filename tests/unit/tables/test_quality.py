"""The SQL checks of the contracts: silent on good data, and loud on the mistakes they are there for."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.support.lakes.queries import Queries

HISTORY = "history has no gaps, overlaps or second current row"
DIMENSIONS = [
    ("gold.dim_customer", "silver.customer_versions", "customer_id"),
    ("gold.dim_account", "silver.account_versions", "account_id"),
]
Period = tuple[int, int | None] | tuple[int, int | None, bool]


def march(day: int | None) -> datetime | None:
    return None if day is None else datetime(2025, 3, day)


def broken_rows(queries: Queries, dimension: tuple[str, str, str], periods: list[Period], deleted: int | None) -> Any:
    """What the history check counts for one member's periods (from, to, is_current unless that follows from `to`)."""
    name, versions, key = dimension
    rows = [
        {
            key: "X",
            "valid_from": march(start),
            "valid_to": march(end),
            "is_current": current[0] if current else end is None,
        }
        for start, end, *current in periods
    ]
    other_member = {key: "Y", "valid_from": march(1), "valid_to": None, "is_current": True}
    unknown = {key: "unknown", "valid_from": datetime(1900, 1, 1), "valid_to": None, "is_current": False}
    queries.give(name, *rows, other_member, unknown)
    changes = [{key: "X", "updated_at": march(day), "is_deleted": day == deleted} for day in range(1, 11)]
    queries.give(versions, *changes, {key: "Y", "updated_at": march(5), "is_deleted": True})
    return queries.check(name, HISTORY)


@pytest.mark.parametrize("dimension", DIMENSIONS, ids=[name for name, _, _ in DIMENSIONS])
@pytest.mark.parametrize(
    ("periods", "deleted"),
    [
        ([(1, None)], None),
        ([(1, 3), (3, 5), (5, None)], None),
        ([(1, 5)], 5),
        ([(1, 5), (7, None)], 5),
    ],
    ids=["one", "three", "deleted", "back again"],
)
def test_a_whole_history_passes(
    queries: Queries, dimension: tuple[str, str, str], periods: list[Period], deleted: int | None
) -> None:
    assert broken_rows(queries, dimension, periods, deleted) == 0


@pytest.mark.parametrize("dimension", DIMENSIONS, ids=[name for name, _, _ in DIMENSIONS])
@pytest.mark.parametrize(
    ("periods", "deleted"),
    [
        ([(1, 3), (4, None)], None),
        ([(1, 5)], None),
        ([(1, 4), (3, None)], None),
        ([(1, 5), (3, None)], 5),
        ([(1, None), (3, None)], None),
        ([(1, 3), (3, 3), (3, None)], None),
        ([(1, 3, True), (3, None)], None),
        ([(1, None, False)], None),
    ],
    ids=["gap", "closed", "overlap", "overlap to a delete", "two open", "empty", "two current", "none current"],
)
def test_a_broken_history_fails(
    queries: Queries, dimension: tuple[str, str, str], periods: list[Period], deleted: int | None
) -> None:
    assert broken_rows(queries, dimension, periods, deleted) > 0


def test_fact_sales_differs_by_a_cent_or_a_line(queries: Queries) -> None:
    check = "lines and dollars equal those of silver"
    assert queries.check("gold.fact_sales", check) == 0
    dime = Decimal("0.10")
    queries.give("silver.orders", *[{"amount_usd": dime}] * 3)
    queries.give("gold.fact_sales", *[{"net_usd": dime}] * 3)
    assert queries.check("gold.fact_sales", check) == 0
    queries.give("gold.fact_sales", {"net_usd": Decimal("0.09")}, *[{"net_usd": dime}] * 2)
    assert queries.check("gold.fact_sales", check) == Decimal("0.01")
    queries.give("gold.fact_sales", {"net_usd": 2 * dime}, {"net_usd": dime})
    assert queries.check("gold.fact_sales", check) == 1


def test_fact_orders_daily_counts_only_what_stays(queries: Queries) -> None:
    check = "dollars equal those of the sales that stay"
    sold = Decimal("1.00")
    statuses = ("placed", "delivered", "cancelled", "returned")
    queries.give("gold.fact_sales", *[{"status": status, "net_usd": sold} for status in statuses])
    queries.give("gold.fact_orders_daily", {"revenue_usd": 2 * sold})
    assert queries.check("gold.fact_orders_daily", check) == 0
    queries.give("gold.fact_orders_daily", {"revenue_usd": 3 * sold})
    assert queries.check("gold.fact_orders_daily", check) == sold


@pytest.mark.parametrize(
    ("name", "check", "column", "referenced"),
    [
        ("silver.orders", "order lines belong to customers that were seen", "customer_id", "silver.customer_versions"),
        ("silver.orders", "order lines are of products that were seen", "product_id", "silver.products"),
        ("silver.contacts", "contacts belong to accounts that were seen", "account_id", "silver.account_versions"),
    ],
)
def test_references(queries: Queries, name: str, check: str, column: str, referenced: str) -> None:
    queries.give(referenced, {column: "A"}, {column: "A"}, {column: "B"})
    queries.give(name, {column: "A"}, {column: "B"})
    assert queries.check(name, check) == 0
    queries.give(name, {column: "A"}, {column: "C"}, {column: "C"})
    assert queries.check(name, check) == 2
