from __future__ import annotations

import hashlib
import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import SparkSession

from tests.support.lakes.lake import Lake, at
from tidemark.config.load import WriteSpec
from tidemark.write.scd2 import UNKNOWN_SURROGATE_KEY, history, surrogate_key

WRITE = WriteSpec.model_validate(
    {
        "mode": "scd2",
        "keys": ["id"],
        "effective_from": "updated_at",
        "surrogate_key": "sk",
        "track": ["city"],
        "deletes": {"flag": "is_deleted"},
    }
)
SCHEMA = "id string, city string, note string, updated_at timestamp, is_deleted boolean"
Version = tuple[str, str | None, str, datetime, bool]


def rows(spark: SparkSession, versions: list[Version]) -> list[tuple[Any, ...]]:
    columns = ("id", "city", "note", "valid_from", "valid_to", "is_current")
    found = history(spark.createDataFrame(versions, SCHEMA), WRITE).select(*columns).collect()
    return sorted((tuple(row) for row in found), key=lambda row: (row[0], row[3]))


def test_a_change_closes_a_version_and_opens_the_next(spark: SparkSession) -> None:
    versions = [("a", "Ulm", "1", at(1), False), ("a", "Bonn", "2", at(4), False)]

    assert rows(spark, versions) == [
        ("a", "Ulm", "1", at(1), at(4), False),
        ("a", "Bonn", "2", at(4), None, True),
    ]


def test_runs_without_change_in_tracked_columns_collapse_into_their_first_version(spark: SparkSession) -> None:
    versions = [("a", "Ulm", "1", at(1), False), ("a", "Ulm", "2", at(2), False), ("a", None, "3", at(3), False)]

    assert rows(spark, versions) == [("a", "Ulm", "1", at(1), at(3), False), ("a", None, "3", at(3), None, True)]


def test_a_delete_closes_and_a_reappearance_opens_again(spark: SparkSession) -> None:
    versions = [
        ("a", "Ulm", "1", at(1), False),
        ("a", "Ulm", "2", at(2), True),
        ("a", "Ulm", "3", at(3), True),
        ("a", "Ulm", "4", at(5), False),
        ("b", "Bonn", "1", at(1), True),
    ]

    assert rows(spark, versions) == [("a", "Ulm", "1", at(1), at(2), False), ("a", "Ulm", "4", at(5), None, True)]


@pytest.mark.parametrize("seed", range(4))
def test_history_does_not_depend_on_order_or_repetition(spark: SparkSession, seed: int) -> None:
    chance = random.Random(seed)
    versions = [
        (
            chance.choice("ab"),
            chance.choice(["X", "Y", None]),
            str(n),
            at(1) + timedelta(hours=n // 2),
            chance.random() < 0.2,
        )
        for n in range(24)
    ]
    expected = rows(spark, versions)

    shuffled = versions + chance.choices(versions, k=6)
    chance.shuffle(shuffled)

    assert rows(spark, shuffled) == expected


def test_keys_of_several_columns_have_a_surrogate_key_each_whatever_stands_in_them(spark: SparkSession) -> None:
    texts = ["a", "a|", "|a", "a|a", "\\", "a\\", "\\|", "|", ""]
    keys = [(first, second, at(1)) for first in texts for second in texts]
    frame = spark.createDataFrame(keys, "a string, b string, valid_from timestamp")

    found = {row.sk for row in frame.select(surrogate_key(("a", "b")).alias("sk")).collect()}

    assert len(found) == len(keys)


def test_the_surrogate_key_is_a_function_of_key_and_start(spark: SparkSession) -> None:
    frame = history(spark.createDataFrame([("a", "Ulm", "1", at(1, 2, 3), False)], SCHEMA), WRITE)

    expected = hashlib.sha256(b"a|2025-03-01 02:03:00.000000").hexdigest()[:32]
    assert [row.sk for row in frame.collect()] == [expected]


def test_the_unknown_member_is_there_once(spark: SparkSession) -> None:
    write = WRITE.model_copy(update={"unknown_member": True})
    frame = history(spark.createDataFrame([("a", "Ulm", "1", at(1), False)], SCHEMA), write)

    unknown = frame.where("id = 'unknown'").collect()

    assert [(row.sk, row.city, row.valid_from, row.valid_to, row.is_current) for row in unknown] == [
        (UNKNOWN_SURROGATE_KEY, None, datetime(1900, 1, 1), None, True)
    ]
    assert frame.count() == 2


def test_late_versions_rewrite_only_the_rows_they_change(lake: Lake) -> None:
    versions = "id! string\ncity string\nupdated_at! timestamp\nis_deleted boolean"
    keys = ["id", "updated_at"]
    source = {"source": {"connection": "shop", "object": "v"}, "write": {"mode": "append", "keys": keys}}
    lake.table("bronze.versions", versions, source, keys=keys)
    write = {"mode": "scd2", "keys": ["id"], "effective_from": "updated_at", "surrogate_key": "sk", "track": ["city"]}
    dimension = "sk! string\nid! string\ncity string\nvalid_from! timestamp\nvalid_to timestamp\nis_current! boolean"
    load = {"inputs": {"bronze.versions": {"on": ["id"]}}, "write": write | {"deletes": {"flag": "is_deleted"}}}
    query = "SELECT id, city, updated_at, is_deleted FROM bronze.versions"
    lake.table("gold.dim", dimension, load, keys=["id", "valid_from"], sql=query)
    schema = "id string, city string, updated_at timestamp, is_deleted boolean"
    lake.load("bronze.versions", lake.frame(schema, [("a", "A", at(1), False), ("a", "A", at(9), False)]))
    lake.load("bronze.versions", lake.frame(schema, [("b", "B", at(1), False)]), identity={"n": 2})
    lake.build("gold.dim")

    lake.load("bronze.versions", lake.frame(schema, [("a", "X", at(5), False)]), identity={"n": 3})
    loaded = lake.build("gold.dim")

    assert lake.read("gold.dim", "id", "city", "valid_from", "valid_to", "is_current") == [
        ("a", "A", at(1), at(5), False),
        ("a", "A", at(9), None, True),
        ("a", "X", at(5), at(9), False),
        ("b", "B", at(1), None, True),
    ]
    assert (loaded.prepared.books.inserted, loaded.prepared.books.updated, loaded.prepared.books.unchanged) == (2, 1, 0)
