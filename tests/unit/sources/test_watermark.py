"""Windows leave no gap and no book forgets a file too soon, whatever the order of runs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemark.sources.watermark import (
    MOST_NAMES,
    FileBook,
    Period,
    SourceFile,
    Tie,
    Window,
    is_further,
    next_watermark,
    summary,
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
        ({"low": 8, "high": 9}, {"high": 10}, False),
        ({"high": 9}, {"high": 10}, True),  # read as a whole: it ends there now
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


def kept(book: FileBook) -> FileBook:
    return FileBook.from_json(json.loads(json.dumps(book.to_json())))


def test_a_book_of_a_year_of_files_every_three_minutes_names_few_and_has_few_pages() -> None:
    """As they come, some hundred at a time, with some that wait for later; a third of the old ones is archived."""
    listed: list[SourceFile] = []
    waiting: set[str] = set()
    book = FileBook()
    for turn in range(25):
        new = [file(f"{turn}-{number}", turn + number / 1000) for number in range(150)]
        waiting |= {new[0].path}
        listed = [each for number, each in enumerate(listed) if turn % 10 or number % 3] + new
        book = kept(book.after(new[1:], listed))
        assert len(book.files) <= MOST_NAMES
        assert len(book.pages) <= 8
        assert not book.knows(new[0])
    assert [each.path for each in listed if not book.knows(each)] == [e.path for e in listed if e.path in waiting]
    assert sum(len(page.entries) for page in book.pages) <= 2 * len(listed)
    assert book.after([], listed) is book
    inline = book.to_json() | {"pages": []}
    assert len(json.dumps(inline)) < 60_000


@pytest.mark.parametrize("name", ["x" * 1000, "ü" * 500, "\N{GRINNING FACE}" * 250])
def test_what_goes_into_a_commit_is_short_however_long_the_names_are(name: str) -> None:
    listed = [file(f"{name}{number}", number) for number in range(150)]
    book = FileBook().after(listed, listed)
    assert len(json.dumps(book.to_json() | {"pages": []})) < 60_000
    assert all(map(kept(book).knows, listed))


def paged(*files: SourceFile) -> FileBook:
    """A book that has these files on a page, and others by name."""
    later = [file(f"later-{number}", 1000 + number) for number in range(MOST_NAMES)]
    book = FileBook().after([*files, *later], [*files, *later])
    assert len(book.pages) == 1
    assert not {each.path for each in files} & set(book.files)
    return kept(book)


def test_a_file_whose_earlier_content_comes_back_is_new() -> None:
    """On a page stands the first content, by name the second; the book may have dropped that when the file went."""
    first, second = file("a", 1, "one"), file("a", 2000, "two")
    book = paged(first)
    later = [file(f"later-{number}", 1000 + number) for number in range(MOST_NAMES)]
    book = kept(book.after([second], [second, *later]))
    assert (book.knows(first), book.knows(second)) == (False, True)
    without = kept(book.after([file("b", 3000)], [*later, file("b", 3000)]))
    assert not without.knows(first)
    waits = kept(book.after([file("b", 3000)], [replace(second, etag="three"), *later, file("b", 3000)]))
    assert (waits.knows(first), waits.knows(second)) == (False, True)
    many = [file(f"many-{number}", 5000 + number) for number in range(3 * MOST_NAMES)]
    assert not kept(without.after(many, [*later, file("b", 3000), *many])).knows(first)


def test_pages_hold_what_lies_there_and_are_written_again_seldom() -> None:
    listed: list[SourceFile] = []
    book, written = FileBook(), 0
    for turn in range(40):
        new = [file(f"{turn}-{number}", turn + number / 1000) for number in range(90)]
        listed += new
        before = {page.text for page in book.pages}
        book = book.after(new, listed)
        written += sum(len(page.entries) for page in book.pages if page.text not in before)
    assert written < 7 * len(listed)
    last = [file("last", 10_000)]
    many = [file(f"many-{number}", 20_000 + number) for number in range(2 * len(listed))]
    book = book.after(last, last).after(many, many)
    assert sum(len(page.entries) for page in book.pages) + len(book.files) <= len(many) + 1


def test_of_a_file_on_a_page_too_is_told_that_it_was_touched() -> None:
    received, touched = (SourceFile("/landing/a", 10, "1.0", START, changed) for changed in ("1.0", "2.0"))
    book = paged(received)
    assert (book.knows(touched), book.was_touched(touched), book.was_touched(received)) == (True, True, False)
    assert not kept(book.after([], [touched])).was_touched(touched)
    nameless = replace(received, path="s3a://landing/a", changed="")
    assert not paged(nameless).was_touched(replace(nameless, changed="2.0"))


def test_a_page_that_is_cut_off_is_none() -> None:
    stored = paged(file("a", 1)).to_json()
    stored["pages"][0]["text"] = stored["pages"][0]["text"][:-1]
    with pytest.raises(ValueError, match="no whole page"):
        FileBook.from_json(stored)


OF_BEFORE = {
    "modified": "2025-03-31T00:00:00.000000",
    "files": {"s3a://landing/a": [10, "x"]},
    "older": "".join(sorted([file("old", -5000).fingerprint, file("gone", -5000).fingerprint])),
    "forgotten": "2024-01-01T00:00:00.000000",
}


def test_a_book_of_before_goes_on_with_what_it_knew() -> None:
    named, old, forgotten, new = file("a", 1), file("old", -5000), file("ancient", -24 * 600), file("new", 9000)
    book = FileBook.from_json(OF_BEFORE)
    assert (all(map(book.knows, [named, old, forgotten])), book.knows(new)) == (True, False)
    assert book.has_forgotten(forgotten)
    assert book.after([], [named, old, forgotten, new]) is book
    assert book.to_json() == OF_BEFORE
    after = kept(book.after([new], [named, old, forgotten, new]))
    assert all(map(after.knows, [named, old, forgotten, new]))
    assert not after.knows(file("late", -24 * 600)), "what lay there is known by name; what comes is new, however old"
    assert "older" not in after.to_json()


def test_the_control_store_is_told_how_many_files_there_are() -> None:
    window = {"column": "c", "low": None, "high": "2025-03-01"}
    assert summary(window) == window
    assert summary(OF_BEFORE) == {"files": 3, "modified": OF_BEFORE["modified"]}
    assert summary(paged(file("a", 1)).to_json())["files"] == MOST_NAMES + 1


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
    assert FileBook().to_json() == {"modified": None, "files": {}, "pages": []}
