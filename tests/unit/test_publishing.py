"""Which version of which table a warehouse has, and what brings it to that of a release."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tests.support.lakes.lake import Lake
from tidemark import publishing
from tidemark.compile.ddl import publish_columns
from tidemark.control import release
from tidemark.engine import Engine
from tidemark.targets import OpenTarget, PublishRequest, PublishResult

SOURCE = {"connection": "shop", "object": "cities"}


class Warehouse:
    """Takes what it is given, as keys and versions."""

    def __init__(self) -> None:
        self.versions: dict[str, int] = {}
        self.keys: set[str] = set()
        self.asked: list[PublishRequest] = []

    def publish(self, request: PublishRequest) -> PublishResult:
        self.asked.append(request)
        columns = publish_columns(request.table.contract)
        given = {row["id"] for row in request.changes.where("_change_type <> 'delete'").select(*columns).collect()}
        self.keys = given if request.full else self.keys | given
        self.versions[request.table.name] = request.version
        return PublishResult(request.table.name, "fake", request.version, len(given), 0, request.rows_after)

    def published_versions(self) -> Mapping[str, int]:
        return self.versions

    def export(self, request: PublishRequest) -> Any:
        raise AssertionError(request)

    def keep_session(self) -> None:
        raise AssertionError

    def close(self) -> None:
        raise AssertionError


@pytest.fixture
def cities(lake: Lake) -> Lake:
    write = {"mode": "upsert", "keys": ["id"]}
    lake.table("bronze.cities", "id! string\ncity string", {"source": SOURCE, "write": {"mode": "append"}})
    gold = {"inputs": {"bronze.cities": {"on": ["id"]}}, "write": write}
    query = "SELECT id, max(city) AS city FROM bronze.cities GROUP BY id"
    lake.table("gold.cities", "id! string\ncity string", gold, keys=["id"], sql=query)
    return lake


def load(lake: Lake, *rows: tuple[str, str]) -> Engine:
    """A run that receives the rows and builds gold; its engine."""
    engine = lake.engine()
    lake.load("bronze.cities", lake.frame("id string, city string", rows), engine=engine)
    lake.build("gold.cities", engine)
    return engine


def publish(engine: Engine, warehouse: Warehouse) -> PublishResult:
    recorded, _ = release.record(engine.state, engine.run, engine.committed)
    opened = OpenTarget(warehouse, "fake", dict(warehouse.versions))
    engine.targets.get("snowflake", lambda: opened)
    return publishing.publish(engine, "gold.cities", "snowflake", recorded)


def test_a_table_that_was_made_anew_is_published_as_a_whole_whatever_its_version(cities: Lake) -> None:
    warehouse = Warehouse()
    for rows in ([("a", "Ulm"), ("b", "Bonn")], [("c", "Jena")]):
        publish(load(cities, *rows), warehouse)
    assert [request.full for request in warehouse.asked] == [True, False]
    assert (warehouse.keys, warehouse.versions) == ({"a", "b", "c"}, {"gold.cities": 1})

    for table in ("bronze.cities", "gold.cities"):
        shutil.rmtree(cities.path(table))
    load(cities, ("x", "Kiel"))
    engine = load(cities, ("y", "Trier"))
    assert publish(engine, warehouse).version == 1

    assert (warehouse.asked[-1].full, warehouse.asked[-1].anew) == (True, True)
    assert warehouse.keys == {"x", "y"}
    assert not publish(engine, warehouse).changed


def test_a_version_of_before_a_column_was_added_is_published_without_a_value_there(cities: Lake) -> None:
    warehouse, engine = Warehouse(), load(cities, ("a", "Ulm"))
    gold = {"inputs": {"bronze.cities": {"on": ["id"]}}, "write": {"mode": "upsert", "keys": ["id"]}}
    query = "SELECT id, max(city) AS city, 'z' AS zone, 1L AS size FROM bronze.cities GROUP BY id"
    cities.table("gold.cities", "id! string\ncity string\nzone string\nsize bigint", gold, keys=["id"], sql=query)
    publish(cities.engine(), warehouse)
    published = warehouse.asked[-1].changes
    assert [tuple(row) for row in published.select("id", "city", "zone", "size").collect()] == [
        ("a", "Ulm", None, None)
    ]
    assert dict(published.dtypes)["size"] == "bigint"
    assert engine.committed["gold.cities"] == warehouse.versions["gold.cities"]


def _clean_log(lake: Lake) -> None:
    """As Delta does with entries that are older than the log is to be kept."""
    path = lake.path("gold.cities")
    jvm: Any = lake.spark._jvm
    session: Any = lake.spark
    jvm.org.apache.spark.sql.delta.DeltaLog.forTable(session._jsparkSession, path).checkpoint()
    for version in (0, 1):
        Path(path, f"_delta_log/{version:020d}.json").unlink()


def _vacuum(lake: Lake) -> None:
    """As a VACUUM does with files that have told what changed."""
    path = Path(lake.path("gold.cities"))
    for line in Path(path, f"_delta_log/{1:020d}.json").read_text().splitlines():
        fed = unquote(json.loads(line).get("cdc", {}).get("path", ""))
        if fed.startswith("kept-"):  # the others are the table's own
            (path / fed).unlink()


def _switch_off(lake: Lake) -> None:
    lake.spark.sql(
        f"ALTER TABLE delta.`{lake.path('gold.cities')}` SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'false')"
    )


@pytest.mark.parametrize("lose", [_clean_log, _vacuum, None])
def test_what_the_lake_no_longer_tells_the_changes_of_is_published_as_a_whole(cities: Lake, lose: Any) -> None:
    warehouse = Warehouse()
    publish(load(cities, ("a", "Ulm"), ("b", "Bonn")), warehouse)
    if lose is None:
        _switch_off(cities)
    load(cities, ("a", "Zwiesel"))
    load(cities, ("a", "Zwickau"), ("c", "Celle"))
    if lose is not None:
        lose(cities)
    publish(cities.engine(), warehouse)
    assert (warehouse.asked[-1].full, warehouse.keys) == (True, {"a", "b", "c"})
