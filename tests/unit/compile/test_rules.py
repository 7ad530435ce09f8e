from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from tidemark.compile.casts import same_value
from tidemark.compile.rules import quoted, row_rules
from tidemark.compile.schema import spark_type
from tidemark.config.contract import Column, Contract
from tidemark.config.contract.model import Nested

Build = Callable[..., Contract]


def broken_rules(frame: DataFrame, contract: Contract) -> list[set[str]]:
    """Per row of raw values: casts them as the engine does and lists the rules that each breaks."""
    typed = frame.select(
        *[
            same_value(F.col(column.name), frame.schema[column.name].dataType.simpleString(), column.type).alias(
                column.name
            )
            for column in contract.columns
        ],
        *[F.col(column.name).alias(f"raw_{column.name}") for column in contract.columns],
    )
    rules = row_rules(contract, lambda name: F.col(f"raw_{name}"))
    rows = typed.select(*[rule.broken.alias(f"{rule.column}.{rule.rule}") for rule in rules]).collect()
    answers = [row.asDict() for row in rows]
    assert all(value is not None for answer in answers for value in answer.values()), "a rule gave null"
    return [{rule for rule, is_broken in answer.items() if is_broken} for answer in answers]


def broken_by(spark: SparkSession, contract: Contract, raw_type: str, values: list[Any]) -> list[set[str]]:
    """The rules of the contract's one column that each raw value breaks."""
    (column,) = contract.columns
    frame = spark.createDataFrame([(value,) for value in values], f"{column.name} {raw_type}")
    return [{rule.partition(".")[2] for rule in found} for found in broken_rules(frame, contract)]


def test_required_looks_at_the_raw_value(spark: SparkSession, contract_of: Build) -> None:
    contract = contract_of(Column("n", "int", required=True, minimum="0"))
    assert broken_by(spark, contract, "string", [None, "x", "-1", "1"]) == [{"required"}, {"type"}, {"minimum"}, set()]


def test_an_absent_column_breaks_required_alone(spark: SparkSession, contract_of: Build) -> None:
    contract = contract_of(Column("n", "int", required=True, minimum="1"))
    frame = spark.sql("SELECT CAST(NULL AS INT) AS n")
    (row,) = frame.select(
        *[rule.broken.alias(rule.rule) for rule in row_rules(contract, lambda _: F.lit(None))]
    ).collect()
    assert row.asDict() == {"required": True, "type": False, "minimum": False}


@pytest.mark.parametrize(
    ("column_type", "fits", "does_not"),
    [
        ("int", ["1", " 7 ", "-2147483648", "2147483647"], ["", "x", "1.5", "2147483648", "1e-3"]),
        ("bigint", ["9223372036854775807"], ["9223372036854775808"]),
        ("decimal(5,2)", ["999.99", "0.0500", "-1"], ["1000", "0.005", "abc", "NaN", "Infinity"]),
        ("double", ["1.5", "NaN", "-Infinity", "1e308"], ["one", ""]),
        ("boolean", ["true", "F", "1", "no"], ["maybe", "2"]),
        ("date", ["0001-01-01", "9999-12-31", "2024-02-29"], ["2025-02-29", "31.12.2025", "10000-01-01", "0000-01-01"]),
        (
            "timestamp",
            ["2025-03-01T10:00:00.000Z", " 2025-03-01 10:00:00.123456", "2025-03-01", "9999-12-31 23:59:59.999999"],
            ["yesterday", "2025-03-01 25:00:00", "10000-01-01 00:00:00", "12:30", "T12:30:00", "1740823200"],
        ),
    ],
)
def test_type_is_broken_by_text_that_is_no_such_value(
    spark: SparkSession, contract_of: Build, column_type: str, fits: list[str], does_not: list[str]
) -> None:
    found = broken_by(spark, contract_of(Column("v", column_type)), "string", [*fits, None, *does_not])
    assert found == [set()] * (len(fits) + 1) + [{"type"}] * len(does_not)


