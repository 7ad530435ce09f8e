"""How far a source has been read: windows over a cursor, and the book of files that were received.

A cursor is a change time, a whole number that only grows (an LSN, a version), or several such columns, compared one
after another.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property
from itertools import accumulate
from typing import Any

from tidemark.instants import FIRST, LAST
from tidemark.sources import pages
from tidemark.sources.pages import Page, nowhere

MOST_NAMES, MOST_NAMED = 200, 40_000
"""So many files, or so many characters of their paths, stand in a book by name: it goes into every commit."""
FILE_HORIZON = timedelta(days=7)
"""What is so much older than the newest file counted as received in the first books."""

Mark = datetime | int
"""A value of a cursor: an instant (naive UTC), or a whole number."""

RESOLUTION = timedelta(microseconds=1)
_PLACE = ("object", "connection")
"""What of a source a window is one of."""


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
        return cls(datetime.combine(first, time.min), datetime.combine(last, time.max))

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
    """Whether bookkeeping with an end goes beyond another, is that of another cursor, object or connection, or of a
    source that was read as a whole and ends elsewhere."""
    if old.get("high") is None or any(new.get(name) != old.get(name, new.get(name)) for name in _PLACE):
        return True
    here, there = Window.from_json(new), Window.from_json(old)
    if type(here.high) is not type(there.high) or len(here.ties) != len(there.ties):
        return True
    return here.position != there.position and (here.low is None or _reaches(here.position, there.position))


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

    @cached_property
    def place(self) -> str:
        """By which a page of a book finds a file."""
        return pages.place(self.path)

    @cached_property
    def content(self) -> str:
        """What a page of a book says of the file."""
        return pages.content(*self.entry)

    @property
    def fingerprint(self) -> str:
        """48 bits of path, size and tag, as books of before have them."""
        text = f"{self.path}\0{self.size}\0{self.etag}".encode("utf-8", "surrogatepass")
        return base64.urlsafe_b64encode(hashlib.sha256(text).digest()[:6]).decode("ascii")


_FINGERPRINT = 8  # characters


@dataclass(frozen=True)
class _Before:
    """What a book of an older version knows beside its names: fingerprints (None: what is older than its horizon), and
    the age up to which everything counts as received."""

    fingerprints: frozenset[str] | None
    forgotten: datetime | None = None

    def knows(self, file: SourceFile, newest: datetime | None) -> bool:
        if self.fingerprints is None:
            return newest is not None and file.modified <= newest - FILE_HORIZON
        return file.fingerprint in self.fingerprints or self.has_forgotten(file)

    def has_forgotten(self, file: SourceFile) -> bool:
        is_old = self.forgotten is not None and file.modified <= self.forgotten
        return is_old and file.fingerprint not in (self.fingerprints or ())


@dataclass(frozen=True)
class FileBook:
    """The files that were received and still lie there.

    The newest (`modified`) stand in `files`, by name, with size, tag and when they were touched. The others are on
    `pages`, oldest first, each at least twice as long as the next: a book has few, and an entry is seldom written
    again. What a later page says of a file counts. `before`: the book is of an older version, and becomes one of these
    when it takes its next file.
    """

    modified: datetime | None = None
    files: Mapping[str, tuple[int, str, str]] = field(default_factory=dict)
    pages: tuple[Page, ...] = ()
    before: _Before | None = None

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], page: Callable[[str], str] = nowhere) -> FileBook:
        """The book in a commit's bookkeeping, an empty one where there was none; `page` gives the text of a page."""
        if "files" not in stored:
            return cls()
        files = {path: _entry(*entry) for path, entry in stored["files"].items()}
        modified = _maybe_instant(stored.get("modified"))
        if "pages" in stored:
            return cls(modified, files, tuple(Page.from_json(each, page) for each in stored["pages"]))
        older = stored.get("older")
        known = None if older is None else _fingerprints(older)
        return cls(modified, files, before=_Before(known, _maybe_instant(stored.get("forgotten"))))

    def to_json(self) -> dict[str, Any]:
        """`{"modified", "files": {path: [size, etag, changed]}, "pages": [{"name", "files"}]}`; a page without a name
        is there as a whole."""
        known: dict[str, Any] = {
            "modified": None if self.modified is None else _text(self.modified),
            "files": {path: _stored(*self.files[path]) for path in sorted(self.files)},
        }
        if self.before is None:
            return known | {"pages": [each.to_json() for each in self.pages]}
        if self.before.fingerprints is not None:
            known["older"] = "".join(sorted(self.before.fingerprints))
        if self.before.forgotten is not None:
            known["forgotten"] = _text(self.before.forgotten)
        return known

    @cached_property
    def _paged(self) -> Mapping[str, str]:
        return {place: content for page in self.pages for place, content in page.entries.items()}

    def knows(self, file: SourceFile) -> bool:
        """Whether the file was received as it is now, or counts as received because an older book remembers no more."""
        if file.path in self.files:
            return self.files[file.path][:2] == file.entry[:2]
        noted = self._paged.get(file.place) if self.pages else None
        if noted is not None:
            return pages.same_content(noted, file.content)
        return self.before is not None and self.before.knows(file, self.modified)

    def has_name(self, file: SourceFile) -> bool:
        """Whether a file was received under this name, with this content or another."""
        return file.path in self.files or file.place in self._paged or self.knows(file)

    def has_forgotten(self, file: SourceFile) -> bool:
        """Whether the file counts as received only because it is older than what an older book had room for."""
        return self.before is not None and file.path not in self.files and self.before.has_forgotten(file)

    def was_touched(self, file: SourceFile) -> bool:
        """Whether a file that counts as known was written to, or put in the place of another, since it was received."""
        if file.path in self.files:
            size, etag, changed = self.files[file.path]
            return (size, etag) == file.entry[:2] and "" not in (changed, file.changed) and changed != file.changed
        noted = self._paged.get(file.place) if self.pages else None
        return noted is not None and pages.only_touched(noted, file.content)

    def after(self, received: Iterable[SourceFile], listed: Iterable[SourceFile]) -> FileBook:
        """The book once `received` is in too. `listed` is everything there is: what has gone is forgotten, on a page
        when that is written anew. A book that nothing is written into stays as it is."""
        received, listed = list(received), list(listed)
        touched = [] if self.before else [file for file in listed if self.was_touched(file)]
        if not received and not touched:
            return self
        files = {file.path: file for file in (*self._still_named(listed), *touched, *received)}
        modified = max([file.modified for file in files.values()] + ([self.modified] if self.modified else []))
        by_age = sorted(files.values(), key=lambda file: (file.modified, file.path), reverse=True)
        room = _room(by_age)
        book = FileBook(modified, {file.path: file.entry for file in by_age[:room]}, self.pages)
        if room == len(by_age):
            return book
        page = Page({file.place: file.content for file in by_age[room:]})
        return replace(book, pages=pages.with_one_more(self.pages, page, {file.place for file in listed}))

    def _still_named(self, listed: Sequence[SourceFile]) -> list[SourceFile]:
        """The files that stay in the book by name, as they were received; with those that only an older book knows.

        One that has gone stays where a page has an earlier content of it: that may come back, and is new then.
        """
        found = []
        for file in listed:
            if file.path in self.files:
                size, etag, changed = self.files[file.path]
                found.append(file if self.knows(file) else replace(file, size=size, etag=etag, changed=changed))
            elif self.before is not None and self.knows(file):
                found.append(file)
        gone = set(self.files) - {file.path for file in listed} if self.pages else set()
        lost = [SourceFile(path, *self.files[path][:2], FIRST, self.files[path][2]) for path in gone]
        return [*found, *(file for file in lost if file.place in self._paged)]


