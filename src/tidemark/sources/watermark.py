"""How far a source has been read: windows over a change time, and the book of files that were received."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

FILE_HORIZON = timedelta(days=7)
"""A file is remembered by name for as long; older than the newest one by more, it counts as received."""

_RESOLUTION = timedelta(microseconds=1)
_FIRST_INSTANT = datetime(1, 1, 1)


@dataclass(frozen=True)
class Window:
    """The rows with `low < column <= high`; `low` None: from the beginning. All instants are naive UTC."""

    column: str
    low: datetime | None
    high: datetime

    def contains(self, value: datetime) -> bool:
        """Whether a row with this change time is in the window."""
        return (self.low is None or self.low < value) and value <= self.high

    def to_json(self) -> dict[str, Any]:
        """`{"column", "low", "high"}`, instants as ISO text that sorts by time."""
        low = None if self.low is None else _text(self.low)
        return {"column": self.column, "low": low, "high": _text(self.high)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Window:
        """What `to_json` gave."""
        low = stored["low"]
        return cls(stored["column"], None if low is None else _instant(low), _instant(stored["high"]))


@dataclass(frozen=True)
class Period:
    """A stretch of the past, both ends included; naive UTC."""

    start: datetime
    end: datetime

    @classmethod
    def of_days(cls, first: date, last: date) -> Period:
        """From the first instant of one day to the last instant of another."""
        day_after = datetime.combine(last, time.min) + timedelta(days=1)
        return cls(datetime.combine(first, time.min), day_after - _RESOLUTION)

    def window(self, column: str, exact_to: timedelta = _RESOLUTION) -> Window:
        """The window of just these instants, for a clock that is exact to so much."""
        return Window(column, _earlier(self.start, exact_to), self.end)

    def until(self, instant: datetime | None) -> Period:
        """The part of it that is not later than `instant`."""
        return self if instant is None else Period(self.start, min(self.end, instant))


def window_start(committed: datetime | None, since: datetime | None, lookback: timedelta) -> datetime | None:
    """Where the next window begins (exclusive): `lookback` before the committed watermark; None: at the beginning.

    `since` stands in for the watermark, and rows of just that instant are in the window.
    """
    if since is not None:
        return _earlier(since, max(lookback, _RESOLUTION))
    return None if committed is None else _earlier(committed, lookback)


def next_watermark(window: Window, committed: datetime | None) -> dict[str, Any]:
    """The bookkeeping after `window` was read: how far the source is known without a gap.

    A window that ends before the committed watermark does not take it back. One that begins after it leaves a gap, and
    then the watermark stays, so that the next window reads what was skipped.
    """
    if committed is None:
        return window.to_json()
    leaves_a_gap = window.low is not None and window.low > committed
    high = committed if leaves_a_gap else max(committed, window.high)
    return Window(window.column, window.low, high).to_json()


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


def _earlier(instant: datetime, span: timedelta) -> datetime:
    return _FIRST_INSTANT if instant - _FIRST_INSTANT < span else instant - span


def _text(instant: datetime) -> str:
    return instant.isoformat(timespec="microseconds")


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