@pytest.mark.parametrize(
    ("raw_type", "column_type", "value", "expected"),
    [
        ("bigint", "int", 2**40, {"type"}),
        ("double", "int", float("nan"), {"type"}),
        ("decimal(38,0)", "bigint", Decimal(10) ** 30, {"type"}),
        ("decimal(20,4)", "decimal(18,2)", Decimal("1.005"), {"type"}),
        ("decimal(20,4)", "decimal(18,2)", Decimal("1.0500"), set()),
        ("timestamp", "date", datetime(2025, 3, 1, 23, 59), {"type"}),
        ("timestamp", "date", datetime(2025, 3, 1), set()),
        ("date", "timestamp", date(2025, 3, 1), set()),
        ("bigint", "timestamp", 1740823200, {"type"}),
        ("int", "string", 5, set()),
    ],
)
def test_type_is_broken_by_numbers_that_do_not_fit(
    spark: SparkSession, contract_of: Build, raw_type: str, column_type: str, value: Any, expected: set[str]
) -> None:
    assert broken_by(spark, contract_of(Column("v", column_type)), raw_type, [value]) == [expected]


def test_nan_and_infinity_break_the_bound_they_lie_beyond(spark: SparkSession, contract_of: Build) -> None:
    values = [math.nan, math.inf, -math.inf, 86400.0, 86400.5, -0.0, -0.5, None]
    both = contract_of(Column("seconds", "double", minimum="0", maximum="86400"))
    assert broken_by(spark, both, "double", values) == [
        {"maximum"}, {"maximum"}, {"minimum"}, set(), {"maximum"}, set(), {"minimum"}, set(),
    ]  # fmt: skip
    exclusive = contract_of(Column("seconds", "double", exclusive_minimum="0", exclusive_maximum="86400"))
    assert broken_by(spark, exclusive, "double", values) == [
        {"exclusiveMaximum"}, {"exclusiveMaximum"}, {"exclusiveMinimum"}, {"exclusiveMaximum"}, {"exclusiveMaximum"},
        {"exclusiveMinimum"}, {"exclusiveMinimum"}, set(),
    ]  # fmt: skip


def test_a_pattern_matches_the_whole_value(spark: SparkSession, contract_of: Build) -> None:
    values = ["ORD-1", "ORD-1\n", "xORD-1", "ORD-12", "", None]
    found = [set(), {"pattern"}, {"pattern"}, {"pattern"}, {"pattern"}, set()]
    for pattern in ("^ORD-[0-9]$", "ORD-[0-9]", "^ORD-[0-5]$|^ORD-[6-9]$"):
        assert broken_by(spark, contract_of(Column("id", "string", pattern=pattern)), "string", values) == found


def test_an_email_needs_one_at_sign_and_a_dot_behind_it(spark: SparkSession, contract_of: Build) -> None:
    contract = contract_of(Column("email", "string", format="email"))
    good = ["a@b.c", "é@ü.de", "a.b+c@x-y.co.uk"]
    bad = ["a@b", "@b.c", "a b@c.d", "a@@b.c", "a@b.c\n", "a@.", ""]
    assert broken_by(spark, contract, "string", [*good, *bad]) == [set()] * len(good) + [{"format"}] * len(bad)


def test_a_uuid_is_hex_in_five_groups(spark: SparkSession, contract_of: Build) -> None:
    contract = contract_of(Column("id", "string", format="uuid"))
    values = ["123e4567-e89b-12d3-a456-426614174000", "123e4567e89b12d3a456426614174000"]
    assert broken_by(spark, contract, "string", values) == [set(), {"format"}]


def test_lengths_count_characters(spark: SparkSession, contract_of: Build) -> None:
    contract = contract_of(Column("name", "string", min_length=2, max_length=3))
    texts = [character * times for character in ("a", "é", "日", "😀", "é😀") for times in range(6)]
    expected = [{"minLength"} if len(text) < 2 else {"maxLength"} if len(text) > 3 else set() for text in texts]
    assert broken_by(spark, contract, "string", [*texts, None]) == [*expected, set()]


@pytest.mark.parametrize(
    ("column", "raw_type", "good", "bad"),
    [
        (Column("v", "string", enum=("a", "it's", "NO")), "string", ["a", "it's", "NO"], ["A", "", "a "]),
        (Column("v", "string", enum=tuple("abcdefghijklmnop")), "string", ["p"], ["q"]),
        (Column("v", "int", enum=("1", "2")), "string", ["1", "02"], ["3"]),
        (Column("v", "decimal(5,2)", enum=("0.1", "1.50")), "string", ["0.10", "1.5"], ["0.11"]),
        (Column("v", "date", enum=("2025-03-01",)), "string", ["2025-03-01"], ["2025-03-02"]),
        (Column("v", "boolean", enum=("true",)), "string", ["true"], ["false"]),
    ],
    ids=lambda value: value.type if isinstance(value, Column) else "",
)
def test_enum_compares_values_of_the_columns_type(
    spark: SparkSession, contract_of: Build, column: Column, raw_type: str, good: list[str], bad: list[str]
) -> None:
    found = broken_by(spark, contract_of(column), raw_type, [*good, None, *bad])
    assert found == [set()] * (len(good) + 1) + [{"enum"}] * len(bad)


