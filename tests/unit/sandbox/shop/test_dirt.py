"""Every kind of dirt is there, is what its note says, and comes in the right amount."""

from __future__ import annotations

import math
from collections import Counter
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import pytest

from sandbox.ledger import BRONZE_TABLES
from sandbox.ledger.typed import bronze_names
from sandbox.shop.sources import behavior, catalogue, crm_records, customers, fx, order_events, sales
from tests.unit.sandbox.conftest import Month
from tests.unit.sandbox.rules import is_special, reasons

ALL_SOURCES = sorted(BRONZE_TABLES)
SPOILERS = {
    "SALES.CUSTOMERS": customers.SPOILER,
    "SALES.ORDERS": sales.SPOILER,
    "SALES.PRODUCTS": catalogue.SPOILER,
    "analytics.behavior": behavior.SPOILER,
    "Account": crm_records.ACCOUNT_SPOILER,
    "Contact": crm_records.CONTACT_SPOILER,
    "Opportunity": crm_records.OPPORTUNITY_SPOILER,
    "kafka/order_events": order_events.SPOILER,
}


def end_of_day(month: Month, number: int) -> datetime:
    return datetime.combine(month.days[number - 1].date, datetime.min.time()) + timedelta(days=1)


@pytest.mark.parametrize("source", ALL_SOURCES)
def test_notes_tell_exactly_which_rules_a_row_breaks(month: Month, source: str) -> None:
    table = BRONZE_TABLES[source]
    wrong = [
        (row, note)
        for _, batch in month.batches(source)
        for row, note in zip(batch.rows, batch.notes, strict=True)
        if note.raw is None and reasons(table, dict(zip(bronze_names(batch), row, strict=True))) != note.reasons
    ]
    assert wrong == []


@pytest.mark.parametrize("source", sorted(SPOILERS))
def test_every_flaw_occurs_in_a_month(month: Month, source: str) -> None:
    found = {reason for _, batch in month.batches(source) for note in batch.notes for reason in note.reasons}
    assert found - {"_record.parse"} == SPOILERS[source].reasons


def test_most_flaws_of_rates_occur_in_a_month(month: Month) -> None:
    found = {reason for _, batch in month.batches("fx") for note in batch.notes for reason in note.reasons}
    assert "_record.parse" in found
    assert found - {"_record.parse"} <= fx.SPOILER.reasons
    assert len(found) >= 8


@pytest.mark.parametrize("source", ["SALES.CUSTOMERS", "SALES.ORDERS", "analytics.behavior", "kafka/order_events"])
def test_one_or_two_rows_in_a_hundred_are_bad(month: Month, source: str) -> None:
    kinds = Counter(note.kind for _, batch in month.batches(source) for note in batch.notes)
    assert 0.01 < kinds["bad"] / kinds.total() < 0.02


def test_some_rows_break_several_rules(month: Month) -> None:
    broken = Counter(len(note.reasons) for _, batch in month.batches("SALES.ORDERS") for note in batch.notes)
    assert broken[2] > 50
    assert broken[3] > 10


@pytest.mark.parametrize(
    ("source", "column"),
    [("SALES.CUSTOMERS", "UPDATED_AT"), ("SALES.ORDERS", "UPDATED_AT"), ("analytics.behavior", "loaded_at")],
)
def test_the_watermark_is_null_on_a_few_bad_rows_only(month: Month, source: str, column: str) -> None:
    null = {
        note.kind
        for _, batch in month.batches(source)
        for record, note in zip(batch.records(), batch.notes, strict=True)
        if record[column] is None
    }
    assert null == {"bad"}


@pytest.mark.parametrize(
    ("source", "column"),
    [("SALES.CUSTOMERS", "UPDATED_AT"), ("SALES.ORDERS", "UPDATED_AT"), ("analytics.behavior", "loaded_at")],
)
def test_nothing_comes_from_the_future(month: Month, source: str, column: str) -> None:
    for number, batch in month.batches(source):
        stamps = [record[column] for record in batch.records() if record[column] is not None]
        assert max(stamps) < end_of_day(month, number)
        assert all(stamp.microsecond % 1000 == 0 for stamp in stamps)


