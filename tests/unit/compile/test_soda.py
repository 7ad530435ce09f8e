from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession

from tidemark.compile.soda import sodacl
from tidemark.config.contract import Check, Column, Comparison, Contract, Freshness
from tidemark.errors import ConfigError

AS_OF = datetime(2025, 3, 30, 12, 0, tzinfo=UTC)
ZERO = Comparison("=", (Decimal(0),))
ORDER_ID = Column("order_id", "string", required=True, key_position=1)
LINE = Column("line_number", "int", required=True, key_position=2)
AMOUNT = Column("amount", "decimal(18,2)")
UPDATED = Column("updated_at", "timestamp")

Scan = Callable[[str], dict[str, tuple[str, Any]]]


@pytest.fixture(scope="module")
def scan(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scan]:
    """Runs SodaCL over the view `things` and gives each check's outcome and value by its name."""
    from soda.common.config_helper import ConfigHelper

    config: Path = tmp_path_factory.mktemp("soda") / "config.yml"
    config.write_text("send_anonymous_usage_stats: false\nuser_cookie_id: none\n")
    ConfigHelper.get_instance(str(config))
    from soda.scan import Scan as SodaScan

    rows = [
        ("A", 1, Decimal("10.00"), datetime(2025, 3, 29, 11, 0)),
        ("A", 1, Decimal("-1.00"), datetime(2025, 3, 28)),
        ("it's", 2, None, datetime(2025, 3, 27)),
        ("b\\c", 3, Decimal("5.50"), None),
    ]
    schema = "order_id string, line_number int, amount decimal(18,2), updated_at timestamp"
    spark.createDataFrame(rows, schema).createOrReplaceTempView("things")
    spark.createDataFrame([("A",)], "order_id string").createOrReplaceTempView("silver__orders")

    def run(checks: str) -> dict[str, tuple[str, Any]]:
        soda = SodaScan()
        soda.set_data_source_name("lake")
        soda.add_configuration_yaml_str("data_source lake:\n  type: spark_df\n")
        soda.add_spark_session(spark, data_source_name="lake")
        soda.add_sodacl_yaml_str(checks)
        soda.execute()
        assert not soda.has_error_logs(), soda.get_error_logs_text()
        results = soda.get_scan_results()["checks"]
        return {each["name"]: (each["outcome"], each["diagnostics"].get("value")) for each in results}

    yield run
    spark.catalog.dropTempView("things")
    spark.catalog.dropTempView("silver__orders")


@pytest.fixture
def contract(contract_of: Callable[..., Contract]) -> Callable[..., Contract]:
    """Contracts over the columns of the view `things`, without a key unless one is asked for."""

    def build(*checks: Check, keyed: bool = False, **more: Any) -> Contract:
        columns = (ORDER_ID, LINE, AMOUNT, UPDATED)
        if not keyed:
            columns = tuple(Column(each.name, each.type) for each in columns)
        return contract_of(*columns, checks=checks, **more)

    return build


def metric(name: str, column: str | None = None, *, comparison: Comparison = ZERO, **more: Any) -> Check:
    return Check("metric", more.pop("named", name), metric=name, column=column, comparison=comparison, **more)


def test_a_contract_without_checks_compiles_to_nothing(contract: Callable[..., Contract]) -> None:
    assert sodacl(contract(), "things", AS_OF) == ""