@pytest.mark.parametrize(
    ("column", "below", "at", "above"),
    [
        (Column("v", "int", minimum="10", maximum="10"), 9, 10, 11),
        (Column("v", "bigint", minimum="1E10", maximum="1E10"), 10**10 - 1, 10**10, 10**10 + 1),
        (
            Column("v", "decimal(18,2)", minimum="0.10", maximum="0.10"),
            Decimal("0.09"),
            Decimal("0.1"),
            Decimal("0.11"),
        ),
        (
            Column("v", "date", minimum="2025-03-01", maximum="2025-03-01"),
            date(2025, 2, 28),
            date(2025, 3, 1),
            date(2025, 3, 2),
        ),
        (
            Column("v", "timestamp", minimum="2025-03-01T00:00:00.5", maximum="2025-03-01 00:00:00.500000"),
            datetime(2025, 3, 1, 0, 0, 0, 499999),
            datetime(2025, 3, 1, 0, 0, 0, 500000),
            datetime(2025, 3, 1, 0, 0, 0, 500001),
        ),
    ],
    ids=lambda value: value.type if isinstance(value, Column) else "",
)
def test_bounds_hold_at_the_bound(
    spark: SparkSession, contract_of: Build, column: Column, below: Any, at: Any, above: Any
) -> None:
    found = broken_by(spark, contract_of(column), column.type, [below, at, above])
    assert found == [{"minimum"}, set(), {"maximum"}]


def test_a_bound_finer_than_the_type_is_not_rounded(spark: SparkSession, contract_of: Build) -> None:
    contract = contract_of(Column("v", "decimal(5,2)", minimum="0.005", maximum="12345678901234567890.5"))
    assert broken_by(spark, contract, "decimal(5,2)", [Decimal("0.00"), Decimal("0.01")]) == [{"minimum"}, set()]


def test_a_row_lists_all_its_broken_rules_in_the_contracts_order(spark: SparkSession, contract_of: Build) -> None:
    contract = contract_of(
        Column("id", "string", required=True, pattern="^A", max_length=1, enum=("A",)),
        Column("n", "int", required=True),
    )
    order = [f"{rule.column}.{rule.rule}" for rule in row_rules(contract, F.col)]
    assert order == ["id.required", "id.pattern", "id.maxLength", "id.enum", "n.required", "n.type"]
    without_enum = contract_of(Column("id", "string", required=True, pattern="^A"))
    assert [rule.rule for rule in row_rules(without_enum, F.col)] == ["required", "pattern"]
    frame = spark.createDataFrame([("BB", None)], "id string, n string")
    assert broken_rules(frame, contract) == [{"id.pattern", "id.maxLength", "id.enum", "n.required"}]


def test_messages_say_what_the_value_must_be(contract_of: Build) -> None:
    contract = contract_of(Column("status", "string", required=True, enum=("open", "closed")))
    messages = [rule.message for rule in row_rules(contract, F.col)]
    assert messages == ["must not be null", "must be one of: open, closed"]


def test_text_that_a_warehouse_refuses_breaks_characters(spark: SparkSession, contract_of: Build) -> None:
    contract = contract_of(Column("v", "string", required=True))
    values = ["plain", "", "é日本😀", "\t\n\x01", "a\x00b", "\x00", None]
    assert broken_by(spark, contract, "string", values) == [set()] * 4 + [{"characters"}] * 2 + [{"required"}]


