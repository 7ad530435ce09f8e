"""What goes to a warehouse: the net change of each key since the version that it has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.lakes.lake import Lake, at
from tidemark.compute.changes import ChangesGoneError, between, changes_since
from tidemark.engine import Engine

TABLE = "bronze.cities"
SOURCE = "id string, city string, updated_at timestamp, is_deleted boolean"
FIRST = [("a", "Ulm", at(1), False), ("b", "Bonn", at(1), False), ("c", "Köln", at(1), False)]
SECOND = [("b", "Jena", at(2), False), ("c", "Köln", at(2), True), ("d", "Kiel", at(2), False)]


@pytest.fixture
def cities(lake: Lake) -> Lake:
    load = {
        "source": {"connection": "shop", "object": "cities"},
        "write": {"mode": "upsert", "keys": ["id"], "order_by": ["updated_at"], "deletes": {"flag": "is_deleted"}},
    }
    lake.table(TABLE, "id! string {primaryKey: true}\ncity string\nupdated_at! timestamp", load, keys=["id"])
    return lake


def load(lake: Lake, rows: list[tuple[Any, ...]]) -> tuple[Engine, int]:
    engine = lake.engine()
    version = lake.load(TABLE, lake.frame(SOURCE, rows), engine=engine).committed.version
    assert version is not None
    return engine, version


def changes(engine: Engine, published: int, version: int) -> dict[str, tuple[str, str | None]]:
    frame = changes_since(engine, TABLE, published, version)
    rows = frame.select("id", "_change_type", "city", "_batch_id", "_run_date").collect()
    assert len({row.id for row in rows}) == len(rows)
    return {row.id: (row._change_type, None if row._change_type == "delete" else row.city) for row in rows}


def test_a_runs_own_batch_says_what_the_change_feed_says(cities: Lake) -> None:
    load(cities, FIRST)
    engine, version = load(cities, SECOND)
    expected = {"b": ("update_postimage", "Jena"), "c": ("delete", None), "d": ("insert", "Kiel")}

    assert changes(engine, version - 1, version) == expected
    assert changes(cities.engine(), version - 1, version) == expected


def test_a_row_that_leaves_a_history_is_told_by_the_key_that_the_warehouse_has(lake: Lake) -> None:
    source = {"source": {"connection": "shop", "object": "moves"}, "write": {"mode": "append"}}
    lake.table("bronze.moves", "id! string\ncity string\nupdated_at! timestamp", source)
    history = {
        "inputs": {"bronze.moves": {"on": ["id"]}},
        "write": {
            "mode": "scd2", "keys": ["id"], "effective_from": "updated_at", "track": ["city"], "surrogate_key": "sk",
        },
    }  # fmt: skip
    columns = "sk string\nid string\ncity string\nvalid_from timestamp\nvalid_to timestamp\nis_current boolean"
    lake.table("gold.homes", columns, history, keys=["sk"], sql="SELECT id, city, updated_at FROM bronze.moves")
    schema = "id string, city string, updated_at timestamp"
    lake.load("bronze.moves", lake.frame(schema, [("a", "Ulm", at(1)), ("a", "Bonn", at(3))]))
    version = lake.build("gold.homes").committed.version
    known = {row.valid_from: row.sk for row in lake.delta("gold.homes").collect()}

    lake.load("bronze.moves", lake.frame(schema, [("a", "Bonn", at(2))]))
    engine = lake.engine()
    lake.build("gold.homes", engine)

    told = changes_since(engine, "gold.homes", version, version + 1).where("_change_type = 'delete'").collect()
    assert [row.sk for row in told] == [known[at(3)]], "Bonn begins a day earlier"


def test_a_warehouse_that_missed_versions_gets_the_net_change_of_all(cities: Lake) -> None:
    load(cities, FIRST)
    _, first = load(cities, SECOND)
    engine, version = load(cities, [("b", "Gera", at(3), False), ("d", None, at(3), True)])

    found = changes(engine, first - 1, version)

    assert {key: found[key] for key in "bc"} == {"b": ("update_postimage", "Gera"), "c": ("delete", None)}
    assert found["d"][0] == "delete"


@pytest.mark.parametrize("lost", ["files", "feed"])
def test_what_changed_in_a_table_that_lies_in_folders_is_there_or_told_as_gone(lake: Lake, lost: str) -> None:
    """Only Delta's feed tells it, and looks at its files when they are read: too late for another way."""
    write = {"mode": "upsert", "keys": ["id"], "order_by": ["updated_at"], "deletes": {"flag": "is_deleted"}}
    source = {"connection": "shop", "object": "cities"}
    lake.table(
        TABLE,
        "id! string\ncity string\nupdated_at! timestamp",
        {"source": source, "write": write, "partition_by": ["city"]},
    )
    load(lake, FIRST)
    _, version = load(lake, SECOND)
    path = lake.path(TABLE)
    found = between(lake.spark, path, version - 1, version, ["id"])
    assert {row.id for row in found.collect()} == {"b", "c", "d"}

    if lost == "files":
        fed = [file for file in Path(path).rglob("*.parquet") if "_change_data" in file.parts]
        assert fed
        fed[0].unlink()
    else:
        table = f"delta.`{path}`"
        lake.spark.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'false')")
        lake.spark.sql(f"DELETE FROM {table} WHERE id = 'd'")
        version += 2
    with pytest.raises(ChangesGoneError):
        between(lake.spark, path, version - 1, version, ["id"])
