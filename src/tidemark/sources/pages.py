"""Pages of a book of files: what it says of files that it has no room for in a commit.

A page is a text of entries of one length, each the digest of a path and of what lay there. It lies beside the table,
under a name that its content gives it, and is never changed: a commit that names it has the book as it was then.
"""

from __future__ import annotations

import hashlib
from binascii import b2a_base64
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

_PLACE, _CONTENT, _TOUCHED = 16, 8, 3  # characters, of 6 bits each
_LINE = _PLACE + _CONTENT + _TOUCHED
_UNTOLD = "." * _TOUCHED


def place(path: str) -> str:
    """96 bits of a path."""
    return _digest(path, _PLACE)


def content(size: int, etag: str, changed: str) -> str:
    """48 bits of size and tag, and 18 of when a file was last touched, where its store knows that."""
    return _digest(f"{size}\0{etag}", _CONTENT) + (_digest(changed, _TOUCHED) if changed else _UNTOLD)


def _digest(text: str, length: int) -> str:
    """Up to 96 bits of a text, as characters of 6 bits."""
    whole = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).digest()
    return b2a_base64(whole, newline=False).decode("ascii")[:length]


def same_content(one: str, other: str) -> bool:
    """Whether two entries are of one size and tag."""
    return one[:_CONTENT] == other[:_CONTENT]


def only_touched(one: str, other: str) -> bool:
    """Whether two entries of one size and tag differ in when the file was touched."""
    return same_content(one, other) and one != other and _UNTOLD not in (one[_CONTENT:], other[_CONTENT:])


@dataclass(frozen=True)
class Page:
    """What was received, by `place` and `content`; one that has a name lies beside the table."""

    entries: Mapping[str, str]
    name: str | None = None

    @property
    def text(self) -> str:
        """Its form in a file."""
        return "".join(each + self.entries[each] for each in sorted(self.entries))

    @classmethod
    def from_text(cls, text: str, name: str | None = None) -> Page:
        """What `text` gave. Raises `ValueError` where that is not whole."""
        if len(text) % _LINE:
            raise ValueError(f"{len(text)} characters are no whole page")
        lines = (text[at : at + _LINE] for at in range(0, len(text), _LINE))
        return cls({line[:_PLACE]: line[_PLACE:] for line in lines}, name)

    def to_json(self) -> dict[str, Any]:
        """What a book says of it: its name, or all of it, and how many files it is of."""
        return ({"name": self.name} if self.name else {"text": self.text}) | {"files": len(self.entries)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], read: Callable[[str], str]) -> Page:
        """What `to_json` gave; `read` gives the text of the page of a name."""
        name = stored.get("name")
        return cls.from_text(stored["text"] if name is None else read(name), name)


def with_one_more(pages: Collection[Page], page: Page, there: Collection[str]) -> tuple[Page, ...]:
    """The pages and one more. Those at the end are put together until each is at least twice as long as the next.

    What is not `there` any more is left out where that tells nothing: no earlier page has another content of it.
    """
    found = [*pages, page]
    while len(found) > 1 and len(found[-2].entries) < 2 * len(found[-1].entries):
        *earlier, one, other = found
        kept = {**one.entries, **other.entries}
        gone = [each for each in kept if each not in there and not any(each in page.entries for page in earlier)]
        for each in gone:
            del kept[each]
        found = [*earlier, *([Page(kept)] if kept else [])]
    return tuple(found)


def nowhere(name: str) -> str:
    """Reads a page for who has none."""
    raise LookupError(f"nobody said where the page {name} lies")
