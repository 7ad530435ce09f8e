"""What a text means in a column, by `docs/values.md` and Python alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

from tests.support.odd.kinds import REFUSED, characters

COLUMNS = "id! int\nn bigint\nd decimal(20,4)\ns string\nf double\nt timestamp\nb boolean\nday date"
_NUMBER = re.compile(r"[ \t]*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?)[ \t]*", re.ASCII)
_DAY = r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
_TIME = re.compile(
    rf"{_DAY}(?:[T ]([0-9]{{2}}):([0-9]{{2}})(?::([0-9]{{2}})(?:\.([0-9]{{1,9}}))?)?(Z|[+-]\d\d:?\d\d)?)?"
)
_TRUE, _FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")


def _number(text: str) -> Decimal | None:
    match = _NUMBER.fullmatch(text)
    return Decimal(match[1]) if match else None


def _exact(text: str) -> Decimal | None:
    """With an exponent, no more than 15 digits are looked at."""
    long = re.search(r"[0-9.]{16,}[eE]|[eE][+-]?[0-9]{3}", text)
    return None if long else _number(text)


def _whole(text: str, bits: int) -> Any:
    number = _exact(text)
    fits = number is not None and -(2 ** (bits - 1)) <= number < 2 ** (bits - 1) and number == int(number)
    return int(number or 0) if fits else REFUSED


def _money(text: str) -> Any:
    number = _exact(text)
    with localcontext(prec=80):
        fits = number is not None and abs(number) < 10**16 and number == round(number, 4)
        return round(number or Decimal(0), 4) if fits else REFUSED


def _double(text: str) -> Any:
    if text in ("NaN", "Infinity", "-Infinity"):
        return float(text)
    number = _number(text)
    value = float("inf") if number is None else float(number)
    return value if abs(value) != float("inf") and Decimal(repr(value)) == number else REFUSED


def _boolean(text: str) -> Any:
    word = text.strip(" \t").lower()
    return word in _TRUE if word in _TRUE + _FALSE else REFUSED


def _instant(text: str) -> Any:
    match = _TIME.fullmatch(text.strip(" \t"))
    if not match:
        return REFUSED
    year, month, day, hour, minute, second, digits, zone = match.groups()
    digits = (digits or "").ljust(9, "0")
    try:
        clock = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))
        away = _offset(zone or "Z")
        return clock + timedelta(microseconds=int(digits[:6])) - away if digits.endswith("000") else REFUSED
    except (ValueError, OverflowError):
        return REFUSED


def _offset(zone: str) -> timedelta:
    if zone == "Z":
        return timedelta()
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if minutes > 59 or 60 * hours + minutes > 18 * 60:
        raise ValueError(zone)
    return (1 if zone[0] == "+" else -1) * timedelta(hours=hours, minutes=minutes)


def _day(text: str) -> Any:
    instant = _instant(text)
    midnight = instant is not REFUSED and instant.time() == datetime.min.time()
    return date(instant.year, instant.month, instant.day) if midnight else REFUSED


MEANING: Mapping[str, Callable[[str], Any]] = {
    "id": lambda text: _whole(text, 32),
    "n": lambda text: _whole(text, 64),
    "d": _money,
    "s": characters,
    "f": _double,
    "t": _instant,
    "b": _boolean,
    "day": _day,
}
"""What the text is in each column; REFUSED: nothing that it may hold."""


def row(values: Mapping[str, Any]) -> dict[str, Any] | None:
    """The row of these values, null where one is missing; None: it is refused. A row needs its `id`."""
    made = dict.fromkeys((*MEANING, "more")) | dict(values)
    return None if made["id"] is None or any(value is REFUSED for value in made.values()) else made


def row_of_texts(texts: Mapping[str, str | None]) -> dict[str, Any] | None:
    """The same of texts; a column that is not in the contract is any text."""
    return row({name: None if text is None else MEANING.get(name, str)(text) for name, text in texts.items()})
