"""Where the pages of a table's book of files lie: in the table's folder, under a name that Delta passes over.

A page is written before the commit that names it, and is known by its content: what a run that died has written is
written again by the next, or belongs to nobody until maintenance removes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from tidemark.aws.folder import Folder, open_folder
from tidemark.errors import SourceError
from tidemark.sources.pages import Page
from tidemark.sources.watermark import FileBook

if TYPE_CHECKING:
    from tidemark.aws.settings import AwsSettings

FOLDER = "_received"
_DAY = len("2025-03-01")


@dataclass(frozen=True)
class Shelf:
    """The pages of one table."""

    table: str
    folder: Folder

    @classmethod
    def of(cls, table: str, lake: str, aws: AwsSettings | None) -> Shelf:
        """The shelf of a table in the lake with this root."""
        return cls(table, open_folder(f"{lake}/{table.replace('.', '/', 1)}/{FOLDER}", aws))

    def book(self, bookkeeping: Mapping[str, Any]) -> FileBook:
        """The book in a commit's bookkeeping. Raises `SourceError` where a page of it is gone, or is another."""
        return FileBook.from_json(bookkeeping, self._text)

    def kept(self, book: FileBook) -> FileBook:
        """The book with every page of it written, so that its bookkeeping is short."""
        return replace(book, pages=tuple(each if each.name else self._written(each) for each in book.pages))

    def clean(self, before: date, needed: Collection[str]) -> int:
        """Removes pages that were written before a day and that nobody needs; gives how many."""
        gone = [name for name in self.written_before(before) if name not in needed]
        for name in gone:
            self.folder.delete(name)
        return len(gone)

    def written_before(self, day: date) -> list[str]:
        """The pages that were written before the day."""
        return [name for name in self.folder.names() if name[:_DAY] < day.isoformat()]

    def _written(self, page: Page) -> Page:
        text = page.text
        name = f"{datetime.now(UTC).date()}-{_digest(text)}.txt"
        self.folder.write_text(name, text)
        return replace(page, name=name)

    def _text(self, name: str) -> str:
        text = self.folder.read_text(name)
        if text is not None and name[_DAY + 1 :] == f"{_digest(text)}.txt":
            return text
        raise SourceError(
            "a page of the book of files is gone, so that nobody can tell which files were received; nothing was read",
            table=self.table,
            step="extract",
            seen=["there is no such file" if text is None else "its content is not the one that was written"],
            evidence=self.folder.path(name),
            next_step="bring the file back from a backup or a version of the bucket, then run again",
        )


def page_names(bookkeeping: Mapping[str, Any]) -> set[str]:
    """The pages that a commit's bookkeeping names."""
    return {str(page["name"]) for page in bookkeeping.get("pages", ()) if "name" in page}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
