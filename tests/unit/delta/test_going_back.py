"""Whether a table can go back to a version: its log, its files, and whether it is the same table at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tidemark.delta import deltalog, going_back
from tidemark.spark.jvm import java_class


@pytest.fixture
def path(spark: SparkSession, tmp_path: Path) -> str:
    """A table of three versions: two rows, one of them marked as deleted, and a third row."""
    at = str(tmp_path / "a table")
    spark.range(0, 40, 1, 1).write.format("delta").save(at)
    spark.sql(f"DELETE FROM delta.`{at}` WHERE id = 7")
    spark.range(100, 101, 1, 1).write.format("delta").mode("append").save(at)
    return at


def only(path: str, pattern: str) -> Path:
    (found,) = Path(path).glob(pattern)
    return found


def test_a_table_whose_files_are_there_can_go_back(spark: SparkSession, path: str) -> None:
    known = deltalog.table_id(deltalog.snapshot(spark, path))
    assert [going_back.obstacles(spark, path, version, known) for version in range(3)] == [(), (), ()]


def test_a_file_that_is_gone_is_named(spark: SparkSession, path: str) -> None:
    spark.sql(f"DELETE FROM delta.`{path}` WHERE id < 50")
    (first,) = (file for file in Path(path).glob("*.parquet") if len(spark.read.parquet(str(file)).take(2)) == 2)
    first.unlink()

    (told,) = going_back.obstacles(spark, path, 0)

    assert told == f"1 files of version 0 are gone: {first}"
    assert going_back.obstacles(spark, path, 2)
    assert going_back.obstacles(spark, path, 3) == ()


def test_so_is_the_file_of_rows_marked_as_deleted(spark: SparkSession, path: str) -> None:
    vector = only(path, "deletion_vector_*.bin")
    spark.sql(f"DELETE FROM delta.`{path}` WHERE id < 50")
    vector.unlink()

    assert going_back.obstacles(spark, path, 0) == ()
    assert going_back.obstacles(spark, path, 1) == (f"1 files of version 1 are gone: {vector}",)


def test_a_version_that_the_log_has_lost_is_told(spark: SparkSession, path: str) -> None:
    spark.sql(f"SELECT * FROM delta.`{path}`").collect()
    log = java_class(spark, "org.apache.spark.sql.delta.DeltaLog").forTable(spark._jsparkSession, path)
    log.checkpoint()
    only(path, "_delta_log/00000000000000000000.json").unlink()
    java_class(spark, "org.apache.spark.sql.delta.DeltaLog").clearCache()

    (told,) = going_back.obstacles(spark, path, 0)

    assert told.startswith("version 0 is no longer in its log")
    assert going_back.obstacles(spark, path, 2) == ()


def test_a_table_that_was_made_anew_is_another(spark: SparkSession, path: str) -> None:
    known = deltalog.table_id(deltalog.snapshot(spark, path))
    shutil.rmtree(path)
    assert going_back.obstacles(spark, path, 2, known) == ("there is no table any more",)
    java_class(spark, "org.apache.spark.sql.delta.DeltaLog").clearCache()
    spark.range(3).write.format("delta").save(path)

    (other,) = going_back.obstacles(spark, path, 0, known)
    (later,) = going_back.obstacles(spark, path, 2, known)

    assert f"not of {known}" in other
    assert later == "it has no version 2: its newest is 0, as of a table that was made anew"


def test_later_changes_of_rows_are_named_and_others_are_not(spark: SparkSession, path: str) -> None:
    spark.sql(f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES ('some' = 'thing')")
    spark.sql(f"OPTIMIZE delta.`{path}`")
    assert going_back.changes_after(spark, path, 2) == ()
    told = going_back.changes_after(spark, path, 0)
    assert [each.partition(" by ")[0] for each in told] == ["version 1: DELETE", "version 2: WRITE"]
