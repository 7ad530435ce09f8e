"""What a run did to a table that has several batches in it is told of all of them."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from flows.running.telling.collector import Collector, check_text
from flows.running.telling.progress import LoggingWatcher
from tidemark.books import Books
from tidemark.compute.gate.scan import CheckResult
from tidemark.control.runs import RunSummary
from tidemark.errorlane.quarantine import Rejected
from tidemark.observe.fitting import THIN_SPACE

TABLE = "bronze.orders"


def collecting() -> Collector:
    return Collector(RunSummary("r", "backfill", "test", date(2025, 3, 1), datetime(2025, 3, 1)), LoggingWatcher())


def refuse(collector: Collector, books: Books, new: Rejected | None = None) -> None:
    """A batch that is prepared and not committed; `new`: what it has added to the error lane, where that was told."""

    def fail() -> None:
        with collector.one_of_several(TABLE):
            collector.note(TABLE, books=books)
            if new is not None:
                collector.rejected(TABLE, new)
            raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        fail()


def test_batches_of_a_table_are_counted_together() -> None:
    collector = collecting()
    with collector.one_of_several(TABLE):
        collector.note(TABLE, books=Books(5, 3, 2, inserted=2, unchanged=1), status="committed")
        collector.rejected(TABLE, Rejected(1, {"qty.minimum": 2, "id.required": 1}))
    with collector.one_of_several(TABLE):
        collector.note(TABLE, books=Books(2, 1, 1, unchanged=1), status="unchanged")
        collector.rejected(TABLE, Rejected(1, {"qty.minimum": 1}))
    with collector.one_of_several(TABLE):
        collector.note(TABLE, books=Books(4, 4, inserted=4), status="committed")  # nothing of it is rejected

    told = collector.result(TABLE)
    assert told.books == Books(extracted=11, accepted=8, quarantined=3, inserted=6, unchanged=2)
    assert told.books.check(TABLE) is told.books
    assert told.rejected == {"qty.minimum": 3, "id.required": 1}
    assert told.newly_rejected == 2
    assert told.status == "committed"


def test_batches_before_one_that_fails_stay_counted() -> None:
    collector = collecting()
    with collector.one_of_several(TABLE):
        collector.note(TABLE, books=Books(5, 5, inserted=5), status="committed")
    with pytest.raises(ValueError, match="broken"), collector.one_of_several(TABLE):
        raise ValueError("broken")

    told = collector.result(TABLE)
    assert (told.books, told.status) == (Books(5, 5, inserted=5), "committed")


def test_of_a_batch_that_is_refused_only_the_error_lane_has_rows() -> None:
    collector = collecting()
    with collector.one_of_several(TABLE):
        collector.note(TABLE, books=Books(5, 4, 1, inserted=4), status="committed")
        collector.rejected(TABLE, Rejected(1, {"qty.minimum": 1}))
    refuse(collector, Books(100, 93, 7, inserted=90, updated=3), Rejected(6, {"qty.minimum": 6}))

    told = collector.result(TABLE)
    assert told.books == Books(extracted=12, accepted=4, quarantined=8, inserted=4)
    assert told.books.balance
    assert (told.rejected, told.newly_rejected) == ({"qty.minimum": 7}, 7)


def test_rejected_rows_that_did_not_come_to_the_error_lane_are_not_counted() -> None:
    collector = collecting()
    with collector.one_of_several(TABLE):
        collector.note(TABLE, books=Books(5, 4, 1, inserted=4), status="committed")
        collector.rejected(TABLE, Rejected(1, {"qty.minimum": 1}))
    refuse(collector, Books(3, 1, 2, inserted=1))

    told = collector.result(TABLE)
    assert (told.books, told.newly_rejected) == (Books(extracted=5, accepted=4, quarantined=1, inserted=4), 1)


def test_rejected_rows_that_nobody_counted_make_the_sum_unknown() -> None:
    collector = collecting()
    with collector.one_of_several(TABLE):
        collector.note(TABLE, books=Books(5, 4, 1, inserted=4), status="committed")
        collector.rejected(TABLE, Rejected(1, {"qty.minimum": 1}))
    with collector.one_of_several(TABLE):
        collector.note(TABLE, books=Books(3, 1, 2, inserted=1), status="committed")
    assert collector.result(TABLE).newly_rejected is None


def test_where_nothing_is_rejected_nobody_counts() -> None:
    collector = collecting()
    for _ in range(2):
        with collector.one_of_several(TABLE):
            collector.note(TABLE, books=Books(5, 5, inserted=5), status="committed")
    assert collector.result(TABLE).newly_rejected is None


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "rows"),
        ("62093.0", "rows: was 62 093"),
        ("62093", "rows: was 62 093"),
        ("0.0", "rows: was 0"),
        ("-1234.0", "rows: was -1 234"),
        ("5213.40", "rows: was 5 213.4"),
        ("0.0625", "rows: was 0.0625"),
        ("1e+15", "rows: was 1 000 000 000 000 000"),
        ("1e+300", "rows: was 1e+300"),
        ("NaN", "rows: was NaN"),
        ("1200 of 4000 (30.0%)", "rows: was 1 200 of 4 000 (30.0%)"),
        ("2025-03-30 12:00:00", "rows: was 2025-03-30 12:00:00"),
    ],
)
def test_what_a_check_measured_is_written_as_counts_are(value: str | None, told: str) -> None:
    assert check_text(CheckResult("rows", "fail", value)).replace(THIN_SPACE, " ") == told


@pytest.mark.parametrize(
    ("check", "told"),
    [
        (CheckResult("dearest order", "fail", "25593.3", bad="> 2000"), "dearest order: was 25 593.3 (fails > 2 000)"),
        (CheckResult("dearest order", "warn", "25593.3", bad="> 2000"), "dearest order: was 25 593.3 (warns > 2 000)"),
        (
            CheckResult("dearest order", "warn", "9", bad="> 8.5", bypass="let pass by ann"),
            "dearest order: was 9 (fails > 8.5) (let pass by ann)",
        ),
        (CheckResult("gaps", "fail", "4", bad="≠ 0"), "gaps: was 4 (fails ≠ 0)"),
        (CheckResult("row count > 0", "fail", "0", bad="≤ 0"), "row count > 0: was 0"),
        (CheckResult("between 10 and 20", "fail", "9", bad="< 10 or > 20"), "between 10 and 20: was 9"),
    ],
)
def test_a_check_that_did_not_pass_says_what_would(check: CheckResult, told: str) -> None:
    assert check_text(check).replace(THIN_SPACE, " ") == told
