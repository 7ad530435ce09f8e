"""What was seen of a table: its columns, some of their values, and how much of it that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from tidemark.sketch.kinds import kind_of

Nested = Literal["array", "object"]
BYTES = "binary"
"""The type of a column of bytes that are no text: a contract has no such type."""


@dataclass(eq=False)
class SeenColumn:
    """A column under the source's name: values as text (None: absent), its type where the source knows it.

    It is filled first and asked afterwards.
    """

    name: str
    values: list[str | None] = field(default_factory=list)
    known_type: str | None = None
    nested: Nested | None = None

    @cached_property
    def type(self) -> str:
        """Its Spark type."""
        if self.nested:
            return "string"
        return self.known_type or kind_of({value for value in self.values if value is not None})

    @property
    def is_empty(self) -> bool:
        """Whether nothing was seen in it."""
        return self.nested is None and all(value is None for value in self.values)


@dataclass(frozen=True)
class Sample:
    """Columns with as many values each as there are `rows`; `whole`: there is no more than that."""

    columns: tuple[SeenColumn, ...]
    rows: int
    whole: bool

    def column(self, name: str) -> SeenColumn:
        return next(each for each in self.columns if each.name == name)


def merged(samples: Sequence[Sample]) -> Sample:
    """Several samples of one table as one: a column that one lacks is absent in its rows."""
    found: dict[str, SeenColumn] = {}
    rows = 0
    for sample in samples:
        for column in sample.columns:
            known = found.setdefault(column.name.lower(), SeenColumn(column.name, [None] * rows))
            known.values += column.values
            known.nested = known.nested or column.nested
            known.known_type = _wider(known.known_type, column.known_type)
        rows += sample.rows
        for known in found.values():
            known.values += [None] * (rows - len(known.values))
    return Sample(tuple(found.values()), rows, all(sample.whole for sample in samples))


def _wider(before: str | None, after: str | None) -> str | None:
    """The type that holds the values of two; text where neither is the other's widening."""
    from tidemark.sql.types import widens

    if before is None or after is None or before == after:
        return before or after
    if BYTES in (before, after):
        return BYTES
    if widens(before, after):
        return after
    return before if widens(after, before) else "string"
