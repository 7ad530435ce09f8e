"""Windows leave no gap and no book forgets a file too soon, whatever the order of runs."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemark.sources.watermark import (
    FILE_HORIZON,
    MOST_FINGERPRINTS,
    MOST_NAMES,
    FileBook,
    Period,
    SourceFile,
    Tie,
    Window,
    is_further,
    next_watermark,
    window_start,
)

START = datetime(2025, 3, 1)
INSTANTS = st.datetimes(datetime(2024, 1, 1), datetime(2026, 12, 31))
LOOKBACKS = st.timedeltas(timedelta(0), timedelta(days=4))


@given(INSTANTS, st.none() | INSTANTS)
def test_a_window_survives_json_to_the_microsecond(high: datetime, low: datetime | None) -> None:
    window = Window("updated_at", low, high)
    assert Window.from_json(json.loads(json.dumps(window.to_json()))) == window


@given(INSTANTS, INSTANTS)
def test_the_text_of_instants_sorts_by_time(one: datetime, other: datetime) -> None:
    texts = [Window("c", None, instant).to_json()["high"] for instant in (one, other)]
    assert (texts[0] < texts[1]) == (one < other)


@given(st.lists(INSTANTS, min_size=1, max_size=12), LOOKBACKS)
def test_runs_in_any_order_of_time_read_every_row_that_was_there(highs: list[datetime], lookback: timedelta) -> None:
    committed: datetime | None = None
    windows = []
    for high in highs:
        window = Window("c", window_start(committed, None, lookback), high)
        windows.append(window)
        committed = datetime.fromisoformat(next_watermark(window, committed)["high"])
    assert committed == max(highs)
    for instant in highs:
        assert any(window.contains(instant) for window in windows)


SOME_ROWS = st.lists(st.tuples(st.integers(0, 300), st.sampled_from([0, 0, 0.5, 1])), max_size=30)
SOME_RUNS = st.lists(st.tuples(st.integers(0, 400), st.sampled_from([False, False, True])), min_size=1, max_size=12)


@settings(max_examples=1000)
@given(SOME_ROWS, SOME_RUNS, st.integers(0, 60))
def test_a_row_that_is_committed_late_by_no_more_than_the_lookback_is_read(
    rows: list[tuple[int, float]], runs: list[tuple[int, bool]], lookback: int
) -> None:
    """A row has a change time and is seen some time later; a run reads up to the newest row it sees, and may fail."""
    seen_from = {(changed, changed + late * lookback) for changed, late in rows}
    committed: datetime | None = None
    received: set[tuple[int, float]] = set()
    for moment, fails in [*sorted(runs), (1000, False)]:
        start = window_start(committed, None, timedelta(minutes=lookback))
        visible = {row for row in seen_from if row[1] <= moment and (start is None or start <= instant(row[0]))}
        if not visible or fails:
            continue
        window = Window("c", start, instant(max(changed for changed, _ in visible)))
        received |= {row for row in visible if window.contains(instant(row[0]))}
        committed = datetime.fromisoformat(next_watermark(window, committed)["high"])
    assert received == seen_from


def instant(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


@given(st.lists(st.tuples(INSTANTS, st.integers(0, 3)), min_size=1, max_size=30), st.data())
def test_rows_that_share_the_newest_value_and_come_later_are_read(
    rows: list[tuple[datetime, int]], data: st.DataObject
) -> None:
    """Rows become visible in the order of their change times, cut into runs anywhere, within an instant too."""
    arriving = sorted(rows)
    committed: datetime | None = None
    received: set[tuple[datetime, int]] = set()
    there = 0
    while there < len(arriving):
        there = data.draw(st.integers(there + 1, len(arriving)))
        start = window_start(committed, None, timedelta(0))
        visible = [row for row in arriving[:there] if start is None or start <= row[0]]
        window = Window("c", start, max(instant for instant, _ in visible))
        received |= {row for row in visible if window.contains(row[0])}
        committed = datetime.fromisoformat(next_watermark(window, committed)["high"])
    assert received == set(rows)


PAIRS = st.tuples(st.integers(-3, 3), st.none() | st.integers(-3, 3))


@given(st.lists(PAIRS, max_size=40), st.data())
def test_a_cursor_of_several_numbers_reads_every_row_and_of_the_edge_only_its_last_rows(
    rows: list[tuple[int, int | None]], data: st.DataObject
) -> None:
    """Rows come in the order of their cursor; a null in its second column may come whenever its first is the newest."""
    arriving = sorted(rows, key=lambda row: (row[0], -9 if row[1] is None else row[1]))
    book: dict[str, Any] = {}
    received: list[tuple[int, int | None]] = []
    there = 0
    while there < len(arriving):
        there = data.draw(st.integers(there + 1, len(arriving)))
        newest = arriving[there - 1]
        before = Window.from_json(book) if book else None
        low = before.high if before else None
        known = before.ties if before else ()
        ties = (Tie("b", known[0].high if known else None, newest[1]),)
        window = Window("a", low, newest[0], ties)
        received += [row for row in arriving[:there] if window.contains(*row)]
        book = json.loads(json.dumps(next_watermark(window, low, known)))
        assert not is_further(book, book)
    assert set(received) == set(rows)


def test_bookkeeping_of_numbers_and_of_several_columns_is_plain_and_comes_back() -> None:
    window = Window("lsn", 5, 9, (Tie("at", None, START), Tie("line", 1, 2)))
    stored = json.loads(json.dumps(window.to_json()))
    assert stored == {
        "column": "lsn",
        "low": 5,
        "high": 9,
        "then": [
            {"column": "at", "low": None, "high": "2025-03-01T00:00:00.000000"},
            {"column": "line", "low": 1, "high": 2},
        ],
    }
    assert Window.from_json(stored) == window


@pytest.mark.parametrize(
    ("new", "old", "further"),
    [
        ({"high": 10}, {"high": 9}, True),
        ({"high": 9}, {"high": 10}, False),
        ({"high": 9}, {"high": 9}, False),
        ({"high": 9}, {}, True),
        ({"high": 9}, {"high": "2025-03-01T00:00:00.000000"}, True),
        ({"high": "2025-03-01T00:00:00.000001"}, {"high": "2025-03-01T00:00:00.000000"}, True),
        ({"high": 9, "then": [{"column": "b", "low": None, "high": 2}]}, {"high": 9}, True),
        (
            {"high": 9, "then": [{"column": "b", "low": None, "high": 12}]},
            {"high": 9, "then": [{"column": "b", "low": None, "high": 2}]},
            True,
        ),
    ],
)
def test_a_later_end_is_told_from_an_earlier_one(new: dict[str, Any], old: dict[str, Any], further: bool) -> None:
    def book(stored: dict[str, Any]) -> dict[str, Any]:
        return {"column": "a", "low": None, **stored} if stored else {}

    assert is_further(book(new), book(old)) is further


def test_a_window_of_numbers_looks_back_by_a_number() -> None:
    assert window_start(100, None, 10) == 90
    assert window_start(100, None, timedelta(0)) == 100


@given(st.none() | INSTANTS, INSTANTS, INSTANTS, LOOKBACKS)
def test_since_never_leaves_a_gap_below_the_watermark(
    committed: datetime | None, since: datetime, high: datetime, lookback: timedelta
) -> None:
    start = window_start(committed, since, lookback)
    window = Window("c", start, high)
    if high >= since:
        assert window.contains(since)
    after = datetime.fromisoformat(next_watermark(window, committed)["high"])
    if committed is not None:
        assert after >= committed
        assert after == committed or (start is not None and start <= committed)


def test_a_lookback_longer_than_time_itself_begins_at_the_beginning() -> None:
    assert window_start(datetime(1, 1, 2), None, timedelta(days=9)) == datetime(1, 1, 1)


@given(INSTANTS, INSTANTS)
def test_the_window_of_a_period_has_both_its_ends_and_nothing_else(one: datetime, other: datetime) -> None:
    period = Period(min(one, other), max(one, other))
    window, moment = period.window("c"), timedelta(microseconds=1)
    assert window.contains(period.start)
    assert window.contains(period.end)
    assert not window.contains(period.start - moment)
    assert not window.contains(period.end + moment)


def test_a_first_window_begins_at_the_beginning() -> None:
    assert window_start(None, None, timedelta(hours=1)) is None


def file(name: str, hours: float, etag: str = "x") -> SourceFile:
    return SourceFile(f"s3a://landing/{name}", 10, etag, START + timedelta(hours=hours))


ARRIVALS = st.lists(st.lists(st.integers(0, 24 * 20), max_size=4), max_size=8)


@given(ARRIVALS)
def test_every_file_is_received_exactly_once_when_files_come_in_time_order(arrivals: list[list[int]]) -> None:
    hour, listed, book = 0, [], FileBook()
    received: list[str] = []
    for number, gaps in enumerate(arrivals):
        for index, gap in enumerate(gaps):
            hour += gap
            listed.append(file(f"{number}-{index}", hour))
        new = [each for each in listed if not book.knows(each)]
        received += [each.path for each in new]
        book = FileBook.from_json(json.loads(json.dumps(book.after(new, listed).to_json())))
    assert sorted(received) == sorted(each.path for each in listed)


@given(ARRIVALS)
def test_a_book_names_what_is_within_its_horizon_and_keeps_the_others_as_fingerprints(
    arrivals: list[list[int]],
) -> None:
    hour, listed, book = 0, [], FileBook()
    for number, gaps in enumerate(arrivals):
        for index, gap in enumerate(gaps):
            hour += gap
            listed.append(file(f"{number}-{index}", hour))
        book = book.after([each for each in listed if not book.knows(each)], listed)
    by_path = {each.path: each for each in listed}
    assert book.modified == max((each.modified for each in listed), default=None)
    assert all(by_path[path].modified > book.modified - FILE_HORIZON for path in book.files if book.modified)
    assert len(book.files) + len(book.older or ()) == len(listed)
    assert book.after([], listed) == book


@given(ARRIVALS, st.randoms())
def test_every_file_is_received_exactly_once_whatever_time_it_bears(arrivals: list[list[int]], random: Random) -> None:
    hours = [hour for gaps in arrivals for hour in gaps]
    random.shuffle(hours)
    listed: list[SourceFile] = []
    received: list[str] = []
    book = FileBook()
    for number, hour in enumerate(hours):
        listed.append(file(f"{number}", hour * random.choice([1, 1, 100])))
        new = [each for each in listed if not book.knows(each)]
        received += [each.path for each in new]
        book = FileBook.from_json(json.loads(json.dumps(book.after(new, listed).to_json())))
    assert sorted(received) == sorted(each.path for each in listed)


def test_a_file_that_comes_late_is_new_however_old_it_looks() -> None:
    book = FileBook().after([file("a", 24 * 30)], [file("a", 24 * 30)])
    assert not book.knows(file("late", 24 * 24))
    assert not book.knows(file("ancient", 24 * 22))


def test_a_clock_that_is_years_ahead_hides_no_file() -> None:
    ahead = file("a", 24 * 365 * 50)
    book = FileBook().after([ahead], [ahead])
    assert not book.knows(file("b", 1))
    after = book.after([file("b", 1)], [ahead, file("b", 1)])
    assert after.knows(file("b", 1))
    assert not after.knows(file("b", 1, "other"))


def test_a_book_has_a_size_and_what_does_not_fit_counts_as_received_and_is_told() -> None:
    listed = [file(f"{number}", number / 100) for number in range(MOST_NAMES + MOST_FINGERPRINTS + 3)]
    book = FileBook().after(listed, listed)
    assert len(book.files) + len(book.older or ()) == MOST_NAMES + MOST_FINGERPRINTS
    again = FileBook.from_json(json.loads(json.dumps(book.to_json())))
    assert again == book
    assert [each.path for each in listed if book.has_forgotten(each)] == [each.path for each in listed[:3]]
    assert all(map(book.knows, listed))
    assert not book.knows(file("new", 1000))
    assert book.knows(file("late", 0))
    assert book.has_forgotten(file("late", 0))
    assert book.after([], listed) == book
    assert not book.after([], listed[3:]).knows(file("late", 0))


def test_a_book_of_the_version_before_knows_what_it_knew() -> None:
    old = {"modified": "2025-03-31T00:00:00.000000", "files": {"s3a://landing/a": [10, "x"]}}
    book = FileBook.from_json(old)
    known, before = file("a", 24 * 60), SourceFile("s3a://landing/b", 1, "y", datetime(2025, 3, 1))
    assert book.knows(known)
    assert book.knows(before)
    assert not book.knows(SourceFile("s3a://landing/c", 1, "y", datetime(2025, 3, 30)))
    assert book.after([], [known, before]) == book
    new = file("new", 24 * 61)
    after = book.after([new], [known, before, new])
    assert after.knows(before)
    assert not after.knows(SourceFile("s3a://landing/d", 1, "y", datetime(2025, 3, 1)))


def test_a_file_that_was_touched_is_known_and_told_once() -> None:
    received, touched = (SourceFile("/landing/a", 10, "1.0", START, changed) for changed in ("1.0", "2.0"))
    book = FileBook.from_json(json.loads(json.dumps(FileBook().after([received], [received]).to_json())))
    assert (book.knows(touched), book.was_touched(touched), book.was_touched(received)) == (True, True, False)
    assert not book.after([], [touched]).was_touched(touched)


def test_a_file_with_new_content_is_new() -> None:
    book = FileBook().after([file("a", 1)], [file("a", 1)])
    assert book.knows(file("a", 1))
    assert not book.knows(file("a", 1, "other"))


def test_a_file_left_for_later_stays_new() -> None:
    waiting, read, much_later = file("waiting", 0), file("a", 0), file("b", 24 * 30)
    book = FileBook().after([read], [read, waiting])
    book = book.after([much_later], [read, waiting, much_later])
    assert not book.knows(waiting)
    assert book.knows(read)
    assert book.knows(much_later)


def test_bookkeeping_of_another_kind_is_no_book() -> None:
    assert FileBook.from_json({"column": "c", "low": None, "high": "2025-03-01"}) == FileBook()
    assert FileBook().to_json() == {"modified": None, "files": {}, "older": ""}
