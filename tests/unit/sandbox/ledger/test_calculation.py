"""Exact arithmetic, masks, rates as of a date, members as of a moment."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.ledger.calculation import (
    UNKNOWN_SK,
    Members,
    Rates,
    date_sk,
    mask_email,
    mask_name,
    mask_phone,
    newest,
    product,
    quotient,
    rounded,
    sha256,
    total,
)

CENTS = st.integers(-(10**15), 10**15)


@given(CENTS, st.integers(1, 10**9), st.integers(0, 8))
def test_quotients_are_rounded_half_away_from_zero(numerator: int, denominator: int, places: int) -> None:
    exact = Fraction(numerator, denominator) * 10**places
    away = int(abs(exact) + Fraction(1, 2)) * (1 if exact >= 0 else -1)
    assert quotient(numerator, denominator, places) == Decimal(away).scaleb(-places)


@given(CENTS, CENTS, st.integers(0, 10**4))
def test_products_are_exact(first: int, second: int, third: int) -> None:
    factors = Decimal(first).scaleb(-2), Decimal(second).scaleb(-8), Decimal(third).scaleb(-4)
    assert Fraction(product(*factors)) == Fraction(first * second * third, 10**14)


@pytest.mark.parametrize(("value", "expected"), [("0.005", "0.01"), ("-0.005", "-0.01"), ("0.0049999", "0.00")])
def test_halves_go_away_from_zero(value: str, expected: str) -> None:
    assert str(rounded(Decimal(value), 2)) == expected


def test_the_total_of_nothing_is_zero_with_decimals() -> None:
    assert str(total([], 2)) == "0.00"


def test_masks() -> None:
    assert [mask_name(name) for name in ("𠮷明太郎", "Ann", "", None)] == ["𠮷***", "***", "***", None]
    assert [mask_phone(phone) for phone in ("+49 1234 56", "+49 12345", "7", "", None)] == [
        "***56", "***45", "***", "***", None,
    ]  # fmt: skip
    assert [mask_email(email) for email in ("zoëy@büro.example", "zoë@büro.example", None)] == [
        "z***@büro.example", "***@büro.example", None,
    ]  # fmt: skip
    assert mask_email("anna@home@work.example") == "a***@work.example"
    assert {mask_email(email) for email in ("anna", "anna@", "@", "anna@x", "anna@call 0170.1")} == {"***"}


def test_the_newest_record_wins_whatever_the_order() -> None:
    records = [{"key": key, "at": at} for key, at in (("a", 2), ("b", 1), ("a", 3), ("a", 1))]
    for given_order in (records, records[::-1]):
        found = newest(given_order, key=lambda row: row["key"], order=lambda row: row["at"])
        assert sorted((row["key"], row["at"]) for row in found) == [("a", 3), ("b", 1)]


def test_rates_are_as_of_the_latest_date_before() -> None:
    rates = Rates(
        {"currency": "GBP", "rate_date": date(2025, 3, day), "usd_rate": Decimal(day)} for day in (7, 5, 6, 10)
    )
    assert [rates.usd("GBP", date(2025, 3, day)) for day in (4, 5, 8, 9, 10, 31)] == [None, 5, 7, 7, 10, 10]
    assert rates.usd("XXX", date(2025, 3, 31)) is None


def test_members_are_those_valid_at_the_moment() -> None:
    noon, evening = datetime(2025, 3, 1, 12), datetime(2025, 3, 1, 18)
    rows = [
        {"key": "a", "sk": "first", "valid_from": noon, "valid_to": evening},
        {"key": "a", "sk": "second", "valid_from": evening, "valid_to": None},
    ]
    members = Members(rows, "key", "sk")
    assert [members.sk("a", moment) for moment in (noon, evening)] == ["first", "second"]
    assert members.sk("a", datetime(2025, 3, 1, 11, 59)) == "first"  # who ordered before the shop knew them
    assert members.sk(None, noon) == members.sk("b", noon) == UNKNOWN_SK


def test_small_functions() -> None:
    assert date_sk(date(2025, 3, 9)) == 20250309
    assert sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
