"""What a run did to a table that has several batches in it is told of all of them."""

from __future__ import annotations

from datetime import date, datetime

from flows.running.telling.collector import Collector
from flows.running.telling.progress import LoggingWatcher
from tidemark.books import Books
from tidemark.control.runs import RunSummary

TABLE = "bronze.orders"


def test_batches_of_a_table_are_counted_together() -> None:
    collector = Collector(RunSummary("r", "backfill", "test", date(2025, 3, 1), datetime(2025, 3, 1)), LoggingWatcher())
    first = Books(extracted=5, accepted=3, quarantined=2, inserted=2, unchanged=1)
    second = Books(extracted=2, accepted=1, quarantined=1, unchanged=1)
    for books, rejected, status in (
        (first, {"qty.minimum": 2, "id.required": 1}, "committed"),
        (second, {"qty.minimum": 1}, "unchanged"),
    ):
        earlier = collector.result(TABLE)
        collector.note(TABLE, books=books, rejected=rejected, status=status)
        collector.add(TABLE, earlier)

    told = collector.result(TABLE)
    assert told.books == Books(extracted=7, accepted=4, quarantined=3, inserted=2, unchanged=2)
    assert told.books.check(TABLE) is told.books
    assert told.rejected == {"qty.minimum": 3, "id.required": 1}
    assert told.status == "committed"
