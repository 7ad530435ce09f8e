"""Windows overlap in their ends: what the table has of the overlap is known, whatever the mode, and nothing else is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.lakes.lake import Lake, Loaded, at
from tidemark.books import Books
from tidemark.delta.table import read_state
from tidemark.sources.watermark import Tie, Window, next_watermark

TABLE = "bronze.readings"
SOURCE = "meter string, value int, read_at timestamp"
Row = tuple[str, int, datetime | None]


def described(lake: Lake, write: dict[str, Any], kind: str = "timestamp", watermark: Any = "read_at") -> Lake:
    columns = f"meter! string\nvalue int\nread_at {kind}"
    source = {"connection": "shop", "object": "readings"}
    load = {"source": source, "watermark": {"column": watermark}, "write": write}
    lake.table(TABLE, columns, load, keys=write.get("keys", ()))
    return lake


def receive(lake: Lake, rows: list[Any], low: Any, high: Any, schema: str = SOURCE) -> Loaded:
    """Loads what a source would give of a window, which it reads after the one before."""
    window = Window("read_at", low, high)
    state = read_state(lake.spark, lake.path(TABLE)) if lake.engines else None
    committed = Window.from_json(state.watermark).high if state and state.watermark else None
    book = next_watermark(window, committed)
    return lake.load(TABLE, lake.frame(schema, rows), watermark=book, window=window, rereads=True)


APPENDS = [{"mode": "append"}, {"mode": "append", "keys": ["meter", "value"]}]


@pytest.mark.parametrize("write", APPENDS)
def test_rows_of_the_edge_are_known_and_those_that_come_to_it_are_not(lake: Lake, write: dict[str, Any]) -> None:
    described(lake, write)
    edge: Row = ("a", 1, at(2))
    receive(lake, [("z", 0, at(1)), edge], None, at(2))

    late = receive(lake, [edge, ("b", 2, at(2)), ("c", 3, at(3))], at(2), at(3))

    assert late.prepared.books == Books(extracted=3, accepted=3, inserted=2, unchanged=1)
    again = receive(lake, [("c", 3, at(3))], at(3), at(3))
    assert (again.committed.changed, again.prepared.books) == (False, Books(extracted=1, accepted=1, unchanged=1))
    assert lake.read(TABLE, "meter") == [("a",), ("b",), ("c",), ("z",)]


def test_without_keys_equal_rows_are_told_apart_by_how_many_there_are(lake: Lake) -> None:
    described(lake, {"mode": "append"})
    same: Row = ("a", 1, at(2))
    receive(lake, [same, same], None, at(2))

    third = receive(lake, [same, same, same, ("b", 1, at(2))], at(2), at(2))

    assert third.prepared.books == Books(extracted=4, accepted=4, inserted=2, unchanged=2)
    assert lake.read(TABLE, "meter") == [("a",), ("a",), ("a",), ("b",)]
    whole = receive(lake, [same, same, same, ("b", 1, at(2))], None, at(2))
    assert (whole.committed.changed, whole.prepared.books.unchanged) == (False, 4)


@pytest.mark.parametrize("write", APPENDS)
def test_rows_without_a_change_time_are_received_once(lake: Lake, write: dict[str, Any]) -> None:
    described(lake, write)
    timeless: Row = ("t", 1, None)
    receive(lake, [timeless, ("a", 1, at(1))], None, at(1))

    again = receive(lake, [timeless, ("a", 1, at(1)), ("b", 1, at(9)), ("u", 1, None)], at(1), at(9))

    assert again.prepared.books == Books(extracted=4, accepted=4, inserted=2, unchanged=2)
    assert lake.read(TABLE, "meter") == [("a",), ("b",), ("t",), ("u",)]


def test_of_rows_with_a_key_the_newest_by_the_cursor_stays_without_an_order(lake: Lake) -> None:
    described(lake, {"mode": "upsert", "keys": ["meter"]})
    receive(lake, [("a", 1, at(1)), ("b", 5, at(2))], None, at(2))

    later = receive(lake, [("b", 5, at(2)), ("b", 7, at(3)), ("b", 6, at(2, 12)), ("a", 9, at(2))], at(2), at(3))

    assert later.prepared.books == Books(extracted=4, accepted=2, updated=2, superseded=2)
    assert lake.read(TABLE, "meter", "value") == [("a", 9), ("b", 7)]
    assert not receive(lake, [("b", 7, at(3))], at(3), at(3)).committed.changed


def test_a_window_that_leaves_a_gap_is_compared_where_its_rows_lie(lake: Lake) -> None:
    described(lake, {"mode": "append", "keys": ["meter", "value"]})
    receive(lake, [("a", 1, at(1))], None, at(1))
    ahead: list[Row] = [("b", 1, at(8))]
    receive(lake, ahead, at(7), at(8))

    again = receive(lake, ahead, at(7), at(8))

    assert (again.committed.changed, again.prepared.books.unchanged) == (False, 1)
    assert read_state(lake.spark, lake.path(TABLE)).watermark["high"] == at(1).isoformat(timespec="microseconds")


@pytest.mark.parametrize(("kind", "edge"), [("bigint", 2**40), ("decimal(38,0)", 10**25)])
def test_windows_of_numbers_overlap_and_are_compared_like_those_of_times(lake: Lake, kind: str, edge: int) -> None:
    described(lake, {"mode": "append"}, kind=kind)
    schema = "meter string, value int, read_at string"
    receive(lake, [("a", 1, f"{edge}"), ("b", 1, f"{edge}")], None, edge, schema)

    rows = [("b", 1, f"{edge}"), ("c", 1, f"{edge}"), ("d", 1, f"{edge + 1}")]
    later = receive(lake, rows, edge, edge + 1, schema)

    assert later.prepared.books == Books(extracted=3, accepted=3, inserted=2, unchanged=1)
    assert later.prepared.watermark == {"column": "read_at", "low": edge, "high": edge + 1}
    assert later.prepared.moves_watermark
    smaller = receive(lake, [("d", 1, f"{edge + 1}")], edge + 1, edge + 1, schema)
    assert not smaller.prepared.moves_watermark


def test_a_further_column_of_the_cursor_takes_the_watermark_on(lake: Lake) -> None:
    described(lake, {"mode": "append"}, kind="bigint", watermark=["read_at", "value"])
    schema = "meter string, value int, read_at bigint"

    def load(low: int | None, high: int) -> Loaded:
        window = Window("read_at", None if low is None else 5, 5, (Tie("value", low, high),))
        rows = [("m", number, 5) for number in range(low or 0, high + 1)]
        book = window.to_json()
        return lake.load(TABLE, lake.frame(schema, rows), watermark=book, window=window, rereads=True)

    load(None, 3)
    later = load(3, 4)
    assert later.prepared.moves_watermark
    assert later.prepared.books == Books(extracted=2, accepted=2, inserted=1, unchanged=1)
    assert lake.read(TABLE, "value") == [(number,) for number in range(5)]


def test_what_an_older_version_has_kept_of_a_window_goes_on(lake: Lake) -> None:
    """Windows were open at their beginning, and nobody said where rows lie but the bookkeeping."""
    described(lake, {"mode": "append", "keys": ["meter"]})
    old = {"column": "read_at", "low": None, "high": at(2).isoformat(timespec="microseconds")}
    lake.load(TABLE, lake.frame(SOURCE, [("a", 1, at(2))]), watermark=old)

    later = receive(lake, [("a", 1, at(2)), ("b", 1, at(2)), ("c", 1, at(2) + timedelta(hours=1))], at(2), at(3))

    assert later.prepared.books == Books(extracted=3, accepted=3, inserted=2, unchanged=1)


@pytest.mark.parametrize(
    ("kind", "cast"),
    [("date", {"fit": "truncate"}), ("timestamp", {"zone": "Asia/Tokyo"}), ("timestamp", {"zone": "America/Lima"})],
)
def test_rows_are_known_where_their_time_is_cast_on_its_way_into_the_table(
    lake: Lake, kind: str, cast: dict[str, str]
) -> None:
    """The window speaks of what the source has, the table has another value."""
    load = {
        "source": {"connection": "shop", "object": "readings"},
        "watermark": {"column": "read_at"},
        "write": {"mode": "append"},
        "cast": {"read_at": cast},
    }
    lake.table(TABLE, f"meter! string\nvalue int\nread_at {kind}", load)
    schema = "meter string, value int, read_at string"
    receive(lake, [("a", 1, "2025-03-02 10:00:00")], None, at(2, 10), schema)

    again = receive(
        lake, [("a", 1, "2025-03-02 10:00:00"), ("b", 1, "2025-03-02 10:00:00")], at(2, 10), at(2, 10), schema
    )

    books = again.prepared.books
    assert (books.extracted, books.inserted, books.unchanged, books.superseded) == (2, 1, 1, 0)
