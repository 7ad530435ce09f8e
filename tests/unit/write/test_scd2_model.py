"""Five hundred histories, delivered in one batch or in many, are what the guide says of them, in plain Python."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from tests.support.lakes import dimensions
from tests.support.lakes.lake import Lake, at

HISTORIES = 500
SCHEMA = (
    "id int, city string, tier string, phone string, changed_at timestamp, seq int, is_deleted boolean, received string"
)
NAMES = tuple(column.split(" ")[0] for column in SCHEMA.split(", "))
LOG = "\n".join(SCHEMA.replace("id int", "id! int").split(", "))
HISTORY = """sk! string\nid! int\ncity string {logicalTypeOptions: {maxLength: 8}}\ntier string\nphone string
valid_from! timestamp\nvalid_to timestamp\nis_current! boolean"""
SHOWN = ("id", "city", "tier", "phone", "valid_from", "valid_to", "is_current")
TOO_LONG = "a city whose name breaks the rule"
Version = dict[str, Any]


def worlds(seed: int) -> list[Version]:
    """The versions of so many keys: few instants and sequence numbers, so that there are many ties."""
    chance = random.Random(seed)
    found: list[Version] = []
    for key in range(HISTORIES):
        drawn: dict[tuple[Any, ...], Version] = {}
        for number in range(chance.randrange(9)):
            version = {
                "id": key,
                "city": chance.choice(["Ulm", "Ulm", "Bonn", None, TOO_LONG]),
                "tier": chance.choice(["a", "b", None]),
                "phone": chance.choice(["1", "2", "3", None]),
                "changed_at": at(1) + timedelta(microseconds=chance.choice([0, 1, 10**6, 86_400 * 10**6])),
                "seq": chance.randrange(3),
                "is_deleted": chance.choice([False, False, None, True]),
                "received": f"{key}-{number}",
            }
            # Of one instant and one sequence number only a delete can be told from what it deletes.
            drawn[version["changed_at"], version["seq"], bool(version["is_deleted"])] = version
        found += drawn.values()
    return found


def expected(versions: Iterable[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    told = dimensions.told(
        versions,
        key="id",
        start="changed_at",
        track=["city", "tier"],
        overwrite=["phone"],
        sequence=["seq"],
        good=lambda version: version["is_deleted"] or version["city"] != TOO_LONG,
    )
    return sorted((tuple(row[name] for name in SHOWN) for row in told), key=repr)


def describe(lake: Lake) -> None:
    source = {"source": {"connection": "shop", "object": "v"}, "write": {"mode": "append", "keys": ["received"]}}
    lake.table("bronze.versions", LOG, source, keys=["received"])
    write = {
        "mode": "scd2",
        "keys": ["id"],
        "effective_from": ["changed_at", "seq"],
        "surrogate_key": "sk",
        "track": "all but phone",
        "overwrite": True,
        "deletes": {"flag": "is_deleted"},
        "unknown_member": True,
    }
    query = "SELECT id, city, tier, phone, changed_at, seq, is_deleted FROM bronze.versions"
    load = {"inputs": {"bronze.versions": {"on": ["id"]}}, "write": write}
    lake.table("gold.dim", HISTORY, load, keys=["sk"], sql=query)


def receive(lake: Lake, portion: Sequence[Version], number: int) -> None:
    rows = [tuple(version[name] for name in NAMES) for version in portion]
    lake.load("bronze.versions", lake.frame(SCHEMA, rows), identity={"n": number})
    loaded = lake.build("gold.dim")
    if loaded.prepared is not None:
        books = loaded.prepared.books
        assert books.extracted == books.accepted + books.quarantined + books.superseded


def known(lake: Lake) -> list[tuple[Any, ...]]:
    return [row for row in lake.read("gold.dim", *SHOWN) if row[0] != -1]


@pytest.mark.parametrize(
    "batches", [3, pytest.param(1, marks=pytest.mark.slow), pytest.param(5, marks=pytest.mark.slow)]
)
def test_histories_are_as_the_guide_says_however_they_are_delivered(lake: Lake, batches: int) -> None:
    chance = random.Random(batches)
    versions = worlds(19)
    late = [(chance.randrange(batches), version) for version in versions]
    again = [(chance.randrange(batches), version) for version in chance.choices(versions, k=len(versions) // 5)]
    describe(lake)

    for number in range(batches):
        portion = [version for day, version in (*late, *again) if day == number]
        chance.shuffle(portion)
        receive(lake, portion, number)

    assert known(lake) == expected(versions)
    broken = [version for version in versions if not version["is_deleted"] and version["city"] == TOO_LONG]
    assert len(lake.errors("gold.dim")) == len(broken)
    current = {row[0] for row in known(lake) if row[-1]}
    assert len(current) == sum(row[-1] for row in known(lake)), "no key has two current rows"


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(4))
def test_so_it_is_for_thousands_of_them(spark: SparkSession, tmp_path: Path, seed: int) -> None:
    chance, versions = random.Random(seed), worlds(seed)
    for batches in (1, 12):
        lake = Lake(spark, tmp_path / str(batches))
        describe(lake)
        for number in range(batches):
            receive(lake, [each for each in versions if batches == 1 or chance.random() < 0.2], number)
        receive(lake, versions, batches)
        assert known(lake) == expected(versions)