@pytest.mark.parametrize(
    ("rule", "good"),
    [
        ({"pattern": "^E[0-9]{3}$"}, "E123"),
        ({"pattern": r"^\d+\.\d{2}|[ -~]*$"}, "1.50"),
        ({"pattern": "^(?!x)[a-z]+(-[a-z]+)*$"}, "a-b"),
        ({"format": "email"}, "a@b.c"),
        ({"format": "uuid"}, "123e4567-e89b-12d3-a456-426614174000"),
        ({"enum": ("a",)}, "a"),
        ({"pattern": "(?s)^E.*$"}, "E1"),
        ({"pattern": "^[^@]+$"}, "ab"),
        ({"pattern": "^[a-z&&[^b]]+$"}, "ac"),
        ({"pattern": r"^\D+$"}, "ab"),
        ({"pattern": r"^\x00?[\x00-z]+$"}, "ab"),
        ({"pattern": "^\x00?[\x00-z]+$"}, "ab"),
        ({"pattern": r"^\p{ASCII}+$"}, "ab"),
        ({"pattern": r"^\QE\E(?:\W|\w)+$"}, "E1"),
    ],
)
def test_no_rule_of_a_text_lets_u0000_through(
    spark: SparkSession, contract_of: Build, rule: dict[str, Any], good: str
) -> None:
    values = [good, *(f"{good[:at]}\x00{good[at:]}" for at in range(len(good) + 1))]
    accepted, *refused = broken_by(spark, contract_of(Column("v", "string", **rule)), "string", values)
    assert accepted == set()
    assert all(refused)


def test_names_with_any_character_are_cast(spark: SparkSession) -> None:
    frame = spark.createDataFrame([("7",)], ["a`b.c d\n"])
    assert frame.select(same_value(F.col(quoted("a`b.c d\n")), "string", "int")).first() == (7,)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(
        st.one_of(st.none(), st.text(max_size=12), st.integers(-(2**70), 2**70).map(str)), min_size=1, max_size=40
    )
)
def test_any_text_is_judged_without_error_and_type_alone_is_broken(
    spark: SparkSession, contract_of: Build, values: list[str | None]
) -> None:
    contract = contract_of(Column("v", "int", required=True, minimum="0", maximum="100"))
    for value, found in zip(values, broken_by(spark, contract, "string", values), strict=True):
        if value is None:
            assert found == {"required"}
        elif re.fullmatch(r"[ \t]*[+-]?[0-9]{1,60}[ \t]*", value):
            number = int(value)
            fits = -(2**31) <= number < 2**31
            expected = "type" if not fits else "minimum" if number < 0 else "maximum" if number > 100 else None
            assert found == ({expected} if expected else set())
        else:
            assert len(found) <= 1


def test_every_type_of_a_contract_is_a_spark_type(spark: SparkSession) -> None:
    types = ["string", "boolean", "tinyint", "smallint", "int", "bigint", "float", "double", "date", "timestamp"]
    for name in [*types, "decimal(38,10)"]:
        frame = spark.range(1).select(same_value(F.expr("CAST(NULL AS STRING)"), "string", name).alias("v"))
        assert frame.schema["v"].dataType == spark_type(name)


@pytest.mark.parametrize(
    ("kind", "fits", "does_not"),
    [
        (
            "array",
            ["[]", ' [1.10, {"a": null}] ', '["]"]'],
            ["", "[1", "[1] [2]", "[1],[2]", "[1]]", "{}", "1", "null"],
        ),
        (
            "object",
            ["{}", '{"a": [1e400]}'],
            ["", '{"a": 1', '{"a": 1} x', '{"a": 1}]', "{'a': 1}", "[]", '"{}"', "null"],
        ),
    ],
)
def test_nested_values_are_json_of_their_kind(
    spark: SparkSession, contract_of: Build, kind: Nested, fits: list[str], does_not: list[str]
) -> None:
    contract = contract_of(Column("n", "string", nested=kind))
    found = broken_by(spark, contract, "string", [None, *fits, *does_not])
    assert found == [set() for _ in [None, *fits]] + [{"type"} for _ in does_not]


def test_bounds_of_a_float_are_floats(spark: SparkSession, contract_of: Build) -> None:
    """The float 0.1 is more than the double 0.1, and neither is the other."""
    bounded = contract_of(Column("n", "float", minimum="0.1", maximum="0.3"))
    assert broken_by(spark, bounded, "float", [0.1, 0.2, 0.3, 0.31, 0.09]) == [
        set(),
        set(),
        set(),
        {"maximum"},
        {"minimum"},
    ]
    listed = contract_of(Column("n", "float", enum=("0.1", "0.5")))
    assert broken_by(spark, listed, "string", ["0.1", "0.5", "0.2"]) == [set(), set(), {"enum"}]


def test_true_is_true_however_it_is_spelled(spark: SparkSession, contract_of: Build) -> None:
    assert broken_by(spark, contract_of(Column("n", "boolean", enum=("True",))), "boolean", [True, False]) == [
        set(),
        {"enum"},
    ]
