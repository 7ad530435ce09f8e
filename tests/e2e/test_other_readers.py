"""Readers that are not Spark get Spark's rows of every table of the demo, at every version, filtered or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.deltakernel import Kernel
from tests.support.readers import Asked, asked, by_delta_rs, by_duckdb, unlike
from tests.support.worlds.world import World

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.timeout(1800)

FEW = 200
"""Rows of a version that delta-kernel gives one by one, by a call into the JVM for each value."""


@pytest.fixture(scope="module")
def questions(spark: SparkSession, world: World) -> list[list[Asked]]:
    """Those of each table. Two versions at least of those that both days have changed."""
    found = [list(asked(spark, str(world.path(table)), places=(0.5,))) for table in world.table_versions()]
    assert len(found) >= 33
    assert max(each.version for table in found for each in table) >= 1
    return found


def test_delta_rs_gets_sparks_rows(questions: list[list[Asked]]) -> None:
    assert [fault for table in questions for fault in unlike(table, by_delta_rs(table))] == []


def test_duckdb_gets_sparks_rows(questions: list[list[Asked]], duckdb_python: Path, tmp_path: Path) -> None:
    def faults() -> Iterator[str]:
        for number, table in enumerate(questions):
            folder = tmp_path / str(number)
            folder.mkdir()
            yield from unlike(table, by_duckdb(duckdb_python, folder, table))

    assert list(faults()) == []


def test_delta_kernel_gets_sparks_rows_and_leaves_no_file_out(
    spark: SparkSession, questions: list[list[Asked]]
) -> None:
    kernel = Kernel(spark)
    every = [each for table in questions for each in table]
    small = [each for each in every if each.condition is None and each.expected.total() <= FEW]

    assert len(small) > 10
    assert unlike(small, map(kernel.rows, small)) == []
    assert [(each.table, each.condition) for each in every if not each.files <= kernel.files(each)] == []
