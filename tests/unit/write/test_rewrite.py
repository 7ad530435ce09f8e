"""A small table's rewrite is what a MERGE would have done: same rows, same change feed, same history for others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from delta.tables import DeltaTable
from pyspark.sql import functions as F

from tests.support.lakes.lake import Lake, at
from tests.support.lakes.saved import Beginnings
from tidemark import steps
from tidemark.books import Books
from tidemark.compute.candidate import candidate
from tidemark.delta.sizes import table_bytes
from tidemark.delta.table import read_state
from tidemark.errors import CommitError
from tidemark.sources import Extract
from tidemark.write import rewrite
from tidemark.write.manifest import load

pytestmark = pytest.mark.usefixtures("planned_anew")

COLUMNS = "id! string\ncity string\nupdated_at! timestamp"
SOURCE = "id string, city string, updated_at timestamp, is_deleted boolean"
TABLE = "bronze.cities"
Row = tuple[Any, ...]

FIRST = [("a", "Ulm", at(1), False), ("b", "Bonn", at(1), False), ("c", "Köln", at(1), False), ("d", "x", at(1), False)]
UPDATES = [("b", "Jena", at(2), False), ("d", "x", at(1), False), ("e", None, at(2), False)]
DELETES = [*UPDATES, ("c", "Köln", at(2), True)]


def describe(lake: Lake) -> Lake:
    load = {
        "source": {"connection": "shop", "object": "cities"},
        "write": {"mode": "upsert", "keys": ["id"], "order_by": ["updated_at"], "deletes": {"flag": "is_deleted"}},
    }
    lake.table(TABLE, COLUMNS, load, keys=["id"])
    return lake


@pytest.fixture
def cities(beginnings: Beginnings) -> Lake:
    return beginnings.of(received)[0]


def received(lake: Lake) -> None:
    describe(lake).load(TABLE, lake.frame(SOURCE, FIRST))


@pytest.fixture
def merged(cities: Lake, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """The same table, which goes by MERGE."""
    monkeypatch.setattr(rewrite, "fits", lambda work, _books: work.path.startswith(str(cities.root)))
    other = describe(Lake(cities.spark, tmp_path_factory.mktemp("merged")))
    other.load(TABLE, other.frame(SOURCE, FIRST))
    return other


def feed(lake: Lake, since: int) -> list[Row]:
    frame = lake.spark.read.format("delta").option("readChangeFeed", "true").option("startingVersion", since)
    columns = ["id", "city", "updated_at", "_row_hash", "_change_type", "_commit_version"]
    return sorted((tuple(row) for row in frame.load(lake.path(TABLE)).select(*columns).collect()), key=repr)


def operation(lake: Lake) -> str:
    return str(DeltaTable.forPath(lake.spark, lake.path(TABLE)).history(1).collect()[0].operation)


ALL_CHANGE = [(name, "other", at(3), False) for name in "abcd"]
ALL_GO = [(name, None, at(3), True) for name in "abcd"]


@pytest.mark.slow
@pytest.mark.parametrize("batch", [UPDATES, DELETES, [("a", None, at(3), True)], ALL_CHANGE, ALL_GO])
def test_rows_and_change_feed_are_those_of_a_merge(cities: Lake, merged: Lake, batch: list[Row]) -> None:
    for lake in (cities, merged):
        lake.load(TABLE, lake.frame(SOURCE, batch))

    assert (operation(cities), operation(merged)) == ("WRITE", "MERGE")
    assert cities.read(TABLE) == merged.read(TABLE)
    assert cities.read(TABLE, "_row_hash") == merged.read(TABLE, "_row_hash")
    version = read_state(cities.spark, cities.path(TABLE)).version
    assert version is not None
    assert feed(cities, version) == feed(merged, version)
    assert len(feed(cities, 0)) == len(feed(merged, 0))


def test_a_batch_too_large_to_be_broadcast_does_the_same(
    cities: Lake, merged: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(rewrite, "can_be_broadcast", lambda _changes, rows: bool(asked.append(rows)))
    for lake in (cities, merged):
        lake.load(TABLE, lake.frame(SOURCE, DELETES))

    assert asked == [2], "one row updated, one deleted"
    assert (operation(cities), operation(merged)) == ("WRITE", "MERGE")
    assert cities.read(TABLE, "_row_hash") == merged.read(TABLE, "_row_hash")
    assert feed(cities, 1) == feed(merged, 1)


def test_rows_that_stay_keep_what_they_were_stamped_with(cities: Lake) -> None:
    before = dict(cities.read(TABLE, "id", "_batch_id"))

    loaded = cities.load(TABLE, cities.frame(SOURCE, DELETES))

    assert dict(cities.read(TABLE, "id", "_batch_id")) == {
        "a": before["a"],
        "b": loaded.prepared.batch_id,
        "d": before["d"],
        "e": loaded.prepared.batch_id,
    }


def test_the_entry_is_signed_and_made_once(cities: Lake) -> None:
    engine = cities.engine()
    loaded = cities.load(TABLE, cities.frame(SOURCE, UPDATES), engine=engine)

    state = read_state(cities.spark, cities.path(TABLE))
    assert (state.batch_id, state.version) == (loaded.prepared.batch_id, loaded.committed.version)
    assert state.metadata["books"]["updated"] == 1
    again = steps.commit(engine, TABLE, loaded.prepared)
    assert (again.changed, again.version) == (False, loaded.committed.version)


def test_older_versions_and_a_restore_are_as_with_any_table(cities: Lake) -> None:
    first = read_state(cities.spark, cities.path(TABLE)).version
    cities.load(TABLE, cities.frame(SOURCE, DELETES))
    old = cities.spark.read.format("delta").option("versionAsOf", first).load(cities.path(TABLE))
    assert sorted(row.id for row in old.collect()) == ["a", "b", "c", "d"]

    DeltaTable.forPath(cities.spark, cities.path(TABLE)).restoreToVersion(first)

    assert [row[0] for row in cities.read(TABLE, "id")] == ["a", "b", "c", "d"]
    cities.load(TABLE, cities.frame(SOURCE, [("a", "Ulm", at(9), True)]))
    assert [row[0] for row in cities.read(TABLE, "id")] == ["b", "c", "d"]


@pytest.mark.parametrize(("times", "touched", "expected"), [(2, 1, "WRITE"), (2, 0, "MERGE"), (5, 1, "MERGE")])
def test_a_larger_table_is_rewritten_for_a_batch_that_is_all_over_it(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, times: int, touched: int, expected: str
) -> None:
    """Of 300 rows the batch updates every hundredth, or one less than that."""
    held = [(f"{number:03}", "Ulm", at(1), False) for number in range(300)]
    describe(lake).load(TABLE, lake.frame(SOURCE, held))
    monkeypatch.setattr(rewrite, "SMALL_TABLE", table_bytes(lake.spark, lake.path(TABLE)) // times)
    batch = [(f"{number:03}", "Jena", at(2), False) for number in range(0, 200 + 100 * touched, 100)]

    loaded = lake.load(TABLE, lake.frame(SOURCE, batch))

    assert (operation(lake), loaded.prepared.books.updated) == (expected, len(batch))
    assert [row[1] for row in lake.read(TABLE, "id", "city")].count("Jena") == len(batch)
    assert len(lake.read(TABLE, "id")) == len(held)


def test_files_do_not_pile_up(cities: Lake) -> None:
    for hour in range(6):
        cities.load(TABLE, cities.frame(SOURCE, [("b", f"city {hour}", at(3, hour), False)]))
        assert operation(cities) == "WRITE"
        assert len(cities.delta(TABLE).inputFiles()) <= 3


def prepared(lake: Lake, *rows: Row) -> tuple[Any, Any]:
    """An engine with a batch that is prepared and not committed."""
    engine = lake.engine()
    frame = lake.frame(SOURCE, list(rows)).selectExpr("*", "'x' AS _origin")
    checked = steps.validate(
        engine, TABLE, Extract(TABLE, frame, watermark={}, identity={"n": 1}, full=False, source_system="x")
    )
    return engine, steps.prepare(engine, TABLE, checked)


def test_the_candidate_is_the_table_to_be_and_nothing_is_visible_before(cities: Lake) -> None:
    before = cities.read(TABLE)
    engine, batch = prepared(cities, *DELETES)
    columns = ["id", "city", "updated_at"]

    seen = sorted(tuple(row) for row in candidate(engine, engine.session(TABLE), TABLE).select(*columns).collect())

    assert cities.read(TABLE) == before
    steps.commit(engine, TABLE, batch)
    assert seen == cities.read(TABLE)


def test_a_row_that_somebody_else_adds_meanwhile_is_not_lost(cities: Lake) -> None:
    engine, batch = prepared(cities, *DELETES)
    stranger = cities.delta(TABLE).where("id = 'a'").withColumn("id", F.lit("z"))
    stranger.write.format("delta").mode("append").save(cities.path(TABLE))

    with pytest.raises(CommitError, match="others have changed rows of the table"):
        steps.commit(engine, TABLE, batch)
    engine.leases.release(TABLE)

    engine, again = prepared(cities, *DELETES)
    steps.commit(engine, TABLE, again)
    assert [row[0] for row in cities.read(TABLE, "id")] == ["a", "b", "d", "e", "z"]


def test_files_that_do_not_add_up_are_not_committed(cities: Lake) -> None:
    engine, batch = prepared(cities, *UPDATES)
    before = cities.read(TABLE)
    for file in Path(batch.rewrite.whole[0]).glob("*.parquet"):
        file.unlink()

    with pytest.raises(CommitError):
        steps.commit(engine, TABLE, batch)

    assert cities.read(TABLE) == before


def test_the_manifest_knows_where_the_files_wait(cities: Lake) -> None:
    engine, batch = prepared(cities, *DELETES)

    assert load(engine.session(TABLE), batch.path) == batch
    assert batch.books == Books(extracted=4, accepted=4, inserted=1, updated=1, deleted=1, unchanged=1)


def test_a_table_of_another_kind_goes_by_merge(cities: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewrite, "SMALL_TABLE", 100)

    loaded = cities.load(TABLE, cities.frame(SOURCE, UPDATES))

    assert loaded.prepared.rewrite is None
    assert operation(cities) == "MERGE"
