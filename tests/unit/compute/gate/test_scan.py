"""Checks run by way of our own session for Soda: the same verdicts as with Spark's, in one query."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from tests.support.zones import machine_in
from tidemark.compute.gate import scan
from tidemark.compute.gate.scan import CheckResult, run_checks
from tidemark.config.contract import Column, Contract
from tidemark.errors import CommitError

THINGS = [
    ("A", 1, Decimal("10.00"), datetime(2025, 3, 29, 11, 0)),
    ("A", 1, Decimal("-1.00"), datetime(2025, 3, 28)),
    ("it's", 2, None, datetime(2025, 3, 27)),
    ("b\\c", 3, Decimal("5.50"), None),
]
CHECKS = r"""
checks for things:
- row_count > 0: {name: rows}
- row_count = 5: {name: five rows}
- missing_count(amount) = 0: {name: amounts, samples limit: 0}
- min(amount) >= 0: {name: least}
- avg(line): {name: average, warn: when > 1}
- invalid_count(order_id) = 0: {name: plain ids, valid regex: '[A-Z]', samples limit: 0}
- duplicate_count(order_id, line) = 0: {name: unique, samples limit: 0}
- duplicate_count(line) = 0: {name: unique lines, samples limit: 0}
- values in (order_id) must exist in orders (id): {name: known, samples limit: 0}
- paid = 14.5: {name: paid, paid query: "SELECT sum(amount) FROM things"}
- ordered = 1: {name: ordered, ordered query: "SELECT count(*) FROM orders WHERE id IN (SELECT order_id FROM things)"}
- schema: {name: columns, fail: {when required column missing: [order_id, colour]}}
- schema: {name: types, fail: {when wrong column type: {line: int}}}
"""


@pytest.fixture
def things(contract_of: Callable[..., Contract]) -> Contract:
    return contract_of(Column("order_id", "string"), Column("line", "int"))


@pytest.fixture(scope="module")
def relations(spark: SparkSession) -> dict[str, DataFrame]:
    frame = spark.createDataFrame(THINGS, "order_id string, line int, amount decimal(18,2), at timestamp")
    return {"things": frame, "orders": spark.createDataFrame([("A",), ("b\\c",)], "id string")}


@pytest.fixture
def plain(spark: SparkSession, things: Contract, relations: dict[str, DataFrame]) -> Iterator[Any]:
    """A Soda scan as Soda makes it, over views of the session."""
    run_checks(spark, things, "checks for things:\n- row_count > 0", relations)  # tells Soda's telemetry to be silent
    from soda.scan import Scan

    for name, frame in relations.items():
        frame.createOrReplaceTempView(name)
    scan = Scan()
    scan.set_data_source_name("lake")
    scan.add_configuration_yaml_str("data_source lake:\n  type: spark_df\n")
    scan.add_spark_session(spark, data_source_name="lake")
    yield scan
    for name in relations:
        spark.catalog.dropTempView(name)


def queries(spark: SparkSession) -> int:
    """A number that rises with each query of Spark SQL."""
    executions: Any = getattr(spark.sparkContext._jvm.org.apache.spark.sql.execution, "SQLExecution$")
    return int(executions.__getattr__("MODULE$").nextExecutionId())


def test_the_verdicts_are_those_of_soda_with_spark(
    spark: SparkSession, things: Contract, relations: dict[str, DataFrame], plain: Any
) -> None:
    plain.add_sodacl_yaml_str(CHECKS)
    plain.execute()
    wanted = {}
    for check in plain.get_scan_results()["checks"]:
        value = (check.get("diagnostics") or {}).get("value")
        wanted[check["name"]] = check["outcome"] or "error", None if value is None else str(value)

    ours = {result.name: (result.outcome, result.value) for result in run_checks(spark, things, CHECKS, relations)}

    assert len(ours) == CHECKS.count("name:")
    assert ours == wanted
    assert ours["unique lines"] == ("fail", "1")
    assert ours["known"] == ("fail", "1")


def test_all_queries_of_a_scan_are_one(spark: SparkSession, things: Contract, relations: dict[str, DataFrame]) -> None:
    before = queries(spark)
    run_checks(spark, things, CHECKS, relations)
    assert queries(spark) - before == 2  # and the question itself


def test_a_query_that_cannot_be_asked_is_told_with_its_check_and_the_others_are_measured(
    spark: SparkSession, things: Contract, relations: dict[str, DataFrame]
) -> None:
    checks = """
