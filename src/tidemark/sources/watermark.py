"""How far a source has been read: windows over a cursor, and the book of files that were received.

A cursor is a change time, a whole number that only grows (an LSN, a version), or several such columns, compared one
after another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

FILE_HORIZON = timedelta(days=7)
"""A file is remembered by name for as long; older than the newest one by more, it counts as received."""

Mark = datetime | int
"""A value of a cursor: an instant (naive UTC), or a whole number."""

RESOLUTION = timedelta(microseconds=1)
_FIRST_INSTANT = datetime(1, 1, 1)


@dataclass(frozen=True)
class Tie:
    """A further column of a cursor, compared where the columns before it are equal; None: where nobody knows."""

    column: str
    low: Mark | None
    high: Mark | None


@dataclass(frozen=True)
class Window:
    """The rows with `low <= column <= high`; `low` None: from the beginning.

    Both ends are in it: rows that share the newest value may come later, and are read with the next window, of which
    that value is the beginning. What is known of them by then is dropped when the rows are compared with the table.
    """

    column: str
    low: Mark | None
    high: Mark
    ties: tuple[Tie, ...] = ()

    @property
    def position(self) -> tuple[Mark | None, ...]:
        """Where it ends, in all columns of the cursor."""
        return (self.high, *(tie.high for tie in self.ties))

    def contains(self, *values: Mark | None) -> bool:
        """Whether a row with these values of the cursor's columns is in the window; a null is, wherever it may be."""
        columns = (Tie(self.column, self.low, self.high), *self.ties)
        return _reaches(values, [each.low for each in columns]) and _reaches([each.high for each in columns], values)

    def to_json(self) -> dict[str, Any]:
        """`{"column", "low", "high"}`, instants as ISO text that sorts by time, and `then` for further columns."""
        told = {"column": self.column, "low": _told(self.low), "high": _told(self.high)}
        further = [{"column": tie.column, "low": _told(tie.low), "high": _told(tie.high)} for tie in self.ties]
        return told | ({"then": further} if further else {})

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Window:
        """What `to_json` gave."""
        ties = tuple(Tie(tie["column"], mark(tie["low"]), mark(tie["high"])) for tie in stored.get("then", ()))
        high = mark(stored["high"])
        if high is None:
            raise ValueError("a window has an end")
        return cls(stored["column"], mark(stored["low"]), high, ties)


@dataclass(frozen=True)
class Period:
    """A stretch of the past, both ends included; naive UTC."""

    start: datetime
    end: datetime

    @classmethod
    def of_days(cls, first: date, last: date) -> Period:
        """From the first instant of one day to the last instant of another."""
        day_after = datetime.combine(last, time.min) + timedelta(days=1)
        return cls(datetime.combine(first, time.min), day_after - RESOLUTION)

    def window(self, column: str) -> Window:
        """The window of just these instants."""
        return Window(column, self.start, self.end)

    def until(self, instant: datetime | None) -> Period:
        """The part of it that is not later than `instant`."""
        return self if instant is None else Period(self.start, min(self.end, instant))


def mark(stored: object) -> Mark | None:
    """A value of a cursor as bookkeeping has it: a number, or an instant as ISO text."""
    return stored if stored is None or isinstance(stored, int) else _instant(str(stored))


def window_start(committed: Mark | None, since: datetime | None, lookback: timedelta | int) -> Mark | None:
    """Where the next window begins: `lookback` before the committed watermark, which is in it; None: at the beginning.

    `since` stands in for the watermark.
    """
    start = committed if since is None else since
    return None if start is None else _earlier(start, lookback)


