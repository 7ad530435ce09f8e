"""Only how much of a large target is moved depends on the batch's size, never what the batch does."""

from __future__ import annotations

import pytest
from pyspark.sql import DataFrame

from tests.support.lakes.lake import Lake, at
from tests.support.lakes.saved import Beginnings
from tidemark.books import Books
from tidemark.write import compare
from tidemark.write.batch import Work

TABLE = "bronze.cities"
COLUMNS = "id! string\nnr! int\ncity string\nupdated_at! timestamp"
SOURCE = "id string, nr int, city string, updated_at timestamp, is_deleted boolean"
HELD = [
    ("a", 1, "Ulm", at(1), False),
    ("a", 2, "Bonn", at(1), False),
    ("b", 1, None, at(1), False),
    ("c", 1, "Köln", at(5), False),
    ("d", 1, "Jena", at(1), False),
]
BATCH = [
    ("a", 1, "Ulm", at(1), False),  # unchanged
    ("a", 2, "Mainz", at(2), False),  # updated
    ("b", 1, "Trier", at(2), False),  # updated
    ("b", 1, "Worms", at(3), False),  # and again
    ("b", 2, "Passau", at(2), False),  # new, of a known first key
    ("c", 1, "Aachen", at(4), False),  # older than the table's
    ("d", 1, "Jena", at(2), True),  # deleted
    ("x", None, "nowhere", at(2), False),  # breaks a rule
]


@pytest.fixture
def cities(beginnings: Beginnings) -> Lake:
    return beginnings.of(held_cities)[0]


def held_cities(lake: Lake) -> None:
    write = {"mode": "upsert", "keys": ["id", "nr"], "order_by": ["updated_at"], "deletes": {"flag": "is_deleted"}}
    load = {"source": {"connection": "shop", "object": "cities"}, "write": write}
    lake.table(TABLE, COLUMNS, load, keys=["id", "nr"])
    lake.load(TABLE, lake.frame(SOURCE, HELD))


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The plans that labelling made, as Spark explains them."""
    seen: list[str] = []
    label = compare.label_by_key

    def noting(work: Work, rows: DataFrame, *, complete: bool) -> DataFrame:
        labelled = label(work, rows, complete=complete)
        seen.append(labelled._jdf.queryExecution().optimizedPlan().toString())
        return labelled

    monkeypatch.setattr(compare, "label_by_key", noting)
    return seen


@pytest.mark.parametrize(
    ("small_table", "broadcast_limit", "semi"),
    [(10**9, "10m", False), (0, "10m", True), (0, "-1", False)],
    ids=["small target", "large target", "large target, large batch"],
)
def test_a_batch_does_the_same_whatever_the_sizes(
    cities: Lake,
    plans: list[str],
    monkeypatch: pytest.MonkeyPatch,
    small_table: int,
    broadcast_limit: str,
    semi: bool,
) -> None:
    monkeypatch.setattr(compare, "SMALL_TABLE", small_table)
    session = cities.spark.newSession()
    session.conf.set("spark.sql.autoBroadcastJoinThreshold", broadcast_limit)

    extracted = str(cities.root / "extracted")
    cities.frame(SOURCE, BATCH).write.parquet(extracted)  # only of files Spark knows the size

    books = cities.load(TABLE, session.read.parquet(extracted)).prepared.books

    assert books == Books(
        extracted=8, quarantined=1, accepted=5, superseded=2, inserted=1, updated=2, deleted=1, unchanged=1
    )
    assert cities.read(TABLE, "id", "nr", "city") == [
        ("a", 1, "Ulm"),
        ("a", 2, "Mainz"),
        ("b", 1, "Worms"),
        ("b", 2, "Passau"),
        ("c", 1, "Köln"),
    ]
    assert [("LeftSemi" in plan) for plan in plans] == [semi]
