"""Readers that are not Spark get Spark's rows of our tables, with filters and without, at every version."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.deltakernel import Kernel
from tests.support.lakes import shop_tables
from tests.support.lakes.lake import Lake, at
from tests.support.readers import Asked, asked, by_delta_rs, by_duckdb, by_spark, unlike
from tidemark.operations.upkeep import compact
from tidemark.write import rewrite
from tidemark.write.commit import restore

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COLUMNS = """
id! int
kind string
name string
price decimal(38,18)
ratio double
share float {logicalType: number}
small tinyint {logicalType: integer}
born date
seen timestamp
active boolean
updated_at! timestamp
"""
SOURCE = (
    "id int, kind string, name string, price decimal(38,18), ratio double, share float, small tinyint, "
    "born date, seen timestamp, active boolean, updated_at timestamp"
)
END = datetime(9999, 12, 31, 23, 59, 59, 999_999)
LOW = Decimal("-12345678901234567890.5")
BATCHES: list[list[tuple[Any, ...]]] = [
    [
        (1, "a", "x" * 40, Decimal("1E-18"), -0.0, 0.1, -1, date(999, 1, 2), datetime(850, 1, 1), True, at(1)),
        (2, "a", "\U0001f600" * 40, Decimal(0), 0.5, -0.0, 0, date(9999, 12, 31), END, False, at(1)),
        (3, None, None, None, None, None, None, None, None, None, at(1)),
    ],
    [
        (2, "b", "\U0010ffff" * 40, LOW, math.nan, math.inf, 7, None, at(2), None, at(2)),
        (4, "it's", "", Decimal(7), -math.inf, 3.5, 3, date(1, 1, 1), datetime(2025, 3, 1, 1, 2, 3, 4), True, at(2)),
        (5, "b", "plain", Decimal("2.5"), 1e300, 1e20, 127, date(2025, 3, 1), at(3), True, at(3)),
    ],
]
NEWEST = {"keys": ["id"], "order_by": ["updated_at"]}
HISTORY = {"effective_from": "updated_at", "surrogate_key": "sk", "track": ["name", "price", "ratio"]}
MODES: dict[str, dict[str, Any]] = {
    "append": {"write": {"mode": "append", "keys": ["id", "updated_at"]}},
    "append, clustered": {"write": {"mode": "append"}, "cluster_by": ["seen", "id"]},
    "append, partitioned": {"write": {"mode": "append"}, "partition_by": ["kind"]},
    "replace": {"write": {"mode": "replace"}},
    "replace, partitions": {"write": {"mode": "replace", "partition_by": ["kind"]}, "partition_by": ["kind"]},
    "upsert": {"write": {"mode": "upsert", **NEWEST}},
    "upsert, merged": {"write": {"mode": "upsert", **NEWEST}},
    "scd2": {"write": {"mode": "scd2", "keys": ["id"], **HISTORY}},
}


BY_DELTA = ("append, partitioned", "replace", "replace, partitions", "upsert, merged")
"""What Delta writes itself, and whose bounds are its own: of -0.0 they lose the row to other readers' `= 0.0`."""


