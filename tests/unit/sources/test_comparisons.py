"""The condition that a source gets lets through what the window contains, and nothing else."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemark.sources.reading import Comparisons
from tidemark.sources.watermark import Mark, Tie, Window

SMALL = st.integers(-2, 2)
MAYBE = st.none() | SMALL
NUMBERS = Comparisons(
    name=lambda column: f'"{column}"',
    before=lambda column, value: f'"{column}" < {value}',
    up_to=lambda column, value: f'"{column}" < {next_to(value)}',
    at_least=lambda column, value: f'"{column}" >= {value}',
    after=lambda column, value: f'"{column}" >= {next_to(value)}',
)


def next_to(value: Mark) -> int:
    assert isinstance(value, int)
    return value + 1


@given(
    st.lists(st.tuples(SMALL, MAYBE, MAYBE), max_size=30),
    st.tuples(MAYBE, SMALL),
    st.lists(st.tuples(MAYBE, MAYBE), max_size=2),
)
def test_the_database_and_the_window_agree(
    rows: list[tuple[int, int | None, int | None]],
    ends: tuple[int | None, int],
    further: list[tuple[int | None, int | None]],
) -> None:
    ties = tuple(Tie(name, low, high) for name, (low, high) in zip("bc", further, strict=False))
    window = Window("a", *ends, ties)
    database = sqlite3.connect(":memory:")
    database.execute('CREATE TABLE t ("a" INTEGER, "b" INTEGER, "c" INTEGER)')
    database.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    found = database.execute(f"SELECT * FROM t WHERE ({NUMBERS.of(window)})").fetchall()
    database.close()
    expected = [row for row in rows if window.contains(*row[: 1 + len(ties)])]
    assert sorted(found, key=repr) == sorted(expected, key=repr)


@pytest.mark.parametrize("kind", ["snowflake", "redshift"])
def test_rows_within_the_microsecond_of_an_end_are_in_the_window(kind: str) -> None:
    """A warehouse's clock may be finer than Python's: `12:00:00.123456789` is the newest row, and told as `.123456`."""
    from tidemark.config.connections import ConnectionValue, load_plugin
    from tidemark.sources import SOURCES
    from tidemark.sources.unload import comparisons

    source = load_plugin("source", kind, SOURCES)()
    instant = datetime(2025, 3, 1, 12, 0, 0, 123456)
    text = comparisons(source.warehouse(ConnectionValue("w", kind))).of(Window("at", instant, instant))
    end = (instant + timedelta(microseconds=1)).strftime("%H:%M:%S.%f")
    assert text.index("12:00:00.123456") < text.index(f"{end}")
    assert text.count('"at"') == 2
    assert '"at" < ' in text
    assert '"at" >= ' in text