@pytest.mark.parametrize("source", ["SALES.CUSTOMERS", "SALES.ORDERS"])
def test_late_versions_are_at_most_sixty_hours_late(month: Month, source: str) -> None:
    late = Counter[int]()
    for number, batch in month.batches(source):
        midnight = end_of_day(month, number) - timedelta(days=1)
        for record, note in zip(batch.records(), batch.notes, strict=True):
            if note.kind == "good" and number > 1 and record["UPDATED_AT"] < midnight:
                age = midnight - record["UPDATED_AT"]
                assert age <= timedelta(hours=60)
                late[age.days] += 1
    assert all(late[days] > 0 for days in (0, 1, 2))


@pytest.mark.parametrize("source", ["SALES.CUSTOMERS", "SALES.ORDERS", "analytics.behavior", "kafka/order_events"])
def test_duplicates_repeat_a_good_row_of_that_day_or_the_day_before(month: Month, source: str) -> None:
    good: dict[int, set[tuple[Any, ...]]] = {0: set()}
    again = Counter[str]()
    for number, day in groupby(month.batches(source), key=lambda found: found[0]):
        labelled = [
            (padded(row, source), note.kind)
            for _, batch in day
            for row, note in zip(batch.rows, batch.notes, strict=True)
        ]
        good[number] = {row for row, kind in labelled if kind == "good"}
        again.update(
            "same day" if row in good[number] else "day before" if row in good[number - 1] else "never"
            for row, kind in labelled
            if kind == "duplicate"
        )
    assert again["never"] == 0
    assert again["same day"] > 20
    assert again["day before"] > 10


def padded(row: tuple[Any, ...], source: str) -> tuple[Any, ...]:
    """The row with nulls for the columns that its source did not have yet."""
    return row + (None,) * (len(SPOILERS[source].columns) - len(row))


def test_an_event_is_sent_again_with_a_later_time_of_loading(month: Month) -> None:
    loaded = Counter(record["event_id"] for record in month.records("analytics.behavior", "good"))
    assert sum(count == 2 for count in loaded.values()) > 200


def test_kafka_delivers_some_events_again_under_a_later_offset(month: Month) -> None:
    offsets: dict[str, list[int]] = {}
    for record in month.records("kafka/order_events", "good"):
        offsets.setdefault(record["event_id"], []).append(record["offset"])
    redelivered = [found for found in offsets.values() if len(found) > 1]
    assert len(redelivered) > 100
    assert all(len(set(found)) == len(found) for found in redelivered)


def test_no_two_different_good_rows_share_key_and_time(month: Month) -> None:
    for source, key in (
        ("SALES.CUSTOMERS", ("CUSTOMER_ID", "UPDATED_AT")),
        ("SALES.ORDERS", ("ORDER_ID", "LINE_NUMBER", "UPDATED_AT")),
        ("analytics.behavior", ("event_id", "loaded_at")),
        ("fx", ("rate_date", "currency", "published_at")),
        ("kafka/order_events", ("topic", "partition", "offset")),
    ):
        keys = Counter(tuple(record[name] for name in key) for record in month.records(source, "good"))
        assert max(keys.values()) == 1, source


def test_durations_are_not_always_numbers(month: Month) -> None:
    special = [record["duration_seconds"] for record in month.records("analytics.behavior", "bad")]
    found = {repr(value) for value in special if is_special(value)}
    assert found == {"nan", "inf", "-inf"}
    assert not any(math.isnan(r["duration_seconds"] or 0) for r in month.records("analytics.behavior", "good"))


def test_text_is_from_everywhere(month: Month) -> None:
    people = month.records("SALES.CUSTOMERS", "good")
    text = "".join(f"{record['FIRST_NAME']}{record['LAST_NAME']}{record['STREET']}" for record in people)
    kinds = ("é", "ß", "Ł", "佐", "𠮷", "כ", "م", "👩\u200d🚀", "e\u0301", '"', "'", "\n", "\t", "\\")
    assert [kind for kind in kinds if kind not in text] == []
    assert any(record["FIRST_NAME"].startswith(" ") for record in people)
    assert any(record["EMAIL"].isupper() for record in people)


def test_dates_at_the_ends_of_time_are_legal_where_there_is_no_rule(month: Month) -> None:
    births = {record["DATE_OF_BIRTH"] for record in month.records("SALES.CUSTOMERS", "good")}
    closes = {record["CloseDate"] for record in month.records("Opportunity", "good")}
    assert {None, "0001-01-01", "9999-12-31"} <= births
    assert {None, "0001-01-01", "9999-12-31"} <= closes
