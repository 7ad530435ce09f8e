"""What came and went between two extractions was never seen."""

from __future__ import annotations

from collections import Counter

from sandbox.ledger import Ledger
from sandbox.shop import Shop
from sandbox.shop.clock import Clock
from sandbox.shop.sources.catalogue import Catalogue

SHOP = Shop(seed=21, scale=0.3)


def test_fewer_extractions_see_fewer_crm_versions() -> None:
    daily = Ledger(SHOP, days=14, runs=range(1, 15))
    late = Ledger(SHOP, days=14, runs=[14])
    assert daily.received("bronze.crm_opportunities") > late.received("bronze.crm_opportunities")
    seen_daily, seen_late = (
        {(row["account_id"], row["updated_at"]) for row in found.expected("silver.account_versions")}
        for found in (daily, late)
    )
    assert seen_late < seen_daily
    assert max(Counter(key for key, _ in seen_late).values()) == 1


def test_append_only_sources_do_not_care_when_they_are_extracted() -> None:
    daily = Ledger(SHOP, days=14, runs=range(1, 15))
    late = Ledger(SHOP, days=14, runs=[14])
    for table in ("silver.orders", "silver.customer_versions", "silver.behavior", "silver.order_events"):
        assert daily.expected(table) == late.expected(table)
    for table in ("bronze.snowflake_orders", "bronze.kafka_events", "bronze.fx_rates"):
        assert daily.bronze_rejects(table) == late.bronze_rejects(table)


def test_a_broken_record_keeps_its_last_good_version_if_that_was_seen() -> None:
    daily = Ledger(SHOP, days=14, runs=range(1, 15))
    broken_now = {
        row[0]
        for number in range(1, 15)
        for row, note in zip(*_records(number, "Opportunity"), strict=True)
        if note.kind == "bad" and row[0].startswith("OPP-")
    }
    known = {row["opportunity_id"] for row in daily.expected("silver.opportunities")}
    assert broken_now & known, "seen before or repaired since"
    assert broken_now - known, "never was right"


def test_products_that_vanished_stay_as_discontinued_if_they_were_seen() -> None:
    both = Ledger(SHOP, days=31, runs=[30, 31])
    late = Ledger(SHOP, days=31, runs=[31])
    gone = {row["product_id"] for row in both.expected("silver.products") if row["is_discontinued"]}
    assert gone
    assert gone.isdisjoint(row["product_id"] for row in late.expected("silver.products"))
    listed = {
        row[0]
        for row, note in zip(SHOP.day(31).products.rows, SHOP.day(31).products.notes, strict=True)
        if note.kind == "good"
    }
    assert {row["product_id"] for row in both.expected("silver.products")} == gone | listed


def test_a_product_that_comes_back_is_sold_again() -> None:
    catalogue = Catalogue(SHOP.seed, SHOP.scale, Clock(SHOP.start))
    listed = {number: {row[0] for row in catalogue.table(number).rows if row[0]} for number in range(1, 31)}
    comebacks = {
        (product_id, gone, back)
        for gone in range(2, 26)
        for back in range(gone + 1, 30)
        for product_id in (listed[gone - 1] - listed[gone]) & (listed[back] - listed[back - 1])
        if product_id.startswith("PRD-")
    }
    product_id, gone, back = min(comebacks)
    without = Ledger(SHOP, days=back, runs=[gone - 1, gone])
    after = Ledger(SHOP, days=back, runs=[gone - 1, gone, back])
    assert [discontinued(found, product_id) for found in (without, after)] == [True, False]
    versions = [row for row in after.bronze("bronze.snowflake_products") if row["product_id"] == product_id]
    assert [row["is_deleted"] for row in versions] == [None, True, None]


def discontinued(ledger: Ledger, product_id: str) -> bool:
    rows = {row["product_id"]: row for row in ledger.expected("silver.products")}
    return bool(rows[product_id]["is_discontinued"])


def _records(number: int, name: str) -> tuple[tuple, tuple]:
    batch = SHOP.day(number).crm[name]
    return batch.rows, batch.notes