@pytest.fixture(scope="module")
def modes(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Tables of every write mode and of every type, two batches each."""
    lake = Lake(spark, tmp_path_factory.mktemp("modes"))
    return [load(lake, f"bronze.t{number}", mode) for number, mode in enumerate(MODES)]


def load(lake: Lake, table: str, mode: str) -> str:
    if mode == "scd2":
        return history_of(lake, table)
    described = {"source": {"connection": "shop", "object": "things"}, **MODES[mode]}
    lake.table(table, COLUMNS.strip(), described, keys=MODES[mode]["write"].get("keys", ()))
    with pytest.MonkeyPatch.context() as patched:
        if mode.endswith("merged"):
            patched.setattr(rewrite, "fits", lambda _work, _books: False)
        for batch in BATCHES:
            lake.load(table, lake.frame(SOURCE, unsigned(batch) if mode in BY_DELTA else batch))
    return lake.path(table)


def history_of(lake: Lake, log: str) -> str:
    """A history of what two batches have brought to a log."""
    table, made = (
        f"silver.{log.partition('.')[2]}",
        "\nsk string\nvalid_from timestamp\nvalid_to timestamp\nis_current boolean",
    )
    source = {"connection": "shop", "object": "things"}
    lake.table(log, COLUMNS.strip(), {"source": source, "write": {"mode": "append"}})
    lake.table(table, COLUMNS.strip() + made, {"inputs": {log: {"on": ["id"]}}, **MODES["scd2"]}, keys=["sk"])
    for batch in BATCHES:
        lake.load(log, lake.frame(SOURCE, batch))
        lake.build(table)
    return lake.path(table)


def unsigned(batch: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """With 0.0 for -0.0."""
    return [tuple(0.0 if value == 0 and isinstance(value, float) else value for value in row) for row in batch]


@pytest.fixture(scope="module")
def questions(spark: SparkSession, modes: list[str]) -> list[Asked]:
    return [each for table in modes for each in asked(spark, table)]


@pytest.fixture(scope="module")
def shops_questions(spark: SparkSession, first_day: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Asked]:
    """The shop's tables after a second day, one of them compacted and taken back."""
    lake = Lake(spark, shutil.copytree(first_day, tmp_path_factory.mktemp("shop"), dirs_exist_ok=True))
    shop_tables.receive(lake, customers=[("ann", "Jena", at(3), False), ("bob", "Bonn", at(4), True)])
    shop_tables.receive(lake, lines=[("o1", 2, "ann", 9, at(4), False), ("o4", 1, "ann", 2, at(4), False)])
    lake.build_together(*shop_tables.TABLES)
    lines = lake.path("bronze.lines")
    compact(spark, lines, {})
    restore(spark, lines, 1, {})
    tables = ("bronze.lines", "bronze.customers", *shop_tables.TABLES)
    return [each for table in tables for each in asked(spark, lake.path(table))]


@pytest.fixture(params=[pytest.param("of every mode", marks=pytest.mark.slow), "of the shop"])
def all_questions(request: pytest.FixtureRequest) -> list[Asked]:
    questions: list[Asked] = request.getfixturevalue(
        {"of every mode": "questions"}.get(request.param, "shops_questions")
    )
    assert len(questions) > 500
    return questions


def test_delta_rs_gets_sparks_rows(all_questions: list[Asked]) -> None:
    assert unlike(all_questions, by_delta_rs(all_questions)) == []


@pytest.mark.slow
def test_duckdb_gets_sparks_rows(duckdb_python: Path, tmp_path: Path, all_questions: list[Asked]) -> None:
    assert unlike(all_questions, by_duckdb(duckdb_python, tmp_path, all_questions)) == []


def test_delta_kernel_gets_sparks_rows(spark: SparkSession, all_questions: list[Asked]) -> None:
    kernel = Kernel(spark)
    whole = [each for each in all_questions if each.condition is None]

    assert unlike(whole, map(kernel.rows, whole)) == []


def test_delta_kernel_leaves_no_file_out_that_has_rows(spark: SparkSession, all_questions: list[Asked]) -> None:
    kernel = Kernel(spark)
    newest = latest(all_questions)

    left = {each: kernel.files(each) for each in newest}

    assert [each for each, files in left.items() if not each.files <= files] == []
    everything = {each.table: each.files for each in newest if each.condition is None}
    assert any(files < everything[each.table] for each, files in left.items())  # bounds are of use


def test_spark_itself_finds_with_a_filter_what_it_reads_without(
    spark: SparkSession, all_questions: list[Asked]
) -> None:
    equal = {
        (each.table, each.condition.column): each
        for each in latest(all_questions)
        if each.condition and each.condition.operator == "="
    }
    one_each = list(equal.values())

    assert unlike(one_each, by_spark(spark, one_each)) == []


def latest(questions: Sequence[Asked]) -> list[Asked]:
    newest = {each.table: each.version for each in questions}
    return [each for each in questions if each.version == newest[each.table]]
