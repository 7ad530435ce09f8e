"""Which personal columns can be seen in the value of an expression, and which are told by a condition that holds.

What is computed from a value is seen, whatever the function: a digest, a comparison, a length. Not seen is how many
there are (`count`), but of one person, and whether there is something (`IS NULL`), but where a null was made.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import replace

from sqlglot import exp

from tidemark.lint.privacy.seeing import forms, windows
from tidemark.lint.privacy.seeing.marks import (
    COMPUTED,
    EMPTY,
    KEY,
    MADE,
    MIXED,
    NOTHING,
    NULLS,
    Seen,
    are_people,
    mixes,
    personal,
    rows,
    telling,
    union,
)
from tidemark.lint.privacy.seeing.scope import Given, Relation, Scope, Term
from tidemark.sql.tracing.reach import is_aggregate

# Parts of an expression that choose a value without being in it.
_CHOOSES: Mapping[type[exp.Expr], tuple[str, ...]] = {
    exp.ArgMax: ("expression",),
    exp.ArgMin: ("expression",),
    exp.Collate: ("expression",),
}


class Values(ABC):
    """Looks through expressions; what the queries in them give is somebody else's."""

    @abstractmethod
    def query(self, node: exp.Expr, around: Scope) -> Given:
        """The columns that a query gives."""

    @abstractmethod
    def star(self, node: exp.Expr, scope: Scope) -> Given:
        """The columns that `*` or `t.*` means, without those it leaves out and with those it changes."""

    @abstractmethod
    def anything(self, node: exp.Expr) -> Seen:
        """What there is in the tables that a part of a query names, or in all where it names none that is known."""

    def _asked_once(self, node: exp.Expr, scope: Scope) -> Given:
        """What a query in an expression gives, which is asked for several times.

        It follows from the state of the SELECTs around it. Where asking has left that as it was, asking again in the
        same state gives the same and tells nobody more; where it has changed, the query is asked anew.
        """
        state = scope.state()
        before, given = scope.asked.get(id(node), (None, Given()))
        if before != state:
            given = self.query(node, scope)
            if scope.state() == state:
                scope.asked[id(node)] = state, given
        return given

    def told(self, condition: exp.Expr, scope: Scope) -> Seen:
        """What is told of a person where a condition holds: nothing by columns that only join people with people."""
        parts = list(forms.leaves(condition))
        if len(parts) > 1 or parts[0] is not condition:
            return union(self.told(each, scope) for each in parts)
        if forms.is_equality(condition):
            seen = [union(self._held(each, scope) for each in side) for side in forms.sides(condition)]
            owners = [frozenset(self._owners(each, scope)) for each in forms.sides(condition)]
            if are_people(seen) and not frozenset.intersection(*owners):
                return union(self._asked_once(each, scope).there for each in _queries(condition))
        return telling(self.expression(condition, scope))

    def terms(self, condition: exp.Expr, scope: Scope) -> Iterator[Term]:
        """What a condition holds against each other: columns, and what subqueries give."""
        join = condition.find_ancestor(exp.Join, exp.Query)
        inner = scope.inside(id(join)) if isinstance(join, exp.Join) else scope
        for side, parts in enumerate(forms.sides(condition)):
            for node in (each for part in parts for each in part.walk(prune=_is_whole)):
                if isinstance(node, exp.Query | exp.Window) or forms.null_tested(node) is not None:
                    yield Term(side, "", (), self._held(node, inner))
                for column in self._columns(node, scope):
                    owners = scope.owners(parts_of(column))
                    yield Term(side, column.name.lower(), owners, self.expression(column, inner))

    def _columns(self, node: exp.Expr, scope: Scope) -> Iterator[exp.Column]:
        """The columns that a part of a condition is, or of which a function over a window takes values."""
        if isinstance(node, exp.Window):
            yield from node.this.find_all(exp.Column)
        elif isinstance(node, exp.Column) and not isinstance(node.this, exp.Star):
            yield from self._meant(node, scope)

    def _meant(self, name: exp.Column, scope: Scope) -> list[exp.Column]:
        """The columns that a name means: of a relation, or those of which the SELECT makes what it calls so."""
        made = None if scope.owners(parts_of(name)) else forms.aliased(name)
        if made is None:
            return [name]
        return [meant for each in made.find_all(exp.Column) for meant in self._meant(each, scope)]

    def _owners(self, side: list[exp.Expr], scope: Scope) -> Iterator[Relation]:
        """The relations whose columns are on one side of a condition."""
        for node in (each for part in side for each in part.walk(prune=_is_whole)):
            if isinstance(node, exp.Column):
                yield from scope.owners(parts_of(node))

    def _held(self, node: exp.Expr, scope: Scope) -> Seen:
        return self._asked_once(node, scope).all if isinstance(node, exp.Query) else self.expression(node, scope)

    def expression(self, node: exp.Expr | None, scope: Scope) -> Seen:
        """What is seen in the value of an expression."""
        if node is None or isinstance(node, exp.DataType | exp.Typeof):
            return NOTHING
        if isinstance(node, exp.Column | exp.Star | exp.Identifier | exp.Var):
            return self._name(node, scope)
        if isinstance(node, exp.Query):
            given = self._asked_once(node, scope)
            return given.all | (given.there | NULLS if given.there else NOTHING)
        if isinstance(node, exp.Exists) and isinstance(node.this, exp.Query):
            there = self._asked_once(node.this, scope).there
            return there | NULLS | MADE if personal(there) else there
        if isinstance(node, exp.Window):
            return self._window(node, scope)
        asked = self._asked(node, scope)
        return asked if asked is not None else self._computed(node, scope)

    def _asked(self, node: exp.Expr, scope: Scope) -> Seen | None:
        """What is seen in an expression that only asks for something; None of any other."""
        tested, counted = forms.null_tested(node), forms.counted(node)
        if tested is not None:
            seen = union(self.expression(each, scope) for each in tested)
            return _by_null(seen) | rows(seen)
        if counted is not None:
            held = union(self.expression(each, scope) for each in counted)
            if not scope.is_of_one:
                return held if held >= MIXED and personal(held) else NOTHING
            return (held if held >= MIXED else _by_null(held)) | scope.times
        if isinstance(node, exp.Filter):
            seen = self.expression(node.this, scope)
            told = self.told(node.expression.this, scope)
            told = told if scope.is_of_one or seen >= KEY or told >= MIXED else NOTHING
            return seen | (told | NULLS if told else NOTHING)
        if isinstance(node, exp.Nvl2):
            chosen = [node.args.get("true"), node.args.get("false")]
            return union(self.expression(each, scope) for each in chosen) | _by_null(self.expression(node.this, scope))
        flags = forms.summed_flags(node)
        if flags is not None and not scope.is_of_one:
            asked = [self.expression(each, scope) for each in forms.asked_by(node)]
            shown = union(self.expression(each, scope) for each in flags)
            return shown | union(each for each in asked if each >= MIXED and personal(each))
        value = forms.null_if_empty(node)
        return self.expression(value, scope) if value is not None else None

    def _computed(self, node: exp.Expr, scope: Scope) -> Seen:
        """What is seen in what is computed of the parts of an expression."""
        if isinstance(node, exp.Anonymous) and node.name.lower() == "identifier":
            return scope.everything()
        if forms.is_place_of_work(node):
            return self.anything(node) | NULLS
        if isinstance(node, exp.Lambda):
            names = {each.name.lower() for each in node.expressions}
            return self.expression(node.this, replace(scope, parameters=scope.parameters | names))
        if isinstance(node, exp.Dot) and not isinstance(node.expression, exp.Func):
            return self.expression(node.this, scope)
        skipped = _only_chosen_by(node)
        parts = forms.values_in(node)
        names_rows = KEY if forms.names_rows(node) else NOTHING
        if isinstance(node, exp.Null):
            return MADE | EMPTY
        if not parts:
            return MADE | names_rows
        seen = scope.times if scope.is_of_one and forms.adds_up(node) else NOTHING
        seen_in = [(each, self.expression(each, scope)) for each in parts if not forms.is_among(each, skipped)]
        seen |= union(found for _, found in seen_in)
        choosing = union(self.expression(each, scope) for each in parts if forms.is_among(each, skipped))
        if isinstance(node, exp.ArgMax | exp.ArgMin):
            seen |= _by_null(choosing)  # where nothing has an order, nothing is chosen
        if seen >= KEY:
            seen |= self._chosen(node, scope) | (scope.order if is_aggregate(node) else NOTHING)
            seen |= personal(choosing)
        seen |= names_rows | (personal(scope.order) if names_rows or forms.keeps_order(node) else NOTHING)
        seen |= personal(choosing) if forms.keeps_order(node) else NOTHING
        if not isinstance(node, exp.Cast | exp.Alias | exp.Paren):
            seen -= EMPTY
        if personal(seen):
            seen |= NOTHING if forms.tidies(node) else COMPUTED
            seen |= MIXED if mixes([(found, forms.has_columns(each)) for each, found in seen_in]) else NOTHING
        return seen | NULLS if personal(seen) and self._makes_nulls(node, scope) else seen

    def _chosen(self, node: exp.Expr, scope: Scope) -> Seen:
        """What is told by keys of people that were chosen, where they are held against those of others."""
        names = {tuple(parts_of(each)): each for each in node.find_all(exp.Column)}
        keys = [parts for parts, each in names.items() if self.expression(each, scope) >= KEY]
        owners = {owner for parts in names for owner in scope.owners(parts) if owner not in scope.kept}
        return union(each.given.there for each in owners) if len(names) > 1 or len(keys) > 1 else NOTHING

    def _makes_nulls(self, node: exp.Expr, scope: Scope) -> bool:
        """Whether an expression can be null where what it is made of is not, or the other way round."""
        if isinstance(node, exp.Case):
            asked = [node.this, *(each.this for each in node.args.get("ifs") or ())]
            return bool(personal(union(self.expression(each, scope) for each in asked)))
        if isinstance(node, exp.If):
            return bool(personal(self.expression(node.this, scope)))
        return not forms.keeps_nulls(node)

    def _window(self, node: exp.Window, scope: Scope) -> Seen:
        ordered = [scope.order, *(self.expression(each, scope) for each in windows.window_parts(node, "order"))]
        divided = [self.expression(each, scope) for each in windows.window_parts(node, "partition_by")]
        is_of_few = bool(scope.outward) or len(ordered) > 1 or windows.has_frame(node) or is_of_one(divided)
        inner = replace(scope, is_of_one=scope.is_of_one or is_of_few)
        told = told_apart(divided)
        if windows.counts_off(node):
            told |= union(ordered)
        if windows.is_of_another_query(node):
            told |= scope.everything()
        seen = self.expression(node.this, inner)
        if windows.tells_order(node, is_divided=any(not each & MADE for each in divided)) or (
            seen >= KEY and not windows.numbers(node)
        ):
            told |= union(ordered)
        if windows.numbers(node) or windows.has_frame(node):
            told |= scope.times
        if windows.numbers(node):
            seen |= KEY & union(ordered)
        if len(ordered) > 1 and windows.names_each(node):
            seen |= KEY
        return seen | (personal(told) | NULLS | COMPUTED if personal(told) else NOTHING)

    def _name(self, node: exp.Expr, scope: Scope) -> Seen:
        if isinstance(node, exp.Star) or (isinstance(node, exp.Column) and isinstance(node.this, exp.Star)):
            return self.star(node, scope).all
        if isinstance(node, exp.Column):
            parts = parts_of(node)
            return NOTHING if parts[0] in scope.parameters else scope.column(parts)
        name = node.name.lower()
        if name in scope.parameters:
            return NOTHING  # what it stands for is an argument of the function, and seen there
        if isinstance(node, exp.Var):
            return scope.column([name]) if scope.may_be_column(name) else NOTHING
        return scope.everything()