checks for things:
- row_count = 4: {name: rows}
- lost = 1: {name: lost, lost query: "SELECT sum(colour) FROM things"}
- duplicate_count(line) = 1: {name: pairs, samples limit: 0}
"""
    assert list(run_checks(spark, things, checks, relations)) == [
        CheckResult("rows", "pass", "4"),
        CheckResult("lost", "error"),
        CheckResult("pairs", "pass", "1"),
    ]


def test_what_does_not_pass_is_told_as_the_threshold_has_it(
    spark: SparkSession, things: Contract, relations: dict[str, DataFrame]
) -> None:
    checks = """
checks for things:
- row_count = 5: {name: equal}
- row_count != 4: {name: unequal}
- row_count > 4: {name: more}
- row_count between 7 and 9: {name: between}
- row_count not between 2 and 6: {name: not between}
- row_count between (4 and 9.5]: {name: open}
- row_count: {name: zones, warn: when > 3, fail: when > 1000}
- row_count < 1000: {name: passes}
"""
    found = {result.name: (result.outcome, result.bad) for result in run_checks(spark, things, checks, relations)}
    assert found == {
        "equal": ("fail", "≠ 5"),
        "unequal": ("fail", "= 4"),
        "more": ("fail", "≤ 4"),
        "between": ("fail", "< 7 or > 9"),
        "not between": ("fail", "≥ 2 and ≤ 6"),
        "open": ("fail", "≤ 4 or > 9.5"),
        "zones": ("warn", "> 3"),
        "passes": ("pass", None),
    }


def test_a_query_that_fails_on_a_value_ends_the_scan_and_does_not_tell_the_value(
    spark: SparkSession, things: Contract, relations: dict[str, DataFrame]
) -> None:
    checks = """
checks for things:
- row_count = 4: {name: rows}
- number = 1: {name: numbers, number query: "SELECT sum(CAST(order_id AS INT)) FROM things"}
"""
    with pytest.raises(CommitError) as refused:
        run_checks(spark, things, checks, relations)
    assert "CAST(order_id AS INT)" in str(refused.value)
    assert "it's" not in str(refused.value)


def test_a_table_without_rows_has_nothing_to_measure(
    spark: SparkSession, things: Contract, relations: dict[str, DataFrame]
) -> None:
    checks = """
checks for things:
- row_count = 0: {name: rows}
- avg(line) between 1 and 5: {name: average}
- max(at) > 3: {name: newest}
- duplicate_count(line) = 0: {name: unique, samples limit: 0}
"""
    none = {"things": relations["things"].where("false")}
    found = {each.name: each.outcome for each in run_checks(spark, things, checks, none)}
    assert found == {"rows": "pass", "average": "no rows", "newest": "no rows", "unique": "pass"}


def test_checks_that_are_none_are_refused(
    spark: SparkSession, things: Contract, relations: dict[str, DataFrame]
) -> None:
    with pytest.raises(CommitError, match="could not be run"):
        run_checks(spark, things, "checks for things:\n- row_kount !! 3", relations)


def test_instants_are_asked_for_in_utc_on_any_machine(
    spark: SparkSession, things: Contract, relations: dict[str, DataFrame]
) -> None:
    """Soda takes what it is given for UTC; the newest row is of 11:00."""
    seen = scan._Session(spark, relations)
    for zone in ("Australia/Lord_Howe", "America/New_York"):
        with machine_in(zone):
            (row,) = seen.sql(sqlQuery=f"SELECT max(at) AS newest, '{zone}' AS zone FROM things").collect()
        assert row["newest"] == datetime(2025, 3, 29, 11)
