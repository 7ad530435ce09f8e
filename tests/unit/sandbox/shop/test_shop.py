"""The shop as a whole: the same for the same seed, of the promised size, on any day."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.shop import CRM_OBJECTS, Day, Shop
from tests.unit.sandbox.conftest import Month

DIGEST = "from tests.unit.sandbox.shop.test_shop import digest; from sandbox.shop import Shop; " + (
    "print(digest(Shop(seed=3, scale=0.02).day(6)))"
)


def digest(day: Day) -> str:
    """One fingerprint of everything a day delivers."""
    content = [
        [(batch.source, batch.column_names, batch.rows, [sorted(note.reasons) for note in batch.notes])]
        for batch in (*day.inserts.values(), day.products, *day.crm.values(), *day.file_rows.values())
    ]
    return hashlib.sha256(repr((content, sorted(day.files.items()))).encode()).hexdigest()


def test_the_same_seed_gives_the_same_bytes_in_every_process() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for hash_seed in ("0", "1")
    }
    assert found == {digest(Shop(seed=3, scale=0.02).day(6)) + "\n"}


def test_another_seed_gives_other_rows() -> None:
    first, second = Shop(seed=1, scale=0.02).day(2), Shop(seed=2, scale=0.02).day(2)
    assert all(first.inserts[table].rows != second.inserts[table].rows for table in first.inserts)
    assert first.files != second.files


@settings(deadline=None, max_examples=12)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_a_day_does_not_depend_on_what_was_asked_before(asked: list[int]) -> None:
    shop = Shop(seed=5, scale=0.01)
    for number in asked:
        shop.day(number)
    assert digest(shop.day(9)) == digest(Shop(seed=5, scale=0.01).day(9))


def test_a_month_has_a_quarter_of_a_million_rows(month: Month) -> None:
    rows = Counter[str]()
    for day in month.days[:30]:
        for batch in (*day.inserts.values(), *day.file_rows.values()):
            rows[batch.source] += len(batch)
    records: dict[str, set[str]] = {crm_object.name: set() for crm_object in CRM_OBJECTS}
    for day in month.days[:30]:
        for name, batch in day.crm.items():
            records[name].update(row[0] for row in batch.rows)
    total = rows.total() + sum(len(ids) for ids in records.values()) + len(month.days[29].products)
    assert total == pytest.approx(250_000, rel=0.1)
    assert rows["SALES.ORDERS"] == pytest.approx(95_000, rel=0.1)
    assert rows["analytics.behavior"] == pytest.approx(85_000, rel=0.1)
    assert rows["kafka/order_events"] == pytest.approx(45_000, rel=0.1)
    assert rows["SALES.CUSTOMERS"] == pytest.approx(12_000, rel=0.1)
    assert len(records["Account"]) == pytest.approx(1_200, rel=0.1)
    assert len(records["Contact"]) == pytest.approx(5_000, rel=0.1)
    assert len(records["Opportunity"]) == pytest.approx(3_000, rel=0.1)
    assert len(month.days[29].products) == pytest.approx(800, rel=0.1)


def test_scale_multiplies_the_rows() -> None:
    small, large = (len(Shop(scale=scale).day(8).inserts["SALES.ORDERS"]) for scale in (0.1, 0.4))
    assert large / small == pytest.approx(4, rel=0.25)


def test_days_carry_the_calendar() -> None:
    shop = Shop(scale=0.01)
    assert [shop.day(number).date for number in (1, 30, 31)] == [date(2025, 3, day) for day in (1, 30, 31)]
    assert Shop(scale=0.01, start=date(2024, 12, 30)).day(3).date == date(2025, 1, 1)


def test_crm_records_are_ready_for_json(month: Month) -> None:
    for day in month.days[:3]:
        for batch in day.crm.values():
            assert json.loads(json.dumps(batch.records())) == batch.records()


@pytest.mark.parametrize("number", [0, -1, 901])
def test_days_outside_the_shops_life_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match="days 1 to 900"):
        Shop(scale=0.01).day(number)


@pytest.mark.parametrize("scale", [0, -1, 51])
def test_impossible_scales_are_refused(scale: float) -> None:
    with pytest.raises(ValueError, match="scale must be"):
        Shop(scale=scale)


def test_impossible_poison_is_refused() -> None:
    with pytest.raises(ValueError, match="no such poison: 'arsenic'"):
        Shop(poison={3: "arsenic"})
    with pytest.raises(ValueError, match="day 2: it is a weekend"):
        Shop(poison={2: "fx_rates_times_100"})


def test_poison_changes_its_day_and_passes_for_good_rows() -> None:
    clean, poisoned = Shop(scale=0.02), Shop(scale=0.02, poison={4: "unit_prices_times_100"})
    assert digest(clean.day(3)) == digest(poisoned.day(3))
    before, after = (shop.day(4).inserts["SALES.ORDERS"] for shop in (clean, poisoned))
    assert before.notes == after.notes
    placed_today = [
        (right["UNIT_PRICE"], wrong["UNIT_PRICE"])
        for right, wrong, note in zip(before.records(), after.records(), before.notes, strict=True)
        if note.kind == "good" and right["ORDER_DATE"] == date(2025, 3, 4) and right["CURRENCY"] == "EUR"
    ]
    assert placed_today
    assert all(wrong == right * 100 for right, wrong in placed_today)


def test_poisoned_rates_are_a_hundred_times_too_high() -> None:
    path = "fx/dt=2025-03-04/rates.json"
    right, wrong = (
        json.loads(Shop(scale=0.02, poison=poison).day(4).files[path]) for poison in ({}, {4: "fx_rates_times_100"})
    )
    rates = [(a["rate"], b["rate"]) for a, b in zip(right, wrong, strict=True) if isinstance(a["rate"], float)]
    assert len(rates) >= 29
    assert all(b == pytest.approx(a * 100) for a, b in rates)
