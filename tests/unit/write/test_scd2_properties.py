"""History is a function of the versions: no order, repetition or portion of their arrival shows in it."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from tests.support.lakes import dimensions, histories
from tests.support.lakes.histories import SCHEMA, Version
from tests.support.lakes.properties import few_or_many

WORLDS = 50
WRITE = {
    "keys": ["id"],
    "effective_from": "updated_at",
    "track": ["city", "tier"],
    "deletes": {"flag": "is_deleted"},
}
TABLE = (
    "sk string, id string, city string, tier string, note string, valid_from timestamp, valid_to timestamp, "
    "is_current boolean"
)
COLUMNS = ("sk", "id", "city", "tier", "note", "valid_from", "valid_to", "is_current")


def made(spark: SparkSession, versions: list[Version]) -> list[tuple[Any, ...]]:
    """The history of the versions, sorted by key and start."""
    frame = dimensions.checked(spark.createDataFrame(versions, SCHEMA), TABLE, WRITE).judged
    return sorted((tuple(row) for row in frame.select(*COLUMNS).collect()), key=lambda row: (row[1], row[5]))


def is_one_line(spans: list[tuple[Any, ...]], versions: list[Version]) -> bool:
    """Whether the spans of a key follow each other without overlap, none open but the last, a gap only at a delete."""
    deletes = {version.updated_at for version in versions if version.is_deleted}
    return all(
        end is not None and start < end <= next_start and (end == next_start or end in deletes)
        for (*_, start, end, _), (*_, next_start, _, _) in itertools.pairwise(spans)
    )


def assert_told_in_any_order(spark: SparkSession, versions: list[Version], seed: int) -> None:
    as_known = made(spark, versions)
    (jumbled,) = histories.deliveries(versions, 1, random.Random(seed))

    assert made(spark, jumbled) == as_known
    rows: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for _, key, *span in as_known:
        rows[key].append(tuple(span))
    for key, received in histories.by_key(versions).items():
        assert rows[key] in histories.possible_histories(received)
        assert is_one_line(rows[key], received)
    assert len({row[0] for row in as_known}) == len(as_known), "surrogate keys are unique"


@few_or_many(1)
@given(histories.worlds(WORLDS), st.integers())
def test_history_is_what_a_person_would_write_down_in_any_order(
    spark: SparkSession, versions: list[Version], seed: int
) -> None:
    assert_told_in_any_order(spark, versions, seed)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@few_or_many(20)
@given(histories.worlds(WORLDS), st.integers())
def test_so_it_is_for_a_thousand_worlds(spark: SparkSession, versions: list[Version], seed: int) -> None:
    assert_told_in_any_order(spark, versions, seed)
