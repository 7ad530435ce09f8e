"""Rows that a rule rejected are not in the table: what mends them finds them although no row of it leads there."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.support.lakes.lake import Lake
from tidemark.delta.table import read_state
from tidemark.write.manifest import Prepared

ORDERS, CUSTOMERS, REGIONS = "id string, cust string", "cust string, region string", "region string, tax int"
LINES = "line string, ord string, qty int"


def received(*keys: str) -> dict[str, Any]:
    return {"source": {"connection": "shop", "object": "x"}, "write": {"mode": "upsert", "keys": list(keys)}}


@pytest.fixture
def taxed(lake: Lake) -> Lake:
    """Orders with the region of their customer and its tax: only the table itself has both region and order."""
    lake.table("bronze.orders", "id string\ncust string", received("id"), keys=["id"])
    lake.table("bronze.custs", "cust string\nregion string", received("cust"), keys=["cust"])
    lake.table("bronze.regions", "region string\ntax int", received("region"), keys=["region"])
    on = {"bronze.orders": {"on": ["id"]}, "bronze.custs": {"on": ["cust"]}, "bronze.regions": {"on": ["region"]}}
    lake.table(
        "silver.taxed",
        "id string\nregion string\ntax int {logicalTypeOptions: {minimum: 0}}",
        {"inputs": on, "write": {"mode": "upsert", "keys": ["id"]}},
        keys=["id"],
        sql="SELECT o.id, c.region, r.tax FROM bronze.orders AS o LEFT JOIN bronze.custs AS c ON c.cust = o.cust"
        " LEFT JOIN bronze.regions AS r ON r.region = c.region",
    )
    lake.load("bronze.orders", lake.frame(ORDERS, [("1", "a"), ("2", "b")]))
    lake.load("bronze.custs", lake.frame(CUSTOMERS, [("a", "X"), ("b", "Y")]))
    return lake


def tax(lake: Lake, *rows: tuple[str, int]) -> Prepared | None:
    lake.load("bronze.regions", lake.frame(REGIONS, rows))
    return lake.build("silver.taxed").prepared


def test_a_row_that_was_rejected_comes_in_when_what_it_points_at_is_mended(taxed: Lake) -> None:
    tax(taxed, ("X", -1), ("Y", 2))
    assert taxed.read("silver.taxed") == [("2", "Y", 2)]

    tax(taxed, ("X", 5))

    assert taxed.read("silver.taxed") == [("1", "X", 5), ("2", "Y", 2)]


def test_a_row_that_is_kept_goes_on_when_what_it_should_point_at_is_mended(taxed: Lake) -> None:
    tax(taxed, ("X", 1), ("Y", 2), ("Z", -1))
    taxed.load("bronze.custs", taxed.frame(CUSTOMERS, [("b", "Z")]))
    taxed.build("silver.taxed")
    assert taxed.read("silver.taxed") == [("1", "X", 1), ("2", "Y", 2)]

    tax(taxed, ("Z", 7))

    assert taxed.read("silver.taxed") == [("1", "X", 1), ("2", "Z", 7)]


def test_it_is_not_forgotten_by_what_happens_in_between_and_forgotten_once_all_was_computed(taxed: Lake) -> None:
    tax(taxed, ("X", -1), ("Y", 2))
    path = taxed.path("silver.taxed")
    taxed.load("bronze.orders", taxed.frame(ORDERS, [("3", "b")]))
    taxed.build("silver.taxed")
    assert read_state(taxed.spark, path).metadata["rejects_stand"] is True

    tax(taxed, ("X", 5))
    assert read_state(taxed.spark, path).metadata["rejects_stand"] is False

    batch = tax(taxed, ("Y", 3))
    assert batch is not None
    assert batch.books.extracted == 2  # the orders of Y alone
    assert taxed.read("silver.taxed") == [("1", "X", 5), ("2", "Y", 3), ("3", "Y", 3)]


def test_a_rate_that_was_missing_brings_the_rows_that_had_none(lake: Lake) -> None:
    lake.table("bronze.orders", "id string\ncust string\nday date", received("id"), keys=["id"])
    lake.table("bronze.custs", "cust string\ncur string", received("cust"), keys=["cust"])
    lake.table("bronze.rates", "cur string\nof date\nrate int", received("cur", "of"), keys=["cur", "of"])
    as_of = {"on": ["cur"], "as_of": {"of": "day"}}
    on = {"bronze.orders": {"on": ["id"]}, "bronze.custs": {"on": ["cust"]}, "bronze.rates": as_of}
    lake.table(
        "silver.priced",
        "id string\ncur string\nday date\nrate! int",
        {"inputs": on, "write": {"mode": "upsert", "keys": ["id"]}},
        keys=["id"],
        sql="SELECT o.id, c.cur, o.day, max_by(r.rate, r.of) AS rate FROM bronze.orders AS o"
        " LEFT JOIN bronze.custs AS c ON c.cust = o.cust"
        " LEFT JOIN bronze.rates AS r ON r.cur = c.cur AND r.of <= o.day GROUP BY o.id, c.cur, o.day",
    )
    new_year, fifth = date(2025, 1, 1), date(2025, 1, 5)
    lake.load("bronze.orders", lake.frame("id string, cust string, day date", [("1", "a", fifth), ("2", "b", fifth)]))
    lake.load("bronze.custs", lake.frame("cust string, cur string", [("a", "USD"), ("b", "EUR")]))
    lake.load("bronze.rates", lake.frame("cur string, of date, rate int", [("EUR", new_year, 1)]))
    lake.build("silver.priced")

    lake.load("bronze.rates", lake.frame("cur string, of date, rate int", [("USD", new_year, 9)]))
    lake.build("silver.priced")

    assert lake.read("silver.priced", "id", "rate") == [("1", 9), ("2", 1)]


@pytest.fixture
def lines(lake: Lake) -> Lake:
    """Lines, computed by their order: a line can move to another one."""
    lake.table("bronze.lines", "line string\nord string\nqty int", received("line"), keys=["line"])
    lake.table(
        "silver.lines",
        "line string\nord string\nqty int {logicalTypeOptions: {minimum: 0}}",
        {"inputs": {"bronze.lines": {"on": ["ord"]}}, "write": {"mode": "upsert", "keys": ["line"]}},
        keys=["line"],
        sql="SELECT line, ord, qty FROM bronze.lines",
    )
    move(lake, ("l1", "o1", 1), ("l2", "o2", 2), ("l3", "o1", 3))
    return lake


def move(lake: Lake, *rows: tuple[str, str, int]) -> None:
    lake.load("bronze.lines", lake.frame(LINES, rows))
    lake.build("silver.lines")


def test_a_row_whose_move_was_rejected_moves_once_when_it_is_mended(lines: Lake) -> None:
    move(lines, ("l1", "o2", -1))
    assert lines.read("silver.lines") == [("l1", "o1", 1), ("l2", "o2", 2), ("l3", "o1", 3)]

    move(lines, ("l1", "o2", 5))

    assert lines.read("silver.lines") == [("l1", "o2", 5), ("l2", "o2", 2), ("l3", "o1", 3)]


def test_a_row_whose_move_was_rejected_stays_when_others_of_its_old_place_change(lines: Lake) -> None:
    move(lines, ("l1", "o2", -1))

    move(lines, ("l3", "o1", 4))

    assert lines.read("silver.lines") == [("l1", "o1", 1), ("l2", "o2", 2), ("l3", "o1", 4)]
