"""Errors of Spark about a value that an expression cannot take, without the value: overflows, casts, dates, divisions.

Spark's own words show the value on which it failed. Here the condition is told in words of our own, and the value is
kept apart, for whoever knows whether people may see it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_DATA_STATES = ("21", "22")  # SQL standard: cardinality violation, data exception
_ALSO = ("INVALID_FORMAT.MISMATCH_INPUT", "USER_RAISED_EXCEPTION")
_TOLERANT = re.compile(r"[`'](try_\w+)[`']")
_ADVICE = "correct the rows, or the expression"
# The condition (or its first word), what it means, and the parameter that holds the value.
_MEANINGS: Mapping[str, tuple[str, str | None]] = {
    "ARITHMETIC_OVERFLOW": ("a result is larger than its type ({message})", None),
    "BINARY_ARITHMETIC_OVERFLOW": ("a result is larger than its type", None),
    "CANNOT_PARSE_TIMESTAMP": ("a text is no date or time of this pattern", None),
    "CAST_INVALID_INPUT": ("a {sourceType} cannot be cast to {targetType}", "expression"),
    "CAST_OVERFLOW": ("a {sourceType} does not fit into {targetType}", "value"),
    "DATETIME_FIELD_OUT_OF_BOUNDS": ("there is no such date or time", None),
    "DATETIME_OVERFLOW": ("a date or time is out of range", None),
    "DIVIDE_BY_ZERO": ("a division by zero", None),
    "INTERVAL_ARITHMETIC_OVERFLOW": ("an interval is out of range", None),
    "INVALID_ARRAY_INDEX": ("an array of {arraySize} has no element {indexValue}", None),
    "INVALID_ARRAY_INDEX_IN_ELEMENT_AT": ("an array of {arraySize} has no element {indexValue}", None),
    "INVALID_FORMAT": ("a text does not fit the format", None),
    "NUMERIC_VALUE_OUT_OF_RANGE": ("a number does not fit into DECIMAL({precision},{scale})", "value"),
    "SCALAR_SUBQUERY_TOO_MANY_ROWS": ("a subquery that stands for one value gives more rows", None),
    "USER_RAISED_EXCEPTION": ("the query raises an error", "errorMessage"),
}


@dataclass(frozen=True)
class SqlPart:
    """A part of an SQL text: what it says, by Spark, and where its first and last character stand, from 0."""

    text: str
    start: int
    stop: int


@dataclass(frozen=True)
class DataError:
    """What went wrong, and what to do; `value` may be personal.

    `part` is the expression that failed, where it was written as SQL; `call` is the function of a DataFrame's column
    (`cast`, `plus`). Of some functions Spark tells neither, but at most the name (`function`).
    """

    condition: str
    what: str
    advice: str
    value: str | None = None
    part: SqlPart | None = None
    call: str | None = None
    function: str | None = None


def data_error(error: BaseException) -> DataError | None:
    """The error in other words where it is about a value, or was caused by such a one; None for any other."""
    for thrown in java_errors(error):
        condition = condition_of(thrown)
        state = str(thrown.getSqlState()) if condition else ""
        if condition and (state.startswith(_DATA_STATES) or condition in _ALSO) and not condition.startswith("DELTA_"):
            return _told(condition, thrown)
    return None


def java_errors(error: BaseException) -> Iterator[Any]:
    """The Java errors behind a Python one, from the outermost cause inwards."""
    from pyspark import SparkContext

    context: Any = SparkContext
    thrown = getattr(error, "_origin", None) or getattr(error, "java_exception", None)
    while thrown is not None and context._gateway is not None:
        yield thrown
        thrown = thrown.getCause()


def condition_of(thrown: Any) -> str:
    """The name that Spark has for a Java error; empty for one that is not Spark's own."""
    from py4j.java_gateway import is_instance_of
    from pyspark import SparkContext

    context: Any = SparkContext
    if not is_instance_of(context._gateway, thrown, "org.apache.spark.SparkThrowable"):
        return ""
    return str(thrown.getCondition() or "")


def _told(condition: str, thrown: Any) -> DataError:
    parameters = {str(name): str(text).strip('"') for name, text in dict(thrown.getMessageParameters()).items()}
    meaning, shown = _MEANINGS.get(condition) or _MEANINGS.get(condition.partition(".")[0]) or ("", None)
    what = meaning.format_map(parameters) if meaning else f"an expression cannot take a value ({condition})"
    tolerant = _TOLERANT.search(str(thrown.getMessage()).partition("== ")[0])
    if condition == "INVALID_ARRAY_INDEX":
        tolerated = "use get where there may be no such element, or "
    else:
        tolerated = f"use {tolerant[1]} where a null is meant instead, or " if tolerant else ""
    part, call = _where(thrown)
    return DataError(
        condition=condition,
        what=what,
        advice=f"{tolerated}{_ADVICE}",
        value=parameters.get(shown) if shown else None,
        part=part,
        call=call,
        function=tolerant[1].removeprefix("try_") if tolerant else None,
    )


def _where(thrown: Any) -> tuple[SqlPart | None, str | None]:
    for context in thrown.getQueryContext():
        if str(context.contextType()) == "SQL":
            return SqlPart(str(context.fragment()), int(context.startIndex()), int(context.stopIndex())), None
        return None, str(context.fragment())
    return None, None
