from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.lakes.lake import Lake, at
from tidemark.books import Books

pytestmark = pytest.mark.usefixtures("planned_anew")

COLUMNS = "id! string\ncity string\nupdated_at! timestamp"
SOURCE = "id string, city string, updated_at timestamp, is_deleted boolean"


CITIES: dict[str, Any] = {
    "source": {"connection": "shop", "object": "cities"},
    "write": {"mode": "upsert", "keys": ["id"], "order_by": ["updated_at"], "deletes": {"flag": "is_deleted"}},
}


@pytest.fixture
def cities(lake: Lake) -> Lake:
    lake.table("bronze.cities", COLUMNS, CITIES, keys=["id"])
    return lake


def upsert(lake: Lake, *rows: tuple[object, ...]) -> Books:
    return lake.load("bronze.cities", lake.frame(SOURCE, rows)).prepared.books


def test_rows_are_inserted_updated_deleted_or_left_alone(cities: Lake) -> None:
    upsert(cities, ("a", "Ulm", at(1), False), ("b", "Bonn", at(1), False), ("c", "Köln", at(1), None))

    books = upsert(
        cities,
        ("a", "Ulm", at(1), False),
        ("b", "Jena", at(2), False),
        ("c", "Köln", at(2), True),
        ("d", None, at(2), False),
        ("e", "Trier", at(2), True),
    )

    assert cities.read("bronze.cities") == [("a", "Ulm", at(1)), ("b", "Jena", at(2)), ("d", None, at(2))]
    assert books == Books(extracted=5, accepted=5, inserted=1, updated=1, deleted=1, unchanged=2)


def test_of_several_versions_in_a_batch_the_newest_wins_and_the_rest_are_counted(cities: Lake) -> None:
    rows = [("a", "old", at(1), False), ("a", "new", at(3), False), ("a", "mid", at(2), False)]

    assert upsert(cities, *rows) == Books(extracted=3, accepted=1, inserted=1, superseded=2)
    assert cities.read("bronze.cities", "city") == [("new",)]


def test_an_older_version_never_overwrites_a_newer(cities: Lake) -> None:
    upsert(cities, ("a", "new", at(5), False))

    assert upsert(cities, ("a", "old", at(4), False)) == Books(extracted=1, superseded=1)
    assert upsert(cities, ("a", "old", at(4), True)) == Books(extracted=1, superseded=1)
    assert cities.read("bronze.cities", "city") == [("new",)]


@pytest.mark.parametrize("first", [0, 1])
def test_of_two_versions_of_one_instant_the_same_stays_whichever_comes_first(cities: Lake, first: int) -> None:
    versions = [("a", "Ulm", at(1), False), ("a", "Bonn", at(1), False)]
    upsert(cities, versions[first])
    upsert(cities, versions[1 - first])
    stayed = cities.read("bronze.cities", "city")
    assert upsert(cities, *versions) == Books(extracted=2, accepted=1, unchanged=1, superseded=1)
    assert cities.read("bronze.cities", "city") == stayed

    cities.table("bronze.both", COLUMNS, CITIES, keys=["id"])
    cities.load("bronze.both", cities.frame(SOURCE, versions))

    assert cities.read("bronze.both", "city") == stayed


@pytest.mark.parametrize("together", [True, False])
def test_a_delete_counts_before_another_version_of_its_instant(cities: Lake, together: bool) -> None:
    living = [(str(number), "Ulm", at(1), False) for number in range(8)]
    deletes = [(str(number), "Bonn", at(1), True) for number in range(8)]  # some hashes are larger, some smaller
    for batch in [living + deletes] if together else [living, deletes]:
        upsert(cities, *batch)

    assert cities.read("bronze.cities") == []


def test_a_row_without_a_time_is_older_than_any_with_one(lake: Lake) -> None:
    lake.table("bronze.cities", COLUMNS.replace("updated_at!", "updated_at"), CITIES, keys=["id"])
    upsert(lake, ("a", "Ulm", at(1), False), ("b", "Bonn", None, False))

    assert upsert(lake, ("a", "Jena", None, False)) == Books(extracted=1, superseded=1)
    assert upsert(lake, ("b", "Trier", at(1), False)) == Books(extracted=1, accepted=1, updated=1)


def test_a_column_that_the_contract_gains_in_its_middle_changes_no_row_that_lacks_it(lake: Lake) -> None:
    lake.table("bronze.cities", COLUMNS, CITIES, keys=["id"])
    upsert(lake, ("a", "Ulm", at(1), False))
    lake.table("bronze.cities", COLUMNS.replace("city", "land string\ncity"), CITIES, keys=["id"])

    assert upsert(lake, ("a", "Ulm", at(1), False)) == Books(extracted=1, accepted=1, unchanged=1)
    assert upsert(lake, ("a", "Ulm", at(1), False)) == Books(extracted=1, accepted=1, unchanged=1)


