"""Looks: a few numbers that stand for all rows of a window, so that a window which shows the same is not read again.

A window looks back for late rows, so that even a source with nothing new has rows to give. With every reading a look is
taken at what the next window would hold if nothing came, and kept once the rows are committed. Where it takes a query
of its own, it is taken before the rows and after them, and kept only if both show the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from tidemark.sources.watermark import Tie, Window, window_start

if TYPE_CHECKING:
    from tidemark.sources import ExtractRequest
    from tidemark.sources.reading import Reading

_MODULUS = 2**256


@dataclass(frozen=True)
class Look:
    """What a source shows of a window (None: of all its rows): how many rows, and a hash of them in any order.

    `shape` stands for the columns: a source that gains one is read again, even if no row has a value in it.
    """

    window: Mapping[str, Any] | None
    rows: int
    hash: str
    shape: str

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)


def following(request: ExtractRequest, reading: Reading) -> Window | None:
    """What the next run will read if nothing comes until then; None where the source has no window.

    A period of the past says nothing of that.
    """
    watermark, window = request.table.load.watermark, reading.window
    if watermark is None or window is None or request.period is not None:
        return None
    start = window_start(window.high, None, watermark.lookback)
    ties = tuple(Tie(tie.column, None if watermark.lookback else tie.high, tie.high) for tie in window.ties)
    return Window(window.column, start, window.high, ties)


def shows_the_same(request: ExtractRequest, reading: Reading, look: Look | None) -> bool:
    """Whether the reading would bring just those rows that were there when the source was last read.

    Who asks for more than what is new gets it.
    """
    if look is None or request.full or request.since is not None or look.to_json() != request.seen:
        return False
    return (reading.window.to_json() if reading.window else None) == look.window


def shape_of(columns: Sequence[object]) -> str:
    """Stands for the columns, by whatever describes them."""
    return hashlib.sha256(repr(list(columns)).encode()).hexdigest()[:16]


@dataclass
class RecordHash:
    """The hash of records that pass by, in any order; for sources that cannot hash their rows themselves."""

    rows: int = 0
    _sum: int = field(default=0, repr=False)

    def add(self, record: Mapping[str, Any]) -> None:
        """Takes one record in."""
        digest = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).digest()
        self.rows += 1
        self._sum = (self._sum + int.from_bytes(digest, "big")) % _MODULUS

    @property
    def text(self) -> str:
        """The hash of all that was taken in."""
        return f"{self._sum:064x}"
