"""What a plan tells besides its counts: keys, partitions, SQL, and what warehouses will get."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.lakes.lake import ENVIRONMENT, Lake, at
from tests.support.lakes.plans import of, plan
from tidemark.control import release
from tidemark.plans.document import PlanDocument, Publishing

SOURCE = "id string, city string, updated_at timestamp, is_deleted boolean"
FIRST = [("a", "Ulm", at(1), False), ("b", "Bonn", at(1), False), ("c", "Köln", at(1), False)]
SECOND = [("b", "Jena", at(2), False), ("c", "Köln", at(2), True), ("d", "Kiel", at(2), False)]
RECEIVED = {"source": {"connection": "shop", "object": "x"}}
KEYED = {"mode": "upsert", "keys": ["id"], "order_by": ["updated_at"], "deletes": {"flag": "is_deleted"}}
COLUMNS = "id! string\ncity string\nupdated_at! timestamp"


@pytest.fixture
def cities(lake: Lake) -> Lake:
    """Cities as they are received, and gold tables that are published to two warehouses."""
    connections = {"snow": {"kind": "snowflake"}, "red": {"kind": "redshift"}}
    targets = {"snow": {"connection": "snow", "schema": "GOLD"}, "red": {"connection": "red", "schema": "gold"}}
    lake.write(
        "env/test.yaml",
        ENVIRONMENT
        | {
            "home": str(lake.root / "home"),
            "targets": targets,
            "connections": connections | ENVIRONMENT["connections"],
        },
    )
    lake.table("bronze.cities", COLUMNS, RECEIVED | {"write": KEYED}, keys=["id"])
    lake.table(
        "gold.places",
        "id string\ncity string",
        {
            "inputs": {"bronze.cities": {"on": ["id"]}},
            "write": {"mode": "upsert", "keys": ["id"]},
            "publish": ["snow", "red"],
        },
        keys=["id"],
        sql="SELECT id, city FROM bronze.cities",
    )
    return lake


def published(lake: Lake, target: str) -> None:
    """The warehouse gets everything that the lake has now."""
    engine = lake.engine()
    recorded, _ = release.record(engine.state, engine.run, {})
    release.note_published(engine.state, recorded, target, engine.run.run_id)


def planned(lake: Lake, rows: list[tuple[Any, ...]]) -> PlanDocument:
    return plan(lake, {"bronze.cities": lake.frame(SOURCE, rows)}, "gold.places")


def first_day(lake: Lake) -> None:
    lake.load("bronze.cities", lake.frame(SOURCE, FIRST))
    lake.build("gold.places")


def test_a_first_plan_creates_tables_here_and_there(cities: Lake) -> None:
    document = planned(cities, FIRST)

    ddl = of(document, "gold.places").ddl
    assert [statement.partition("(")[0].strip() for statement in ddl] == [
        "CREATE TABLE IF NOT EXISTS gold.places",
        "CREATE TABLE IF NOT EXISTS GOLD.places",
        "CREATE TABLE IF NOT EXISTS gold.places",
    ]
    assert "USING DELTA" in ddl[0]
    assert document.publishing == tuple(
        Publishing(target=target, table="gold.places", upserts=3, deletes=0, why="is not there yet")
        for target in ("snow", "red")
    )


def test_keys_of_every_kind_of_change_are_shown(cities: Lake) -> None:
    first_day(cities)
    document = planned(cities, SECOND)
    assert of(document, "bronze.cities").predicted.samples == {
        "insert": ({"id": "d"},),
        "update": ({"id": "b"},),
        "delete": ({"id": "c"},),
    }
    assert of(document, "gold.places").predicted.samples == of(document, "bronze.cities").predicted.samples


def test_of_many_keys_five_are_shown(cities: Lake) -> None:
    rows = [(f"n{number}", "Ulm", at(1), False) for number in range(20)]
    shown = of(planned(cities, rows), "bronze.cities").predicted.samples["insert"]
    assert len({row["id"] for row in shown}) == len(shown) == 5


def test_personal_keys_are_not_shown(lake: Lake) -> None:
    columns = "email string {classification: personal}\nnumber int"
    lake.table(
        "bronze.people",
        columns,
        RECEIVED | {"write": {"mode": "append", "keys": ["email", "number"]}},
        keys=["email", "number"],
    )
    document = plan(lake, {"bronze.people": lake.frame("email string, number int", [("ann@example.org", 1)])})
    assert of(document, "bronze.people").predicted.samples == {"insert": ({"email": "***", "number": "1"},)}
    assert "ann@example.org" not in str(document.to_json())


def test_a_warehouse_that_has_the_table_gets_what_changes(cities: Lake) -> None:
    first_day(cities)
    published(cities, "snow")

    document = planned(cities, SECOND)

    assert document.publishing == (
        Publishing(target="snow", table="gold.places", upserts=2, deletes=1),
        Publishing(target="red", table="gold.places", upserts=3, deletes=0, why="is not there yet"),
    )


def test_a_warehouse_that_is_behind_gets_what_it_lacks_too(cities: Lake) -> None:
    first_day(cities)
    published(cities, "snow")
    cities.load("bronze.cities", cities.frame(SOURCE, [("e", "Trier", at(2), False), ("b", "Hof", at(2), False)]))
    cities.build("gold.places")

    document = planned(cities, [("b", "Jena", at(3), False), ("c", "Köln", at(3), True), ("f", "Ulm", at(3), False)])
    found = {each.target: each for each in document.publishing}
    assert found["snow"] == Publishing(
        target="snow", table="gold.places", upserts=3, deletes=1, why="lacks what changed since version 0"
    )

    quiet = plan(cities, {}, "gold.places")
    assert quiet.changes, "the warehouse lacks what is there"
    assert [(each.target, each.upserts, each.deletes) for each in quiet.publishing] == [("snow", 2, 0), ("red", 4, 0)]


def test_partitions_before_and_after_are_touched(lake: Lake) -> None:
    lake.table("bronze.cities", COLUMNS, RECEIVED | {"write": KEYED, "partition_by": ["city"]}, keys=["id"])
    lake.load("bronze.cities", lake.frame(SOURCE, FIRST))

    document = plan(lake, {"bronze.cities": lake.frame(SOURCE, SECOND)})

    predicted = of(document, "bronze.cities").predicted
    assert (predicted.partitions, predicted.more_partitions) == (
        ("city=Bonn", "city=Jena", "city=Kiel", "city=Köln"),
        False,
    )


def test_of_a_table_that_is_replaced_only_what_differs_is_shown(lake: Lake) -> None:
    lake.table(
        "bronze.days", "day int\nname string", RECEIVED | {"write": {"mode": "replace", "keys": ["day"]}}, keys=["day"]
    )
    lake.load("bronze.days", lake.frame("day int, name string", [(1, "Mon"), (2, "Thu"), (9, "x")]))

    document = plan(lake, {"bronze.days": lake.frame("day int, name string", [(1, "Mon"), (2, "Tue"), (3, "Wed")])})

    samples = of(document, "bronze.days").predicted.samples
    assert {kind: sorted(row["day"] for row in rows) for kind, rows in samples.items()} == {
        "insert": ["2", "3"],
        "delete": ["2", "9"],
    }


def test_a_column_that_the_contract_gains_is_told_for_every_place(cities: Lake) -> None:
    first_day(cities)
    published(cities, "snow")
    cities.table(
        "gold.places",
        "id string\ncity string\nsize int",
        {
            "inputs": {"bronze.cities": {"on": ["id"]}},
            "write": {"mode": "upsert", "keys": ["id"]},
            "publish": ["snow"],
        },
        keys=["id"],
        sql="SELECT id, city, length(city) AS size FROM bronze.cities",
    )

    table = of(plan(cities, {}, "gold.places"), "gold.places")

    assert table.ddl == (
        "ALTER TABLE gold.places ADD COLUMNS (`size` INT)",
        'ALTER TABLE GOLD.places ADD COLUMN "SIZE" INTEGER',
    )
    assert table.computed == "its query, load file or contract changed"
    assert [(change.column, change.type) for change in table.schema_changes] == [("size", "int")]
