"""How a table has been over its runs, by their books."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tidemark.books import Books
from tidemark.catalog.charts import Bar, Chart, Point, bars, line
from tidemark.catalog.words import moment

if TYPE_CHECKING:
    from tidemark.catalog.facts import RunOfTable, TableFacts

_LOADED = ("committed", "unchanged")


def row_counts(runs: Sequence[RunOfTable], rows: int, version: int) -> list[Point]:
    """How many rows the table had after each run, oldest first: from those that it has now, back by the books.

    Books say how many came and went. The way ends where a version is of no run, as after maintenance or another writer.
    """
    return list(_back(runs, rows, version))[::-1]


def _back(runs: Sequence[RunOfTable], rows: int, version: int) -> Iterator[Point]:
    for each in runs:
        result = each.result
        if result.status not in _LOADED or result.version is None or result.version > version:
            continue
        if result.version < version:
            return
        yield Point(moment(each.run.started_at), rows)
        if result.status == "committed":
            if result.books is None:
                return
            rows += result.books.gone - result.books.inserted
            version -= 1


def _tells(each: RunOfTable, books: Books) -> bool:
    """Whether a run has rows to show: what a plan prepares is neither written nor in the error lane."""
    return each.loads or (each.result.wrote and books.extracted + books.changes > 0)


def _rows(each: RunOfTable, books: Books) -> Bar:
    written = books if each.result.wrote else Books()
    parts = (("written", written.changes), ("unchanged", written.unchanged), ("rejected", books.quarantined))
    return Bar(moment(each.run.started_at), parts)


def charts(facts: TableFacts) -> tuple[Chart, ...]:
    """The charts of a table; those that there is nothing for are left out."""
    oldest_first = facts.runs[::-1]
    rows = facts.profile.rows if facts.profile else None
    counts = row_counts(facts.runs, rows, facts.profile.version) if facts.profile and rows is not None else []
    received = [_rows(each, books) for each in oldest_first if (books := each.result.books) and _tells(each, books)]
    gates = [
        Bar(
            moment(each.run.started_at),
            (
                ("passed", gate.passed),
                ("warned", len(gate.warnings)),
                ("failed", max(0, gate.total - gate.passed - len(gate.warnings))),
            ),
        )
        for each in oldest_first
        if (gate := each.result.gate)
    ]
    ages = [Point(moment(each.at), round(each.hours, 1)) for each in facts.ages]
    found = (
        line(counts, "Rows in the table"),
        bars(received, "Rows of each run"),
        bars(gates, "Checks of each gate"),
        line(ages, "Hours since the newest row"),
    )
    return tuple(each for each in found if each is not None)
