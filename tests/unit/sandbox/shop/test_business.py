"""The shop behaves like a shop."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from datetime import datetime
from itertools import pairwise

from sandbox.shop import BEHAVIOR, CUSTOMERS, ORDERS, PRODUCTS, arrow_table
from tests.unit.sandbox.conftest import Month


def versions_by_key(month: Month, source: str, *key: str) -> dict[tuple, list[dict]]:
    found = defaultdict(list)
    for record in month.records(source, "good"):
        found[tuple(record[name] for name in key)].append(record)
    return {name: sorted(rows, key=lambda row: row["UPDATED_AT"]) for name, rows in found.items()}


def test_customers_move_change_segment_and_email(month: Month) -> None:
    changes = Counter[str]()
    for versions in versions_by_key(month, "SALES.CUSTOMERS", "CUSTOMER_ID").values():
        for before, after in pairwise(versions):
            changed = [name for name in before if before[name] != after[name] and name != "UPDATED_AT"]
            changes.update(changed or ["nothing"])
    assert all(changes[name] > 50 for name in ("CITY", "COUNTRY", "SEGMENT", "EMAIL", "PHONE", "IS_DELETED", "nothing"))


def test_soft_deletes_and_reappearances(month: Month) -> None:
    for source, key in (("SALES.CUSTOMERS", ("CUSTOMER_ID",)), ("SALES.ORDERS", ("ORDER_ID", "LINE_NUMBER"))):
        flags = [[row["IS_DELETED"] for row in rows] for rows in versions_by_key(month, source, *key).values()]
        assert sum(found[-1] for found in flags) > 30
        assert sum(True in found and not found[-1] for found in flags) > 10


def test_products_vanish_and_some_come_back(month: Month) -> None:
    listed = [
        {row[0] for row, note in zip(day.products.rows, day.products.notes, strict=True) if note.kind == "good"}
        for day in month.days
    ]
    vanished = [before - after for before, after in pairwise(listed)]
    returned = [after - before for before, after in pairwise(listed)]
    seen_before = set(listed[0])
    comebacks = set()
    for before, fresh in zip(listed, returned, strict=False):
        seen_before |= before
        comebacks |= fresh & seen_before
    assert sum(len(ids) for ids in vanished[:29]) > 5
    assert len(vanished[29]) > 20, "the last day of the month clears the table"
    assert comebacks


def test_products_that_were_sold_stay_until_the_end_of_the_month(month: Month) -> None:
    sold: set[str] = set()
    for day in month.days[:30]:
        orders = day.inserts["SALES.ORDERS"]
        position = orders.column_names.index("PRODUCT_ID")
        sold.update(row[position] for row, note in zip(orders.rows, orders.notes, strict=True) if note.kind == "good")
        assert sold <= {row[0] for row in day.products.rows}
    assert sold - {row[0] for row in month.days[30].products.rows}


def test_orders_have_several_lines_and_statuses(month: Month) -> None:
    lines = versions_by_key(month, "SALES.ORDERS", "ORDER_ID", "LINE_NUMBER")
    per_order = Counter(order for order, _ in lines)
    ways = Counter("→".join(dict.fromkeys(row["STATUS"] for row in rows)) for rows in lines.values())
    assert 1.8 < sum(per_order.values()) / len(per_order) < 2.5
    usual = ("placed→shipped→delivered", "placed→delivered", "placed→cancelled", "placed→shipped→delivered→returned")
    assert min(ways[way] for way in usual) > 100, ways


def test_a_few_customers_buy_much(month: Month) -> None:
    orders = {record["ORDER_ID"]: record["CUSTOMER_ID"] for record in month.records("SALES.ORDERS", "good")}
    buyers = Counter(orders.values()).most_common()
    top = sum(count for _, count in buyers[: len(buyers) // 100])
    assert top / len(orders) > 0.10
    assert len(buyers) > 3_000


def test_few_products_make_most_sales(month: Month) -> None:
    sales = Counter(record["PRODUCT_ID"] for record in month.records("SALES.ORDERS", "good")).most_common()
    assert sum(count for _, count in sales[: len(sales) // 10]) > 0.3 * sum(count for _, count in sales)


def test_days_and_weeks_have_a_rhythm(month: Month) -> None:
    ordered = {record["ORDER_ID"]: record["ORDERED_AT"] for record in month.records("SALES.ORDERS", "good")}
    moments = list(ordered.values())
    hours = Counter(moment.hour for moment in moments)
    assert hours[19] > 5 * hours[3]
    weekdays = Counter(moment.weekday() for moment in moments if moment >= datetime(2025, 3, 3))
    assert weekdays[5] > 1.1 * weekdays[1]


def test_modstamps_are_unique_and_within_their_day(month: Month) -> None:
    for name in ("Account", "Contact", "Opportunity"):
        stamps = [record["SystemModstamp"] for record in month.records(name)]
        assert len(stamps) == len(set(stamps))
        for number, batch in month.batches(name)[1:]:
            day = month.days[number - 1].date.isoformat()
            assert {record["SystemModstamp"][:10] for record in batch.records()} == {day}


def test_crm_records_change_break_and_are_repaired(month: Month) -> None:
    kinds: dict[str, list[str]] = defaultdict(list)
    for _, batch in month.batches("Opportunity"):
        for row, note in zip(batch.rows, batch.notes, strict=True):
            kinds[row[0]].append(note.kind)
    assert any(found[:1] == ["good"] and "bad" in found and found[-1] == "good" for found in kinds.values())
    assert any(found == ["bad"] for found in kinds.values())


def test_batches_become_arrow_tables(month: Month) -> None:
    day = month.days[8]
    for batch, table in (
        (day.inserts["SALES.CUSTOMERS"], CUSTOMERS),
        (day.inserts["SALES.ORDERS"], ORDERS),
        (day.inserts["analytics.behavior"], BEHAVIOR),
        (day.products, PRODUCTS),
    ):
        arrow = arrow_table(batch)
        assert arrow.column_names == [column.name for column in table.columns]
        for found, meant in zip(arrow.to_pylist(), batch.records(), strict=True):
            assert {name: _comparable(value) for name, value in found.items()} == {
                name: _comparable(value) for name, value in meant.items()
            }


def _comparable(value: object) -> object:
    return "nan" if isinstance(value, float) and math.isnan(value) else value
