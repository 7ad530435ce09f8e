"""The files say what the shop meant, byte for byte."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from decimal import Decimal

from sandbox.shop import Shop
from tests.unit.sandbox.conftest import Month


def test_json_files_hold_their_rows(month: Month) -> None:
    readable = 0
    for day in month.days:
        for path, batch in day.file_rows.items():
            if path.startswith("fx/") and batch.notes[0].raw is None:
                readable += 1
                assert json.loads(day.files[path]) == batch.records()
    assert readable > 25


def test_csv_files_hold_their_rows(month: Month) -> None:
    lines = 0
    for day in month.days:
        for path, batch in day.file_rows.items():
            if path.startswith("kafka/"):
                header, *rows = csv.reader(io.StringIO(day.files[path].decode(), newline=""))
                whole = [row for row, note in zip(rows, batch.notes, strict=True) if note.raw is None]
                written = [row for row, note in zip(batch.rows, batch.notes, strict=True) if note.raw is None]
                assert tuple(header) == batch.column_names
                assert whole == [["" if value is None else str(value) for value in row] for row in written]
                lines += len(rows)
    assert lines > 40_000


def test_payloads_are_json_with_quotes_and_line_breaks(month: Month) -> None:
    payloads = [record["payload"] for record in month.records("kafka/order_events", "good") if record["payload"]]
    assert all(isinstance(json.loads(payload), dict) for payload in payloads)
    assert any("\n" in payload for payload in payloads)
    assert any('\\"' in payload for payload in payloads)
    assert any("🎁" in payload for payload in payloads)


def test_unreadable_records_are_written_as_they_are(month: Month) -> None:
    unreadable = [
        (day.files[path].decode(), note.raw)
        for day in month.days
        for path, batch in day.file_rows.items()
        for note in batch.notes
        if note.raw is not None
    ]
    assert {content[0] for content, _ in unreadable} == {"[", "t"}
    assert all(raw in content for content, raw in unreadable)
    assert len({raw for _, raw in unreadable}) == len(unreadable)


def test_a_partition_without_events_is_a_header_only(month: Month) -> None:
    empty = [day.files[path] for day in month.days for path, batch in day.file_rows.items() if not len(batch)]
    assert len(empty) == 3
    assert all(content.startswith(b"topic,partition,offset,") and content.count(b"\n") == 1 for content in empty)


def test_columns_appear_on_day_five(month: Month) -> None:
    for day in month.days[:8]:
        orders = day.inserts["SALES.ORDERS"]
        events = day.file_rows[f"kafka/order_events/dt={day.date}/part-0000.csv"]
        assert ("SALES_CHANNEL" in orders.column_names) == (day.number >= 5)
        assert ("device" in events.column_names) == (day.number >= 5)
        assert all(len(row) == len(orders.columns) for row in orders.rows)
    channels = {record.get("SALES_CHANNEL") for record in month.records("SALES.ORDERS", "good")}
    devices = {record.get("device") for record in month.records("kafka/order_events", "good")}
    assert channels == {None, "web", "app", "store", "phone"}
    assert devices == {None, "ios", "android", "web"}


def test_paths_are_never_written_twice(month: Month) -> None:
    paths = [path for day in month.days for path in day.files]
    assert len(paths) == len(set(paths))


def test_rates_are_published_on_business_days_from_a_week_before(month: Month) -> None:
    folders = {path.split("/")[1].removeprefix("dt=") for day in month.days for path in day.files if "rates" in path}
    dates = {date.fromisoformat(folder) for folder in folders}
    assert min(dates) == date(2025, 2, 24)
    assert {found.weekday() for found in dates} == {0, 1, 2, 3, 4}
    assert len(dates) == 26
    assert sum(path.startswith("fx/") for path in month.days[0].files) == 5


def test_rates_have_the_magnitude_of_march_2025(month: Month) -> None:
    published: dict[tuple[str, str], Decimal] = {}
    for record in month.records("fx", "good"):
        published.setdefault((record["rate_date"], record["currency"]), Decimal(repr(record["rate"])))
    by_currency = {
        currency: [rate for (_, found), rate in published.items() if found == currency]
        for currency in {currency for _, currency in published}
    }
    assert len(by_currency) == 30
    for currency, low, high in (
        ("USD", "1.03", "1.10"), ("JPY", "155", "165"), ("GBP", "0.82", "0.85"), ("CHF", "0.93", "0.97"),
        ("SEK", "10.7", "11.3"), ("DKK", "7.45", "7.47"), ("IDR", "16500", "18500"),
    ):  # fmt: skip
        assert Decimal(low) < min(by_currency[currency]) <= max(by_currency[currency]) < Decimal(high)
    assert published["2025-03-03", "USD"] == Decimal("1.0465")
    assert published["2025-03-31", "USD"] == Decimal("1.0815")


def test_a_correction_publishes_an_older_date_again_later(month: Month) -> None:
    corrections = [
        (batch.records(), [note.kind for note in batch.notes])
        for day in month.days
        for path, batch in day.file_rows.items()
        if path.endswith("rates-correction.json")
    ]
    assert corrections
    for records, kinds in corrections:
        assert kinds[-1] == "duplicate"
        assert all(record["rate_date"] < record["published_at"][:10] for record in records[:-1])


def test_another_start_moves_the_rates() -> None:
    paths = [path for path in Shop(scale=0.01, start=date(2025, 3, 5)).day(1).files if path.startswith("fx/")]
    assert paths[0] == "fx/dt=2025-02-26/rates.json"
    assert paths[-1] == "fx/dt=2025-03-05/rates.json"
