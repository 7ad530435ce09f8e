"""A VACUUM, whoever runs it, leaves the files of living rows, and those that kept versions had."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from delta.tables import DeltaTable as SparkTable

from tests.support.lakes.lake import Lake
from tidemark.delta import addedfiles, deltalog
from tidemark.delta.table import read_state
from tidemark.operations import maintenance, upkeep

TABLE = "bronze.cities"
SOURCE = "id string, city string, gone boolean"
WEEK = timedelta(days=7)


@pytest.fixture
def cities(lake: Lake) -> Lake:
    """A small table of which a row was deleted: those that stay were copied into a folder of what was kept."""
    write = {"mode": "upsert", "keys": ["id"], "deletes": {"flag": "gone"}}
    load = {"source": {"connection": "shop", "object": "cities"}, "write": write, "cluster_by": ["city"]}
    lake.table(TABLE, "id! string\ncity string", load, keys=["id"])
    lake.load(TABLE, lake.frame(SOURCE, [("1", "Ulm", False), ("2", "Bonn", False)]))
    window = {"column": "id", "low": None, "high": 2}
    lake.load(TABLE, lake.frame(SOURCE, [("2", "Bonn", True)]), watermark=window)
    return lake


@pytest.fixture
def of_before(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Files are named in the log as earlier versions did it, until that is undone."""
    monkeypatch.setattr(addedfiles, "_AS_IN_ADDRESSES", "/")
    return monkeypatch


def in_log(lake: Lake) -> list[str]:
    return [str(file.path()) for file in deltalog.files(deltalog.snapshot(lake.spark, lake.path(TABLE)))]


def rows(lake: Lake) -> list[str]:
    """What is in the files, and not what the log counts, as two readers find it."""
    by_spark = sorted(row["city"] for row in lake.delta(TABLE).collect())
    assert by_spark == sorted(city for _, city in lake.read(TABLE))
    return by_spark


def tidy(lake: Lake, out_of_use: timedelta = timedelta(0)) -> None:
    engine, moment = lake.engine(), datetime.now(UTC).replace(tzinfo=None)
    engine.leases.acquire(TABLE)
    assert maintenance.tidy(engine, TABLE, moment - out_of_use, moment) is not None
    engine.leases.release(TABLE)


def lying(lake: Lake) -> set[Path]:
    return {path for path in Path(lake.path(TABLE)).rglob("*.parquet") if "_delta_log" not in path.parts}


def test_maintenance_leaves_rows_that_a_batch_kept(cities: Lake) -> None:
    assert all("=kept/" in path for path in in_log(cities))

    tidy(cities)

    assert rows(cities) == ["Ulm"]
    assert len(lying(cities)) == 1


def test_a_vacuum_by_others_leaves_them_too(cities: Lake) -> None:
    cities.spark.conf.set("spark.databricks.delta.retentionDurationCheck.enabled", "false")
    SparkTable.forPath(cities.spark, cities.path(TABLE)).vacuum(0)
    cities.spark.conf.unset("spark.databricks.delta.retentionDurationCheck.enabled")

    assert rows(cities) == ["Ulm"]


def clustered_by(lake: Lake) -> list[str]:
    (row,) = lake.spark.sql(f"DESCRIBE DETAIL delta.`{lake.path(TABLE)}`").collect()
    return list(row["clusteringColumns"])


def test_files_of_before_are_named_anew_before_a_vacuum(of_before: pytest.MonkeyPatch, cities: Lake) -> None:
    of_before.undo()
    before = read_state(cities.spark, cities.path(TABLE))
    assert all("%3Dkept/" in path for path in in_log(cities))
    assert not upkeep.vacuum(cities.spark, cities.path(TABLE), timedelta(0))

    tidy(cities)
    tidy(cities)

    after = read_state(cities.spark, cities.path(TABLE))
    assert rows(cities) == ["Ulm"]
    assert not any("%" in path for path in in_log(cities))
    assert after.version == (before.version or 0) + 1, "once"
    assert (after.batch_id, after.watermark, after.touched) == (before.batch_id, before.watermark, before.touched)
    assert len(lying(cities)) == 1
    assert clustered_by(cities) == ["city"]
    done = cities.load(TABLE, cities.frame(SOURCE, [("1", "Ulm", False), ("3", "Jena", False)]))
    assert done.prepared is not None
    assert (done.prepared.books.inserted, done.prepared.books.unchanged) == (1, 1)


def test_files_of_before_stay_as_long_as_a_version_that_had_them_is_kept(
    of_before: pytest.MonkeyPatch, cities: Lake
) -> None:
    of_before.undo()
    had = read_state(cities.spark, cities.path(TABLE)).version
    cities.load(TABLE, cities.frame(SOURCE, [("1", "Köln", False)]))

    tidy(cities, WEEK)

    then = cities.spark.read.format("delta").option("versionAsOf", had).load(cities.path(TABLE))
    assert [row["city"] for row in then.collect()] == ["Ulm"]
    assert rows(cities) == ["Köln"]
