"""The type of a column whose values are text: the narrowest that the engine casts every one of them to as it is."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date, datetime

_WHOLE = re.compile(r"0|-?[1-9][0-9]*")
_POINT = re.compile(r"(-?)(0|[1-9][0-9]*)\.([0-9]+)")
_EXPONENT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?[eE][+-]?[0-9]{1,3}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}"
    r"(?::[0-9]{2}(?:\.[0-9]{1,6})?(?: ?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?))?)?"
)
_TRUTHS = ("true", "false")
_LONG, _DOUBLE, _DECIMAL = 18, 15, 38  # digits that a type holds, whatever they are
_MONEY = 4  # so many digits behind the point, and always as many: an amount, and no measure


def kind_of(values: Collection[str]) -> str:
    """The Spark type for these values; `string` where there is none, or nothing narrower holds all of them.

    Digits that begin with a 0 or a + are no numbers but codes.
    """
    if not values:
        return "string"
    if all(value.lower() in _TRUTHS for value in values):
        return "boolean"
    if all(map(_is_day, values)):
        return "date"
    if all(_is_day(value) or _is_instant(value) for value in values):
        return "timestamp"
    return _number(values)


def _number(values: Collection[str]) -> str:
    whole = [value for value in values if _WHOLE.fullmatch(value)]
    if len(whole) == len(values):
        digits = max(len(value.lstrip("-")) for value in whole)
        return "bigint" if digits <= _LONG else f"decimal({_DECIMAL},0)" if digits <= _DECIMAL else "string"
    points = [found for found in map(_POINT.fullmatch, values) if found]
    exponents = sum(_EXPONENT.fullmatch(value) is not None for value in values)
    if len(whole) + len(points) + exponents < len(values):
        return "string"
    scales = {len(found[3]) for found in points}
    before = max([len(found[2]) for found in points] + [len(value.lstrip("-")) for value in whole], default=0)
    if not whole and not exponents and len(scales) == 1 and max(scales) <= _MONEY:
        return f"decimal({_LONG if before + max(scales) <= _LONG else _DECIMAL},{max(scales)})"
    if exponents or before + max(scales, default=0) <= _DOUBLE:
        return "double"
    return f"decimal({_DECIMAL},{max(scales)})" if before + max(scales) <= _DECIMAL else "string"


def _is_day(value: str) -> bool:
    try:
        return _DAY.fullmatch(value) is not None and date.fromisoformat(value) is not None
    except ValueError:
        return False


def _is_instant(value: str) -> bool:
    try:
        return _TIME.fullmatch(value) is not None and datetime.fromisoformat(value[:19].rstrip("+-Z:. ")) is not None
    except ValueError:
        return False
