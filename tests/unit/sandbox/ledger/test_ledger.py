"""The ledger's tables hold together: what can be counted in two ways is the same in both."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from sandbox.ledger import BRONZE_TABLES, UNKNOWN_SK, Ledger, identity
from sandbox.shop import Shop
from tests.unit.sandbox.conftest import Month
from tests.unit.sandbox.rules import RULES, reasons

DIMENSIONS = (
    ("gold.dim_customer", "customer_id", "customer_sk", "silver.customer_versions"),
    ("gold.dim_account", "account_id", "account_sk", "silver.account_versions"),
)


def test_every_table_has_unique_keys_and_the_same_columns_in_every_row(ledger: Ledger) -> None:
    for table in ledger.tables:
        rows = ledger.expected(table)
        assert rows, table
        keys = Counter(tuple(row[name] for name in ledger.key(table)) for row in rows)
        assert max(keys.values()) == 1, table
        assert {tuple(row) for row in rows} == {tuple(rows[0])}, table


def test_all_silver_and_gold_tables_are_there(ledger: Ledger) -> None:
    assert Counter(table.partition(".")[0] for table in ledger.tables) == {"silver": 12, "gold": 12}


def test_tables_come_after_their_inputs(ledger: Ledger) -> None:
    order = {table: position for position, table in enumerate(ledger.tables)}
    for before, after in (
        ("silver.fx_rates", "silver.opportunities"),
        ("silver.fx_rates", "silver.orders"),
        ("silver.behavior", "silver.customer_activity"),
        ("gold.dim_customer", "gold.fact_sales"),
        ("gold.fact_sales", "gold.fact_orders"),
        ("gold.fact_orders", "gold.fact_order_events"),
    ):
        assert order[before] < order[after]


def test_expected_rows_are_the_callers_own(small_ledger: Ledger) -> None:
    small_ledger.expected("silver.customers")[0]["email"] = "changed"
    assert small_ledger.expected("silver.customers")[0]["email"] != "changed"


def test_sales_facts_total_what_silver_totals(ledger: Ledger) -> None:
    lines = ledger.expected("silver.orders")
    sales = ledger.expected("gold.fact_sales")
    orders = ledger.expected("gold.fact_orders")
    everything = sum(line["amount_usd"] for line in lines)
    assert sum(row["net_usd"] for row in sales) == everything
    assert sum(row["net_usd"] for row in orders) == everything
    assert sum(row["line_count"] for row in orders) == len(lines)
    kept = [line for line in lines if line["status"] not in ("cancelled", "returned")]
    revenue = sum(line["amount_usd"] for line in kept)
    assert sum(row["revenue_usd"] for row in ledger.expected("gold.fact_orders_daily")) == revenue
    assert sum(row["revenue_usd"] for row in ledger.expected("gold.product_performance")) == revenue


def test_activity_totals_what_living_customers_did(ledger: Ledger) -> None:
    living = {row["customer_id"] for row in ledger.expected("silver.customers")}
    activity = ledger.expected("silver.customer_activity")
    assert {row["customer_id"] for row in activity} == living
    lines = [line for line in ledger.expected("silver.orders") if line["customer_id"] in living]
    views = [row for row in ledger.expected("silver.behavior") if row["event_type"] == "page_view"]
    assert sum(row["line_count"] for row in activity) == len(lines)
    assert sum(row["page_view_count"] for row in activity) == sum(row["customer_id"] in living for row in views)
    assert len(ledger.expected("gold.customer_360")) == len(activity)


def test_events_lose_nothing_on_their_way_to_gold(ledger: Ledger) -> None:
    for silver, gold in (("silver.behavior", "gold.fact_behavior"), ("silver.order_events", "gold.fact_order_events")):
        assert [row["event_id"] for row in ledger.expected(silver)] == [
            row["event_id"] for row in ledger.expected(gold)
        ]


@pytest.mark.parametrize(("table", "key", "surrogate", "versions"), DIMENSIONS)
def test_histories_have_no_gaps_overlaps_or_second_current_row(
    ledger: Ledger, table: str, key: str, surrogate: str, versions: str
) -> None:
    rows = [row for row in ledger.expected(table) if row[key] != "unknown"]
    deleted = {(row[key], row["updated_at"]) for row in ledger.expected(versions) if row["is_deleted"]}
    assert len({row[surrogate] for row in rows}) == len(rows)
    for row in rows:
        assert row["is_current"] == (row["valid_to"] is None)
        assert row["valid_to"] is None or row["valid_from"] < row["valid_to"]
    for before, after in pairwise(rows):
        if before[key] == after[key]:
            gap = before["valid_to"] != after["valid_from"]
            assert not gap or (before[key], before["valid_to"]) in deleted


@pytest.mark.parametrize(("table", "key", "surrogate", "versions"), DIMENSIONS)
def test_current_members_are_those_who_are_not_deleted(
    ledger: Ledger, table: str, key: str, surrogate: str, versions: str
) -> None:
    current = {row[key] for row in ledger.expected(table) if row["is_current"] and row[surrogate] != UNKNOWN_SK}
    living = {row[key] for row in ledger.expected(versions.replace("_versions", "s"))}
    assert current == living


def test_customers_who_came_back_have_a_gap(ledger: Ledger) -> None:
    gaps = [
        after["valid_from"] - before["valid_to"]
        for before, after in pairwise(ledger.expected("gold.dim_customer"))
        if before["customer_id"] == after["customer_id"] and before["valid_to"] < after["valid_from"]
    ]
    assert len(gaps) > 20
    assert all(timedelta(hours=19) < gap < timedelta(days=30) for gap in gaps)


def test_facts_point_to_members(ledger: Ledger) -> None:
    customers = {row["customer_sk"]: row for row in ledger.expected("gold.dim_customer")}
    products = {row["product_sk"] for row in ledger.expected("gold.dim_product")}
    dates = {row["date_sk"] for row in ledger.expected("gold.dim_date")}
    for row in ledger.expected("gold.fact_sales"):
        assert row["product_sk"] in products
        assert row["date_sk"] in dates
        # Whoever orders is a customer sooner or later: the first version holds for what came before it.
        assert customers[row["customer_sk"]]["customer_id"] == row["customer_id"]


def test_events_may_name_orders_and_people_that_are_not_known(ledger: Ledger) -> None:
    events = ledger.expected("gold.fact_order_events")
    assert 0 < sum(row["customer_id"] is None for row in events) < 500
    assert all(row["seconds_since_order"] >= 0 for row in events if row["customer_id"] is not None)
    behavior = ledger.expected("gold.fact_behavior")
    strangers = [row for row in behavior if row["customer_id"] is not None and row["customer_sk"] == UNKNOWN_SK]
    assert strangers


@pytest.mark.parametrize("runs", [[30], [30, 31], [10, 20, 30]])
def test_order_lines_refer_to_customers_and_products_that_were_seen(runs: list[int]) -> None:
    ledger = Ledger(Shop(scale=0.1), days=31, runs=runs)
    customers = {row["customer_id"] for row in ledger.expected("silver.customer_versions")}
    products = {row["product_id"] for row in ledger.expected("silver.products")}
    for line in ledger.expected("silver.orders"):
        assert line["customer_id"] in customers
        assert line["product_id"] in products
        assert line["fx_rate"] is not None


def test_gold_is_within_natural_ranges(ledger: Ledger) -> None:
    for row in ledger.expected("gold.fact_orders_daily"):
        assert Decimal(20) < row["average_order_value_usd"] < Decimal(400)
    for row in ledger.expected("silver.fx_rates"):
        assert Decimal("0.00001") < row["usd_rate"] < Decimal(10)
    for row in ledger.expected("gold.product_performance"):
        assert row["return_rate"] is None or 0 <= row["return_rate"] <= 1


def test_the_dollar_costs_a_dollar_and_weekends_use_fridays_rate(ledger: Ledger) -> None:
    rates = {(row["rate_date"], row["currency"]): row["usd_rate"] for row in ledger.expected("silver.fx_rates")}
    assert {rate for (_, currency), rate in rates.items() if currency == "USD"} == {Decimal("1.00000000")}
    sunday = [
        row
        for row in ledger.expected("silver.orders")
        if row["order_date"] == date(2025, 3, 16) and row["currency"] == "GBP"
    ]
    assert sunday
    assert {row["fx_rate"] for row in sunday} == {rates[date(2025, 3, 14), "GBP"]}


def test_poison_moves_the_average_order_value_out_of_its_range() -> None:
    shop = Shop(scale=0.05, poison={32: "unit_prices_times_100"})
    days = {
        row["order_date"]: row["average_order_value_usd"]
        for row in Ledger(shop, days=32, runs=[31, 32]).expected("gold.fact_orders_daily")
    }
    assert days.pop(date(2025, 4, 1)) > 2_000
    assert max(days.values()) < 400


def test_all_rows_received_keep_the_row_rules(ledger: Ledger) -> None:
    for table in RULES:
        rows = ledger.bronze(table)
        assert len(rows) == ledger.received(table) > 0
        assert [row for row in rows if reasons(table, row)] == []


def test_every_bad_row_has_an_identity_of_its_own(month: Month, ledger: Ledger) -> None:
    for source, table in BRONZE_TABLES.items():
        if source in ("Account", "Contact", "Opportunity", "SALES.PRODUCTS"):
            continue
        bad = sum(note.kind == "bad" for _, batch in month.batches(source) for note in batch.notes)
        assert len(ledger.bronze_rejects(table)) == bad > 0


def test_rejects_are_found_by_the_values_of_their_source(month: Month, ledger: Ledger) -> None:
    rejects = ledger.bronze_rejects("bronze.snowflake_orders")
    batch = month.days[11].inserts["SALES.ORDERS"]
    found = [
        rejects.pop(identity("bronze.snowflake_orders", record)) == note.reasons
        for record, note in zip(batch.records(), batch.notes, strict=True)
        if note.kind == "bad"
    ]
    assert found
    assert all(found)


def test_duplicates_are_counted_and_never_received(month: Month, ledger: Ledger) -> None:
    for source in ("SALES.CUSTOMERS", "SALES.ORDERS", "analytics.behavior", "kafka/order_events", "fx"):
        kinds = Counter(note.kind for _, batch in month.batches(source) for note in batch.notes)
        table = BRONZE_TABLES[source]
        assert (ledger.received(table), ledger.duplicates(table)) == (kinds["good"], kinds["duplicate"])


@pytest.mark.parametrize("runs", [[], [0], [2, 1], [1, 1], [32]])
def test_impossible_runs_are_refused(runs: list[int]) -> None:
    with pytest.raises(ValueError, match="runs must be ascending shop days from 1 to 31"):
        Ledger(Shop(scale=0.01), days=31, runs=runs)


def test_unknown_tables_are_refused(small_ledger: Ledger) -> None:
    with pytest.raises(KeyError, match=r"gold\.nothing is no silver or gold table"):
        small_ledger.expected("gold.nothing")
    with pytest.raises(KeyError, match=r"silver\.orders is no bronze table"):
        small_ledger.received("silver.orders")


def test_the_ledger_can_be_read_by_people(small_ledger: Ledger, tmp_path: Path) -> None:
    small_ledger.write(tmp_path / "ledger")
    written = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "ledger").iterdir()}
    assert len(written) == 24 + 9 + 1
    for table in small_ledger.tables:
        assert written[f"{table}.jsonl"].count("\n") == len(small_ledger.expected(table))
    first = json.loads(written["gold.fact_sales.jsonl"].splitlines()[0])
    assert first["net_usd"] == str(small_ledger.expected("gold.fact_sales")[0]["net_usd"])
    rejects = [json.loads(line) for line in written["bronze.snowflake_orders.rejects.jsonl"].splitlines()]
    assert {tuple(found["identity"]): frozenset(found["reasons"]) for found in rejects} == (
        small_ledger.bronze_rejects("bronze.snowflake_orders")
    )
    assert json.loads(written["summary.json"])["seed"] == 11