def summary(bookkeeping: Mapping[str, Any]) -> dict[str, Any]:
    """What the control store says of how far a source is known: the bookkeeping, but of files only how many, and the
    age of the newest."""
    if "files" not in bookkeeping:
        return dict(bookkeeping)
    paged = sum(int(page["files"]) for page in bookkeeping.get("pages", ()))
    before = len(bookkeeping.get("older") or "") // _FINGERPRINT
    return {"files": len(bookkeeping["files"]) + paged + before, "modified": bookkeeping.get("modified")}


def _room(by_age: Sequence[SourceFile]) -> int:
    """How many of the files, newest first, stand in the book by name: all, or half of what fits, so that it is a while
    until the next page."""
    lengths = list(accumulate(len(json.dumps(file.path)) for file in by_age[: MOST_NAMES + 1]))
    if len(lengths) <= MOST_NAMES and lengths[-1] <= MOST_NAMED:
        return len(by_age)
    return sum(length <= MOST_NAMED // 2 for length in lengths[: MOST_NAMES // 2])


def _stored(size: int, etag: str, changed: str) -> list[int | str]:
    return [size, etag, changed] if changed else [size, etag]


def _entry(size: Any, etag: Any, changed: Any = "") -> tuple[int, str, str]:
    return int(size), str(etag), str(changed)


def _fingerprints(text: str) -> frozenset[str]:
    return frozenset(text[at : at + _FINGERPRINT] for at in range(0, len(text), _FINGERPRINT))


def _maybe_instant(text: str | None) -> datetime | None:
    return None if text is None else _instant(text)


def _earlier(value: Mark, span: timedelta | int) -> Mark:
    if isinstance(value, int):
        return value - span if isinstance(span, int) else value
    if isinstance(span, int):
        return value
    return FIRST if value - FIRST < span else value - span


def later(value: Mark, span: timedelta | int) -> Mark:
    """The value so much further on; of instants never past the last that there is."""
    if isinstance(value, int):
        return value + span if isinstance(span, int) else value
    if isinstance(span, int):
        return value
    return LAST if LAST - value < span else value + span


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
