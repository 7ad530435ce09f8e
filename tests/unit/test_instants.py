"""Instants with a zone become naive UTC, at the ends of the calendar too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tidemark.instants import FIRST, LAST, as_utc
from tidemark.sources.watermark import Period, later, window_start

WEST, EAST = (timezone(timedelta(hours=hours)) for hours in (-8, 14))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (datetime(2025, 3, 30, 6), datetime(2025, 3, 30, 6)),
        (datetime(2025, 3, 30, 6, tzinfo=WEST), datetime(2025, 3, 30, 14)),
        (LAST, LAST),
        (LAST.replace(tzinfo=UTC), LAST),
        (LAST.replace(tzinfo=WEST), LAST),
        (LAST.replace(tzinfo=EAST), datetime(9999, 12, 31, 9, 59, 59, 999_999)),
        (FIRST.replace(tzinfo=EAST), FIRST),
        (FIRST.replace(tzinfo=WEST), datetime(1, 1, 1, 8)),
    ],
)
def test_an_instant_is_naive_utc(given: datetime, expected: datetime) -> None:
    assert as_utc(given) == expected


@pytest.mark.parametrize("span", [timedelta(microseconds=1), timedelta(days=1), timedelta(days=999_999)])
def test_no_window_reaches_beyond_the_calendar(span: timedelta) -> None:
    assert later(LAST, span) == LAST
    assert later(LAST - timedelta(hours=1), timedelta(minutes=1)) == LAST - timedelta(minutes=59)
    assert window_start(FIRST, None, span) == FIRST
    assert window_start(None, FIRST, span) == FIRST


def test_the_last_day_there_is_has_an_end() -> None:
    assert Period.of_days(LAST.date(), LAST.date()) == Period(datetime(9999, 12, 31), LAST)
    assert Period.of_days(FIRST.date(), FIRST.date()).start == FIRST


def test_a_number_is_later_by_numbers_alone() -> None:
    assert (later(5, 1), later(5, timedelta(days=1)), later(FIRST, 3)) == (6, 5, FIRST)
