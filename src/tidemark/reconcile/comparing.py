"""A pair of sides compared, and what was found told: rows by their keys, columns, and nothing that is personal."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from tidemark.reconcile.bisecting import Bisection, Different, Search
from tidemark.reconcile.found import HIDDEN, DifferentRow, Outcome, Reconciled
from tidemark.reconcile.sides import Part, Side

LOOKED_INTO = 1_000
"""Of so many changed rows the columns are looked for."""
SHOWN = 20


@dataclass(frozen=True)
class Showing:
    """The columns whose `values` may be fetched and shown, and those that may be `bounds` of ranges.

    Statements are kept in warehouses: nothing personal may stand in them, whoever asks.
    """

    values: Collection[str]
    bounds: Collection[str]


@dataclass
class Comparison:
    """Two sides and what is known of them.

    `apart` says why a column is not compared. `moved` gives those of the keys of which
    rows have changed upstream meanwhile; `unsettled` says why differences mean nothing where not all are found.
    """

    table: str
    upstream: Side
    downstream: Side
    names: tuple[str, str]
    showing: Showing
    version: int
    apart: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    rows: int = 0
    unsettled: str | None = None
    moved: Callable[[Collection[int]], Collection[int]] | None = None

    def found(self) -> Reconciled:
        """Compares."""
        search = Bisection(self.upstream, self.downstream, self.showing.values, self.showing.bounds).search(self.rows)
        different = len(search.rows) + search.repeated
        if search.rows and self.moved is not None:
            gone = self.moved([each.hash for each in search.rows])
            before = len(search.rows)
            search.rows = [each for each in search.rows if each.hash not in gone]
            self._leave_out("changed since", before - len(search.rows))
        self._leave_out("twice upstream", search.repeated)
        counts = Counter(each.what for each in search.rows)
        columns, shown = self._columns(search)
        outcome, reason = self._outcome(search, sum(counts.values()), explained=different > 0)
        return Reconciled(
            self.table,
            *self.names,
            outcome,
            reason,
            self.version,
            (search.upstream.rows, search.downstream.rows),
            counts["missing"],
            counts["extra"],
            counts["changed"],
            search.complete,
            columns,
            shown,
            self.left_out,
            tuple(self.notes),
            (self.upstream.read, self.downstream.read),
        )

    def _leave_out(self, why: str, rows: int) -> None:
        if rows:
            self.left_out[why] = self.left_out.get(why, 0) + rows

    def _outcome(self, search: Search, differing: int, *, explained: bool) -> tuple[Outcome, str | None]:
        if self.unsettled and not search.complete:
            return "not compared", self.unsettled
        if explained and not differing and not search.complete:
            told = "more ranges differ than were looked into; in those that were, what is left out explains it"
            return "not compared", told
        if differing or not search.complete:
            return "differs", None
        if search.upstream != search.downstream and not explained:
            return "not compared", "the sums differ, and no row does: rows were changed while they were compared"
        if self.apart:
            apart = "; ".join(f"{name} ({why})" for name, why in self.apart.items())
            same = f"{search.downstream.rows} rows are equal in the other columns"
            return "not compared", f"columns that cannot be compared: {apart}; {same}"
        return "equal", None

    def _columns(self, search: Search) -> tuple[dict[str, int], tuple[DifferentRow, ...]]:
        """In how many changed rows each column differs, and some of the rows."""
        changed = [each for each in search.rows if each.what == "changed"][:LOOKED_INTO]
        by_part: dict[Part, list[Different]] = defaultdict(list)
        for each in changed:
            by_part[each.part].append(each)
        pairs: dict[int, dict[str, tuple[str | None, str | None]]] = {}
        for part, rows in by_part.items():
            keys = [each.hash for each in rows]
            here, there = (side.values(part, keys, self.showing.values) for side in (self.upstream, self.downstream))
            pairs |= {key: self._pairs(here[key], there[key]) for key in here.keys() & there.keys()}
        counted = Counter(name for differing in pairs.values() for name in differing)
        order = [each.name for each in self.upstream.fields if each.name in counted]
        shown = tuple(
            DifferentRow(each.what, self._key(each), pairs.get(each.hash, {})) for each in search.rows[:SHOWN]
        )
        return {name: counted[name] for name in order}, shown

    def _pairs(self, here: dict[str, Any], there: dict[str, Any]) -> dict[str, tuple[str | None, str | None]]:
        """What stands on both sides in the columns that differ."""
        differing = [name for name, digest in here["digests"].items() if digest != there["digests"][name]]
        return {name: (self._value(here, name), self._value(there, name)) for name in differing}

    def _value(self, row: dict[str, Any], name: str) -> str | None:
        return row["values"][name] if name in self.showing.values else HIDDEN

    def _key(self, row: Different) -> dict[str, str | None]:
        return {name: row.key.get(name, HIDDEN) for name in self.upstream.keys}


def not_compared(table: str, names: Sequence[str], reason: str, version: int | None = None) -> Reconciled:
    """What is told of a pair that nobody can compare."""
    upstream, downstream = names
    return Reconciled(table, upstream, downstream, "not compared", reason, version)
