"""What the names of a query can mean, and which personal columns are seen in each: of a relation, and of a SELECT."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tidemark.lint.privacy.seeing.marks import (
    COMPUTED,
    KEY,
    MADE,
    MIXED,
    NOTHING,
    NULLS,
    THING,
    Seen,
    are_people,
    mixes,
    personal,
    union,
)
from tidemark.sql.tracing.derivation import Origin

Joined = int
"""A join, by the `id` of its node."""


@dataclass(frozen=True)
class Given:
    """The columns of a relation, with what is seen in each; `rest`: in those whose names are not known, if any.

    `there`: what the values have to be like for a row to be there; `times`: what the number of its rows follows from;
    `order`: what they are sorted by, so that the place of a row tells it. `is_placed`: columns without a name that is
    known stand among the others, under none, so that the place of each is known.
    """

    columns: tuple[tuple[str, Seen], ...] = ()
    rest: Seen | None = None
    there: Seen = NOTHING
    times: Seen = NOTHING
    order: Seen = NOTHING
    is_placed: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether these are all the columns, in their places."""
        return self.rest is None or self.is_placed

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.columns)

    @property
    def all(self) -> Seen:
        """What is seen in any of them."""
        return union((*(seen for _, seen in self.columns), self.rest or NOTHING))

    @property
    def plain(self) -> Given:
        """The same with personal columns alone."""
        rest = None if self.rest is None else personal(self.rest)
        return Given(tuple((name, personal(seen)) for name, seen in self.columns), rest)

    def known(self, name: str) -> Seen | None:
        """What is seen in the columns of this name; None where none is known."""
        found = [seen for each, seen in self.columns if each == name]
        return union(found) if found else None

    def seen(self, name: str) -> Seen:
        """What may be seen in the column of this name: anything where there is none."""
        found = self.known(name)
        return found if found is not None else self.all if self.rest is None else self.rest

    def called(self, names: Sequence[str]) -> Given:
        """The same columns by other names, as `AS t(a, b)` gives them: all of them, or Spark refuses it."""
        if not names:
            return self
        if self.is_whole and len(names) == len(self.columns):
            columns = tuple(zip(names, (seen for _, seen in self.columns), strict=True))
        else:
            columns = tuple((name, self.all) for name in names)
        return replace(self, columns=columns, rest=None, is_placed=False)

    def with_more(self, seen: Seen, names: Iterable[str] | None = None) -> Given:
        """The same columns, with this seen in each of them, or of `names`, too."""
        rest = None if self.rest is None else self.rest | seen
        wanted = set(self.names if names is None else names)
        columns = tuple((name, each | seen if name in wanted else each) for name, each in self.columns)
        return replace(self, columns=columns, rest=rest)

    def without(self, names: Iterable[str]) -> Given:
        gone = set(names)
        return replace(self, columns=tuple(each for each in self.columns if each[0] not in gone))


@dataclass(eq=False)
class Relation:
    """What a FROM or JOIN names; one that is `hidden` only chooses rows of the others.

    `is_guess`: Spark may give its columns other names than these.

    `present`: its columns in the rows that it is part of; `absent`: what nulls in their place tell, by the outer join
    that makes them. A join's own condition is asked before it makes any, and a column that `USING` shares has none.
    """

    names: frozenset[tuple[str, ...]]
    present: Given
    is_hidden: bool = False
    is_guess: bool = False
    absent: Mapping[Joined, Seen] = field(default_factory=dict)
    whole: Relation | None = None

    @property
    def given(self) -> Given:
        told = union(self.absent.values())
        return self.present.with_more(told) if told else self.present

    def state(self) -> tuple[object, ...]:
        """What can be read of it, and what changes where it is told more."""
        whole = self.whole or self
        kind = (self.names, self.is_hidden, self.is_guess)
        return (id(whole), *kind, self.present, self.absent, whole.present, whole.absent)

    def may_lack(self, join: Joined, told: Seen) -> None:
        """As the side of an outer join that may be missing: each of its nulls tells why it is there, or is not."""
        told |= self.present.there
        if told:
            self.absent = {**self.absent, join: told | NULLS}
            times = self.present.times | personal(told)  # a row is there once, or as often as there are such
            self.present = replace(self.present, there=NOTHING, times=times)

    def inside(self, joins: Collection[Joined]) -> Relation:
        """The same before these joins; what it is told is told to `whole`."""
        absent = {join: told for join, told in self.absent.items() if join not in joins}
        return replace(self, absent=absent, whole=self.whole or self)


