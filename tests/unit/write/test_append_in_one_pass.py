"""A log without keys is staged in one pass: what the two passes give of a log with keys, it gives as well."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tests.support.lakes.lake import Lake
from tidemark import steps
from tidemark.books import Books
from tidemark.rows import LANE, own
from tidemark.sources import Extract

EVENTS = """
event_id! string {logicalTypeOptions: {pattern: "^E-[0-9]+$"}}
amount! decimal(18,2) {logicalTypeOptions: {minimum: 0}}
noted_at timestamp
"""
SOURCE = "event_id string, amount string, noted_at string, `odd ``name.` array<int>"
GOOD = ("E-1", "1.50", "2025-03-01 10:00:00", [1])
BAD = [("E-2", "-1", None, None), ("X", "x\ny", "yesterday", [2, 3]), (None, "2", "2025-03-01 00:00:00", None)]
Row = tuple[Any, ...]


@pytest.fixture
def events(lake: Lake) -> Lake:
    source = {"connection": "shop", "object": "events"}
    lake.table("bronze.events", EVENTS, {"source": source, "write": {"mode": "append"}})
    keyed = {"source": source, "write": {"mode": "append", "keys": ["event_id"]}}
    lake.table("bronze.keyed", EVENTS, keyed, keys=["event_id"])
    return lake


def frame(lake: Lake, *rows: Row) -> DataFrame:
    return lake.frame(SOURCE, list(rows))


def test_good_rows_are_in_the_table_and_bad_ones_in_the_lane(events: Lake) -> None:
    loaded = events.load("bronze.events", frame(events, GOOD, *BAD, GOOD))

    assert loaded.prepared.books == Books(extracted=5, accepted=2, inserted=2, quarantined=3)
    assert [row[0] for row in events.read("bronze.events", "event_id")] == ["E-1", "E-1"]
    assert set(events.delta("bronze.events").columns).isdisjoint({LANE, own("error")})


def test_the_lane_is_that_of_two_passes(events: Lake) -> None:
    for table in ("bronze.events", "bronze.keyed"):
        events.load(table, frame(events, GOOD, *BAD).selectExpr("*", "'somewhere' AS _origin"))

    def told(table: str) -> list[tuple[Any, ...]]:
        return sorted((row["payload"], row["origin"], repr(row["reasons"])) for row in events.errors(table))

    assert len(told("bronze.events")) == 3
    assert told("bronze.events") == told("bronze.keyed")
    assert events.read("bronze.events", "event_id", "amount", "noted_at", "_row_hash") == events.read(
        "bronze.keyed", "event_id", "amount", "noted_at", "_row_hash"
    )


@pytest.mark.parametrize(("rows", "good", "bad"), [((), 0, 0), ((GOOD,), 1, 0), (tuple(BAD), 0, 3)])
def test_a_lane_may_be_empty(events: Lake, rows: tuple[Row, ...], good: int, bad: int) -> None:
    loaded = events.load("bronze.events", frame(events, *rows))

    assert loaded.prepared.books == Books(extracted=good + bad, accepted=good, inserted=good, quarantined=bad)
    assert len(events.read("bronze.events")) == good
    assert len(events.errors("bronze.events")) == bad


def test_later_batches_are_added_and_the_files_of_both_read_as_one_table(events: Lake) -> None:
    events.load("bronze.events", frame(events, GOOD, *BAD))
    events.load("bronze.events", frame(events, ("E-7", "7", None, None), BAD[0]))
    events.load("bronze.events", frame(events, BAD[1]))

    keys = [row[0] for row in events.read("bronze.events", "event_id")]
    assert keys == ["E-1", "E-7"]
    assert events.read("bronze.events", "noted_at") == [(None,), (datetime(2025, 3, 1, 10),)]
    assert not [file for file in events.delta("bronze.events").inputFiles() if "rejected" in file]


def test_a_batch_that_is_found_again_still_has_its_bad_rows(events: Lake) -> None:
    engine = events.engine()
    received = frame(events, GOOD, *BAD).withColumn("_origin", F.lit("somewhere"))
    extracted = Extract("bronze.events", received, watermark={}, identity={"batch": 1}, full=False, source_system="x")
    checked = steps.validate(engine, "bronze.events", extracted)
    steps.prepare(engine, "bronze.events", checked)
    engine.prepared.clear()

    events.finish(engine, "bronze.events", *events.prepare(engine, "bronze.events", checked))

    assert len(events.errors("bronze.events")) == 3
    assert len(events.read("bronze.events")) == 1
