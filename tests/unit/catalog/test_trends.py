"""Numbers over time: how far the books lead back, and what charts say of them in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

import pytest
from lxml import html

from tidemark.books import Books
from tidemark.catalog import words
from tidemark.catalog.charts import Bar, Point, bars, line
from tidemark.catalog.facts import RunOfTable, TableFacts
from tidemark.catalog.trends import charts, row_counts
from tidemark.control.runs import RunSummary, TableResult, TableStatus

if TYPE_CHECKING:
    from tidemark.config.project import Table

FIRST = datetime(2025, 3, 1)


def run_of(
    day: int, version: int | None, inserted: int = 0, gone: int = 0, status: TableStatus = "committed"
) -> RunOfTable:
    run = RunSummary(f"run-{day}", "daily", "test", FIRST.date(), FIRST + timedelta(days=day))
    books = Books(inserted=inserted, vanished=gone, updated=9) if status == "committed" else None
    return RunOfTable(run, TableResult("gold.sales", status, books=books, version=version))


def of_flow(flow: str, seen: RunOfTable, status: TableStatus, books: Books, chunk: str | None = None) -> RunOfTable:
    result = replace(seen.result, status=status, books=books, chunk=chunk)
    return RunOfTable(replace(seen.run, flow=flow), result)


class TestRowCounts:
    def test_they_go_back_by_the_books(self) -> None:
        runs = [run_of(2, 2, 5, 1), run_of(1, 1, 10), run_of(0, 0, 100)]
        assert [point.value for point in row_counts(runs, 114, 2)] == [100, 110, 114]

    def test_runs_that_changed_nothing_or_failed(self) -> None:
        runs = [run_of(3, 1, status="failed"), run_of(2, 1, status="unchanged"), run_of(1, 1, 10), run_of(0, 0, 100)]
        assert [point.value for point in row_counts(runs, 110, 1)] == [100, 110, 110]

    def test_they_end_where_a_version_is_of_no_run(self) -> None:
        runs = [run_of(2, 3, 5), run_of(1, 1, 10), run_of(0, 0, 100)]
        assert [point.value for point in row_counts(runs, 115, 3)] == [115]

    def test_what_is_not_released_yet_is_left_out(self) -> None:
        assert [point.value for point in row_counts([run_of(1, 1, 10), run_of(0, 0, 100)], 100, 0)] == [100]
        assert row_counts([run_of(0, None, 1)], 7, 0) == []


class TestRowsOfRuns:
    def drawn(self, *runs: RunOfTable) -> str:
        (chart,) = charts(TableFacts(cast("Table", None), runs=runs))
        assert chart.title == "Rows of each run"
        return chart.told

    def test_what_a_plan_prepares_is_not_written(self) -> None:
        plan = of_flow("plan", run_of(1, None), "prepared", Books(9, 8, 1, inserted=8))
        load = of_flow("daily", run_of(0, 0), "committed", Books(5, 4, 1, inserted=3, unchanged=1))
        assert self.drawn(plan, load) == "3 written, 1 unchanged, 1 rejected over 1 run"

    def test_of_a_load_that_failed_only_the_error_lane_has_rows(self) -> None:
        failed = of_flow("daily", run_of(1, None), "gate failed", Books(9, 7, 2, inserted=7))
        assert self.drawn(failed) == "0 written, 0 unchanged, 2 rejected over 1 run"

    def test_an_erasure_that_receives_nothing_takes_rows_away(self) -> None:
        erased = of_flow("erase", run_of(1, 1), "committed", Books(vanished=5))
        assert self.drawn(erased) == "5 written, 0 unchanged, 0 rejected over 1 run"

    def test_a_backfill_writes_what_its_chunks_did(self) -> None:
        failed = of_flow("backfill", run_of(1, None), "failed", Books(9, 7, 2, inserted=7), chunk="2025-03-02")
        assert self.drawn(failed) == "7 written, 0 unchanged, 2 rejected over 1 run"


def test_a_chart_says_in_words_what_it_shows() -> None:
    chart = line([Point("<a>", 1000), Point("b", 1200.5)], "Rows")
    assert chart
    drawn = html.fromstring(str(chart.drawn))
    assert drawn.get("aria-label") == f"Rows: {chart.told}"
    assert chart.told == f"1{words.THIN}000 to 1200.5 over 2 runs"
    assert "<a>: 1" in drawn.text_content()
    stack = bars([Bar("a", (("good", 3), ("bad", 1))), Bar("b", (("good", 4),))], "Rows")
    assert stack
    assert (stack.told, stack.kinds) == ("7 good, 1 bad over 2 runs", ("good", "bad"))
    stacked = html.fromstring(str(stack.drawn))
    heights = [float(each) for each in stacked.xpath("//*[local-name()='rect']/@height")]
    assert heights[0] == pytest.approx(3 * heights[1], abs=0.2)


@pytest.mark.parametrize("value", [[], [0], [5], [0, 0], [7, 7, 7]])
def test_charts_of_little_or_nothing(value: list[int]) -> None:
    chart = line([Point("x", each) for each in value], "Rows")
    assert (chart is not None) is bool(value)
    assert chart is None or "nan" not in chart.drawn


@pytest.mark.parametrize(
    ("share", "told"),
    [(0.0, "0 %"), (0.00001, "< 0.1 %"), (0.5, "50 %"), (0.1234, "12.3 %"), (0.99999, "> 99.9 %"), (1.0, "100 %")],
)
def test_something_is_never_nothing(share: float, told: str) -> None:
    assert words.share(share).replace(words.THIN, " ") == told
