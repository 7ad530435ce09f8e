"""Tables of words: whole values on a terminal of any width."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cli.console.listing import Listing

ROWS = [("gold.fact_sales", "3", "", "broken by a day that had no row"), ("gold.a", "12", "", "kept")]


def listing(needless: tuple[str, ...] = ()) -> Listing:
    return Listing(("table", "n", "why", "seen"), ("n",), needless, list(ROWS))


def test_with_room_every_column_stands_under_its_header() -> None:
    assert listing().lines(80) == [
        "table             n  why  seen",
        "gold.fact_sales   3       broken by a day that had no row",
        "gold.a           12       kept",
    ]


def test_empty_columns_go_first_and_prose_is_broken_at_blanks() -> None:
    assert listing().lines(44) == [
        "table             n  seen",
        "gold.fact_sales   3  broken by a day that",
        "                     had no row",
        "gold.a           12  kept",
    ]


def test_needless_columns_go_before_the_table_is_given_up() -> None:
    assert listing(needless=("n",)).lines(36)[0] == "table           seen"
    assert listing().lines(36)[:3] == [
        "table  gold.fact_sales",
        "n      3",
        "seen   broken by a day that had no",
    ]


words = st.text("abcdef ", max_size=30).map(str.strip)


@settings(max_examples=50)
@given(st.lists(st.tuples(words, words, words), max_size=5), st.integers(1, 90))
def test_no_word_is_lost_or_broken(rows: list[tuple[str, str, str]], width: int) -> None:
    found = Listing(("x", "y", "z"), rows=rows).lines(width)
    told = " ".join(found).split()
    assert all(word in told for row in rows for cell in row for word in cell.split())
    longest = max((len(word) for row in rows for cell in row for word in cell.split()), default=0)
    assert all(len(line) <= max(width, longest + 6) for line in found)
