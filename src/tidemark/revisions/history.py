"""The versions that a table's contract had, newest first, and what each of them changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tidemark.config.contract import SUFFIX, Contract
from tidemark.errors import ConfigError
from tidemark.revisions.difference import Change, changes
from tidemark.revisions.git import Checkout, Edit
from tidemark.revisions.reading import read_text

if TYPE_CHECKING:
    from tidemark.config.project import Project

KEPT = 12
"""So many versions of a table are looked at."""


@dataclass(frozen=True)
class Text:
    """The text that a contract had from an instant (UTC) on; `commit` and `subject` say how it came, in git."""

    text: str
    at: datetime
    commit: str = ""
    subject: str = ""


@dataclass(frozen=True)
class Version:
    """One version of a contract; `changes` is what it changed in the one before, None for the first that is known."""

    number: str
    at: datetime
    commit: str
    subject: str
    changes: tuple[Change, ...] | None = None


def from_git(folder: Path, tables: Mapping[str, Contract]) -> dict[str, list[Text]] | None:
    """The texts that contracts had, newest first, by the commits of the folder; None where it is in no checkout."""
    checkout = Checkout.of(folder)
    if checkout is None:
        return None
    edits: dict[str, list[Edit]] = defaultdict(list)
    for edit in checkout.edits():
        layer, _, file = edit.path.partition("/")
        table = f"{layer}.{file.removesuffix(SUFFIX)}"
        if table in tables and edit.blob is not None and len(edits[table]) <= KEPT:
            edits[table].append(edit)
    texts = checkout.texts(edit.blob for each in edits.values() for edit in each if edit.blob)
    return {
        table: [Text(texts[edit.blob], edit.at, edit.commit, edit.subject) for edit in each if edit.blob]
        for table, each in edits.items()
    }


def with_today(project: Project, known: Mapping[str, Sequence[Text]], now: datetime) -> dict[str, list[Text]]:
    """The texts, and before them those of today where they are others."""
    found = {}
    for name, table in project.tables.items():
        texts, today = list(known.get(name, ())), table.contract.path.read_text("utf-8")
        if not texts or texts[0].text != today:
            texts.insert(0, Text(today, now))
        found[name] = texts[: KEPT + 1]
    return found


def versions(table: str, current: Contract, texts: Sequence[Text]) -> tuple[Version, ...]:
    """The versions of a contract, newest first. The first text is that of `current`; what is unreadable is left out."""
    read = [(text, current if number == 0 else _read(text.text, table)) for number, text in enumerate(texts)]
    there = [(text, contract) for text, contract in read if contract is not None]
    return tuple(_versions(there))[:KEPT]


def _versions(read: Sequence[tuple[Text, Contract]]) -> Iterator[Version]:
    for number, (text, contract) in enumerate(read):
        before = read[number + 1][1] if number + 1 < len(read) else None
        found = None if before is None else changes(before, contract)
        yield Version(contract.version, text.at, text.commit, text.subject, found)


def _read(text: str, table: str) -> Contract | None:
    try:
        return read_text(text, table)[0]
    except ConfigError:
        return None
