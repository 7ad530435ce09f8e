"""The first and the last instant that there are, in every role that an instant can have; those beyond are rejected."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from tests.support.lakes.lake import Lake, at
from tidemark.instants import FIRST, LAST
from tidemark.sources.watermark import Window

T = "bronze.things"
SCHEMA = "id string, seen_at timestamp, day date, value int"
SOURCE = {"connection": "shop", "object": "things"}
ROWS = [("a", FIRST, FIRST.date(), 1), ("b", LAST, LAST.date(), 1), ("c", at(3), date(2025, 3, 3), 1)]
ROLES: dict[str, dict[str, Any]] = {
    "key": {"write": {"mode": "upsert", "keys": ["id", "seen_at"]}},
    "key of a log": {"write": {"mode": "append", "keys": ["seen_at", "day"]}},
    "order": {"write": {"mode": "upsert", "keys": ["id"], "order_by": ["seen_at", "day"]}},
    "cluster": {"write": {"mode": "upsert", "keys": ["id"]}, "cluster_by": ["seen_at", "day"]},
    "partition": {"write": {"mode": "upsert", "keys": ["id"]}, "partition_by": ["seen_at", "day"]},
    "replaced partition": {
        "write": {"mode": "replace", "partition_by": ["seen_at", "day"]},
        "partition_by": ["seen_at", "day"],
    },
    "watermark": {"write": {"mode": "append", "keys": ["id"]}, "watermark": {"column": "seen_at", "lookback": "72h"}},
    "watermark of days": {"write": {"mode": "append"}, "watermark": {"column": "day"}},
}


@pytest.mark.parametrize("role", ROLES)
def test_the_ends_of_the_calendar_are_instants_like_others(lake: Lake, role: str) -> None:
    lake.table(T, "id! string\nseen_at timestamp\nday date\nvalue int", {"source": SOURCE, **ROLES[role]})
    windowed = "watermark" in role
    column = "day" if "days" in role else "seen_at"

    def received(rows: list[tuple[Any, ...]], low: datetime | None) -> Any:
        window = Window(column, low, LAST) if windowed else None
        more = {"window": window, "watermark": window.to_json(), "rereads": True} if window else {}
        return lake.load(T, lake.frame(SCHEMA, rows), **more)

    assert received(ROWS, None).prepared.books.inserted == len(ROWS)
    for rows, low in ((ROWS, None), (ROWS[1:2], LAST), (ROWS[:1], FIRST)):
        again = received(rows, low)
        assert (again.committed.changed, again.prepared.books.unchanged) == (False, len(rows))
    assert lake.read(T) == [(id_, seen, day, value) for id_, seen, day, value in ROWS]


def test_instants_that_no_calendar_has_are_rejected(lake: Lake) -> None:
    lake.table(T, "id! string\nseen_at timestamp\nday date", {"source": SOURCE, "write": {"mode": "append"}})
    beyond = lake.spark.sql(
        "SELECT 'a' AS id, timestamp_micros(253402300800000000) AS seen_at, DATE'2025-03-01' AS day"
        " UNION ALL SELECT 'b', timestamp_micros(-62135596800000001), DATE'2025-03-01'"
        " UNION ALL SELECT 'c', TIMESTAMP'2025-03-01 00:00:00', date_from_unix_date(2932897)"
        " UNION ALL SELECT 'd', NULL, date_from_unix_date(-719163)"
        " UNION ALL SELECT 'e', timestamp_micros(253402300799999999), date_from_unix_date(2932896)"
    )
    books = lake.load(T, beyond).prepared.books
    assert (books.quarantined, books.inserted) == (4, 1)
    assert lake.read(T) == [("e", LAST, LAST.date())]
    told = {(each["rule"], each["column"]) for error in lake.errors(T) for each in error["reasons"]}
    assert told == {("type", "seen_at"), ("type", "day")}


def test_a_history_begins_and_ends_with_the_calendar(lake: Lake) -> None:
    columns = "id! string\nvalue int\nseen_at! timestamp"
    write = {"mode": "append", "keys": ["id", "seen_at"]}
    lake.table(T, columns, {"source": SOURCE, "write": write}, keys=["id", "seen_at"])
    lake.table(
        "gold.history",
        "sk string\nid! string\nvalue int\nvalid_from timestamp\nvalid_to timestamp\nis_current boolean",
        {
            "inputs": {T: {"on": ["id"]}},
            "write": {
                "mode": "scd2",
                "keys": ["id"],
                "effective_from": "seen_at",
                "surrogate_key": "sk",
                "track": ["value"],
            },
        },
        keys=["id", "valid_from"],
        sql="SELECT id, value, seen_at FROM bronze.things",
    )
    frames = [("a", 1, FIRST), ("a", 2, LAST), ("b", 1, LAST), ("a", 3, at(3))]
    for some in (frames[:2], frames[2:]):
        lake.load(T, lake.frame("id string, value int, seen_at timestamp", some))
        lake.build_together("gold.history")

    assert lake.read("gold.history", "id", "value", "valid_from", "valid_to", "is_current") == [
        ("a", 1, FIRST, at(3), False),
        ("a", 2, LAST, None, True),
        ("a", 3, at(3), LAST, False),
        ("b", 1, LAST, None, True),
    ]