def test_library_metrics_count_what_they_say(scan: Scan, contract: Callable[..., Contract]) -> None:
    checks = contract(
        metric("nullValues", "amount", named="nulls"),
        metric("nullValues", "amount", named="null share", unit="percent", comparison=Comparison("<", (Decimal(30),))),
        metric("missingValues", "order_id", named="missing", arguments={"missingValues": ["A", None]}),
        metric("invalidValues", "order_id", named="listed", arguments={"validValues": ["A", "b\\c"]}),
        metric("invalidValues", "line_number", named="listed numbers", arguments={"validValues": [1, 2]}),
        metric("invalidValues", "order_id", named="pattern", arguments={"pattern": r"^(A|it's|b\\c)$"}),
        metric("invalidValues", "order_id", named="class", arguments={"pattern": r"^\w+$"}),
        metric("duplicateValues", named="duplicates", arguments={"properties": ("order_id", "line_number")}),
        metric("rowCount", named="rows", comparison=Comparison("between", (Decimal(1), Decimal(4)))),
    )
    assert scan(sodacl(checks, "things", AS_OF)) == {
        "nulls": ("fail", 1),
        "null share": ("pass", 25),
        "missing": ("fail", 2),
        "listed": ("fail", 1),
        "listed numbers": ("fail", 1),
        "pattern": ("pass", 0),
        "class": ("fail", 2),
        "duplicates": ("fail", 1),
        "rows": ("pass", 4),
    }


@pytest.mark.parametrize(
    ("comparison", "holds"),
    [
        (Comparison("=", (Decimal(4),)), True),
        (Comparison("=", (Decimal(5),)), False),
        (Comparison("!=", (Decimal(4),)), False),
        (Comparison("!=", (Decimal("4.5"),)), True),
        (Comparison(">", (Decimal(4),)), False),
        (Comparison(">=", (Decimal("4.0"),)), True),
        (Comparison("<", (Decimal("1E+2"),)), True),
        (Comparison("<", (Decimal(4),)), False),
        (Comparison("<=", (Decimal(4),)), True),
        (Comparison("between", (Decimal(4), Decimal(9))), True),
        (Comparison("between", (Decimal(5), Decimal(9))), False),
        (Comparison("not between", (Decimal(4), Decimal(9))), False),
        (Comparison("not between", (Decimal("-5"), Decimal("-0.5"))), True),
    ],
    ids=str,
)
def test_every_comparison_fails_as_error_and_only_warns_as_warning(
    scan: Scan, contract: Callable[..., Contract], comparison: Comparison, holds: bool
) -> None:
    checks = contract(
        metric("rowCount", named="hard", comparison=comparison),
        metric("rowCount", named="soft", comparison=comparison, severity="warning"),
    )
    outcomes = {name: outcome for name, (outcome, _) in scan(sodacl(checks, "things", AS_OF)).items()}
    assert outcomes == ({"hard": "pass", "soft": "pass"} if holds else {"hard": "fail", "soft": "warn"})


def test_queries_see_the_candidate_and_other_tables_as_views(scan: Scan, contract: Callable[..., Contract]) -> None:
    orphans = "SELECT count(*) FROM {object} AS t LEFT ANTI JOIN silver.orders ON orders.order_id = t.{property}"
    checks = contract(
        Check("sql", "orphans", column="order_id", comparison=ZERO, query=orphans),
        Check("sql", "soft", severity="warning", comparison=ZERO, query="SELECT count(*) FROM {dataset}"),
    )
    assert scan(sodacl(checks, "things", AS_OF)) == {"orphans": ("fail", 2), "soft": ("warn", 4)}


def test_a_query_that_does_not_parse_names_contract_and_line(contract: Callable[..., Contract]) -> None:
    checks = contract(Check("sql", "broken", comparison=ZERO, query="SELECT FROM WHERE", line=41))
    with pytest.raises(ConfigError) as caught:
        sodacl(checks, "things", AS_OF)
    assert [(found.file.name, found.line) for found in caught.value.findings] == [("things.contract.yaml", 41)]
    assert "broken" in str(caught.value)