@dataclass(frozen=True)
class Term:
    """A column in a condition: on which side of it, of which relations, what is seen in it. A subquery is of none."""

    side: int
    name: str
    owners: tuple[Relation, ...]
    seen: Seen


@dataclass
class Scope:
    """What the names of one SELECT can mean.

    `there`: what the values have to be like for a row of it to be there; `is_of_one`: its rows are of one person each;
    `outward`: names in it that may be of a query around it; `shared`: columns that joins have made one by `USING`;
    `asked`: what queries in it gave, by the `id` of their nodes, with the state in which they were asked;
    `guessed`: names that Spark gives to calls in this SELECT, which are columns for some part of it alone;
    `kept`: relations of which a join that is asked about leaves no row out;
    `lost`: of the outermost query, what is used somewhere in it so that nobody can follow it.
    """

    ctes: Mapping[str, Given]
    outer: Scope | None = None
    relations: list[Relation] = field(default_factory=list)
    aliases: dict[str, Seen] = field(default_factory=dict)
    parameters: frozenset[str] = frozenset()
    there: Seen = NOTHING
    is_of_one: bool = False
    outward: set[str] = field(default_factory=set)
    shared: dict[str, set[Joined]] = field(default_factory=dict)
    asked: dict[int, tuple[object, Given]] = field(default_factory=dict)
    guessed: dict[str, Seen] = field(default_factory=dict)
    kept: frozenset[Relation] = frozenset()
    lost: set[Origin] = field(default_factory=set)

    def __post_init__(self) -> None:
        """What is lost is told to the outermost query."""
        if self.outer is not None:
            self.lost = self.outer.lost

    def apart(self) -> Scope:
        """The names that a subquery in the FROM of this SELECT can mean: those around it, and not those beside it."""
        return Scope(self.ctes, self.outer, outward=self.outward, lost=self.lost)

    def lose(self, seen: Seen) -> None:
        """These are used in a way that nobody can follow: they may be seen in all that the whole query gives."""
        self.lost.update(personal(seen))

    @property
    def visible(self) -> list[Relation]:
        return [each for each in self.relations if not each.is_hidden]

    @property
    def times(self) -> Seen:
        return union(each.given.times for each in self.visible)

    @property
    def order(self) -> Seen:
        return union(each.given.order for each in self.visible)

    def everything(self) -> Seen:
        here = union(each.given.all for each in self.relations)
        return here | NULLS | self.outer.everything() if self.outer else here | NULLS

    def column(self, parts: Sequence[str]) -> Seen:
        """What is seen in a name: of a column, of a field in one, or of a column that this SELECT gives.

        A relation whose names are not all known may have it: what is found elsewhere is seen beside that.
        """
        found: list[Seen] = []
        passed: list[Scope] = []
        is_named = len(parts) == 1
        for scope in self.around():
            shared = scope.shared.get(parts[0], ()) if len(parts) == 1 else ()
            visible = [each.inside(shared) for each in scope.visible] if shared else scope.visible
            here = _known([each for each in visible if not each.is_guess], parts)
            guessed = _known([each for each in visible if each.is_guess], parts)
            if guessed is None:
                guessed = scope.guessed.get(parts[0])
            if guessed is not None:
                found, is_named = [*found, guessed], True
            if here is None:
                found += [each.given.rest for each in scope.relations if each.given.rest is not None]
                hidden = _known([each for each in scope.relations if each.is_hidden], parts)
                found, is_named = [*found, *([hidden] if hidden is not None else [])], is_named or hidden is not None
                here = scope.aliases.get(parts[0])
            if here is None:  # where it lacks there, Spark looks for the same name around it
                asked = [each.given.seen(parts[end]) for each, end in _asked_of(scope.visible, parts)]
                found, is_named = [*found, *asked], is_named or bool(asked)
            else:
                for each in passed:
                    each.outward.add(parts[-1])
                called = scope.aliases.get(parts[0], NOTHING) if len(parts) == 1 else NOTHING
                return union((*found, here, personal(called)))  # HAVING and ORDER BY may mean what is called so
            passed.append(scope)
        return union(found) if found and is_named else self.everything()

    def owners(self, parts: Sequence[str]) -> tuple[Relation, ...]:
        """The relations, here or around, that a column's name means or may mean."""
        found: list[Relation] = []
        for scope in self.around():
            known = [each for each, _ in _named(scope.relations, parts)] or [
                each for each in scope.relations if _known([each], parts) is not None
            ]
            if known:
                return tuple(each.whole or each for each in (*found, *known))
            asked = [each for each, _ in _asked_of(scope.relations, parts)]
            found += asked or [each for each in scope.relations if each.given.rest is not None]
        return tuple(each.whole or each for each in found)

    def inside(self, join: Joined) -> Scope:
        """The same names as the condition of a join of this SELECT reads them."""
        return replace(self, relations=[each.inside([join]) for each in self.relations])

    def share(self, name: str, join: Joined) -> Seen:
        """A column by which relations are joined that all have one of its name; what is told by that."""
        joins = self.shared.setdefault(name, set())
        joins.add(join)
        rests = union(each.given.rest for each in self.relations if each.given.rest is not None)
        if rests:  # one of them may have such a column, of which this is then made
            for each in self.relations:
                each.present = each.present.with_more(rests, [name])
        known = [(each, each.inside(joins).given.known(name)) for each in self.relations]
        terms = [Term(at, name, (each,), seen) for at, (each, seen) in enumerate(known) if seen is not None]
        compare(terms, by_sides=False)
        joins_people = are_people([each.seen for each in terms])
        return NOTHING if joins_people else personal(union(each.seen for each in terms))

    def state(self) -> list[object]:
        """All that a query in this SELECT reads of it and of those around it."""
        return [
            (
                [each.state() for each in scope.relations],
                {name: frozenset(joins) for name, joins in scope.shared.items()},
                dict(scope.aliases),
                dict(scope.guessed),
                dict(scope.ctes),
                scope.parameters,
            )
            for scope in self.around()
        ]

    def around(self) -> Iterator[Scope]:
        """This scope, and those around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.outer

    def may_be_column(self, name: str) -> bool:
        relations = [each.given for scope in self.around() for each in scope.relations]
        return any(given.known(name) is not None or given.rest is not None for given in relations)


def compare(
    terms: Sequence[Term], *, by_sides: bool, is_least: bool = True, divides: bool = False, joins: bool = True
) -> None:
    """Tells the relations of a condition what it holds them against.

    Rows of a relation that shows nothing personal in a condition are looked up by the values there, and tell them;
    where personal columns are on both sides, they are joined. `by_sides`: what stands on one side is computed together,
    and told to none but to what the query says itself. `is_least`: it is made of no other conditions, so that what
    stands beside a personal column there is held against a value together with it. `divides`: it is no condition, but
    what rows are grouped or sorted by: columns of the same row stand there as the parts of one value.
    """
    for relation in {owner: None for term in terms for owner in term.owners}:
        own = [term for term in terms if relation in term.owners]
        shown, sides = union(term.seen for term in own), {term.side for term in own}
        is_made = bool(shown & MADE) or (bool(personal(shown)) and bool(shown & COMPUTED))
        others = [term for term in terms if relation not in term.owners]
        told = personal(union(each.seen for each in others if is_made or not by_sides or sides - {each.side}))
        if told and (is_made or not joins or not personal(shown)):
            relation.present = relation.present.with_more(told | NULLS)
        if told and (is_made or by_sides or not joins or not personal(shown)):
            relation.present = replace(relation.present, times=relation.present.times | told)
        elif told and is_least:
            with_people = {term.side for term in own if personal(term.seen)}
            held = {term.name for term in own if term.side in with_people and not personal(term.seen)}
            relation.present = relation.present.with_more(told | NULLS, held)
        for term in own:
            if any(each.seen >= KEY for each in terms if each is not term):
                relation.present = relation.present.with_more(KEY, {term.name})
            beside = [each for each in own if each is not term]
            together = is_least and not by_sides and not divides
            _hold(relation, term, [each for each in beside if together or each.side != term.side])


def _hold(relation: Relation, term: Term, others: Sequence[Term]) -> None:
    """Tells a relation what one of its columns is held against, and the columns that come of the same rows as it."""
    told = personal(union(each.seen for each in others))
    if told and not personal(term.seen):
        made = [name for name, seen in relation.given.columns if term.seen & seen & MADE]
        names = {term.name, *made, *_together(relation, term)}
        relation.present = relation.present.with_more(told | NULLS, names)
    elif personal(term.seen):
        relation.present = relation.present.with_more(personal(term.seen) | NULLS, _together(relation, term))


def lost(terms: Sequence[Term], *, by_sides: bool) -> Iterator[Seen]:
    """What is personal in a condition that chooses among rows which a query has set beside people, so as to look up.

    Such is a value that was mixed with others before, and one held against columns of the same relation that are of
    other rows.
    """
    yield from (term.seen for term in terms if term.seen >= MIXED and personal(term.seen))
    for relation in {owner: None for term in terms for owner in term.owners}:
        own = [term for term in terms if relation in term.owners]
        for side in sorted({term.side for term in own}) if by_sides else [None]:
            told = [term.seen for term in own if personal(term.seen) and side in (None, term.side)]
            beside = [term.seen for term in own if not personal(term.seen) and (side is None or term.side != side)]
            if mixes([(union(told), True), *((seen, True) for seen in set(beside))]):
                yield union(told)


def _together(relation: Relation, term: Term) -> set[str]:
    """The columns without personal data that come of the same relation without any as part of a term does.

    A query has set that beside people, and a condition on what it gives chooses of both.
    """
    things = frozenset(each for each in term.seen if each[0] == "" and each[1].startswith(THING))
    return {name for name, seen in relation.given.columns if seen & things and not personal(seen)}


def beside(relations: Sequence[Given]) -> Given:
    """The columns of several relations, one behind the other."""
    rests = [each.rest for each in relations if each.rest is not None]
    columns, is_placed = tuple(column for each in relations for column in each.columns), all(map(_is_whole, relations))
    return Given(columns, union(rests) if rests else None, is_placed=is_placed)


def _is_whole(given: Given) -> bool:
    return given.is_whole


def _known(relations: Sequence[Relation], parts: Sequence[str]) -> Seen | None:
    named = [seen for _, seen in _named(relations, parts)]  # Spark takes a name for a relation's, and else for a field
    found = named or [seen for each in relations if (seen := each.given.known(parts[0])) is not None]
    return union(found) if found else None


def _named(relations: Sequence[Relation], parts: Sequence[str]) -> list[tuple[Relation, Seen]]:
    """The relations that a name begins with and that have its column, with what is seen in that."""
    asked = [(each, each.given.known(parts[end])) for each, end in _asked_of(relations, parts)]
    return [(each, seen) for each, seen in asked if seen is not None]


def _asked_of(relations: Sequence[Relation], parts: Sequence[str]) -> Iterator[tuple[Relation, int]]:
    """The relations that a name begins with, and where in it the column stands."""
    for each in relations:
        for end in (1, 2):
            if len(parts) > end and tuple(parts[:end]) in each.names:
                yield each, end
