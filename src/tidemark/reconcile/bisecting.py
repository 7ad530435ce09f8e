"""From sums that differ to rows and columns: both sides are asked for ever smaller ranges of keys.

The first pass sums all rows of both sides by ranges of a key column, about as many rows in each. Where a range differs,
it is divided again, until it is small enough for its hashes to be fetched, row by row. What is read after the first
pass is the ranges that differ, and no other.

A range is by comparison in each system's own order. Where two systems order texts differently, a row may be in another
range on the other side: both ranges then differ, and the row is found to be the same once both have been fetched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal

from tidemark.reconcile.sides import NULLS, HashedRow, Part, Side, Summed, may_bound

RANGES = 512
"""Into so many a part is divided."""
SAMPLED = 16_384
"""By so many rows, chosen by the hash of their keys, the bounds of ranges are found."""
FETCHED = 4_096
"""The hashes of so many rows are fetched at once."""
MOST_PARTS = 64
"""Of so many parts the rows are fetched; what differs beyond that is told as such."""

SMALL = 50_000
"""Tables of so many rows are divided into no more parts than are fetched: rows that differ everywhere are all found."""

What = Literal["missing", "extra", "changed"]
"""Of a row downstream: it is not there, only there, or has other values."""


@dataclass(frozen=True)
class Different:
    """A row that is not the same on both sides; `part` is where it was found."""

    what: What
    hash: int
    key: Mapping[str, str | None]
    part: Part


@dataclass
class Search:
    """What was found. `rest`: parts that differ and were not looked into. `repeated`: keys that stand more than once
    upstream, once of them as it is downstream."""

    upstream: Summed = field(default_factory=Summed)
    downstream: Summed = field(default_factory=Summed)
    rows: list[Different] = field(default_factory=list)
    rest: int = 0
    repeated: int = 0

    @property
    def complete(self) -> bool:
        """Whether all that differs is known."""
        return self.rest == 0


class _ElsewhereError(Exception):
    """The rows of a part are not those that were summed."""


@dataclass
class Bisection:
    """Finds the rows that differ between two sides.

    `shown`: the columns whose values may be fetched; `bounding` those that ranges may be of.
    """

    upstream: Side
    downstream: Side
    shown: Collection[str]
    bounding: Collection[str]
    _by_hash: bool = False

    def search(self, rows: int) -> Search:
        """Looks at everything; `rows` is about how many there are downstream."""
        try:
            return self._search(rows)
        except _ElsewhereError:
            # A system orders texts in another way than by their characters, or rows have changed since they were
            # summed: buckets of hashes are the same everywhere, and what is fetched last counts.
            self._by_hash = True
            return self._search(rows)

    def _search(self, rows: int) -> Search:
        found = Search()
        sums = self._divided(Part(), (Summed(rows), Summed(rows)))
        found.upstream = _total(one for one, _ in sums.values())
        found.downstream = _total(other for _, other in sums.values())
        waiting = _unequal(sums)
        leaves: list[Part] = []
        while waiting and len(leaves) < MOST_PARTS:
            part = waiting.pop(0)
            size = max(each.rows for each in sums[part])
            if size <= FETCHED:
                leaves.append(part)
                continue
            if part.buckets > size * RANGES:  # so many rows of one key
                found.rest += 1
                continue
            smaller = self._divided(part, sums[part])
            sums |= smaller
            waiting = _unequal(smaller) + waiting
        found.rest += len(waiting)
        self._compare(found, {part: sums[part] for part in leaves})
        return found

    def _compare(self, found: Search, leaves: Mapping[Part, tuple[Summed, Summed]]) -> None:
        """Holds the rows of all parts against each other, by the hashes of their keys."""
        here: dict[int, list[tuple[HashedRow, Part]]] = defaultdict(list)
        there: dict[int, list[tuple[HashedRow, Part]]] = defaultdict(list)
        for part, expected in leaves.items():
            for side, sums, rows in ((self.upstream, expected[0], here), (self.downstream, expected[1], there)):
                fetched = side.rows(part, self.shown)
                if not self._by_hash and Summed(len(fetched), sum(row.row for row in fetched)) != sums:
                    raise _ElsewhereError
                for row in fetched:
                    rows[row.key].append((row, part))
        for key in sorted(here.keys() | there.keys()):
            ours, theirs = here.get(key, []), there.get(key, [])
            left, right = sorted(row.row for row, _ in ours), sorted(row.row for row, _ in theirs)
            if left == right:
                continue
            if len(right) == 1 and len(left) > 1 and right[0] in left:
                found.repeated += 1
                continue
            row, part = (ours or theirs)[0]
            what: What = "missing" if not theirs else "extra" if not ours else "changed"
            found.rows.append(Different(what, key, row.values, part))

    def _divided(self, part: Part, known: tuple[Summed, Summed]) -> dict[Part, tuple[Summed, Summed]]:
        """Both sides' sums of the smaller parts of a part: of ranges, or where it has too few values, of buckets."""
        sides = (self.downstream, self.upstream)
        larger_first = sides if known[1].rows >= known[0].rows else sides[::-1]
        rows = max(each.rows for each in known)
        by, bounds = self._ranges(larger_first, part, rows)
        if part != Part():
            self.upstream.read += known[0].rows
            self.downstream.read += known[1].rows
        if by is None:
            buckets = max(part.buckets, 1) * max(2, min(RANGES, rows // 64), -(-rows // (FETCHED // 4)))
            here, there = self.upstream.by_bucket(part, buckets), self.downstream.by_bucket(part, buckets)
            parts = {n: replace(part, buckets=buckets, bucket=n) for n in here.keys() | there.keys()}
        else:
            here, there = self.upstream.by_range(part, by, bounds), self.downstream.by_range(part, by, bounds)
            edges = [part.low, *bounds, part.high]
            parts = {n: Part(by, edges[n], edges[n + 1]) for n in range(len(bounds) + 1)}
            if part.by is None:
                parts[NULLS] = Part(by, nulls=True)
        return {each: (here.get(n, Summed()), there.get(n, Summed())) for n, each in sorted(parts.items())}

    def _ranges(self, sides: Sequence[Side], part: Part, rows: int) -> tuple[str | None, list[str]]:
        """The key column that divides a part best, and the bounds, by the first of the sides that has rows there; no
        column where none divides it."""
        names = [name for name in sides[0].keys if part.by in (None, name) and self._has_order(name)]
        if not names or self._by_hash or part.nulls or part.buckets:
            return None, []
        for side in sides:
            found = side.sample(part, names, min(1.0, SAMPLED / max(rows, 1)))
            if part != Part():
                side.read += rows
            if found:
                break
        bounds = {
            name: self._bounds(name, [row[n] for row in found if row[n] is not None], part, rows)
            for n, name in enumerate(names)
        }
        best = max(names, key=lambda name: len(bounds[name]))
        return (best, bounds[best]) if bounds[best] else (None, [])

    def _bounds(self, name: str, values: Sequence[str], part: Part, rows: int) -> list[str]:
        """Values that divide the rows evenly, in their order; so few that all parts of a small table can be fetched."""
        count = RANGES if rows > SMALL else MOST_PARTS - 1
        is_number = self.upstream.column(name).wanted == "number"
        ordered = sorted(values, key=Decimal) if is_number else sorted(values)
        wanted = [ordered[len(ordered) * n // count] for n in range(1, count)] if ordered else []
        return [each for each in dict.fromkeys(wanted) if may_bound(each) and each not in (part.low, ordered[0])]

    def _has_order(self, name: str) -> bool:
        return name in self.bounding and all(side.column(name).has_order for side in (self.upstream, self.downstream))


def _unequal(sums: Mapping[Part, tuple[Summed, Summed]]) -> list[Part]:
    return [part for part, (one, other) in sums.items() if one != other]


def _total(parts: Iterable[Summed]) -> Summed:
    every = list(parts)
    return Summed(sum(each.rows for each in every), sum(each.hashes for each in every))
