from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from tidemark.config.contract import Check, Comparison, Contract

Read = Callable[[str], tuple[Contract | None, list[str]]]

COLUMNS = "- {name: a, logicalType: string}\n- {name: b, logicalType: integer}\n"
ZERO = Comparison("=", (Decimal(0),))


@pytest.fixture
def read_quality(read: Read) -> Read:
    """Reads entries of `quality` (the first on line 11) over the columns `a` and `b`."""

    def read_entries(entries: str) -> tuple[Contract | None, list[str]]:
        head = "apiVersion: v3.2.0\nkind: DataContract\nid: bronze.things\nversion: 1.0.0\nschema:\n  - name: things\n"
        columns = "    properties:\n" + "".join(f"      {line}\n" for line in COLUMNS.splitlines())
        return read(f"{head}{columns}    quality:\n" + "".join(f"      {line}\n" for line in entries.splitlines()))

    return read_entries


def checks(read: Read, entries: str) -> tuple[Check, ...]:
    contract, findings = read(entries)
    assert findings == []
    assert contract is not None
    return contract.checks


def test_checks_stand_under_the_schema_and_under_columns(read_properties: Read) -> None:
    contract, findings = read_properties(
        "- {name: a, logicalType: string, quality: [{metric: nullValues, mustBeLessThan: 5, unit: percent}]}"
    )
    assert findings == []
    assert contract is not None
    below_five = Comparison("<", (Decimal(5),))
    assert contract.checks == (
        Check("metric", "a nullValues", metric="nullValues", column="a", comparison=below_five, unit="percent", line=8),
    )


def test_a_metric_of_several_columns_is_a_check_of_each(read_quality: Read) -> None:
    entry = "- {metric: nullValues, arguments: {properties: [a, b]}, mustBe: 0, name: filled, severity: warning}"
    assert checks(read_quality, entry) == (
        Check("metric", "filled (a)", "warning", metric="nullValues", column="a", comparison=ZERO, line=11),
        Check("metric", "filled (b)", "warning", metric="nullValues", column="b", comparison=ZERO, line=11),
    )


def test_duplicates_are_of_columns_together(read_quality: Read) -> None:
    (check,) = checks(read_quality, "- {metric: duplicateValues, arguments: {properties: [b, a]}, mustBe: 0}")
    assert (check.name, check.column, check.arguments) == ("b, a duplicateValues", None, {"properties": ("b", "a")})


@pytest.mark.parametrize(
    ("written", "comparison"),
    [
        ("mustBe: 7", Comparison("=", (Decimal(7),))),
        ("mustNotBe: 7", Comparison("!=", (Decimal(7),))),
        ("mustBeGreaterThan: 0.1", Comparison(">", (Decimal("0.1"),))),
        ("mustBeGreaterOrEqualTo: -1", Comparison(">=", (Decimal(-1),))),
        ("mustBeLessThan: 1e3", Comparison("<", (Decimal(1000),))),
        ("mustBeLessOrEqualTo: 0", Comparison("<=", (Decimal(0),))),
        ("mustBeBetween: [0.5, 5]", Comparison("between", (Decimal("0.5"), Decimal(5)))),
        ("mustNotBeBetween: [1, 2]", Comparison("not between", (Decimal(1), Decimal(2)))),
    ],
)
def test_every_comparison_is_read(read_quality: Read, written: str, comparison: Comparison) -> None:
    (check,) = checks(read_quality, f"- {{metric: rowCount, {written}}}")
    assert check.comparison == comparison


def test_sql_and_custom_checks_keep_their_text(read_quality: Read) -> None:
    sql, custom, settings = checks(
        read_quality,
        """\
- {name: one, type: sql, query: "SELECT count(*) FROM {object}", mustBe: 0}
- {name: two, type: custom, engine: soda, implementation: avg(b) > 1, severity: warning}
- name: three
  type: custom
  engine: soda
  implementation:
    max(b):
      fail: when > 9
- {type: text, description: for people}""",
    )
    assert sql == Check("sql", "one", comparison=ZERO, query="SELECT count(*) FROM {object}", line=11)
    assert custom == Check("custom", "two", "warning", implementation="avg(b) > 1", line=12)
    assert settings.implementation == "max(b):\n  fail: when > 9\n"


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("{metric: rowCont, mustBe: 1}", "quality metric `rowCont` does not exist"),
        ("{mustBe: 1}", "quality metric `none` does not exist"),
        ("{metric: rowCount}", "a check says nothing to compare with"),
        ("{metric: rowCount, mustBe: 1, mustNotBe: 2}", "a check has mustBe and mustNotBe"),
        ("{metric: rowCount, mustBe: many}", "mustBe is not a number"),
        ("{metric: rowCount, mustBeBetween: [5, 1]}", "mustBeBetween: 5 is not below 1"),
        ("{metric: rowCount, mustBe: 1, unit: percent}", "unit `percent` of rowCount is not known here"),
        ("{metric: rowCount, mustBe: 1, severity: fatal}", "severity `fatal` is not known here"),
        ("{metric: rowCount, mustBe: 1, arguments: {x: 1}}", "rowCount has no argument `x`"),
        ("{metric: nullValues, mustBe: 0}", "nullValues names no column"),
        (
            "{metric: nullValues, mustBe: 0, arguments: {properties: [c]}}",
            "nullValues of column `c`, which the contract lacks",
        ),
        ("{metric: nullValues, mustBe: 0, arguments: {properties: a}}", "argument `properties` is not a list"),
        (
            "{metric: invalidValues, mustBe: 0, arguments: {properties: [a]}}",
            "invalidValues does not say what is valid",
        ),
        (
            '{metric: invalidValues, mustBe: 0, arguments: {properties: [a], validValues: ["it\'s"]}}',
            "a value of `validValues` has a quote in it",
        ),
        ("{type: sql, name: n, mustBe: 0}", "a sql check has no query"),
        ("{type: sql, query: SELECT 1, mustBe: 0}", "a sql check has no name"),
        ("{type: custom, name: n, engine: dbt, implementation: x}", "engine `dbt` is not known here"),
        ("{type: custom, name: n, engine: soda}", "a custom check has no implementation"),
        ("{type: custom, engine: soda, implementation: x}", "a custom check has no name"),
        ("{type: custom, name: n, engine: soda, implementation: 'a: [b'}", "implementation is not SodaCL"),
        ("{type: custom, name: n, engine: soda, implementation: {a: 1, b: 2}}", "implementation is not SodaCL"),
        ("{type: exotic, name: n}", "quality type `exotic` does not exist"),
        ("{metric: rowCount, mustBe: 1, treshold: 1}", "unknown key `treshold`"),
    ],
    ids=lambda value: "" if value.startswith("{") else value,
)
def test_what_is_wrong_in_a_check_is_found_on_its_line(read_quality: Read, entry: str, expected: str) -> None:
    _, findings = read_quality(f"- {entry}")
    assert f"11: {expected}" in [each.partition(" → ")[0] for each in findings]
    assert all(each.startswith("11: ") for each in findings)


def test_two_checks_of_one_name_are_found(read_quality: Read) -> None:
    _, findings = read_quality("- {metric: rowCount, mustBe: 1}\n- {metric: rowCount, mustNotBe: 2}")
    assert findings == ["12: two checks are named `rowCount` (the first on line 11) → give one of them another `name:`"]
