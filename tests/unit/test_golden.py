"""What people read is what somebody has looked at: reports on terminals of 60, 80 and 120 columns, and errors."""

from __future__ import annotations

import re
from functools import cache

import pytest

from tests.support.golden import FOLDER, MESSAGES, REPORTS, WIDTHS, messages, printed, texts
from tests.support.golden.errors import shown
from tidemark.errors import TidemarkError

QUIET = ("run", "plan-nothing", "runs-list", "errors-list", "contract-diff", "erase")
_COLOURED = re.compile(r"\x1b\[[0-9;]*[1-9][0-9;]*m([^\x1b]*)")
_RED_OR_YELLOW = re.compile(r"\x1b\[[0-9;]*3[13]m")


@cache
def made() -> dict[str, str]:
    return texts()


@pytest.mark.parametrize("name", [*(f"{name}-{width}.txt" for name in REPORTS for width in WIDTHS), MESSAGES])
def test_the_text_is_the_one_that_was_looked_at(name: str) -> None:
    assert (FOLDER / name).read_text("utf-8") == made()[name], (
        "python -m tests.support.golden writes it anew: look at it"
    )


def test_the_folder_has_no_other_files() -> None:
    assert {file.name for file in FOLDER.iterdir()} == set(made())


@pytest.mark.parametrize("name", REPORTS)
def test_nothing_is_cut_and_no_word_is_broken(name: str) -> None:
    widest = set(re.findall(r"[\w.:/-]{9,}", printed(REPORTS[name], 120)))
    for width in WIDTHS:
        text = printed(REPORTS[name], width)
        assert "…" not in text
        pieces = [line.strip() for line in text.splitlines() if line.strip()]
        broken = [word for word in widest if word not in text and any(word.startswith(piece) for piece in pieces)]
        assert broken == []


@pytest.mark.parametrize("name", QUIET)
def test_where_all_is_well_nothing_is_red_or_yellow(name: str) -> None:
    assert not _RED_OR_YELLOW.search(printed(REPORTS[name], 80, colour=True))


def test_of_an_error_its_first_word_alone_is_red() -> None:
    error = TidemarkError("no", table="gold.a", step="gate", seen=["error: 3"], evidence="/srv", next_step="run again")
    text = shown(error, colour=True)
    assert _COLOURED.findall(text) == ["error: "]
    assert "\x1b[1;31merror: " in text


def test_errors_say_what_to_do_next() -> None:
    every = messages().split("\nerror: ")
    assert len(every) >= 15
    assert [text for text in every if "\n  next      " not in text] == []
