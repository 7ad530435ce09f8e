"""What a source showed counts as long as the table is as the batch left it that was read with it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.lakes.lake import Lake, Loaded
from tidemark.compute import tables
from tidemark.delta.table import read_state

TABLE = "bronze.cities"
SOURCE = "id string, city string"
LOOK = {"window": None, "rows": 1, "hash": "1", "shape": "s"}


@pytest.fixture
def cities(lake: Lake) -> Lake:
    describe(lake)
    return lake


def describe(lake: Lake, columns: str = "id! string\ncity string") -> None:
    write = {"mode": "append", "keys": ["id"]}
    lake.table(TABLE, columns, {"source": {"connection": "shop", "object": "cities"}, "write": write}, keys=["id"])


def load(lake: Lake, *rows: tuple[str, str], look: dict[str, Any] | None = None) -> Loaded:
    return lake.load(TABLE, lake.frame(SOURCE, rows), look=LOOK if look is None else look)


def known(lake: Lake) -> Any:
    engine = lake.engine()
    return tables.known_look(engine, engine.table(TABLE), read_state(lake.spark, lake.path(TABLE)))


def test_a_look_counts_once_its_rows_are_committed(cities: Lake) -> None:
    assert known(cities) == {}
    load(cities, ("a", "Ulm"))
    assert known(cities) == LOOK


def test_a_batch_that_changes_nothing_leaves_its_look_too(cities: Lake) -> None:
    load(cities, ("a", "Ulm"), look={})
    assert not load(cities, ("a", "Ulm")).committed.changed
    assert known(cities) == LOOK


def test_another_batch_ends_it(cities: Lake) -> None:
    """As a replay of errors commits one, which no source gave."""
    load(cities, ("a", "Ulm"))
    load(cities, ("b", "Bonn"), look={})
    assert known(cities) == {}


def test_another_contract_ends_it(cities: Lake) -> None:
    """What was rejected in the window may be good now."""
    load(cities, ("a", "Ulm"))
    describe(cities, "id! string\ncity! string")
    assert known(cities) == {}


def test_a_description_changes_nothing(cities: Lake) -> None:
    load(cities, ("a", "Ulm"))
    describe(cities, 'id! string\ncity string {description: "Where it is."}')
    assert known(cities) == LOOK
