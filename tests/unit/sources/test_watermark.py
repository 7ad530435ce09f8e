"""Windows leave no gap and no book forgets a file too soon, whatever the order of runs."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tidemark.sources.watermark import (
    FILE_HORIZON,
    FileBook,
    Period,
    SourceFile,
    Window,
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


SOME_ROWS = st.lists(st.tuples(st.integers(0, 300), st.floats(0, 1)), max_size=30)
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
        visible = {row for row in seen_from if row[1] <= moment and (start is None or start < instant(row[0]))}
        if not visible or fails:
            continue
        window = Window("c", start, instant(max(changed for changed, _ in visible)))
        received |= {row for row in visible if window.contains(instant(row[0]))}
        committed = datetime.fromisoformat(next_watermark(window, committed)["high"])
    assert received == seen_from


def instant(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


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
def test_a_book_holds_no_more_than_its_horizon(arrivals: list[list[int]]) -> None:
    hour, listed, book = 0, [], FileBook()
    for number, gaps in enumerate(arrivals):
        for index, gap in enumerate(gaps):
            hour += gap
            listed.append(file(f"{number}-{index}", hour))
        book = book.after([each for each in listed if not book.knows(each)], listed)
    by_path = {each.path: each for each in listed}
    assert book.modified == max((each.modified for each in listed), default=None)
    assert all(by_path[path].modified > book.modified - FILE_HORIZON for path in book.files if book.modified)


def test_a_file_that_comes_late_by_less_than_the_horizon_is_new() -> None:
    book = FileBook().after([file("a", 24 * 30)], [file("a", 24 * 30)])
    assert not book.knows(file("late", 24 * 24))
    assert book.knows(file("ancient", 24 * 22))


def test_a_file_with_new_content_is_new() -> None:
    book = FileBook().after([file("a", 1)], [file("a", 1)])
    assert book.knows(file("a", 1))
    assert not book.knows(file("a", 1, "other"))


def test_a_file_left_for_later_holds_the_horizon_back() -> None:
    waiting, read, much_later = file("waiting", 0), file("a", 0), file("b", 24 * 30)
    book = FileBook().after([read], [read, waiting])
    book = book.after([much_later], [read, waiting, much_later])
    assert not book.knows(waiting)
    assert book.knows(read)
    assert book.knows(much_later)


def test_bookkeeping_of_another_kind_is_no_book() -> None:
    assert FileBook.from_json({"column": "c", "low": None, "high": "2025-03-01"}) == FileBook()
    assert FileBook().to_json() == {"modified": None, "files": {}}