def next_watermark(window: Window, committed: Mark | None, known: Sequence[Tie] = ()) -> dict[str, Any]:
    """The bookkeeping after `window` was read: how far the source is known without a gap.

    A window that ends before the committed watermark (of a composite cursor with what is `known` of its further
    columns) does not take it back. One that begins after it leaves a gap, and then the watermark stays, so that the
    next window reads what was skipped.
    """
    if committed is None:
        return window.to_json()
    leaves_a_gap = window.low is not None and _is_less(committed, window.low)
    before = (committed, *(tie.high for tie in known))
    if leaves_a_gap or _reaches(before, window.position):
        stays = tuple(Tie(tie.column, None, tie.high) for tie in known)
        return Window(window.column, window.low, committed, stays).to_json()
    return window.to_json()


def is_further(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    """Whether bookkeeping with an end goes beyond another, or is that of another cursor."""
    if old.get("high") is None:
        return True
    here, there = Window.from_json(new), Window.from_json(old)
    if type(here.high) is not type(there.high) or len(here.ties) != len(there.ties):
        return True
    return here.position != there.position and _reaches(here.position, there.position)


@dataclass(frozen=True)
class SourceFile:
    """A file as its store lists it: bytes, the store's tag for the content, and when it was put there (naive UTC)."""

    path: str
    size: int
    etag: str
    modified: datetime


@dataclass(frozen=True)
class FileBook:
    """The files that were received: those within `FILE_HORIZON` before `modified`, each with its size and tag."""

    modified: datetime | None = None
    files: Mapping[str, tuple[int, str]] = field(default_factory=dict)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> FileBook:
        """The book in a commit's bookkeeping; an empty one where there was none."""
        if "files" not in stored:
            return cls()
        modified = stored.get("modified")
        files = {path: (int(size), str(etag)) for path, (size, etag) in stored["files"].items()}
        return cls(None if modified is None else _instant(modified), files)

    def to_json(self) -> dict[str, Any]:
        """`{"modified", "files": {path: [size, etag]}}`."""
        modified = None if self.modified is None else _text(self.modified)
        return {"modified": modified, "files": {path: list(self.files[path]) for path in sorted(self.files)}}

    def knows(self, file: SourceFile) -> bool:
        """Whether the file was received as it is now, or is older than the book remembers."""
        if self.files.get(file.path) == (file.size, file.etag):
            return True
        return self.modified is not None and file.modified <= self.modified - FILE_HORIZON

    def after(self, received: Iterable[SourceFile], listed: Iterable[SourceFile]) -> FileBook:
        """The book once `received` is in too. `listed` is everything there is: what has gone is forgotten.

        The horizon never passes a listed file that was left for later.
        """
        listed, received = list(listed), list(received)
        known = {*received, *(file for file in listed if self.knows(file))}
        waiting = [file.modified for file in listed if file not in known]
        seen = [file.modified for file in known] + ([self.modified] if self.modified else [])
        if not seen:
            return self
        modified = min([max(seen), *waiting])
        if self.modified is not None:
            modified = max(modified, self.modified)
        remembered = {file.path: (file.size, file.etag) for file in known if file.modified > modified - FILE_HORIZON}
        return FileBook(modified, remembered)


def _earlier(value: Mark, span: timedelta | int) -> Mark:
    if isinstance(value, int):
        return value - span if isinstance(span, int) else value
    if isinstance(span, int):
        return value
    return _FIRST_INSTANT if value - _FIRST_INSTANT < span else value - span


def _is_less(one: Mark, other: Mark) -> bool:
    if isinstance(one, datetime) and isinstance(other, datetime):
        return one < other
    return not isinstance(one, datetime) and not isinstance(other, datetime) and one < other


def _reaches(values: Sequence[Mark | None], bounds: Sequence[Mark | None]) -> bool:
    """Whether values are equal to the bounds or beyond them, column by column; what is not known counts as equal, and
    ends the comparison."""
    for value, bound in zip(values, bounds, strict=False):
        if value is None or bound is None:
            return True
        if value != bound:
            return _is_less(bound, value)
    return True


def _told(value: Mark | None) -> str | int | None:
    return _text(value) if isinstance(value, datetime) else value


def _text(instant: datetime) -> str:
    return instant.isoformat(timespec="microseconds")


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
