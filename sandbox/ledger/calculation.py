"""Exact arithmetic and small functions that the expected tables share."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, TypeVar

from sandbox.ledger.typed import Record

UNKNOWN_SK = "0" * 32
"""The surrogate key of the unknown member."""

_EXACT = Context(prec=76, rounding=ROUND_HALF_UP)

KeyT = TypeVar("KeyT", bound=Hashable)


def rounded(value: Decimal, places: int) -> Decimal:
    """`value` with so many decimals, half away from zero."""
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, _EXACT)


def quotient(numerator: Decimal | int, denominator: Decimal | int, places: int) -> Decimal:
    """numerator / denominator with so many decimals, half away from zero."""
    return rounded(_EXACT.divide(Decimal(numerator), Decimal(denominator)), places)


def product(*factors: Decimal | int) -> Decimal:
    """The exact product."""
    result = Decimal(1)
    for factor in factors:
        result = _EXACT.multiply(result, Decimal(factor))
    return result


def total(amounts: Iterable[Decimal], places: int) -> Decimal:
    """The exact sum with so many decimals; zero of nothing."""
    return rounded(sum(amounts, Decimal(0)), places)


def newest(records: Iterable[Record], key: Callable[[Record], KeyT], order: Callable[[Record], Any]) -> list[Record]:
    """Per key the record that comes last by `order`."""
    latest: dict[KeyT, tuple[Any, Record]] = {}
    for record in records:
        name, rank = key(record), order(record)
        if name not in latest or rank > latest[name][0]:
            latest[name] = (rank, record)
    return [record for _, record in latest.values()]


def grouped(records: Iterable[Record], key: Callable[[Record], KeyT]) -> dict[KeyT, list[Record]]:
    """The records by key."""
    groups: defaultdict[KeyT, list[Record]] = defaultdict(list)
    for record in records:
        groups[key(record)].append(record)
    return dict(groups)


def without(record: Record, *columns: str) -> Record:
    """A copy of the record without some columns."""
    return {name: value for name, value in record.items() if name not in columns}


def picked(record: Record, *columns: str) -> Record:
    """A copy of the record with these columns, in this order."""
    return {name: record[name] for name in columns}


def date_sk(day: date) -> int:
    """A date as yyyymmdd."""
    return day.year * 10_000 + day.month * 100 + day.day


def sha256(text: str) -> str:
    """Lower-case hex SHA-256 of the text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def mask_name(value: str | None) -> str | None:
    """First character and ***; nothing but *** of a text of less than four."""
    return None if value is None else f"{_first(value)}***"


def mask_phone(value: str | None) -> str | None:
    """*** and the last two characters, if there are seven digits or more."""
    if value is None:
        return None
    return f"***{value[-2:]}" if sum(each.isdigit() for each in value) >= 7 else "***"


def mask_email(value: str | None) -> str | None:
    """First character, ***@ and the domain, which begins at the last @; *** for what is no address.

    Of what stands before the @ nothing is left where that is less than four characters.
    """
    if value is None:
        return None
    local, at, domain = value.rpartition("@")
    labels = domain.split(".")
    is_domain = len(labels) > 1 and all(label and re.fullmatch(r"[\w-]+", label) for label in labels)
    return f"{_first(local)}***@{domain}" if at and is_domain else "***"


def _first(value: str) -> str:
    return value[:1] if len(value) >= 4 else ""


class Rates:
    """USD per unit of a currency, as of a date: that of the latest rate date on or before it."""

    def __init__(self, fx_rates: Iterable[Record]) -> None:
        self._dates: defaultdict[str, list[date]] = defaultdict(list)
        self._rates: defaultdict[str, list[Decimal]] = defaultdict(list)
        for record in sorted(fx_rates, key=lambda rate: rate["rate_date"]):
            self._dates[record["currency"]].append(record["rate_date"])
            self._rates[record["currency"]].append(record["usd_rate"])

    def usd(self, currency: str, on: date) -> Decimal | None:
        """The rate, or None before the first."""
        position = bisect_right(self._dates[currency], on)
        return self._rates[currency][position - 1] if position else None


class Members:
    """The surrogate keys of an SCD2 dimension by natural key and moment. The first version holds earlier, too."""

    def __init__(self, dimension: Iterable[Record], key: str, surrogate: str) -> None:
        self._periods: defaultdict[str, list[tuple[datetime, datetime | None, str]]] = defaultdict(list)
        for row in dimension:
            self._periods[row[key]].append((row["valid_from"], row["valid_to"], row[surrogate]))
        for periods in self._periods.values():
            periods.sort(key=lambda period: period[0])
            periods[0] = (datetime(1, 1, 1), *periods[0][1:])

    def sk(self, natural_key: str | None, at: datetime) -> str:
        """The key of the version valid at a moment, or the unknown member's."""
        for begin, end, surrogate in self._periods.get(natural_key or "", ()):
            if begin <= at and (end is None or at < end):
                return surrogate
        return UNKNOWN_SK
