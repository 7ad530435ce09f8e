"""What is not read of a large table holds no row that the batch could have met."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from tidemark.write.pruning import Bounds, Measured, measured, within

VALUES = {
    "tinyint": [-128, -1, 0, 1, 127],
    "smallint": [-(2**15), -1, 0, 2**15 - 1],
    "int": [-(2**31), -5, 0, 5, 2**31 - 1],
    "bigint": [-(2**63), -5, 0, 5, 2**63 - 1],
    "decimal(38,0)": [Decimal(-(10**38) + 1), Decimal(-1), Decimal(0), Decimal(10**38 - 1)],
    "decimal(18,10)": [Decimal("-1.5"), Decimal("-0.0000000001"), Decimal(0), Decimal("0.0000000001"), Decimal("1.5")],
    "string": ["", "10", "9", "A", "a" * 100, "b'\\\"\n", "ü", "\uffff", "\U0001f600"],
    "date": [date(1, 1, 1), date(1582, 10, 4), date(1969, 12, 31), date(2024, 2, 29), date(9999, 12, 31)],
    "timestamp": [
        datetime(1900, 1, 1),
        datetime(1969, 12, 31, 23, 59, 59, 999999),
        datetime(2025, 3, 30, 2, 30),
        datetime(2025, 10, 26, 2, 30, 0, 1),
    ],
}
UNORDERED = {
    "double": [float("-inf"), -0.0, 0.0, float("nan")],
    "boolean": [False, True],
    "binary": [b"", b"\x00", b"\xff"],
}


def column(spark: SparkSession, type_: str, values: list[Any]) -> DataFrame:
    return spark.createDataFrame([(value,) for value in values], f"v {type_}")


@pytest.mark.parametrize(("type_", "values"), VALUES.items(), ids=VALUES)
def test_what_lies_between_the_bounds_is_kept_and_nothing_else(
    spark: SparkSession, type_: str, values: list[Any]
) -> None:
    target = column(spark, type_, values)
    for first, last in ((0, 2), (len(values) - 2, len(values))):
        bounds = measured(column(spark, type_, values[first:last]), ["v"]).bounds

        assert [row.v for row in within(target, bounds, nulls=False).collect()] == values[first:last]


@pytest.mark.parametrize(("type_", "values"), UNORDERED.items(), ids=UNORDERED)
def test_types_that_are_not_ordered_have_no_bounds(spark: SparkSession, type_: str, values: list[Any]) -> None:
    assert measured(column(spark, type_, values), ["v"]) == Measured(len(values), ())


def test_the_ends_of_time_are_kept(spark: SparkSession) -> None:
    """Instants and days of years that Python does not have."""
    ends = spark.sql(
        "SELECT timestamp_micros(n) AS at, date_from_unix_date(d) AS day"
        " FROM VALUES (-62198755200000000L, -719893), (253402300800000000L, 2932897) AS ends(n, d)"
    )
    bounds = measured(ends, ["at", "day"]).bounds

    assert [bound.low[:5] for bound in bounds if bound.low] == ["-0001", "-0001"]
    assert within(ends, bounds, nulls=False).count() == 2


def test_a_null_is_equal_to_a_null_only_where_that_is_asked_for(spark: SparkSession) -> None:
    target = column(spark, "int", [1, 2, 3, None])

    def kept(batch: list[int | None], *, nulls: bool) -> list[int | None]:
        bounds = measured(column(spark, "int", batch), ["v"]).bounds
        return [row.v for row in within(target, bounds, nulls=nulls).collect()]

    assert kept([2, 3, None], nulls=False) == [2, 3]
    assert kept([2, 3, None], nulls=True) == [2, 3, None]
    assert kept([2, 3], nulls=True) == [2, 3]
    assert kept([None], nulls=False) == []
    assert kept([None], nulls=True) == [None]
    assert kept([], nulls=True) == []


def test_bounds_of_another_type_prune_nothing(spark: SparkSession) -> None:
    """`"9" > "10"`: a text is not compared with bounds of numbers."""
    target = column(spark, "string", ["9", "10", "x"])

    assert within(target, [Bounds("v", "int", "9", "10", nulls=False)], nulls=False).count() == 3
    assert within(target, [Bounds("w", "string", "9", "9", nulls=False)], nulls=False).count() == 3
