"""Tests of queries: what passes, what fails and how it is told; those that are shipped pass."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from pyspark.sql import SparkSession

from tidemark.compute.cases import Outcome, outcomes
from tidemark.config.cases import SUFFIX
from tidemark.config.project import Project, load_project
from tidemark.errors import ConfigError
from tidemark.lint import cases as lint
from tidemark.lint.inspection import inspect

CONFIG = Path("config")
TABLE = "gold.fact_orders"
SHIPPED = sorted(path for layer in ("silver", "gold") for path in (CONFIG / layer).glob(f"*{SUFFIX}"))


@pytest.fixture(scope="module")
def project() -> Project:
    return load_project(CONFIG, "local")


def tried(
    project: Project, spark: SparkSession, folder: Path, text: str, sql: str | None = None
) -> tuple[Outcome, ...]:
    """What comes of the tests in `text`, of a table with another query where one is given."""
    (folder / "gold").mkdir(exist_ok=True)
    (folder / f"gold/fact_orders{SUFFIX}").write_text(text, "utf-8")
    table = project.tables[TABLE]
    tables = {**project.tables, TABLE: table if sql is None else replace(table, sql=sql)}
    return outcomes(replace(project, config_dir=folder, tables=MappingProxyType(tables)), spark, TABLE)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_those_that_are_shipped_pass(path: Path, project: Project, spark: SparkSession) -> None:
    table = f"{path.parent.name}.{path.name.removesuffix(SUFFIX)}"
    found = outcomes(project, spark, table)
    assert found
    assert [each for each in found if not each.passed] == []


def test_what_is_missing_and_what_nobody_expected(project: Project, spark: SparkSession, tmp_path: Path) -> None:
    text = """
tests:
  - name: wrong
    given: {gold.fact_sales: [{order_id: a, line_number: 1, quantity: 2}, {order_id: b, line_number: 1, quantity: 3}]}
    expect: [{order_id: a, quantity: 2}, {order_id: b, quantity: 4}, {order_id: b, quantity: 4}]
"""
    (found,) = tried(project, spark, tmp_path, text)
    assert found.columns == ("order_id", "quantity")
    assert found.missing == (("b", "4"), ("b", "4"))
    assert found.unexpected == (("b", "3"),)
    assert not found.passed


def test_values_mean_what_they_mean_in_the_columns_type(project: Project, spark: SparkSession, tmp_path: Path) -> None:
    text = """
tests:
  - name: a
    given:
      gold.fact_sales:
        - {order_id: "it's 'a' \\\\ b", order_date: 2025-03-30, ordered_at: 2025-03-30T12:00:00+02:00}
    expect: [{order_id: "it's 'a' \\\\ b", day: 2025-03-30, at: 2025-03-30 10:00:00, half: 0.50, tenth: 0.1, no: null}]
"""
    sql = """
        SELECT order_id, order_date AS day, ordered_at AS at, CAST(0.5 AS DECIMAL(9, 3)) AS half,
          CAST(0.3 AS DOUBLE) - CAST(0.2 AS DOUBLE) AS tenth, quantity AS no
        FROM gold.fact_sales
    """
    (found,) = tried(project, spark, tmp_path, text, sql)
    assert found.passed, found


def test_no_rows_and_rows_in_any_order(project: Project, spark: SparkSession, tmp_path: Path) -> None:
    text = """
tests:
  - {name: none comes, expect: []}
  - {name: one comes, given: {gold.fact_sales: [{order_id: a}]}, expect: []}
  - {name: any order, given: {gold.fact_sales: [{order_id: b}, {order_id: a}]}, expect: [{order_id: a}, {order_id: b}]}
"""
    assert [each.passed for each in tried(project, spark, tmp_path, text)] == [True, False, True]


def test_a_value_that_is_none_of_its_type_fails_its_test(project: Project, spark: SparkSession, tmp_path: Path) -> None:
    text = "tests: [{name: a, given: {gold.fact_sales: [{order_id: a, quantity: many}]}, expect: [{order_id: a}]}]"
    (found,) = tried(project, spark, tmp_path, text)
    assert not found.passed
    assert "CAST_INVALID_INPUT" in (found.error or "")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tests: [{name: a, given: {gold.fact_sale: []}, expect: []}]", "does not read gold.fact_sale"),
        ("tests: [{name: a, given: {gold.fact_sales: [{orderid: a}]}, expect: []}]", "no column `orderid`"),
        ("tests: [{name: a, expect: [{orderid: a}]}]", "gives no column `orderid`"),
        ("tests: []", "at least 1 item"),
        ("tests: [{name: a}]", "add `expect:`"),
        ("test: []", "did you mean `tests`?"),
    ],
)
def test_names_that_there_are_not(text: str, told: str, project: Project, spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        tried(project, spark, tmp_path, text)
    assert told in str(refused.value)
    found = [str(finding) for finding in lint.find(inspect(CONFIG, "local"), tmp_path)]
    assert [each for each in found if told in each], found
