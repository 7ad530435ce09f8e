"""What a run of a source with a cursor will read: a closed window, known before the first row comes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tidemark.errors import ConfigError, SourceError, choose
from tidemark.sources.watermark import Tie, Window, next_watermark, window_start
from tidemark.sql.types import is_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tidemark.sources import ExtractRequest
    from tidemark.sources.watermark import Mark, Period


OBJECT, CONNECTION = "object", "connection"
"""Where the bookkeeping of a window says of what it was one, and of which system."""


@dataclass(frozen=True)
class Cursor:
    """The columns of the watermark by the source's own names, and which of them hold whole numbers, not times."""

    columns: tuple[str, ...]
    numbers: tuple[bool, ...]

    @property
    def column(self) -> str:
        """The first, by which rows are read."""
        return self.columns[0]

    @property
    def counts(self) -> bool:
        """Whether the first holds whole numbers."""
        return self.numbers[0]


@dataclass(frozen=True)
class Reading:
    """The rows to read.

    Without a `column` (of the cursor) that is every row. With one it is the rows of `window`, and those without a value
    in it (`timeless`): they would otherwise never be seen. `watermark`, `identity`, `full` and `notices` are those of
    the `Extract`; `among` is its `window`.
    """

    column: str | None
    window: Window | None
    watermark: Mapping[str, Any]
    identity: Mapping[str, Any]
    full: bool
    notices: tuple[str, ...] = ()
    timeless: bool = True
    among: Window | None = None


@dataclass(frozen=True)
class Seen:
    """What a source has: the newest value of the cursor's columns, and how many rows are later or have none.

    `newest` and `timeless` look at the window alone, `timeless` None means: not known yet. `later` are rows with a
    change time after `until`, which is the run's end, or now by the source's own clock.
    """

    newest: tuple[Mark | None, ...]
    later: int
    timeless: int | None = None
    until: datetime | None = None


def everything(request: ExtractRequest) -> Reading:
    """Every row of a source without a cursor."""
    return Reading(None, None, {}, {"full": True, "as_of": request.as_of.isoformat()}, full=True)


def start_of(request: ExtractRequest, cursor: Cursor) -> tuple[Mark | None, ...]:
    """Where the window begins, in the first columns of the cursor; (): at the beginning, for a first or a full load.

    So does one whose cursor is another than that of the window before. Raises `ConfigError` where an instant is asked
    for of a cursor that knows none.
    """
    watermark = request.table.load.watermark
    if request.since is not None and cursor.counts:
        raise ConfigError(
            f"{request.table.name} is read by {cursor.column}, a number: it cannot be read since {request.since}",
            next_step=f"leave --since out, or read everything: tidemark run --select {request.table.name} "
            "--full-refresh",
        )
    if watermark is None or request.full or request.source.mode == "full":
        return ()
    committed = None if _is_another(request, cursor) else request.low
    start = window_start(committed, request.since, watermark.lookback)
    if start is None:
        return ()
    if watermark.lookback or request.since is not None:
        return (start,)
    return (start, *(tie.high for tie in _known_ties(request, cursor)))


def windowed(request: ExtractRequest, cursor: Cursor, start: Sequence[Mark | None], seen: Seen) -> Reading:
    """The window from `start` to the newest row; none where there is no row in it."""
    column, notices = cursor.column, []
    if seen.later:
        until = seen.until or request.as_of
        told = f"{until}" if until >= request.as_of else f"{until}, now by the source's own clock"
        notices.append(
            f"{seen.later} rows of {request.source.object} are later than {told}: they stay there until then"
        )
    if seen.timeless:
        notices.append(f"{seen.timeless} rows of {request.source.object} have no {column}: they are read every time")
    another = _is_another(request, cursor)
    if another:
        notices.append(_told_another(request))
    elif _is_taken_back(request, cursor, start, seen):
        notices.append(
            f"{request.source.object} was read up to {request.low}, and has no row there any more, nor a later one: if "
            "it was taken back or made anew, what it has before that is not read; "
            f"tidemark run --select {request.table.name} --full-refresh reads all of it"
        )
    full = not start and not seen.later
    newest = seen.newest[0] if seen.newest else None
    if newest is None:
        identity = {"column": column, "timeless": seen.timeless, "as_of": request.as_of.isoformat()}
        return Reading(column, None, request.bookkeeping, identity, full, tuple(notices))
    ties = tuple(
        Tie(name, start[place] if place < len(start) else None, high)
        for place, (name, high) in enumerate(zip(cursor.columns[1:], seen.newest[1:], strict=True), start=1)
    )
    window = Window(column, start[0] if start else None, newest, ties)
    # Of a source that was read as a whole its end is known, also where it was further before.
    begins_anew = another or (request.full and not seen.later)
    watermark = next_watermark(window, None if begins_anew else request.low, _known_ties(request, cursor))
    watermark |= {OBJECT: request.source.object, CONNECTION: request.source.connection}
    return Reading(column, window, watermark, window.to_json(), full, tuple(notices), among=window)


def rereads(request: ExtractRequest, reading: Reading) -> bool:
    """Whether rows that were received before may be among those that are read.

    Of a source that is read as a whole they are, but where the engine dates them: then each extract is logged.
    """
    return reading.column is not None or request.source.taken_at is None


