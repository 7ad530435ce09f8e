"""Released tables without Spark: the version that is released, however the table was written."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import SparkSession

from tests.support.lakes.lake import Lake
from tests.support.lakes.released import ReaderLake
from tidemark.errors import ConfigError, TidemarkError


@pytest.fixture
def lake(tmp_path: Path) -> ReaderLake:
    found = ReaderLake(tmp_path)
    found.table("gold.sales", "id: int", "name: string")
    return found


def rows(lake: ReaderLake, table: str = "gold.sales", as_of: str | None = None) -> list[dict[str, object]]:
    given = lake.open(as_of).rows(table)
    found = given.read_all() if isinstance(given, pa.RecordBatchReader) else given.to_table()
    return sorted(found.to_pylist(), key=lambda row: str(row))


def test_readers_see_the_released_version_not_the_newest(lake: ReaderLake) -> None:
    lake.write("gold.sales", pa.table({"id": [1]}))
    lake.release()
    lake.write("gold.sales", pa.table({"id": [2]}))
    assert rows(lake) == [{"id": 1}]
    lake.release()
    assert rows(lake) == [{"id": 1}, {"id": 2}]
    assert rows(lake, as_of="r1") == [{"id": 1}]


def test_values_at_the_ends_of_time_and_odd_partitions_come_as_they_are(lake: ReaderLake) -> None:
    first, last = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    given = pa.table(
        {
            "id": pa.array([1, 2, 3, 4], pa.int32()),
            "at": pa.array([first, last, None, first], pa.timestamp("us", "UTC")),
            "place": ["a=b %25/ä", None, "__x__", "c:d"],
        }
    )
    write_deltalake(lake.path("gold.sales"), given, partition_by=["place"])
    lake.release()
    assert rows(lake) == sorted(given.to_pylist(), key=lambda row: str(row))
    assert lake.open().released(["gold.sales"])[0].rows == 4


def test_a_column_that_was_widened_is_read_over_old_and_new_files(lake: ReaderLake) -> None:
    lake.write("gold.sales", pa.table({"id": pa.array([1], pa.int32())}))
    log = Path(lake.path("gold.sales")) / "_delta_log"
    actions = [json.loads(line) for line in (log / f"{0:020}.json").read_text().splitlines()]
    metadata = next(each["metaData"] for each in actions if "metaData" in each)
    metadata["schemaString"] = metadata["schemaString"].replace('"integer"', '"long"')
    features = ["typeWidening"]
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features, "writerFeatures": features}
    widened = [{"metaData": metadata}, {"protocol": protocol}, {"commitInfo": {"timestamp": 0}}]
    (log / f"{1:020}.json").write_text("\n".join(map(json.dumps, widened)))
    lake.release()
    assert rows(lake) == [{"id": 1}]


def test_rows_that_are_marked_as_deleted_are_not_shown(lake: ReaderLake, spark: SparkSession) -> None:
    path = lake.path("gold.sales")
    spark.range(3).write.format("delta").option("delta.enableDeletionVectors", "true").save(path)
    spark.sql(f"DELETE FROM delta.`{path}` WHERE id = 1")
    assert "deletionVectors" in (DeltaTable(path).protocol().reader_features or ())
    lake.release()
    assert rows(lake) == [{"id": 0}, {"id": 2}]
    assert lake.open().released(["gold.sales"])[0].rows is None


@pytest.mark.parametrize("reader", ["2", "3"])
def test_what_delta_rs_cannot_read_is_refused(lake: ReaderLake, spark: SparkSession, reader: str) -> None:
    path = lake.path("gold.sales")
    versions = f"'delta.minReaderVersion' = '{reader}', 'delta.minWriterVersion' = '{7 if reader == '3' else 5}'"
    off = "'delta.enableDeletionVectors' = 'false', 'delta.enableChangeDataFeed' = 'false'"
    mapped = f"'delta.columnMapping.mode' = 'name', {versions}, {off}"
    spark.sql(f"CREATE TABLE delta.`{path}` (id BIGINT) USING delta TBLPROPERTIES ({mapped})")
    lake.release()
    with pytest.raises(TidemarkError, match="columnMapping"):
        lake.open().rows("gold.sales")


def test_a_version_that_is_gone_is_told(lake: ReaderLake) -> None:
    lake.write("gold.sales", pa.table({"id": [1]}))
    lake.release({"gold.sales": 7})
    with pytest.raises(TidemarkError, match="version 7 of release r1 cannot be opened"):
        lake.open().rows("gold.sales")


def test_a_table_that_was_made_anew_is_not_shown_as_the_released_one(lake: ReaderLake) -> None:
    lake.write("gold.sales", pa.table({"id": [1]}))
    lake.release()
    shutil.rmtree(lake.path("gold.sales"))
    lake.write("gold.sales", pa.table({"id": [2]}))
    with pytest.raises(TidemarkError, match="dropped and made anew"):
        lake.open().rows("gold.sales")


def test_what_there_is_not_is_told_with_what_there_is(lake: ReaderLake) -> None:
    with pytest.raises(ConfigError, match="nothing is released yet"):
        lake.open()
    lake.write("gold.sales", pa.table({"id": [1]}))
    lake.release()
    with pytest.raises(ConfigError, match="there is no release r8"):
        lake.open("r8")
    lake.table("gold.later", "id: int")
    with pytest.raises(ConfigError, match=r"gold\.later is not in release r1"):
        lake.open().rows("gold.later")


def test_the_engine_and_delta_rs_mean_the_same_rows(spark: SparkSession, tmp_path: Path) -> None:
    lake = Lake(spark, tmp_path, day=date(2025, 3, 1))
    lake.table(
        "bronze.p",
        "id string\nname string",
        {"source": {"connection": "shop", "object": "p"}, "write": {"mode": "append"}},
    )
    loaded = lake.load("bronze.p", lake.frame("id string, name string", [("a", "Ann"), ("b", None)]))
    reader = ReaderLake(tmp_path, environment="test")
    reader.release({"bronze.p": loaded.committed.version})
    found = [(row["id"], row["name"]) for row in rows(reader, "bronze.p")]
    assert found == [("a", "Ann"), ("b", None)]
