"""Dirt: copies of rows with one, two or three values broken, each for a reason that is noted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any

from sandbox.shop.chance import rounded
from sandbox.shop.model import Note, Row

BAD_SHARE = 0.015
"""Bad rows per good row."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """One way to break the source column `column`; `reason` is what the contract will say of it."""

    column: str
    reason: str
    broken: Callable[[Random, Any], Any]


def becomes(*values: Any) -> Callable[[Random, Any], Any]:
    """Replace the value by one of `values`."""
    return lambda rng, _: values[int(rng.random() * len(values))]


def turns(change: Callable[[Any], Any]) -> Callable[[Random, Any], Any]:
    """Replace the value by `change(value)`."""
    return lambda _, value: change(value)


class Spoiler:
    """Breaks rows of one source. Every flaw gets its turn, so that each kind occurs even in a small shop."""

    def __init__(self, columns: Iterable[str], flaws: Sequence[Flaw]) -> None:
        self.columns = tuple(columns)
        self._position = {name: index for index, name in enumerate(self.columns)}
        self._flaws = tuple(flaws)

    @cached_property
    def reasons(self) -> frozenset[str]:
        """Every reason this spoiler can give."""
        return frozenset(flaw.reason for flaw in self._flaws)

    def spoil(self, rng: Random, row: Row, turn: int) -> tuple[Row, Note]:
        """A broken copy of `row`. `turn` picks its first flaw; one row in four has two or three, on other columns."""
        first = self._flaws[turn % len(self._flaws)]
        chosen = {first.column: first}
        extra = rng.random()
        for _ in range((extra < 0.25) + (extra < 0.07)):
            flaw = rng.choice(self._flaws)
            chosen.setdefault(flaw.column, flaw)
        values = list(row)
        for column, flaw in chosen.items():
            position = self._position[column]
            values[position] = flaw.broken(rng, values[position])
        return tuple(values), Note("bad", frozenset(flaw.reason for flaw in chosen.values()))

    def spoil_some(
        self, rng: Random, rows: Sequence[Row], turn: int, restamp: Callable[[Random, Row], Row]
    ) -> list[tuple[Row, Note]]:
        """Broken copies of some rows, none twice; `restamp` first makes each copy a record of its own.

        `turn` says which flaw the first copy gets; the next copies get the next ones.
        """
        count = min(rounded(rng, len(rows) * BAD_SHARE), len(rows))
        return [self.spoil(rng, restamp(rng, row), turn + index) for index, row in enumerate(rng.sample(rows, count))]
