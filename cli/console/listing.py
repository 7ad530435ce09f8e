"""Tables of words that fit the terminal: a value is whole, or the table is written as one record below another.

Not here: tables of counts (`tidemark.observe.fitting`), which leave columns out where there is no room.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from tidemark.observe.fitting import wrapped
from tidemark.shown import line

_GAPS = (2, 1)
_LEAST_ROOM = 20  # characters that a column of prose has at least


@dataclass
class Listing:
    """Rows of words under headers. Columns of `right` are set to the right; what is in the last one is prose, which may
    go over several lines, but only at blanks. Where there is no room, columns without anything are left out, then the
    `needless`, the first of them first.
    """

    headers: Sequence[str]
    right: Collection[str] = ()
    needless: Sequence[str] = ()
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.headers = tuple(map(line, self.headers))

    def add_row(self, *cells: str) -> None:
        """Adds a row; it has a cell for each header, which is one line, whatever is in it."""
        self.rows.append(tuple(map(line, cells)))

    def lines(self, width: int) -> list[str]:
        """The table in lines of at most `width`; a single word that is longer is whole all the same."""
        every = range(len(self.headers))
        telling = [place for place in every if any(row[place] for row in self.rows)] or [*every]
        fewer = [
            [place for place in telling if self.headers[place] not in self.needless[:dropped]]
            for dropped in range(1, len(self.needless) + 1)
        ]
        for places, gap in (
            (every, _GAPS[0]), *((telling, gap) for gap in _GAPS), *((places, _GAPS[-1]) for places in fewer)
        ):  # fmt: skip
            room = self._room(places, gap, width)
            if room is not None:
                return list(self._table(places, gap, room))
        return list(self._records(telling, width))

    def _room(self, places: Sequence[int], gap: int, width: int) -> int | None:
        """How many characters the last column has; None where that is too few."""
        *others, last = places
        left = width - sum(self._widest(place) + gap for place in others)
        needed = self._widest(last)
        longest = max((len(word) for row in self.rows for word in row[last].split(" ")), default=0)
        prose = max(longest, len(self.headers[last]), _LEAST_ROOM)
        return needed if needed <= left else (left if prose <= left else None)

    def _widest(self, place: int) -> int:
        return max(len(self.headers[place]), *(len(row[place]) for row in self.rows), 0)

    def _table(self, places: Sequence[int], gap: int, room: int) -> Iterator[str]:
        *others, last = places
        named = [tuple(self.headers)] if any(self.headers) else []
        for row in (*named, *self.rows):
            cells = [self._set(row[place], place) for place in others]
            head = "".join(f"{cell}{' ' * gap}" for cell in cells)
            first, *more = wrapped(row[last], room)
            first = f"{first:>{room}}" if self.headers[last] in self.right else first
            yield f"{head}{first}".rstrip()
            yield from (f"{' ' * len(head)}{part}" for part in more)

    def _set(self, text: str, place: int) -> str:
        width = self._widest(place)
        return f"{text:>{width}}" if self.headers[place] in self.right else f"{text:<{width}}"

    def _records(self, places: Sequence[int], width: int) -> Iterator[str]:
        """Each row as lines of header and value, those without a value left out."""
        column = max(len(self.headers[place]) for place in places)
        for number, row in enumerate(self.rows):
            if number:
                yield ""
            for place in places:
                if row[place]:
                    head = f"{self.headers[place]:<{column}}  "
                    first, *more = wrapped(row[place], width - len(head))
                    yield f"{head}{first}"
                    yield from (f"{' ' * len(head)}{part}" for part in more)
