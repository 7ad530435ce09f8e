"""Whatever the table is made of, `read_version` gives the rows that Delta gives."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from delta.tables import DeltaTable

from tidemark.delta import plainfiles
from tidemark.delta.plainfiles import read_plain
from tidemark.delta.table import read_version

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Write = Callable[..., int]


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "a table")


@pytest.fixture
def write(spark: SparkSession, path: str) -> Write:
    """Writes rows to the table and gives the version that they made."""

    def write(rows: list[tuple[object, ...]], schema: str = "id int, city string", **options: str) -> int:
        partition = options.pop("partition", None)
        writer = spark.createDataFrame(rows, schema).coalesce(1).write.format("delta").options(**options)
        (writer.partitionBy(partition) if partition else writer).mode("append").save(path)
        return int(DeltaTable.forPath(spark, path).history(1).collect()[0].version)

    return write


def read(spark: SparkSession, path: str, version: int) -> list[tuple[object, ...]]:
    """The rows by `read_version`, after holding them against Delta's own answer."""
    found = _rows(read_version(spark, path, version))
    assert found == _rows(spark.read.format("delta").option("versionAsOf", version).load(path))
    return found


def test_a_small_table_is_read_as_its_files(spark: SparkSession, path: str, write: Write) -> None:
    write([(1, "Ulm")])
    version = write([(2, "Bonn")])

    assert read(spark, path, version) == [(1, "Ulm"), (2, "Bonn")]
    plain = read_plain(spark, path, version)
    assert plain is not None
    assert "Delta" not in plain._jdf.queryExecution().optimizedPlan().toString()


def test_an_older_version_is_left_to_delta(spark: SparkSession, path: str, write: Write) -> None:
    first = write([(1, "Ulm")])
    write([(2, "Bonn")])

    assert read_plain(spark, path, first) is None
    assert read(spark, path, first) == [(1, "Ulm")]


def test_a_column_that_came_later_is_null_in_older_files(spark: SparkSession, path: str, write: Write) -> None:
    write([(1, "Ulm")])
    version = write([(2, "Bonn", 5)], "id int, city string, rank int", mergeSchema="true")

    assert read_plain(spark, path, version) is not None
    assert read(spark, path, version) == [(1, "Ulm", None), (2, "Bonn", 5)]


@pytest.mark.parametrize("vectors", ["true", "false"])
def test_deleted_rows_stay_deleted(spark: SparkSession, path: str, write: Write, vectors: str) -> None:
    write([(1, "Ulm"), (2, "Bonn"), (3, "Jena")])
    spark.sql(f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES (delta.enableDeletionVectors = {vectors})")
    DeltaTable.forPath(spark, path).delete("id = 2")
    version = int(DeltaTable.forPath(spark, path).history(1).collect()[0].version)

    assert (read_plain(spark, path, version) is None) == (vectors == "true")
    assert read(spark, path, version) == [(1, "Ulm"), (3, "Jena")]


def test_an_emptied_table_has_no_rows(spark: SparkSession, path: str, write: Write) -> None:
    write([(1, "Ulm")])
    DeltaTable.forPath(spark, path).delete()
    version = int(DeltaTable.forPath(spark, path).history(1).collect()[0].version)

    assert read(spark, path, version) == []


def test_partitions_are_left_to_delta(spark: SparkSession, path: str, write: Write) -> None:
    version = write([(1, "Ulm"), (2, "Bonn")], partition="city")

    assert read_plain(spark, path, version) is None
    assert read(spark, path, version) == [(1, "Ulm"), (2, "Bonn")]


def test_a_table_of_many_files_is_left_to_delta(
    spark: SparkSession, path: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plainfiles, "FEW", 1)
    write([(1, "Ulm")])
    version = write([(2, "Bonn")])

    assert read_plain(spark, path, version) is None
    assert read(spark, path, version) == [(1, "Ulm"), (2, "Bonn")]


def test_a_table_made_anew_in_the_same_place_is_another(spark: SparkSession, path: str, write: Write) -> None:
    version = write([(1, "Ulm")])
    assert read(spark, path, version) == [(1, "Ulm")]
    shutil.rmtree(path)

    assert write([(7, "Trier")]) == version
    assert read(spark, path, version) == [(7, "Trier")]


def test_the_files_of_a_clone_are_left_to_delta(spark: SparkSession, path: str, write: Write) -> None:
    write([(1, "Ulm")])
    spark.sql(f"CREATE TABLE delta.`{path}-clone` SHALLOW CLONE delta.`{path}`")

    assert read_plain(spark, f"{path}-clone", 0) is None
    assert read(spark, f"{path}-clone", 0) == [(1, "Ulm")]


def _rows(frame: DataFrame) -> list[tuple[object, ...]]:
    return sorted((tuple(row) for row in frame.collect()), key=repr)
