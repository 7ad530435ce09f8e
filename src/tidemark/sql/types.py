"""The column types a contract may use, as Spark SQL writes them, and what each can hold. No Spark needed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from zoneinfo import available_timezones

from tidemark.errors import choose

INTEGERS: Mapping[str, int] = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}
FRACTIONS = ("float", "double")
TIMES = ("timestamp", "date")
SIMPLE_TYPES = ("string", "boolean", *INTEGERS, *FRACTIONS, "date", "timestamp")
MAX_PRECISION = 38
_INT_DIGITS, _BIGINT_DIGITS = 10, 20  # of a decimal that Delta takes for wider than any int, any bigint

SOURCE_ORDER = "_source_order"
METADATA_COLUMNS: Mapping[str, str] = {
    "_ingest_ts": "timestamp",
    "_batch_id": "string",
    "_source_system": "string",
    "_run_date": "date",
    "_row_hash": "bigint",
    SOURCE_ORDER: "string",
}
"""What the engine adds to every table, in the order in which the columns stand there.

The order at the source alone may be selected by a query: it goes along with the row."""

HELPER_PREFIX = "__tidemark_"
"""Begins the names of the engine's helper columns; neither a contract nor a source can have such a name."""

_SYNONYMS = {"integer": "int", "long": "bigint", "short": "smallint", "byte": "tinyint", "real": "float"}
_DECIMAL = re.compile(r"(?:decimal|numeric|dec)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
_LOGICAL = {"string": "string", "boolean": "boolean", "date": "date", "timestamp": "timestamp"}


def normal_type(text: str) -> str:
    """The type as Spark prints it (`decimal(18,2)`); raises `ValueError` with what to write instead."""
    folded = text.strip().lower()
    folded = _SYNONYMS.get(folded, folded)
    if folded in SIMPLE_TYPES:
        return folded
    match = _DECIMAL.fullmatch(folded)
    if match is None:
        known = [*SIMPLE_TYPES, "decimal(18,2)"]
        hint = "write both digits: decimal(18,2)" if folded in ("decimal", "numeric") else choose(folded, known)
        raise ValueError(f"type `{text}` does not exist: {hint}")
    precision, scale = int(match[1]), int(match[2] or 0)
    if not 1 <= precision <= MAX_PRECISION or scale > precision:
        raise ValueError(
            f"type `{text}` does not exist: 1 to {MAX_PRECISION} digits, and no more behind the point than in all"
        )
    return f"decimal({precision},{scale})"


def decimal_digits(column_type: str) -> tuple[int, int] | None:
    """Precision and scale of a decimal type in normal form; None for any other type."""
    match = _DECIMAL.fullmatch(column_type)
    return (int(match[1]), int(match[2] or 0)) if match else None


def widens(before: str, after: str) -> bool:
    """Whether every value of a type is the same value of another, and Delta reads files of the one as the other."""
    if before in INTEGERS and after in INTEGERS:
        return INTEGERS[before] < INTEGERS[after]
    small = before in INTEGERS and INTEGERS[before] <= INTEGERS["int"]
    if after == "double":
        return before == "float" or small
    digits, more = decimal_digits(before), decimal_digits(after)
    if more is None or before == after:
        return False
    if digits is None:
        return before in INTEGERS and more[0] - more[1] >= (_INT_DIGITS if small else _BIGINT_DIGITS)
    return more[1] >= digits[1] and more[0] - more[1] >= digits[0] - digits[1]


def is_numeric(column_type: str) -> bool:
    """Whether minimum and maximum of this type are numbers."""
    return column_type in INTEGERS or column_type in FRACTIONS or decimal_digits(column_type) is not None


def is_whole(column_type: str) -> bool:
    """Whether values of this type are whole numbers."""
    digits = decimal_digits(column_type)
    return column_type in INTEGERS or (digits is not None and digits[1] == 0)


def logical_type(column_type: str) -> str:
    """The ODCS logical type that a column type belongs to."""
    if column_type in INTEGERS:
        return "integer"
    return "number" if is_numeric(column_type) else _LOGICAL[column_type]


def is_zone(name: str) -> bool:
    """Whether it names a time zone by which Spark can tell a clock: `UTC`, or an IANA name with a slash in it.

    An offset or an abbreviation is none: `EST` has no summer time, and `BST` is several zones.
    """
    return name == "UTC" or ("/" in name and name in _zones())


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def check_literal(text: str, column_type: str) -> None:
    """Raises `ValueError` when `text` cannot be a value of the type: such a bound could never match."""
    try:
        if is_numeric(column_type):
            _check_number(Decimal(text), column_type)
        elif column_type == "date":
            date.fromisoformat(text)
        elif column_type == "timestamp":
            datetime.fromisoformat(text)
        elif column_type == "boolean" and text.lower() not in ("true", "false"):
            raise ValueError(f"`{text}` is not true or false")
    except InvalidOperation as error:
        raise ValueError(f"`{text}` is not a number, the column is {column_type}") from error


def _check_number(number: Decimal, column_type: str) -> None:
    if not number.is_finite():
        raise ValueError(f"`{number}` bounds nothing")
    if column_type in INTEGERS:
        limit = 2 ** (INTEGERS[column_type] - 1)
        if number != number.to_integral_value() or not -limit <= number < limit:
            raise ValueError(f"`{number}` is not a whole number that fits, the column is {column_type}")
