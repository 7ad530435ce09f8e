"""Names, units and arguments that a query has to write down."""

from __future__ import annotations

import pytest

from tidemark.sql.allowed import refusals

TABLES = ("silver.orders",)


def messages(sql: str) -> list[str]:
    return [each.message for each in refusals(sql, TABLES)]


@pytest.mark.parametrize(
    "expression",
    [
        "named_struct('a', day, 'b', concat(day, 'x'))",
        "from_json(note, 'struct<a: string>')",
        "from_json(note, schema_of_json('{\"a\": 1}'), map('mode', 'FAILFAST'))",
        "percentile(amount, 0.5)",
        "trunc(day, 'MM')",
        "date_trunc('month', day)",
    ],
)
def test_what_is_written_down_may_run(expression: str) -> None:
    assert messages(f"SELECT {expression} AS a FROM silver.orders") == []


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("named_struct(concat('a', 'b'), day)", "has a field whose name is computed"),
        ("named_struct('a', 1, upper('b'), day)", "has a field whose name is computed"),
        ("from_json(note, 'struct<' || 'a: string>')", "has a schema for `from_json` that is computed"),
        ("from_json(note, kind)", "has a schema for `from_json` that is computed"),
        ("percentile(amount, 0.5, 2)", "`percentile` has more than 2 arguments"),
        ("trunc(day, format)", "has a unit for `trunc` that is computed"),
        ("date_trunc(unit, day)", "has a unit for `date_trunc` that is computed"),
    ],
)
def test_what_is_computed_is_refused(expression: str, told: str) -> None:
    assert told in messages(f"SELECT {expression} AS a FROM silver.orders")


@pytest.mark.parametrize(
    ("values", "is_refused"),
    [
        ("'a', 'b' AS c", False),
        ("2020, -1, DATE '2020-01-01'", False),
        ("concat('a', 'b') AS c", False),
        ("concat('a', 'b')", True),
        ("cast(concat('a', 'b') AS STRING)", True),
    ],
)
def test_columns_of_a_pivot_have_names_that_are_written(values: str, is_refused: bool) -> None:
    sql = f"SELECT * FROM (SELECT day, amount FROM silver.orders) PIVOT (max(amount) FOR day IN ({values}))"
    assert ("has a PIVOT by a value that is computed" in messages(sql)) is is_refused
