"""Spark's text, hash and order of values against a plain model; the warehouses are held against the same."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from tests.unit.reconcile.values import FLOATS, NO_NUMBERS, NOT_EXACT, NUMBERS_IN_TEXTS, VALUES, text_of
from tidemark.reconcile import leftout
from tidemark.reconcile.dialects import DIALECTS, SparkDialect, comparable, kind_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SPARK = SparkDialect()


def of_spark(type_: str) -> str:
    return "STRING" if type_.startswith("VARCHAR") else type_


def test_spark_writes_values_canonically(spark: SparkSession) -> None:
    typed = [f"CAST({sql or 'NULL'} AS {of_spark(type_)}) AS v{n}" for n, (_, type_, sql, _) in enumerate(VALUES)]
    asked = [SPARK.canonical(f"v{n}", kind, kind) for n, (kind, *_) in enumerate(VALUES)]
    (row,) = spark.sql(f"SELECT {', '.join(asked)} FROM (SELECT {', '.join(typed)})").collect()
    assert list(row) == [text for *_, text in VALUES]


def test_spark_writes_floating_point_numbers_by_their_bits(spark: SparkSession) -> None:
    numbers = [*FLOATS, *NOT_EXACT, math.nan, math.inf, -math.inf]
    frame = spark.createDataFrame(list(enumerate(numbers)), "n int, v double")
    found = dict(map(tuple, frame.selectExpr("n", SPARK.canonical("v", "float", "float")).collect()))
    expected = [text_of(number) for number in (*FLOATS, *NOT_EXACT)]
    assert [found[n] for n in range(len(expected))] == ["lake" if text == "?" else text for text in expected]
    assert [found[n] for n in range(len(expected), len(numbers))] == list(NO_NUMBERS)
    (single,) = spark.sql(f"SELECT {SPARK.canonical('CAST(0.1 AS FLOAT)', 'float', 'float')}").collect()[0]
    assert single == text_of(0.10000000149011612)


def test_spark_hashes_as_md5_does(spark: SparkSession) -> None:
    known = {"Snowflake": 9203306159527282910, "test": 14618207765679027446, "hello": 13362634815750784402}
    for text, documented in known.items():  # of MD5_NUMBER_LOWER64, in Snowflake's documentation
        (found,) = spark.sql(f"SELECT {SPARK.number(repr(text))}").collect()[0]
        assert int(found) == documented % 16**15
    row = [("it's", "text"), ("12", "number")]
    digests = [SPARK.digest('"it\'s"', "text"), SPARK.digest("'12'", "number")]
    (found,) = spark.sql(f"SELECT {SPARK.hashed(digests)}").collect()[0]
    assert int(found) == leftout.key_hash(row)
    summed = f"SELECT {SPARK.summed('n')} FROM VALUES (CAST({16**15 - 1} AS DECIMAL(20, 0))), (1) AS t(n)"
    assert spark.sql(summed).collect()[0][0] == str(16**15)


def test_spark_finds_the_number_that_a_text_stands_for(spark: SparkSession) -> None:
    for scale in {scale for scale, *_ in NUMBERS_IN_TEXTS}:
        texts = {text: number for of, text, number in NUMBERS_IN_TEXTS if of == scale}
        frame = spark.createDataFrame([(text,) for text in texts], "v string")
        found = frame.selectExpr("v", SPARK.canonical("v", "text", "number", scale)).collect()
        assert dict(map(tuple, found)) == texts


def test_null_is_no_text_and_columns_keep_apart() -> None:
    dialect = DIALECTS["redshift"]
    assert dialect.digest("x", "number") == "COALESCE(MD5(x), '-')"
    assert dialect.digest("x", "text") == "COALESCE(MD5(x || '.'), '-')"


@pytest.mark.parametrize(
    ("upstream", "downstream", "fits"),
    [
        ("text", "text", True),
        ("text", "number", True),
        ("text", "date", True),
        ("text", "timestamp", False),
        ("text", "boolean", False),
        ("number", "text", False),
        ("float", "number", False),
        ("number", "float", False),
        ("date", "timestamp", True),
        ("zoned", "timestamp", True),
        ("timestamp", "date", False),
        (None, "text", False),
        (None, "timestamp", False),
    ],
)
def test_only_types_of_one_kind_are_compared(upstream: object, downstream: object, fits: bool) -> None:
    assert comparable(upstream, downstream) is fits


def test_every_type_of_contracts_has_a_kind() -> None:
    types = ("string", "boolean", "tinyint", "smallint", "int", "bigint", "float", "double", "date", "timestamp")
    assert {kind_of(each) for each in types} == {"text", "boolean", "number", "float", "date", "timestamp"}
    assert kind_of("decimal(38,18)") == "number"


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        ("a ", "text", "a "),
        (7, "text", None),
        (7, "number", "7"),
        ("7.50", "number", "7.5"),
        ("100", "number", "100"),
        ("1E+2", "number", "100"),
        ("seven", "number", None),
        ("NaN", "number", None),
        ("2025-03-31", "date", "2025-03-31"),
        ("2025-03-31T10:00:00.000Z", "timestamp", "2025-03-31 10:00:00.000000"),
        ("2025-03-31T12:00:00.123456+02:00", "timestamp", "2025-03-31 10:00:00.123456"),
        ("yesterday", "timestamp", None),
        (None, "text", None),
        ({"a": 1}, "number", None),
    ],
)
def test_keys_of_rejected_rows_are_written_as_the_systems_write_them(value: object, kind: str, text: str) -> None:
    assert leftout.canonical(value, kind) == text