def again(request: ExtractRequest, cursor: Cursor, period: Period) -> Reading:
    """The rows of a period of the past; how far the source is known stays as it was."""
    if cursor.counts:
        raise ConfigError(
            f"{request.table.name} is read by {cursor.column}, a number: it knows no days",
            next_step=f"read everything again: tidemark run --select {request.table.name} --full-refresh",
        )
    window = period.window(cursor.column)
    identity = {"again": window.to_json()}
    return Reading(cursor.column, window, request.bookkeeping, identity, full=False, timeless=False, among=window)


def change_time(request: ExtractRequest, columns: Sequence[str]) -> Cursor | None:
    """The watermark's columns as the source calls them, None for a table without; `columns` are those it has.

    Raises `SourceError` when one is not among them.
    """
    watermark = request.table.load.watermark
    if watermark is None:
        return None
    types = {column.name: column.type for column in request.table.contract.columns}
    numbers = tuple(is_whole(types.get(name, "timestamp")) for name in watermark.columns)
    return Cursor(tuple(_found(request, name, columns) for name in watermark.columns), numbers)


@dataclass(frozen=True)
class Comparisons:
    """How a source writes that a column is equal to a value or beyond it; `name` writes the column."""

    name: Callable[[str], str]
    before: Callable[[str, Mark], str]
    up_to: Callable[[str, Mark], str]
    at_least: Callable[[str, Mark], str]
    after: Callable[[str, Mark], str]
    null: str = "IS NULL"

    def of(self, window: Window) -> str:
        """The rows of the window. A null in a further column of the cursor is read whenever it may be in it."""
        columns = (Tie(window.column, window.low, window.high), *window.ties)
        ends = [
            self._one_by_one([(each.column, each.low) for each in columns], self.after, self.at_least),
            self._one_by_one([(each.column, each.high) for each in columns], self.before, self.up_to),
        ]
        return " AND ".join(end for end in ends if end)

    def _one_by_one(
        self,
        marks: Sequence[tuple[str, Mark | None]],
        beyond: Callable[[str, Mark], str],
        reaches: Callable[[str, Mark], str],
    ) -> str:
        """`a > 1 OR (a >= 1 AND (b >= 2 OR b IS NULL))`, for as many columns as have a value."""
        (column, value), *further = marks or [("", None)]
        if value is None:
            return ""
        rest = self._one_by_one(further, beyond, reaches)
        if not rest:
            return reaches(column, value)
        tie = f"{self.name(further[0][0])} {self.null}"
        return f"({beyond(column, value)} OR ({reaches(column, value)} AND ({rest} OR {tie})))"


def _found(request: ExtractRequest, column: str, columns: Sequence[str]) -> str:
    name = request.source.fields.get(column, column)
    if name in columns:
        return name
    for candidate in columns:
        if candidate.lower() == name.lower():
            return candidate
    raise SourceError(
        f"{request.source.object} has no column {name}, which `watermark` names",
        table=request.table.name,
        step="extract",
        seen=[f"it has {', '.join(columns)}"],
        next_step=choose(name, columns),
    )


def _is_another(request: ExtractRequest, cursor: Cursor) -> bool:
    """Whether the window before was one of another object, connection or column, or of one with other values: its end
    says nothing here."""
    if request.low is None:
        return False
    before = str(request.bookkeeping.get("column", cursor.column))
    is_column = before.lower() == cursor.column.lower() and isinstance(request.low, int) == cursor.counts
    return not is_column or _read_from(request) is not None


def _read_from(request: ExtractRequest) -> tuple[str, str] | None:
    """What the window before was one of, and what this one is, where they are not the same."""
    source, book = request.source, request.bookkeeping
    name, place = str(book.get(OBJECT, source.object)), str(book.get(CONNECTION, source.connection))
    if place != source.connection:
        return f"{name} of {place}", f"{source.object} of {source.connection}"
    return (name, source.object) if name.lower() != source.object.lower() else None


def _told_another(request: ExtractRequest) -> str:
    moved, start = _read_from(request), "its beginning" if request.since is None else f"{request.since} on"
    if moved is None:
        return f"{request.source.object} was read by another column until now: it is read from {start}"
    before, now = moved
    return f"{request.table.name} was read from {before} until now: {now} is read from {start}"


def _is_taken_back(request: ExtractRequest, cursor: Cursor, start: Sequence[Mark | None], seen: Seen) -> bool:
    """Whether a source that was read up to a value ends before it now; who looks from before that does not know it."""
    low, newest = request.low, seen.newest[0] if seen.newest else None
    if not start or low is None or request.since is not None or seen.later:
        return False
    if isinstance(low, datetime):
        return newest is None and (seen.until is None or seen.until >= low)
    return newest is None or (isinstance(newest, int) and newest < low)


def _known_ties(request: ExtractRequest, cursor: Cursor) -> tuple[Tie, ...]:
    """What the bookkeeping says of the further columns; () where they are not those of this cursor."""
    if request.bookkeeping.get("high") is None:
        return ()
    ties = Window.from_json(request.bookkeeping).ties
    same = [tie.column.lower() for tie in ties] == [name.lower() for name in cursor.columns[1:]]
    return ties if same else ()
