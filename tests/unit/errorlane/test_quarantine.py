"""A rejected row is in the lane once, however often it is read and whatever comes with it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from tests.support.lakes.lake import Lake

TABLE = "bronze.readings"


@pytest.fixture
def readings(lake: Lake) -> Lake:
    source = {"connection": "shop", "object": "x"}
    lake.table(TABLE, "id! string\nn int", {"source": source, "write": {"mode": "append"}})
    return lake


def rejected(lake: Lake, schema: str, *rows: tuple[Any, ...]) -> int:
    """How many rows of a batch are new in the lane."""
    return lake.load(TABLE, lake.frame(schema, [*rows])).new_errors


def test_a_row_is_known_whatever_columns_and_types_its_batch_has(readings: Lake) -> None:
    assert rejected(readings, "id string, n double", ("a", 1.5), ("b", 2.5)) == 2
    assert rejected(readings, "n double, id string", (1.5, "a")) == 0
    assert rejected(readings, "ID string, N string", ("a", "1.5"), ("b", "2.5"), ("c", "3")) == 0
    assert rejected(readings, "id string, note string, n double", ("a", None, 1.5), ("b", "new", 2.5)) == 1
    assert rejected(readings, "id string, n string", ("a", "1.50")) == 1, "as it came, it is another"
    payloads = [json.loads(error["payload"]) for error in readings.errors(TABLE)]
    assert sorted((row["id"], str(row["n"]), row.get("note") or "") for row in payloads) == [
        ("a", "1.5", ""),
        ("a", "1.50", ""),
        ("b", "2.5", ""),
        ("b", "2.5", "new"),
    ]


def test_times_are_kept_to_the_microsecond_and_are_the_same_in_text(readings: Lake) -> None:
    seen = datetime(1969, 12, 31, 23, 59, 59, 3034)
    naive = readings.frame(
        "id string, n string, t timestamp_ntz, inside struct<t: timestamp_ntz>", [("a", "x", seen, (seen,))]
    )
    assert readings.load(TABLE, naive).new_errors == 1
    (error,) = readings.errors(TABLE)
    payload = json.loads(error["payload"])
    assert datetime.fromisoformat(payload["t"]) == seen
    assert datetime.fromisoformat(payload["inside"]["t"]) == seen
    text = "1969-12-31 23:59:59.003034Z"
    inside = json.dumps(payload["inside"], separators=(",", ":"))
    assert rejected(readings, "id string, n string, t string, inside string", ("a", "x", text, inside)) == 0


def test_equal_rows_are_there_as_often_as_the_most_that_came_at_once(readings: Lake) -> None:
    assert rejected(readings, "id string, n double", ("a", 1.5)) == 1
    assert rejected(readings, "id string, n string, note string", *[("a", "1.5", None)] * 3) == 2
    assert rejected(readings, "id string, n double", *[("a", 1.5)] * 3) == 0
    assert len(readings.errors(TABLE)) == 3
    assert len({error["error_id"] for error in readings.errors(TABLE)}) == 3


def test_each_batch_of_a_run_keeps_its_rows_in_the_lane(readings: Lake) -> None:
    """A backfill is one run with a batch for every day."""
    engine = readings.engine()
    for day, rows in enumerate(([("a", 1.5), ("b", 2.5)], [("c", 3.5)])):
        frame = readings.frame("id string, n double", rows)
        for _ in range(2):  # a task that is tried again
            batch = readings.receive(engine, TABLE, frame, identity={"day": day})
        readings.finish(engine, TABLE, *batch)
    assert sorted(json.loads(error["payload"])["id"] for error in readings.errors(TABLE)) == ["a", "b", "c"]
