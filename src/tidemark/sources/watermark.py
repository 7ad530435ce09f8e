"""How far a source has been read: windows over a cursor, and the book of files that were received.

A cursor is a change time, a whole number that only grows (an LSN, a version), or several such columns, compared one
after another.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

FILE_HORIZON = timedelta(days=7)
"""A file is remembered by name for as long; older than the newest one by more, by a fingerprint."""
MOST_NAMES, MOST_FINGERPRINTS = 2_000, 25_000
"""A book holds no more: it goes into every commit. What is older counts as received, which is told."""

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
    """A file as its store lists it: bytes, the store's tag for the content, and when it was put there (naive UTC).

    `changed`: when it was last touched, of stores whose tag does not tell every content from every other. `written`:
    when its content was, where the store knows that, too.
    """

    path: str
    size: int
    etag: str
    modified: datetime
    changed: str = ""
    written: datetime | None = None

    @property
    def entry(self) -> tuple[int, str, str]:
        """What a book says of the file beside its path."""
        return (self.size, self.etag, self.changed)

    @property
    def fingerprint(self) -> str:
        """48 bits of path, size and tag, as 8 characters."""
        text = f"{self.path}\0{self.size}\0{self.etag}"
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        return base64.urlsafe_b64encode(digest[:_FINGERPRINT_BYTES]).decode("ascii")


_FINGERPRINT_BYTES, _FINGERPRINT_LENGTH = 6, 8


@dataclass(frozen=True)
class FileBook:
    """The files that were received and still lie there.

    Those within `FILE_HORIZON` before the newest (`modified`) stand in `files`, by name, with size, tag and when they
    were touched; `older` holds the fingerprints of the others (None: the book is of a version that had none, and what
    is older than its horizon counts as received). What is not newer than `forgotten` does not fit into the book, and
    counts as received.
    """

    modified: datetime | None = None
    files: Mapping[str, tuple[int, str, str]] = field(default_factory=dict)
    older: frozenset[str] | None = frozenset()
    forgotten: datetime | None = None

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> FileBook:
        """The book in a commit's bookkeeping; an empty one where there was none."""
        if "files" not in stored:
            return cls()
        files = {path: _entry(*entry) for path, entry in stored["files"].items()}
        older = stored.get("older")
        return cls(
            modified=_maybe_instant(stored.get("modified")),
            files=files,
            older=None if older is None else _fingerprints(older),
            forgotten=_maybe_instant(stored.get("forgotten")),
        )

    def to_json(self) -> dict[str, Any]:
        """`{"modified", "files": {path: [size, etag, changed]}, "older", "forgotten"}`, without what there is not."""
        known: dict[str, Any] = {
            "modified": None if self.modified is None else _text(self.modified),
            "files": {path: _stored(*self.files[path]) for path in sorted(self.files)},
        }
        if self.older is not None:
            known["older"] = "".join(sorted(self.older))
        if self.forgotten is not None:
            known["forgotten"] = _text(self.forgotten)
        return known

    def knows(self, file: SourceFile) -> bool:
        """Whether the file was received as it is now, or counts as received because the book remembers no more."""
        if file.path in self.files:
            return self.files[file.path][:2] == file.entry[:2]
        if self.older is None:
            return self.modified is not None and file.modified <= self.modified - FILE_HORIZON
        return file.fingerprint in self.older or self.has_forgotten(file)

    def has_forgotten(self, file: SourceFile) -> bool:
        """Whether the file counts as received only because it is older than what the book has room for."""
        if self.forgotten is None or file.modified > self.forgotten:
            return False
        return file.path not in self.files and file.fingerprint not in (self.older or ())

    def was_touched(self, file: SourceFile) -> bool:
        """Whether a file that counts as known was written to, or put in the place of another, since it was received."""
        size, etag, changed = self.files.get(file.path, (0, "", ""))
        return (size, etag) == file.entry[:2] and "" not in (changed, file.changed) and changed != file.changed

    def after(self, received: Iterable[SourceFile], listed: Iterable[SourceFile]) -> FileBook:
        """The book once `received` is in too. `listed` is everything there is: what has gone is forgotten."""
        received, listed = list(received), list(listed)
        if self.older is None and not received:
            return self  # a book of another version is no reason for a commit
        known = {*received, *(file for file in listed if self.knows(file))}
        seen = [file.modified for file in known] + ([self.modified] if self.modified else [])
        if not seen:
            return self
        modified = max(seen)
        by_age = sorted(known, key=lambda file: (file.modified, file.path), reverse=True)
        named = [file for file in by_age[:MOST_NAMES] if file.modified > modified - FILE_HORIZON]
        return FileBook(modified, {file.path: file.entry for file in named}, *self._rest(by_age[len(named) :]))

    def _rest(self, files: Sequence[SourceFile]) -> tuple[frozenset[str], datetime | None]:
        """The fingerprints of the files that are not named, newest first, and the age of those that have no room."""
        kept, dropped = files[:MOST_FINGERPRINTS], files[MOST_FINGERPRINTS:]
        return frozenset(file.fingerprint for file in kept), dropped[0].modified if dropped else None


def _stored(size: int, etag: str, changed: str) -> list[int | str]:
    return [size, etag, changed] if changed else [size, etag]


def _entry(size: Any, etag: Any, changed: Any = "") -> tuple[int, str, str]:
    return int(size), str(etag), str(changed)


def _fingerprints(text: str) -> frozenset[str]:
    return frozenset(text[at : at + _FINGERPRINT_LENGTH] for at in range(0, len(text), _FINGERPRINT_LENGTH))


def _maybe_instant(text: str | None) -> datetime | None:
    return None if text is None else _instant(text)


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
