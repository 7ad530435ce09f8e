"""Files as the world sends them, on two days, and what has to come of them: written by hand, not by the engine."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Files = Mapping[str, str | bytes]
Row = tuple[Any, ...]
COUNTS = (
    "extracted",
    "accepted",
    "quarantined",
    "superseded",
    "inserted",
    "updated",
    "deleted",
    "unchanged",
    "vanished",
)
NOTHING: Files = {}


@dataclass(frozen=True)
class Books:
    """What a day brings to a table, by a count of the lines in its files; what is not there any more has `vanished`."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    quarantined: int = 0
    superseded: int = 0
    vanished: int = 0

    def to_json(self) -> dict[str, int]:
        """As a run's summary has them."""
        accepted = self.inserted + self.updated + self.deleted + self.unchanged
        whole = {"extracted": accepted + self.quarantined + self.superseded, "accepted": accepted}
        return whole | {name: getattr(self, name) for name in COUNTS[2:]}


@dataclass(frozen=True)
class Odd:
    """A table of bronze, what lands for it, and what is then right.

    `rows` are those after the first day, `then` those after the second (None: the same). `lane` has of each rejected
    row the rules it broke and a piece of what came; `told` has pieces of the warnings. `also` are columns that are not
    in the contract.
    """

    columns: str
    source: Mapping[str, Any]
    days: tuple[Files, Files]
    rows: Sequence[Row]
    books: tuple[Books, Books]
    then: Sequence[Row] | None = None
    lane: Sequence[tuple[str, str]] = ()
    write: Mapping[str, Any] = field(default_factory=lambda: {"mode": "append"})
    told: Sequence[str] = ()
    also: Sequence[str] = ()

    @property
    def keys(self) -> list[str]:
        return list(self.write.get("keys", ()))

    @property
    def wanted(self) -> list[str]:
        """The columns to look at."""
        return [line.split()[0].rstrip("!") for line in self.columns.strip().splitlines()] + list(self.also)

    def after(self, day: int) -> Sequence[Row]:
        """The rows after a day, 0 or 1."""
        return self.rows if day == 0 or self.then is None else self.then


def land(folder: Path, files: Files, day: datetime) -> None:
    """Writes the files in their order, a minute apart."""
    for number, (name, content) in enumerate(files.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        seconds = (day + timedelta(minutes=number)).replace(tzinfo=UTC).timestamp()
        os.utime(path, (seconds, seconds))


def lines(*rows: str, end: str = "\n") -> str:
    return "".join(row + end for row in rows)


def parquet(columns: Mapping[str, pa.Array], **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), buffer, **options)
    return buffer.getvalue()


def ints(values: Iterable[int | None]) -> pa.Array:
    return pa.array(list(values), pa.int32())
