"""Values of one type as values of another: the same value, or null. What is lost on the way is never lost in silence.

A value may enter a column where it comes back the same. By a `CastSpec` a load file lets it lose something all the
same; `adapted` gives what it takes then.

Text is read by what it may look like, not by what Java's parsers put up with: `12D`, `0x1p3`, a time zone `BST` or the
date `2025` are no values. Digits are ASCII, blanks (spaces, tabs) around a value count for nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import Column
from pyspark.sql import functions as F

from tidemark.compile.instants import in_zone, instant_of_text, wall_clock, within_reach
from tidemark.config.load import CastSpec
from tidemark.sql.types import FRACTIONS, INTEGERS, MAX_PRECISION, decimal_digits

if TYPE_CHECKING:
    from tidemark.config.contract import Contract
    from tidemark.config.load import Load

EXACT = CastSpec()
_MICROS = "yyyy-MM-dd'T'HH:mm:ss.SSSSSS"
JSON = {"ignoreNullFields": "false", "timestampFormat": f"{_MICROS}XXX", "timestampNTZFormat": _MICROS}
"""JSON that says all there is: with nulls, and times to the microsecond."""

_BLANK = r"[ \t]*"
# Exponents and lengths have bounds: Java would try to write out every digit of 1e-999999999.
_NUMBER = rf"\A{_BLANK}[+-]?(?=\.?[0-9])[0-9]{{0,60}}(?:\.[0-9]{{0,60}})?(?:[eE][+-]?[0-9]{{1,3}})?{_BLANK}\z"
# Of so few digits two decimals are never the same double.
_SCIENTIFIC = rf"\A{_BLANK}[+-]?(?=\.?[0-9])(?=[0-9.]{{1,15}}[eE])[0-9]*\.?[0-9]*[eE][+-]?[0-9]{{1,2}}{_BLANK}\z"
_TRUTH = rf"\A{_BLANK}(?i:true|t|yes|y|1|false|f|no|n|0){_BLANK}\z"
_DATE = rf"\A{_BLANK}[0-9]{{4}}-[0-9]{{1,2}}-[0-9]{{1,2}}{_BLANK}\z"
_WIDEST = f"decimal({MAX_PRECISION},0)"
_BIGINT_END = 2.0**63  # the least double that is no bigint, and becomes the greatest one when it is cast


@dataclass(frozen=True)
class _Digits:
    """Of a binary fraction: how many decimal digits always come back (between `least` and `greatest`), how many name
    any value of the type, and of how many bits it holds every integer.
    """

    safe: int
    enough: int
    bits: int
    least: float
    greatest: float


_DIGITS: Mapping[str, _Digits] = {
    "float": _Digits(6, 9, 16, 2.0**-126, (2 - 2.0**-23) * 2.0**127),
    "double": _Digits(15, 17, 32, 2.0**-1022, sys.float_info.max),
}


@dataclass(frozen=True)
class _Given:
    """A value, its type, the type that it should have, and what the load file says of that."""

    value: Column
    type: str
    wanted: str
    how: CastSpec


def same_value(value: Column, given: str, wanted: str, how: CastSpec = EXACT) -> Column:
    """`value` (of the type `given`) as `wanted`, null where that is not the same value.

    Of `how` only the time zone counts here. Types are named as Spark's `simpleString` does.
    """
    if given == wanted:
        return value
    kinds = _kind(given), _kind(wanted)
    cast = _CASTS.get(kinds, _always if "string" in kinds else _never)
    return cast(_Given(value, given, wanted, how))


def adapted(value: Column, given: str, wanted: str, how: CastSpec) -> Column:
    """`value` as `wanted` where the load file lets digits, or the time of a day, go; null where that would not do."""
    if given == wanted or how.fit is None:
        return same_value(value, given, wanted, how)
    cast = _LENIENT.get((_kind(given), _kind(wanted)), _never)
    return cast(_Given(value, given, wanted, how))


def casts_of(contract: Contract, load: Load) -> dict[str, CastSpec]:
    """How values come into the contract's columns, where that is not `EXACT`: as load file and contract say."""
    found = {}
    for column in contract.columns:
        how = load.cast.get(column.name, EXACT)
        if how.zone is None and column.zone is not None:
            how = how.model_copy(update={"zone": column.zone})
        if how != EXACT:
            found[column.name] = how
    return found


