"""One of two sides of a comparison: what rows it has, asked in its own SQL.

Both sides are asked by the same text but for the dialect. Answers are counts, sums, bounds and hashes; values of rows
only of those few that are shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tidemark.reconcile.dialects import Dialect, Kind

Answers = list[tuple[Any, ...]]
NULLS = -1
_ORDERED = ("text", "number", "date", "timestamp")
_SAMPLE_OF = 1_000_003
_PLAIN = re.compile(r"[ -&(-\[\]-~]*")  # printable ASCII, without apostrophes and backslashes


@dataclass(frozen=True)
class Field:
    """A column of both sides: what the lake calls it, what this side does, of what kind it is here, and is to be, with
    so many digits behind the point."""

    name: str
    here: str
    kind: Kind
    wanted: Kind
    scale: int = 0

    @property
    def has_order(self) -> bool:
        """Whether values can be compared with bounds of the kind that it is to be."""
        return self.kind in _ORDERED and self.wanted in (self.kind, "timestamp")


@dataclass(frozen=True)
class Part:
    """Rows: those whose values of `by` lie from `low` (in it) up to `high` (not in it), or are null (`nulls`), and of
    these, where there are `buckets`, those of one bucket of the hash of the key."""

    by: str | None = None
    low: str | None = None
    high: str | None = None
    nulls: bool = False
    buckets: int = 0
    bucket: int = 0


@dataclass(frozen=True)
class Summed:
    """A set of rows: how many, and the sum of their hashes."""

    rows: int = 0
    hashes: int = 0


@dataclass(frozen=True)
class HashedRow:
    """A row by the hashes of its key and of all of it, and the values of its key (None: null, or not to be shown)."""

    key: int
    row: int
    values: Mapping[str, str | None]


@dataclass
class Side:
    """The rows of `relation` for which all of `where` holds. `ask` runs a query; `read` counts the rows of queries
    after the first pass."""

    dialect: Dialect
    relation: str
    fields: Sequence[Field]
    keys: Sequence[str]
    ask: Callable[[str], Answers]
    where: Sequence[str] = ()
    read: int = 0
    _by_name: Mapping[str, Field] = field(init=False)

    def __post_init__(self) -> None:
        self._by_name = {each.name: each for each in self.fields}

    def without(self, keys: Collection[int]) -> Side:
        """The same but for rows of these keys, by their hashes."""
        if not keys:
            return self
        listed = ", ".join(map(str, sorted(keys)))
        return replace(self, where=(*self.where, f"NOT ({self.key_hash()} IN ({listed}))"))

    def column(self, name: str) -> Field:
        """The column that the lake calls so."""
        return self._by_name[name]

    def value(self, name: str) -> str:
        """A column as it is here."""
        return self.dialect.quoted(self._by_name[name].here)

    def text(self, name: str) -> str:
        """The canonical text of a column."""
        each = self._by_name[name]
        return self.dialect.canonical(self.value(name), each.kind, each.wanted, each.scale)

    def key_hash(self) -> str:
        """The hash of a row's key."""
        return self._hash(self.keys)

    def row_hash(self) -> str:
        """The hash of all of a row."""
        return self._hash([each.name for each in self.fields])

    def has_key(self) -> str:
        """Whether all of a row's key is there."""
        return " AND ".join(f"{self.value(name)} IS NOT NULL" for name in self.keys)

    def sample(self, part: Part, names: Sequence[str], share: float) -> Answers:
        """Values of some rows, as canonical texts: about this share of the rows, chosen by the hash of the key."""
        chosen = [] if share >= 1 else [f"MOD({self.key_hash()}, {_SAMPLE_OF}) < {int(share * _SAMPLE_OF) + 1}"]
        selected = ", ".join(map(self.text, names))
        found = self.ask(f"SELECT {selected} FROM {self.relation}{self._where(part, chosen)}")
        return [tuple(row) for row in found]

    def by_range(self, part: Part, by: str, bounds: Sequence[str]) -> dict[int, Summed]:
        """The rows between neighbouring bounds: the n-th have n bounds at or before their value. Nulls are at -1."""
        kind, value = self._by_name[by].wanted, self.value(by)
        place = _place(value, [self.dialect.literal(bound, kind) for bound in bounds], 0, len(bounds))
        return self._summed(part, f"CASE WHEN {value} IS NULL THEN {NULLS} ELSE {place} END")

    def by_bucket(self, part: Part, buckets: int) -> dict[int, Summed]:
        """The rows by bucket of the hash of their key."""
        return self._summed(part, f"MOD({self.key_hash()}, {buckets})")

    def rows(self, part: Part, shown: Collection[str]) -> list[HashedRow]:
        """The rows of a part; of their keys the columns that may be shown."""
        names = [name for name in self.keys if name in shown]
        selected = ", ".join([self.key_hash(), self.row_hash(), *map(self._shown, names)])
        found = self.ask(f"SELECT {selected} FROM {self.relation}{self._where(part)}")
        self.read += len(found)
        return [HashedRow(int(row[0]), int(row[1]), dict(zip(names, row[2:], strict=True))) for row in found]

    def values(self, part: Part, keys: Collection[int], shown: Collection[str]) -> dict[int, dict[str, Any]]:
        """By hash of the key, what stands in each column: its digest, and the value itself where it may be shown."""
        names = [each.name for each in self.fields if each.name not in self.keys]
        digests = [self.dialect.digest(self.text(name), self._by_name[name].wanted) for name in names]
        seen = [name for name in names if name in shown]
        selected = ", ".join([self.key_hash(), *digests, *map(self._shown, seen)])
        only = [f"{self.key_hash()} IN ({', '.join(map(str, sorted(keys)))})"]
        found = self.ask(f"SELECT {selected} FROM {self.relation}{self._where(part, only)}")
        self.read += len(found)
        middle = len(names) + 1
        return {
            int(row[0]): {
                "digests": dict(zip(names, row[1:middle], strict=True)),
                "values": dict(zip(seen, row[middle:], strict=True)),
            }
            for row in found
        }

    def _summed(self, part: Part, place: str) -> dict[int, Summed]:
        inner = f"SELECT {place} AS tm_part, {self.row_hash()} AS tm_hash FROM {self.relation}{self._where(part)}"
        found = self.ask(
            f"SELECT tm_part, COUNT(*), {self.dialect.summed('tm_hash')} FROM ({inner}) AS tm_rows GROUP BY tm_part"
        )
        return {int(row[0]): Summed(int(row[1]), int(row[2])) for row in found}

    def _hash(self, names: Sequence[str]) -> str:
        digests = [self.dialect.digest(self.text(name), self._by_name[name].wanted) for name in names]
        return self.dialect.hashed(digests)

    def _shown(self, name: str) -> str:
        each = self._by_name[name]
        return self.dialect.shown(self.value(name), each.kind, each.wanted, each.scale)

    def _where(self, part: Part, further: Sequence[str] = ()) -> str:
        conditions = [*self.where, *self._of_part(part), *further]
        return f" WHERE {' AND '.join(f'({each})' for each in conditions)}" if conditions else ""

    def _of_part(self, part: Part) -> list[str]:
        conditions = []
        if part.by is not None:
            value, kind = self.value(part.by), self._by_name[part.by].wanted
            if part.nulls:
                conditions.append(f"{value} IS NULL")
            if part.low is not None:
                conditions.append(f"{value} >= {self.dialect.literal(part.low, kind)}")
            if part.high is not None:
                conditions.append(f"{value} < {self.dialect.literal(part.high, kind)}")
        if part.buckets:
            conditions.append(f"MOD({self.key_hash()}, {part.buckets}) = {part.bucket}")
        return conditions


def may_bound(text: str) -> bool:
    """Whether a value may stand in the SQL of every system."""
    return _PLAIN.fullmatch(text) is not None


def _place(value: str, bounds: Sequence[str], first: int, last: int) -> str:
    """Which of the ranges a value is in, by halves."""
    if first == last:
        return str(first)
    middle = (first + last) // 2
    below, above = _place(value, bounds, first, middle), _place(value, bounds, middle + 1, last)
    return f"CASE WHEN {value} < {bounds[middle]} THEN {below} ELSE {above} END"