def is_of_one(grouped: list[Seen]) -> bool:
    """Whether rows that have these in common may all be of one person."""
    return any(each >= KEY or personal(each) for each in grouped)


def told_apart(divided: list[Seen]) -> Seen:
    """What is told by which of the groups a row is in, into which a query divides rows by values of its own making."""
    return union(each for each in divided if each & (MADE | COMPUTED) and each >= NULLS)


def parts_of(column: exp.Column) -> list[str]:
    return [part.name.lower() for part in column.parts]


def _by_null(seen: Seen) -> Seen:
    """What is told by whether there is a value in which this is seen."""
    return seen if seen >= NULLS and personal(seen) else NOTHING


def _is_whole(node: exp.Expr) -> bool:
    return isinstance(node, exp.Query | exp.Column | exp.Window) or forms.null_tested(node) is not None


def _queries(condition: exp.Expr) -> Iterator[exp.Expr]:
    for node in condition.walk(prune=lambda each: isinstance(each, exp.Query)):
        if isinstance(node, exp.Query):
            yield node


def _only_chosen_by(node: exp.Expr) -> list[object]:
    """The parts of an expression that choose its value and are not in it."""
    if isinstance(node, exp.Order):
        return [node.expressions] if isinstance(node.parent, exp.GroupConcat) else []
    if isinstance(node, exp.WithinGroup):
        return [node.expression] if isinstance(node.this, exp.GroupConcat) else []  # any other gives what it orders by
    return [node.args.get(name) for name in _CHOOSES.get(type(node), ())]
