"""From source to silver and gold: whatever portions rows arrive in, tables are as if all had come at once."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from tests.support.lakes import histories
from tests.support.lakes.histories import SCHEMA, Version
from tests.support.lakes.lake import Lake, at
from tests.support.lakes.properties import few_or_many

WORLDS = 50
OLD_SCHEMA = SCHEMA.removesuffix(", tier string")
KEYS = ["id"]
FIRST = Version("first", "X", "m", at(1), False)  # without it there might be no table after the first day


def describe(lake: Lake, *, grown: bool) -> None:
    """A log of versions, the newest rows and the history made of it, and newest rows that come straight from a source.

    `grown` versions have a tier.
    """
    more, tier = ("\ntier string", ", tier") if grown else ("", "")
    received = "id! string\ncity string\nnote string\nupdated_at! timestamp\nis_deleted boolean" + more
    source = {"source": {"connection": "shop", "object": "versions"}}
    log = {"mode": "append", "keys": ["id", "updated_at"]}
    lake.table("bronze.versions", received, source | {"write": log}, keys=["id", "updated_at"])
    newest = {"mode": "upsert", "keys": KEYS, "order_by": ["updated_at"]}
    lake.table("bronze.newest", received, source | {"write": newest}, keys=KEYS)
    query = f"SELECT id, city, note, updated_at, is_deleted{tier} FROM bronze.versions"
    inputs = {"inputs": {"bronze.versions": {"on": KEYS}}}
    kept = "id string\ncity string\nnote string\nupdated_at timestamp" + more
    deleting = {"deletes": {"flag": "is_deleted"}}
    lake.table("silver.newest", kept, inputs | {"write": newest | deleting}, keys=KEYS, sql=query)
    history = {"mode": "scd2", "keys": KEYS, "effective_from": "updated_at", "surrogate_key": "sk"} | deleting
    lake.table(
        "gold.history",
        "sk string\nid string\ncity string\nnote string\nvalid_from timestamp\nvalid_to timestamp\nis_current boolean"
        + more,
        inputs | {"write": history | {"track": ["city", "tier"] if grown else ["city"]}},
        keys=["sk"],
        sql=query,
    )


def receive(lake: Lake, versions: list[Version], *, grown: bool) -> None:
    """One day: the versions come to both bronze tables, and what is built from the log follows."""
    if versions:
        rows = versions if grown else [version[:-1] for version in versions]
        for table in ("bronze.versions", "bronze.newest"):
            lake.load(table, lake.frame(SCHEMA if grown else OLD_SCHEMA, rows))
    lake.build_together("silver.newest", "gold.history")


def held(lake: Lake) -> dict[str, list[tuple[Any, ...]]]:
    newest = ("id", "city", "note", "updated_at", "tier")
    return {
        "bronze.versions": lake.read("bronze.versions", *newest, "is_deleted"),
        "bronze.newest": lake.read("bronze.newest", *newest, "is_deleted"),
        "silver.newest": lake.read("silver.newest", *newest),
        "gold.history": lake.read(
            "gold.history", "sk", "id", "city", "tier", "note", "valid_from", "valid_to", "is_current"
        ),
    }


def at_once(spark: SparkSession, root: Path, versions: list[Version]) -> dict[str, list[tuple[Any, ...]]]:
    """What tables hold to which all versions come on one day."""
    lake = Lake(spark, root)
    describe(lake, grown=True)
    receive(lake, versions, grown=True)
    return held(lake)


def in_portions(
    spark: SparkSession, root: Path, versions: list[Version], seed: int, days: int
) -> dict[str, list[tuple[Any, ...]]]:
    """What tables hold to which the versions come as it happens; the source has tiers on the last day only."""
    lake = Lake(spark, root)
    portions = histories.deliveries(versions, days, random.Random(seed))
    describe(lake, grown=False)
    for portion in portions[:-1]:
        receive(lake, [FIRST, *(version for version in portion if version.tier is None)], grown=False)
    describe(lake, grown=True)
    receive(lake, [*portions[-1], *(version for version in versions if version.tier is not None)], grown=True)
    return held(lake)


def assert_as_written_down(tables: dict[str, list[tuple[Any, ...]]], versions: list[Version]) -> None:
    """The tables hold what a person would write down of the versions."""
    received = sorted(((*each[:4], each.tier, each.is_deleted) for each in versions), key=repr)
    assert tables["bronze.versions"] == received, "each once"
    rows = {table: {row[0]: row for row in tables[table]} for table in ("bronze.newest", "silver.newest")}
    for key, known in histories.by_key(versions).items():
        last = max(version.updated_at for version in known)
        assert rows["bronze.newest"][key] in [row for row in received if (row[0], row[3]) == (key, last)]
        possible = histories.possible_newest(known)
        assert rows["silver.newest"].get(key) in [each and (*each[:4], each.tier) for each in possible]
        spans = sorted((row[2:] for row in tables["gold.history"] if row[1] == key), key=lambda span: span[3])
        assert spans in histories.possible_histories(known)


@few_or_many(1)
@given(histories.worlds(WORLDS), st.integers())
def test_tables_hold_what_a_person_would_write_down(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, versions: list[Version], seed: int
) -> None:
    versions = [FIRST, *versions]
    assert_as_written_down(in_portions(spark, tmp_path_factory.mktemp("lake"), versions, seed, days=2), versions)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@few_or_many(10)
@given(histories.worlds(WORLDS), st.integers())
def test_five_hundred_worlds_do_not_depend_on_how_rows_arrive(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, versions: list[Version], seed: int
) -> None:
    versions = [FIRST, *versions]
    tables = in_portions(spark, tmp_path_factory.mktemp("lake"), versions, seed, days=3)
    assert tables == at_once(spark, tmp_path_factory.mktemp("lake"), versions)
    assert_as_written_down(tables, versions)
