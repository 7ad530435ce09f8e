"""Tables of counts that fit the terminal: what says nothing goes first, then digits, then what others say too.

Not here: what the tables say.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from tidemark.shown import line

if TYPE_CHECKING:
    from rich.table import Table as RichTable

THIN_SPACE = "\u202f"  # narrow and not broken at the end of a line
NOT_COUNTED = "–"
_KEPT = "\u00a0"  # a blank at which no line is broken
_NOTHING = ("0", NOT_COUNTED)
_MOST_DIGITS = 38  # of a number that is written in full
_WHOLE = re.compile(r"(?<![\w.,:/-])\d{4,}(?![\w.,:/-])")
_LEAST = 4  # characters of a name that are left of it, where nothing else helps


@dataclass(frozen=True)
class Cell:
    """A value with its style; a `number` is written as there is room."""

    text: str = ""
    style: str = ""
    number: int | None = None

    def written(self, brevity: int) -> str:
        """The value in full (0), from a million on in short (1), from ten thousand on in short (2)."""
        if self.number is None:
            return self.text
        return thousands(self.number) if brevity > 1 else count(self.number, exact=not brevity)


@dataclass(frozen=True)
class Columns:
    """The columns of a table: all of them, those of words, and those that can be missed, the first of them first.

    What is `folded` goes over several lines where it is longer than its header and there is no room.
    """

    headers: Sequence[str]
    words: Collection[str]
    needless: Sequence[str] = ()
    folded: Collection[str] = ()


@dataclass(frozen=True)
class _Fit:
    columns: tuple[int, ...]
    brevity: int
    gap: int


def count(number: int, exact: bool = True) -> str:
    """A count with thin spaces between thousands (`95 210`); not `exact`: short from a million on (`1.23 M`)."""
    if exact or number < 1_000_000:
        return f"{number:,}".replace(",", THIN_SPACE)
    unit, size = ("G", 10**9) if number >= 10**9 else ("M", 10**6)
    return f"{number / size:.2f}{THIN_SPACE}{unit}"


def measured(value: str) -> str:
    """What a check measured, as counts are written: `62093.0` → `62 093`, `5213.4` → `5 213.4`."""
    try:
        number = Decimal(value)
    except InvalidOperation:
        return _WHOLE.sub(lambda found: count(int(found[0])), value)
    if not number.is_finite() or number.adjusted() >= _MOST_DIGITS:
        return value
    whole, point, rest = f"{abs(number):f}".partition(".")
    written = f"{count(int(whole))}{point}{rest}"
    written = written.rstrip("0").rstrip(".") if point else written
    return f"-{written}" if number < 0 else written


def thousands(number: int) -> str:
    """A count that is short from ten thousand on: `98.1 k`, `1.23 M`."""
    short = 10_000 <= number < 999_950
    return f"{number / 1000:.1f}{THIN_SPACE}k" if short else count(number, exact=False)


def wrapped(text: str, width: int, hanging: int = 0) -> list[str]:
    """A text in lines of at most `width`, broken at blanks alone; the second and later ones hang in by so many blanks.

    A word that is longer than a line is left whole: a terminal breaks it, and whoever copies it has all of it.
    """
    first = text[: len(text) - len(text.lstrip(" "))]
    lines = textwrap.wrap(
        line(text.strip(" ")),
        max(width, 1),
        initial_indent=first,
        subsequent_indent=" " * hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines or [""]


def together(parts: Iterable[str], width: int, between: str = " · ") -> list[str]:
    """Parts in lines of at most `width`, which are broken between them, and not inside where that can be."""
    whole = between.join(part.replace(" ", _KEPT) for part in parts)
    lines = [line.replace(_KEPT, " ") for line in wrapped(whole, width)]
    return [line for long in lines for line in wrapped(long, width)]


def table(columns: Columns, rows: Sequence[Sequence[Cell]], width: int) -> RichTable:
    """The rows as a table without lines, at most `width` wide where that can be."""
    from rich.table import Table
    from rich.text import Text

    fit = next((each for each in _fits(columns, rows) if _width(columns, rows, each) <= width), None)
    fit = fit or list(_fits(columns, rows))[-1]
    shown = Table(box=None, show_edge=False, pad_edge=False, padding=(0, fit.gap, 0, 0), header_style="")
    for place in fit.columns:
        header = columns.headers[place]
        is_word = header in columns.words
        shown.add_column(
            header,
            justify="left" if is_word else "right",
            no_wrap=header not in columns.folded,
            overflow="fold" if header in columns.folded else "ellipsis",
            min_width=_LEAST if is_word else _column_width(columns, rows, place, fit.brevity),
        )
    for row in rows:
        shown.add_row(*(Text(line(row[place].written(fit.brevity)), style=row[place].style) for place in fit.columns))
    return shown


def _fits(columns: Columns, rows: Sequence[Sequence[Cell]]) -> Iterator[_Fit]:
    """The ways to write a table, the widest first; columns in which nothing is counted are in none."""
    telling = tuple(place for place in range(len(columns.headers)) if _tells(columns, rows, place))
    yield _Fit(telling, 0, 2)
    yield from (_Fit(telling, brevity, 1) for brevity in range(3))
    for dropped in range(1, len(columns.needless) + 1):
        gone = columns.needless[:dropped]
        yield _Fit(tuple(place for place in telling if columns.headers[place] not in gone), 2, 1)


def _tells(columns: Columns, rows: Sequence[Sequence[Cell]], place: int) -> bool:
    is_word = columns.headers[place] in columns.words
    return is_word or any(row[place].written(0) not in _NOTHING for row in rows)


def _width(columns: Columns, rows: Sequence[Sequence[Cell]], fit: _Fit) -> int:
    widths = (_column_width(columns, rows, place, fit.brevity) for place in fit.columns)
    return sum(widths) + fit.gap * (len(fit.columns) - 1)


def _column_width(columns: Columns, rows: Sequence[Sequence[Cell]], place: int, brevity: int) -> int:
    header = columns.headers[place]
    values = [] if header in columns.folded else [len(row[place].written(brevity)) for row in rows]
    return max([len(header), *values])
