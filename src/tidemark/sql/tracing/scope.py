"""What the names of a query can mean, and which personal columns are seen in each: of a relation, and of a SELECT."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tidemark.sql.tracing.derivation import Origin

Seen = frozenset[Origin]
NOTHING: Seen = frozenset()
MADE: Seen = frozenset({("", "")})
"""Seen in what a query says itself, a literal. Held against a value, it tells that value."""


@dataclass(frozen=True)
class Given:
    """The columns of a relation, with what is seen in each; `rest`: in those whose names are not known, if any."""

    columns: tuple[tuple[str, Seen], ...] = ()
    rest: Seen | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.columns)

    @property
    def all(self) -> Seen:
        """What is seen in any of them."""
        return union((*(seen for _, seen in self.columns), self.rest or NOTHING))

    def known(self, name: str) -> Seen | None:
        """What is seen in the columns of this name; None where none is known."""
        found = [seen for each, seen in self.columns if each == name]
        return union(found) if found else None

    def seen(self, name: str) -> Seen:
        """What may be seen in the column of this name: anything where there is none."""
        found = self.known(name)
        return found if found is not None else self.all if self.rest is None else self.rest

    def called(self, names: Sequence[str]) -> Given:
        """The same columns by other names, as `AS t(a, b)` gives them."""
        if not names:
            return self
        if self.rest is None and len(names) == len(self.columns):
            return Given(tuple(zip(names, (seen for _, seen in self.columns), strict=True)))
        return Given(tuple((name, self.all) for name in names), self.rest)

    def with_more(self, seen: Seen) -> Given:
        """The same columns, with this seen in each of them, too."""
        rest = None if self.rest is None else self.rest | seen
        return Given(tuple((name, each | seen) for name, each in self.columns), rest)

    def without(self, names: Iterable[str]) -> Given:
        gone = set(names)
        return replace(self, columns=tuple(each for each in self.columns if each[0] not in gone))


@dataclass
class Scope:
    """What the names of one SELECT can mean; `hidden` relations only choose rows of the others."""

    ctes: Mapping[str, Given]
    outer: Scope | None = None
    relations: list[tuple[frozenset[str], Given]] = field(default_factory=list)
    hidden: list[tuple[frozenset[str], Given]] = field(default_factory=list)
    aliases: dict[str, Seen] = field(default_factory=dict)
    parameters: frozenset[str] = frozenset()

    def everything(self) -> Seen:
        here = union(given.all for _, given in (*self.relations, *self.hidden))
        return here | self.outer.everything() if self.outer else here

    def column(self, parts: Sequence[str]) -> Seen:
        """What is seen in a name: of a column, of a field in one, or of a column that this SELECT gives."""
        for scope in self.around():
            for relations in (scope.relations, scope.hidden):
                found = _known(relations, parts)
                if found is not None:
                    return found
            if parts[0] in scope.aliases:
                return scope.aliases[parts[0]]
            asked = [given.seen(parts[end]) for given, end in _asked_of(scope.relations, parts)]
            if asked:
                return union(asked)
        return self.everything()

    def owner(self, parts: Sequence[str]) -> int | None:
        """The number of the relation here that a column's name means."""
        for number, relation in enumerate(self.relations):
            if _known([relation], parts) is not None:
                return number
        return None

    def compare(self, compared: Sequence[Sequence[str]]) -> None:
        """Columns of one condition: in relations that the query makes itself, what it holds them against is seen."""
        self._tell([(self.owner(parts), self.column(parts)) for parts in compared])

    def share(self, name: str) -> None:
        """A column by which relations are joined that all have one of its name."""
        known = [(number, given.known(name)) for number, (_, given) in enumerate(self.relations)]
        self._tell([(number, seen) for number, seen in known if seen is not None])

    def _tell(self, compared: Sequence[tuple[int | None, Seen]]) -> None:
        for number, (names, given) in enumerate(self.relations):
            own = union(seen for owner, seen in compared if owner == number)
            told = union(seen for owner, seen in compared if owner != number) - MADE
            if told and own >= MADE:
                self.relations[number] = (names, given.with_more(told))

    def around(self) -> Iterator[Scope]:
        """This scope, and those around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.outer

    def is_column(self, name: str) -> bool:
        here = any(given.known(name) is not None for _, given in (*self.relations, *self.hidden))
        return here or (self.outer is not None and self.outer.is_column(name))


def union(parts: Iterable[Seen]) -> Seen:
    """All of what is seen in any of them."""
    return NOTHING.union(*parts)


def _known(relations: Sequence[tuple[frozenset[str], Given]], parts: Sequence[str]) -> Seen | None:
    found = [given.known(parts[0]) for _, given in relations]
    found += [given.known(parts[end]) for given, end in _asked_of(relations, parts)]
    told = [seen for seen in found if seen is not None]
    return union(told) if told else None


def _asked_of(relations: Sequence[tuple[frozenset[str], Given]], parts: Sequence[str]) -> Iterator[tuple[Given, int]]:
    """The relations that a name begins with, and where in it the column stands."""
    for names, given in relations:
        for end in (1, 2):
            if len(parts) > end and ".".join(parts[:end]) in names:
                yield given, end
