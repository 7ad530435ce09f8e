"""A run beside those of the days before: what is unusual is told with the values of the past, and nothing else is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemark.aws.folder import open_folder
from tidemark.books import Books
from tidemark.config.environment.monitoring import AnomalySettings
from tidemark.control.runs import RunStore, RunSummary, TableResult, Warned
from tidemark.observe.anomalies import anomalies, usual_on

TABLE = "bronze.orders"
TODAY = date(2025, 3, 31)  # a Monday
SETTINGS = AnomalySettings()


def run(
    day: date,
    rows: int,
    *,
    rejected: int = 0,
    nulls: int = 0,
    age: float | None = None,
    hour: int = 4,
    flow: str = "daily",
    **result: Any,
) -> RunSummary:
    books = Books(extracted=rows, accepted=rows - rejected, quarantined=rejected, inserted=rows - rejected)
    by_rule = {"id.required": nulls, "status.enum": rejected - nulls}
    table = TableResult(TABLE, **{"status": "committed", "books": books, "rejected": by_rule} | result)
    metrics = {"tables": {TABLE: {"freshness_seconds": age}}} if age is not None else {}
    began = datetime.combine(day, time(hour))
    return RunSummary(f"{day}-{hour}-{flow}", flow, "test", day, began, "done", tables=(table,), metrics=metrics)


def before(*rows: int, **more: Any) -> list[RunSummary]:
    """Runs of the days before today, the last one yesterday."""
    return [run(TODAY - timedelta(days=len(rows) - n), each, **more) for n, each in enumerate(rows)]


def told(today: RunSummary, earlier: Sequence[RunSummary], **settings: Any) -> list[str]:
    return [each.message for each in anomalies(today, earlier, AnomalySettings(**settings))]


QUIET = before(100, 104, 98, 101, 97, 103, 99, 102)


@pytest.mark.parametrize("rows", [98, 110, 129, 71])
def test_what_is_as_usual_is_not_told(rows: int) -> None:
    assert told(run(TODAY, rows), QUIET) == []


@pytest.mark.parametrize(("rows", "shown"), [(0, "0"), (40, "40"), (400, "400")])
def test_too_few_and_too_many_rows_are_told_with_the_past(rows: int, shown: str) -> None:
    (warned,) = anomalies(run(TODAY, rows), QUIET, SETTINGS)
    assert warned == Warned(
        TABLE,
        f"{shown} rows came, usual are 100 (last: 100, 104, 98, 101, 97, 103, 99, 102)",
        f"tidemark runs show {run(TODAY, rows).short_id}",
    )


def test_one_odd_day_in_the_past_moves_nothing() -> None:
    odd = before(100, 104, 98, 50_000, 97, 103, 99, 102)
    assert told(run(TODAY, 101), odd) == []
    assert len(told(run(TODAY, 20), odd)) == 1


@pytest.mark.parametrize("known", range(7))
def test_with_too_little_history_nothing_is_said(known: int) -> None:
    assert told(run(TODAY, 0), QUIET[:known]) == []


def weeks(count: int, busy: int = 1000, quiet: int = 10) -> list[RunSummary]:
    """Whole weeks before today in which Mondays are quiet."""
    days = [TODAY - timedelta(days=n) for n in range(1, 7 * count + 1)]
    return [run(day, (quiet if day.weekday() == TODAY.weekday() else busy) + day.day % 3) for day in days]


def test_weekdays_are_compared_with_their_like() -> None:
    assert told(run(TODAY, 11), weeks(4)) == []
    (message,) = told(run(TODAY, 1000), weeks(4))
    assert message.startswith("1\u202f000 rows came, usual on Mondays are ")
    assert len(told(run(TODAY, 11), weeks(4), weekdays=30)) == 0, "it was so on a Monday"


@pytest.mark.parametrize("known", [1, 2, 3])
def test_before_weekdays_are_known_one_that_was_alike_is_enough(known: int) -> None:
    assert told(run(TODAY, 10), weeks(known)) == []
    assert len(told(run(TODAY, 400), weeks(known))) == 1


def test_days_are_compared_after_as_many_runs() -> None:
    """Two runs a day, of which the first gets nearly all."""
    earlier = [
        each
        for n in range(1, 10)
        for each in (run(TODAY - timedelta(days=n), 1000 + n), run(TODAY - timedelta(days=n), 5, hour=16))
    ]
    first, second = run(TODAY, 1010), run(TODAY, 0, hour=16)
    assert told(first, earlier) == []
    assert told(second, [*earlier, first]) == []
    assert len(told(run(TODAY, 100), earlier)) == 1


def test_rejects_and_nulls_are_told_by_their_share() -> None:
    earlier = before(*[1000] * 10, rejected=10, nulls=2)
    assert told(run(TODAY, 2000, rejected=22, nulls=4), earlier, watch=["rejected", "nulls"]) == []
    found = list(anomalies(run(TODAY, 1000, rejected=90, nulls=80), earlier, SETTINGS))
    assert [each.message.partition(",")[0] for each in found] == [
        "9 % of the rows were rejected",
        "8 % of the rows lack a value that they must have",
    ]
    assert all(each.next_step and each.next_step.startswith("tidemark errors list") for each in found)
    assert told(run(TODAY, 1000, rejected=0), earlier) == [], "fewer are no trouble"
    assert told(run(TODAY, 5, rejected=1), before(*[5] * 10)) == [], "one of five says nothing"


def test_old_rows_are_told() -> None:
    earlier = before(*[100] * 10, age=3600.0 * 5)
    assert told(run(TODAY, 100, age=3600.0 * 6), earlier) == []
    assert told(run(TODAY, 100, age=3600.0), earlier) == []
    (message,) = told(run(TODAY, 100, age=3600.0 * 30), earlier)
    assert message.startswith("the newest row is 30 h 00 m old, usual are 5 h 00 m")


def test_a_table_that_mostly_gets_nothing_has_no_usual_day() -> None:
    assert told(run(TODAY, 5000), before(0, 0, 0, 800, 0, 0, 0, 0)) == []


@pytest.mark.parametrize(
    "other",
    [
        {"flow": "replay"},
        {"flow": "backfill"},
        {"flow": "plan"},
        {"status": "failed"},
        {"books": None},
    ],
)
def test_only_runs_that_load_what_is_new_count(other: Mapping[str, Any]) -> None:
    assert told(run(TODAY, 0), before(*[100] * 10, **other)) == []
    assert told(run(TODAY, 0, **other), QUIET) == []


def test_it_can_be_turned_off_and_tuned() -> None:
    assert told(run(TODAY, 0), QUIET, watch=[]) == []
    assert told(run(TODAY, 0), QUIET, watch=["age"]) == []
    assert told(run(TODAY, 0), QUIET, leave_out=["bronze.*"]) == []
    assert told(run(TODAY, 45), QUIET, change=0.6) == []
    assert told(run(TODAY, 45), QUIET, deviations=100) == []
    assert len(told(run(TODAY, 45), QUIET)) == 1
    assert told(run(TODAY, 0), QUIET, days=3) == []


counts = st.lists(st.integers(0, 10**6), min_size=7, max_size=30)


@given(counts, st.integers(0, 10**6))
def test_an_equal_day_is_never_unusual_and_order_says_nothing(rows: list[int], now: int) -> None:
    earlier = before(*rows)
    assert told(run(TODAY, sorted(rows)[len(rows) // 2]), before(*[sorted(rows)[len(rows) // 2]] * 8)) == []
    assert told(run(TODAY, now), earlier) == told(run(TODAY, now), earlier[::-1])


@given(counts, st.integers(1, 10**6))
def test_what_is_further_off_is_told_too(rows: list[int], further: int) -> None:
    earlier = [each for each in before(*rows) if each.date.weekday() != TODAY.weekday()]
    highest = max(rows)
    if told(run(TODAY, highest + 1), earlier):
        assert told(run(TODAY, highest + 1 + further), earlier)


@given(counts, st.integers(0, 6))
def test_the_middle_does_not_follow_a_minority(rows: list[int], weekday: int) -> None:
    day = TODAY + timedelta(days=weekday)
    known = {day - timedelta(days=n + 1): float(each) for n, each in enumerate(rows)}
    plain = usual_on(day, known, AnomalySettings(weekdays=99))
    minority = dict(list(known.items())[: (len(known) - 1) // 2])
    moved = usual_on(day, known | dict.fromkeys(minority, 1e12), AnomalySettings(weekdays=99))
    assert plain is not None
    assert moved is not None
    assert moved.middle <= max(rows)


def test_runs_since_a_day_are_read_newest_first(tmp_path: Path) -> None:
    store = RunStore(open_folder(str(tmp_path), None))
    for each in QUIET:
        store.save(each)
    found = store.since(TODAY - timedelta(days=3), 100)
    assert [each.date for each in found] == [TODAY - timedelta(days=n) for n in (1, 2, 3)]
    assert len(store.since(TODAY - timedelta(days=90), 2)) == 2