def _kind(name: str) -> str:
    """What is cast alike."""
    if name in INTEGERS:
        return "integer"
    if name in FRACTIONS:
        return "fraction"
    stem = name.partition("(")[0].partition("<")[0]
    return {"char": "string", "varchar": "string", "array": "nested", "map": "nested", "struct": "nested"}.get(
        stem, stem
    )


def _never(given: _Given) -> Column:
    return F.lit(None).cast(given.wanted)


def _always(given: _Given) -> Column:
    """Where the cast gives null for what it cannot hold, and nothing else is lost by it."""
    return given.value.try_cast(given.wanted)


# ---- to text


def _text_of_bytes(given: _Given) -> Column:
    text = given.value.cast("string")
    return F.when(F.is_valid_utf8(text), text)


def _json_of_nested(given: _Given) -> Column:
    return F.to_json(given.value, JSON)


# ---- numbers from text


def _integer_of_text(given: _Given) -> Column:
    number, whole = given.value.try_cast(given.wanted), given.value.try_cast(_WIDEST)
    spelled = given.value.rlike(_spelled(0)) | _is_exactly(given.value, whole)  # ` 7`, `+7`, `7.0`, `7e0`
    return F.when(number.cast("string") == given.value, number).when(spelled, whole.try_cast(given.wanted))


def _decimal_of_text(given: _Given) -> Column:
    number = given.value.try_cast(given.wanted)
    return F.when(given.value.rlike(_spelled(_scale(given.wanted))) | _is_exactly(given.value, number), number)


def _spelled(scale: int) -> str:
    """What a number without an exponent looks like that needs no more digits behind the point than `scale`."""
    behind = rf"(?:\.[0-9]{{0,{scale}}}0{{0,60}})?"
    return rf"\A{_BLANK}[+-]?(?=\.?[0-9])[0-9]{{0,60}}{behind}{_BLANK}\z"


def _is_exactly(text: Column, number: Column) -> Column:
    """Whether a text with an exponent is this decimal."""
    return text.rlike(_SCIENTIFIC) & (number.cast("double") == text.try_cast("double"))


def _fraction_of_text(given: _Given) -> Column:
    """A text means the nearest value of the type, if that keeps all of its digits.

    `0.1` is a double as 0.1 ever is one; 12345678901234567 is none. As the type writes them itself, NaN and Infinity
    are values too.
    """
    number, digits = given.value.try_cast(given.wanted), _DIGITS[given.wanted]
    plain = rf"\A{_BLANK}[+-]?(?=\.?[0-9])(?=[0-9.]{{1,{digits.safe}}}{_BLANK}\z)[0-9]*\.?[0-9]*{_BLANK}\z"
    as_written = number.cast("string")
    return (
        F.when(given.value.rlike(plain), number)
        .when(as_written == given.value, number)
        .when(_is_number(given.value) & _keeps_digits(given.value, number, digits), number)
    )


def _keeps_digits(text: Column, number: Column, digits: _Digits) -> Column:
    """Whether the value, written with as many digits as the text has, gives those of the text.

    Java writes some values with a digit more than it takes.
    """
    wanted, found = _significant(text), _significant(number.cast("string"))
    count = F.length(wanted)
    is_safe = (count <= digits.safe) & F.abs(number).between(digits.least, digits.greatest)
    differ = F.abs(_filled(wanted, digits.enough) - _filled(found, digits.enough))
    return is_safe | ((count <= digits.enough) & (differ * 2 <= F.pow(F.lit(10.0), digits.enough - count)))


