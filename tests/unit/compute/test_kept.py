"""A rule that is broken today does not take yesterday's good row out of a table that is computed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.lakes.lake import Lake, at
from tests.support.lakes.saved import Beginnings
from tidemark.compute.verify import verify
from tidemark.write.manifest import Prepared

PRICES = "item string, day int, price int, changed_at timestamp, gone boolean"


@pytest.fixture
def prices(beginnings: Beginnings) -> Lake:
    """What was received of prices; the newest of each item, which must be positive; and the sum of each day."""
    return beginnings.of(first_prices)[0]


def first_prices(lake: Lake) -> None:
    received = {"source": {"connection": "shop", "object": "x"}, "write": {"mode": "append"}}
    lake.table("bronze.prices", "item string\nday int\nprice int\nchanged_at timestamp\ngone boolean", received)
    lake.table(
        "silver.prices",
        "item string\nday int\nprice int {required: true, logicalTypeOptions: {minimum: 1}}",
        {
            "inputs": {"bronze.prices": {"on": ["item"]}},
            "write": {"mode": "upsert", "keys": ["item"], "order_by": ["changed_at"], "deletes": {"flag": "gone"}},
        },
        keys=["item"],
        sql="SELECT item, day, price, changed_at, gone FROM bronze.prices AS p"
        " WHERE changed_at = (SELECT max(l.changed_at) FROM bronze.prices AS l WHERE l.item = p.item)",
    )
    lake.table(
        "gold.days",
        "day int\nprice bigint",
        {"inputs": {"silver.prices": {"on": ["day"]}}, "write": {"mode": "upsert", "keys": ["day"]}},
        keys=["day"],
        sql="SELECT day, SUM(price) AS price FROM silver.prices GROUP BY day",
    )
    receive(lake, ("a", 1, 10, at(1), False), ("b", 1, 20, at(1), False), ("c", 2, 30, at(1), False))
    build(lake)


def receive(lake: Lake, *rows: tuple[Any, ...]) -> None:
    lake.load("bronze.prices", lake.frame(PRICES, rows))


def build(lake: Lake, *, full: bool = False) -> Prepared | None:
    return lake.build_together("silver.prices", "gold.days", full=full)["silver.prices"].prepared


def held(lake: Lake) -> dict[str, list[tuple[Any, ...]]]:
    return {table: lake.read(table) for table in ("silver.prices", "gold.days")}


BEFORE = {"silver.prices": [("a", 1, 10), ("b", 1, 20), ("c", 2, 30)], "gold.days": [(1, 30), (2, 30)]}


def test_a_row_that_breaks_a_rule_leaves_the_row_before_it_and_is_told(prices: Lake) -> None:
    receive(prices, ("a", 2, -5, at(2), False))

    batch = build(prices)

    assert held(prices) == BEFORE
    assert batch is not None
    assert (batch.books.quarantined, batch.books.kept, batch.books.vanished) == (1, 1, 0)
    assert [row["reasons"][0]["rule"] for row in prices.errors("silver.prices")] == ["minimum"]


def test_it_stays_in_a_whole_rebuild_and_when_nothing_else_happens(prices: Lake) -> None:
    receive(prices, ("a", 2, -5, at(2), False))
    build(prices)

    assert build(prices) is None
    again = build(prices, full=True)

    assert again is not None
    assert (again.books.kept, again.books.changes) == (1, 0)
    assert held(prices) == BEFORE


def test_it_comes_right_when_the_value_does(prices: Lake) -> None:
    receive(prices, ("a", 2, None, at(2), False))
    build(prices)
    receive(prices, ("a", 2, 7, at(3), False))
    batch = build(prices)

    assert held(prices) == {
        "silver.prices": [("a", 2, 7), ("b", 1, 20), ("c", 2, 30)],
        "gold.days": [(1, 20), (2, 37)],
    }
    assert batch is not None
    assert batch.books.kept == 0


def test_what_is_gone_goes_beside_what_is_kept_and_what_was_never_good_does_not_come(prices: Lake) -> None:
    receive(prices, ("a", 1, -1, at(2), False), ("b", 1, 20, at(2), True), ("d", 9, 0, at(2), False))

    batch = build(prices)

    assert prices.read("silver.prices") == [("a", 1, 10), ("c", 2, 30)]
    assert batch is not None
    assert (batch.books.quarantined, batch.books.kept, batch.books.deleted) == (2, 1, 1)


def test_a_key_without_any_row_vanishes_and_a_good_row_beside_a_bad_one_counts(prices: Lake) -> None:
    receive(prices, ("a", 5, -1, at(2), False), ("a", 5, 50, at(2), False))
    build(prices)
    assert ("a", 5, 50) in prices.read("silver.prices")

    path = prices.root / "config" / "silver" / "prices.sql"
    path.write_text(path.read_text() + " AND item <> 'c'")
    receive(prices, ("b", 1, -3, at(3), False))
    batch = build(prices)

    assert prices.read("silver.prices") == [("a", 5, 50), ("b", 1, 20)]
    assert batch is not None
    assert (batch.books.vanished, batch.books.kept) == (1, 1)


def test_a_row_that_is_kept_is_stale_and_no_difference(prices: Lake) -> None:
    receive(prices, ("a", 2, -5, at(2), False))
    build(prices)

    found = verify(prices.engine(), "silver.prices")

    assert (found.outcome, found.compared, found.stale) == ("equal", 3, 1)
