"""An upsert of a large table reads and touches only where the batch's rows can be, and misses none of them."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from delta.tables import DeltaTable
from pyspark.sql import SparkSession

from tests.support.lakes.lake import Lake
from tidemark.books import Books
from tidemark.write import compare, rewrite
from tidemark.write.manifest import load as load_manifest

TABLE = "bronze.visits"
COLUMNS = "id! bigint\nkind! string\nday date\nplace string"
SOURCE = "id bigint, kind string, day date, place string, is_deleted boolean"
KEYS = ["id", "kind"]


def on(day: int) -> date:
    return date(2025, 3, day)


HELD = [
    (-7, "x", on(1), "Ulm", False),
    (-5, "x", on(2), "Bonn", False),
    (-5, "y", on(3), "Köln", False),
    (0, "x", None, "Jena", False),
    (3, "x", on(4), "Trier", False),
    (3, "y", on(5), None, False),
    (9, "x", on(6), "Mainz", False),
    (9, "y", on(7), "Worms", False),
]


LAYOUTS: dict[str, dict[str, Any]] = {"partitions": {"partition_by": ["day"]}, "clusters": {"cluster_by": ["day"]}}


@pytest.fixture(autouse=True)
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every table counts as large."""
    for module in (compare, rewrite):
        monkeypatch.setattr(module, "SMALL_TABLE", 0)


@pytest.fixture(scope="module", params=[*LAYOUTS.values(), {}], ids=[*LAYOUTS, "none"])
def held(request: pytest.FixtureRequest, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with the rows, in several files."""
    lake = Lake(spark, tmp_path_factory.mktemp("visits"))
    write = {"mode": "upsert", "keys": KEYS, "deletes": {"flag": "is_deleted"}}
    load = {"source": {"connection": "shop", "object": "visits"}, "write": write, **request.param}
    lake.table(TABLE, COLUMNS, load, keys=KEYS)
    for some in (HELD[:3], HELD[3:6], HELD[6:]):
        lake.load(TABLE, lake.frame(SOURCE, some))
    return lake.root


@pytest.fixture
def visits(spark: SparkSession, held: Path, tmp_path: Path) -> Lake:
    shutil.copytree(held, tmp_path, dirs_exist_ok=True)
    return Lake(spark, tmp_path)


def upsert(lake: Lake, *rows: tuple[Any, ...]) -> Books:
    loaded = lake.load(TABLE, lake.frame(SOURCE, rows))
    assert loaded.prepared is not None
    return loaded.prepared.books


def after(*changed: tuple[Any, ...], without: tuple[tuple[int, str], ...] = ()) -> list[tuple[Any, ...]]:
    """The rows held, as they are once these have changed."""
    rows = {row[:2]: row[:4] for row in (*HELD, *changed)}
    return sorted((row for key, row in rows.items() if key not in without), key=repr)


def test_a_row_whose_partition_changes_is_found_where_it_was(visits: Lake) -> None:
    moved = (-5, "x", on(28), "Bonn", False)

    assert upsert(visits, moved) == Books(extracted=1, accepted=1, updated=1)
    assert visits.read(TABLE) == after(moved)


def test_a_row_that_had_no_partition_value_is_found_and_one_can_lose_it(visits: Lake) -> None:
    gains, loses = (0, "x", on(9), "Jena", False), (9, "x", None, "Mainz", False)

    assert upsert(visits, gains, loses) == Books(extracted=2, accepted=2, updated=2)
    assert visits.read(TABLE) == after(gains, loses)


def test_every_row_of_the_batch_is_compared_wherever_it_lies(visits: Lake) -> None:
    """Negative keys, keys between others, new ones beside the known, deletions, and what stays as it is."""
    same, changed, deleted = HELD[0], (3, "y", on(5), "Fulda", False), (9, "y", on(7), "Worms", True)
    new, gone_before = (-100, "a", on(1), "Kiel", False), (200, "z", None, "Lahr", True)

    books = upsert(visits, same, changed, deleted, new, gone_before)

    assert books == Books(extracted=5, accepted=5, inserted=1, updated=1, deleted=1, unchanged=2)
    assert visits.read(TABLE) == after(changed, new, without=((9, "y"),))


def test_a_batch_of_rows_that_break_a_rule_meets_nothing(visits: Lake) -> None:
    assert upsert(visits, (None, "x", on(1), "nowhere", False)) == Books(extracted=1, quarantined=1)
    assert visits.read(TABLE) == after()


def test_the_commit_touches_only_files_where_replaced_rows_can_be(visits: Lake) -> None:
    batch = visits.frame(SOURCE, [(-5, "y", on(3), "Bern", False), (4, "x", on(20), "Graz", False)])

    prepared = visits.load(TABLE, batch).prepared

    assert prepared is not None
    assert {"id", "kind"} <= {bounds.column for bounds in prepared.replaced}
    assert all(not bounds.nulls and bounds.low == bounds.high for bounds in prepared.replaced)
    assert ("day" in {bounds.column for bounds in prepared.replaced}) == bool(layout(visits))
    metrics = DeltaTable.forPath(visits.spark, visits.path(TABLE)).history(1).collect()[0].operationMetrics
    assert int(metrics["numTargetDeletionVectorsAdded"]) + int(metrics["numTargetFilesRemoved"]) == 1
    assert load_manifest(visits.spark, prepared.path) == prepared


def layout(lake: Lake) -> tuple[str, ...]:
    load = lake.engine().table(TABLE).load
    return load.partition_by or load.cluster_by