def _filled(digits: Column, length: int) -> Column:
    return F.rpad(digits, length, "0").cast("bigint")


def _is_number(text: Column) -> Column:
    return text.rlike(_NUMBER)


def _significant(number: Column) -> Column:
    """The digits of a number's text from the first to the last that is not 0."""
    return F.trim(F.regexp_replace(number, r"[eE].*|[^0-9]", ""), F.lit("0"))


# ---- numbers from numbers


def _there_and_back(given: _Given) -> Column:
    cast = given.value.try_cast(given.wanted)
    return F.when(cast.try_cast(given.type) == given.value, cast)


def _fraction_of_integer(given: _Given) -> Column:
    cast = given.value.cast(given.wanted)
    if INTEGERS[given.type] <= _DIGITS[given.wanted].bits:
        return cast
    return F.when((cast < _BIGINT_END) & (cast.try_cast(given.type) == given.value), cast)


def _fraction_of_decimal(given: _Given) -> Column:
    cast = given.value.cast(given.wanted)
    return F.when(_as_written(cast, given.wanted).try_cast(given.type) == given.value, cast)


def _integer_of_fraction(given: _Given) -> Column:
    cast = given.value.try_cast(given.wanted)
    return F.when((given.value < _BIGINT_END) & (cast.cast(given.type) == given.value), cast)


def _decimal_of_fraction(given: _Given) -> Column:
    cast = _as_written(given.value, given.type).try_cast(given.wanted)
    return F.when(cast.cast(given.type) == given.value, cast)


def _as_written(fraction: Column, of_type: str) -> Column:
    """A fraction to be made a decimal, by the digits with which it is written: Spark makes a float a double first."""
    return fraction.cast("string") if of_type == "float" else fraction


def _decimal_of_decimal(given: _Given) -> Column:
    return _always(given) if _scale(given.type) <= _scale(given.wanted) else _there_and_back(given)


def _integer_of_decimal(given: _Given) -> Column:
    return _always(given) if _scale(given.type) == 0 else _there_and_back(given)


def _fraction_of_fraction(given: _Given) -> Column:
    return given.value.cast("double") if given.wanted == "double" else _there_and_back(given)


# ---- truth


def _boolean_of_text(given: _Given) -> Column:
    cast = given.value.try_cast("boolean")
    return F.when(given.value.isin("true", "false"), cast).when(given.value.rlike(_TRUTH), cast)


def _boolean_of_number(given: _Given) -> Column:
    return F.when(given.value.isin(0, 1), given.value == 1)


# ---- days and instants


def _date_of_text(given: _Given) -> Column:
    midnight = _whole_day(instant_of_text(given.value, given.how, names=False), given.how)
    return F.when(given.value.rlike(_DATE), given.value.try_cast("date")).otherwise(midnight)


def _date_of_instant(given: _Given) -> Column:
    return _whole_day(within_reach(given.value, given.type), given.how)


def _whole_day(instant: Column, how: CastSpec) -> Column:
    local = wall_clock(instant, how)
    day = local.cast("date")
    return F.when(day.cast("timestamp") == local, day)


def _date_of_local(given: _Given) -> Column:
    local = within_reach(given.value, given.type)
    day = local.cast("date")
    return F.when(day.cast("timestamp_ntz") == local, day)


def _instant_of_text(given: _Given) -> Column:
    return instant_of_text(given.value, given.how)


def _instant_of_local(given: _Given) -> Column:
    """Of a time without a zone, or a date: its first instant."""
    return in_zone(within_reach(given.value, given.type).cast("timestamp"), given.how)