def test_unchanged_rows_are_not_rewritten(cities: Lake) -> None:
    upsert(cities, ("a", "Ulm", at(1), False), ("b", "Bonn", at(1), False))
    files = set(cities.delta("bronze.cities").inputFiles())
    batches = cities.read("bronze.cities", "id", "_batch_id")

    loaded = cities.load(
        "bronze.cities", cities.frame(SOURCE, [("a", "Ulm", at(1), False), ("b", "Bonn", at(1), None)])
    )

    assert not loaded.committed.changed
    assert set(cities.delta("bronze.cities").inputFiles()) == files
    assert cities.read("bronze.cities", "id", "_batch_id") == batches


def test_a_value_that_moves_between_nullable_columns_is_a_change(lake: Lake) -> None:
    load = {"source": {"connection": "shop", "object": "x"}, "write": {"mode": "upsert", "keys": ["id"]}}
    lake.table("bronze.pairs", "id! int\nleft string\nright string", load, keys=["id"])
    schema = "id int, left string, right string"
    lake.load("bronze.pairs", lake.frame(schema, [(1, "v", None)]))

    loaded = lake.load("bronze.pairs", lake.frame(schema, [(1, None, "v")]))

    assert loaded.prepared.books == Books(extracted=1, accepted=1, updated=1)
    assert lake.read("bronze.pairs") == [(1, None, "v")]


def test_a_complete_batch_removes_what_it_no_longer_holds(lake: Lake) -> None:
    source = {"source": {"connection": "shop", "object": "x"}, "write": {"mode": "append", "keys": ["id"]}}
    lake.table("bronze.items", "id! int\nname string", source, keys=["id"])
    built = {"inputs": {"bronze.items": {"on": ["id"]}}, "write": {"mode": "upsert", "keys": ["id"]}}
    query = "SELECT id, upper(name) AS name FROM bronze.items WHERE name <> 'gone'"
    lake.table("silver.items", "id! int\nname string", built, keys=["id"], sql=query)
    lake.load("bronze.items", lake.frame("id int, name string", [(1, "a"), (2, "b")]))
    assert lake.build("silver.items").prepared.books == Books(extracted=2, accepted=2, inserted=2)

    lake.delta("bronze.items").sparkSession.sql(
        f"UPDATE delta.`{lake.path('bronze.items')}` SET name = 'gone' WHERE id = 2"
    )
    loaded = lake.build("silver.items")

    assert loaded.prepared.books == Books(vanished=1), "the other row is not looked at"
    assert lake.read("silver.items") == [(1, "A")]
    assert not lake.build("silver.items").committed.changed


LISTED = "id! string\nprice! int {logicalTypeOptions: {minimum: 0}}\nis_deleted boolean"


def listed(lake: Lake, **deletes: str) -> Callable[..., Books]:
    """Loads full extracts of a list of prices; gives the books of each."""
    write: dict[str, Any] = {"mode": "upsert", "keys": ["id"]} | ({"deletes": deletes} if deletes else {})
    source = {"connection": "shop", "object": "prices", "mode": "full"}
    lake.table("bronze.prices", LISTED, {"source": source, "write": write}, keys=["id"])

    def extract(*rows: tuple[str, int]) -> Books:
        frame = lake.frame("id string, price int", rows)
        prepared = lake.load("bronze.prices", frame, full=True).prepared
        assert prepared is not None
        return prepared.books

    return extract


def test_without_a_word_about_it_nothing_that_is_missing_is_deleted(lake: Lake) -> None:
    extract = listed(lake)
    extract(("a", 1), ("b", 1))

    assert extract(("a", 2)) == Books(extracted=1, accepted=1, updated=1)
    assert lake.read("bronze.prices", "id", "price") == [("a", 2), ("b", 1)]


def test_what_a_full_extract_lacks_is_deleted_and_a_rejected_row_is_no_deletion(lake: Lake) -> None:
    extract = listed(lake, missing="hard")
    extract(("a", 1), ("b", 1), ("c", 1))

    assert extract(("a", 2), ("b", -1)) == Books(
        extracted=2, accepted=1, updated=1, quarantined=1, vanished=1
    )  # b is rejected, not gone
    assert lake.read("bronze.prices", "id", "price") == [("a", 2), ("b", 1)]
    assert extract(("a", 2), ("b", 1)) == Books(extracted=2, accepted=2, unchanged=2)


def test_what_is_missing_can_stay_as_a_tombstone_until_it_comes_back(lake: Lake) -> None:
    extract = listed(lake, missing="soft", flag="is_deleted")
    extract(("a", 1), ("b", 1))

    assert extract(("a", 1)) == Books(extracted=1, accepted=1, unchanged=1, vanished=1)
    assert lake.read("bronze.prices") == [("a", 1, None), ("b", 1, True)]
    assert extract(("a", 1)) == Books(extracted=1, accepted=1, unchanged=1), "it is one already"
    assert extract(("a", 1), ("b", 1)) == Books(extracted=2, accepted=2, unchanged=1, updated=1)
    assert lake.read("bronze.prices") == [("a", 1, None), ("b", 1, None)]
