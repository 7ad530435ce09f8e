"""Patterns fit what a shell's would."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemark.sources.landing.globs import in_pattern, is_pattern, literal_part, literally, may_fit_below


@pytest.mark.parametrize(
    ("pattern", "fits", "does_not"),
    [
        ("e/*.csv", ["e/a.csv", "e/.csv"], ["e/b/a.csv", "e/a.txt"]),
        ("e/**/*.csv", ["e/a.csv", "e/b/c/a.csv"], ["f/a.csv"]),
        ("e/2025-*", ["e/2025-01/a", "e/2025-a"], ["e/2024-01/a"]),
        ("e/[ab]?.{csv,t*}", ["e/a1.csv", "e/b2.txt"], ["e/c1.csv", "e/a.csv"]),
        ("e/[!a-c]x", ["e/dx", "e/-x"], ["e/bx", "e//x"]),
        ("e/[]]", ["e/]"], ["e/x"]),
        ("e/x[[]1]", ["e/x[1]"], ["e/x1"]),
        (r"e/\*", ["e/*"], ["e/a"]),
        ("e/x[", ["e/x["], ["e/x"]),
        ("e/{a", ["e/{a"], ["e/a"]),
        ("e/a.c+(d)|$", ["e/a.c+(d)|$"], ["e/abc"]),
    ],
)
def test_a_pattern_fits(pattern: str, fits: list[str], does_not: list[str]) -> None:
    assert [path for path in fits if not in_pattern(path, pattern)] == []
    assert [path for path in does_not if in_pattern(path, pattern)] == []


def test_what_lies_before_a_pattern_is_a_folder() -> None:
    assert literal_part("a/b*/c") == "a"
    assert literal_part("*.csv") == ""
    assert literal_part("a/b") == "a/b"
    assert not is_pattern("a/b c:d")


_NAMES = st.text(st.sampled_from(r"ab*?[]{},!^-\.|$"), min_size=1, max_size=6)


@given(_NAMES, _NAMES)
def test_a_name_taken_literally_fits_itself_alone(name: str, other: str) -> None:
    assert in_pattern(name, literally(name))
    assert in_pattern(other, literally(name)) == (name == other)
    assert in_pattern(f"{name}_2025", f"{literally(name)}*")


@pytest.mark.parametrize(
    ("pattern", "may"),
    [("in/*.csv", False), ("in/*", True), ("in/*/*.csv", True), ("in/**/*.csv", True), ("in/b*/", False)],
)
def test_what_may_lie_in_a_folder_that_nobody_sees(pattern: str, may: bool) -> None:
    assert may_fit_below("in/us", pattern.strip("/")) is may