_Cast = Callable[[_Given], Column]
_CASTS: Mapping[tuple[str, str], _Cast] = {
    ("binary", "string"): _text_of_bytes,
    ("nested", "string"): _json_of_nested,
    **{("boolean", kind): _always for kind in ("integer", "fraction", "decimal")},
    ("string", "integer"): _integer_of_text,
    ("integer", "integer"): _always,
    ("fraction", "integer"): _integer_of_fraction,
    ("decimal", "integer"): _integer_of_decimal,
    ("string", "fraction"): _fraction_of_text,
    ("integer", "fraction"): _fraction_of_integer,
    ("fraction", "fraction"): _fraction_of_fraction,
    ("decimal", "fraction"): _fraction_of_decimal,
    ("string", "decimal"): _decimal_of_text,
    ("integer", "decimal"): _always,
    ("fraction", "decimal"): _decimal_of_fraction,
    ("decimal", "decimal"): _decimal_of_decimal,
    ("string", "boolean"): _boolean_of_text,
    **{(kind, "boolean"): _boolean_of_number for kind in ("integer", "fraction", "decimal")},
    ("string", "date"): _date_of_text,
    ("timestamp", "date"): _date_of_instant,
    ("timestamp_ntz", "date"): _date_of_local,
    ("string", "timestamp"): _instant_of_text,
    ("timestamp_ntz", "timestamp"): _instant_of_local,
    ("date", "timestamp"): _instant_of_local,
}


# ---- what a load file lets go


def _rounded(given: _Given) -> Column:
    """To the digits that a decimal or integer column has, half up."""
    number = _readable(given)
    return number.try_cast(f"decimal({MAX_PRECISION},{_scale(given.wanted)})").try_cast(given.wanted)


def _cut(given: _Given) -> Column:
    """Without the digits that a decimal or integer column has no place for; no text with an exponent is cut."""
    scale, number = _scale(given.wanted), given.value
    if given.type == "string":
        kept = rf"(\.[0-9]{{{scale}}})[0-9]*({_BLANK})\z" if scale else rf"()\.[0-9]*({_BLANK})\z"
        return (
            F.regexp_replace(_readable(given), kept, "$1")
            .try_cast(f"decimal({MAX_PRECISION},{scale})")
            .try_cast(given.wanted)
        )
    if given.type in FRACTIONS:
        number = number.try_cast(f"decimal({MAX_PRECISION},{min(scale + 18, MAX_PRECISION)})")
    places = F.lit(scale)
    return F.when(number < 0, F.ceil(number, places)).otherwise(F.floor(number, places)).try_cast(given.wanted)


def _fitted(given: _Given) -> Column:
    return _rounded(given) if given.how.fit == "round" else _cut(given)


def _readable(given: _Given) -> Column:
    """The value, or null for a text that is no number (to be cut: or has an exponent)."""
    if given.type != "string":
        return _as_written(given.value, given.type)
    wanted = _is_number(given.value)
    if given.how.fit == "truncate":
        wanted = wanted & ~given.value.rlike("[eE]")
    return F.when(wanted, given.value)


def _nearest(given: _Given) -> Column:
    """The nearest value of a float or double column; a number too large for it stays none."""
    cast = _readable(given).try_cast(given.wanted)
    return F.when(F.abs(cast) < F.lit("Infinity").cast(given.wanted), cast)


def _day_of_text(given: _Given) -> Column:
    return wall_clock(instant_of_text(given.value, given.how, names=False), given.how).cast("date")


def _day_of_instant(given: _Given) -> Column:
    return wall_clock(within_reach(given.value, given.type), given.how).cast("date")


_LENIENT: Mapping[tuple[str, str], _Cast] = {
    **{(kind, wanted): _fitted for kind in ("string", "fraction", "decimal") for wanted in ("integer", "decimal")},
    **{(kind, "fraction"): _nearest for kind in ("string", "integer", "fraction", "decimal")},
    ("string", "date"): _day_of_text,
    ("timestamp", "date"): _day_of_instant,
    ("timestamp_ntz", "date"): lambda given: given.value.cast("date"),
    ("string", "timestamp"): _instant_of_text,
}


def _scale(number: str) -> int:
    """How many digits behind the point a decimal or integer type has."""
    digits = decimal_digits(number)
    return digits[1] if digits else 0