def test_custom_sodacl_runs_as_written(scan: Scan, contract: Callable[..., Contract]) -> None:
    reference = "values in (order_id) must exist in silver.orders (order_id)"
    failed_rows = "failed rows:\n  fail query: SELECT * FROM {dataset} JOIN silver.orders USING (order_id)"
    checks = contract(
        Check("custom", "average", implementation="avg(amount) between 4 and 5"),
        Check("custom", "soft average", severity="warning", implementation="avg({property}) < 1", column="amount"),
        Check("custom", "references", implementation=reference),
        Check("custom", "failed rows", implementation=failed_rows),
        Check("custom", "range", implementation="- min(amount) >= -1\n- max(amount) < 10"),
        Check("custom", "configured", implementation="max(amount):\n  warn: when > 9\n  fail: when > 99"),
    )
    outcomes = {name: outcome for name, (outcome, _) in scan(sodacl(checks, "things", AS_OF)).items()}
    assert outcomes == {
        "average": "pass",
        "soft average": "warn",
        "references": "fail",
        "failed rows": "fail",
        "range (1)": "pass",
        "range (2)": "fail",
        "configured": "warn",
    }


def test_keys_and_unique_columns_are_checked_once(scan: Scan, contract_of: Callable[..., Contract]) -> None:
    listed = metric("duplicateValues", named="listed", arguments={"properties": ("line_number", "order_id")})
    columns = (ORDER_ID, LINE, Column("amount", "decimal(18,2)", unique=True))
    assert scan(sodacl(contract_of(*columns), "things", AS_OF)) == {
        "order_id, line_number is unique": ("fail", 1),
        "amount is unique": ("pass", 0),
    }
    names = [
        next(iter(each.values()))["name"]
        for each in _checks(sodacl(contract_of(*columns, checks=(listed,)), "x", AS_OF))
    ]
    assert names == ["amount is unique", "listed"]


def test_bronze_is_a_log_whose_columns_are_checked_not_its_key(scan: Scan, contract: Callable[..., Contract]) -> None:
    assert scan(sodacl(contract(keyed=True, table="bronze.things"), "things", AS_OF)) == {
        "the contract's columns are there": ("pass", None)
    }


def test_a_missing_column_fails_the_schema_check(scan: Scan, contract_of: Callable[..., Contract]) -> None:
    more = contract_of(ORDER_ID, Column("vanished", "string"), table="bronze.things")
    assert scan(sodacl(more, "things", AS_OF))["the contract's columns are there"][0] == "fail"


@pytest.mark.parametrize(
    ("hours", "severity", "outcome"), [("25", "error", "pass"), ("24.5", "error", "fail"), ("24.5", "warning", "warn")]
)
def test_freshness_is_judged_as_of_the_run(
    scan: Scan, contract: Callable[..., Contract], hours: str, severity: Any, outcome: str
) -> None:
    checks = contract(freshness=Freshness("updated_at", Decimal(hours), severity))
    for moment in (AS_OF, AS_OF.replace(tzinfo=None), AS_OF.astimezone(timezone(timedelta(hours=9)))):
        assert scan(sodacl(checks, "things", moment)) == {f"updated_at is at most {hours} h old": (outcome, 25.0)}


def test_an_empty_table_is_not_fresh(scan: Scan, spark: SparkSession, contract: Callable[..., Contract]) -> None:
    spark.table("things").limit(0).createOrReplaceTempView("nothing")
    checks = contract(freshness=Freshness("updated_at", Decimal(26)))
    assert [outcome for outcome, _ in scan(sodacl(checks, "nothing", AS_OF)).values()] == ["warn"]


def test_no_check_that_counts_rows_shows_them(contract: Callable[..., Contract]) -> None:
    checks = contract(
        metric("nullValues", "amount"),
        metric("invalidValues", "order_id", arguments={"pattern": "A"}),
        metric("duplicateValues", arguments={"properties": ("amount",)}),
        Check("custom", "custom", implementation="missing_count(order_id) = 0"),
        keyed=True,
    )
    compiled = _checks(sodacl(checks, "things", AS_OF))
    assert [next(iter(each.values()))["samples limit"] for each in compiled] == [0] * 5


def _checks(text: str) -> list[dict[str, Any]]:
    (entries,) = yaml.safe_load(text).values()
    return list(entries)
