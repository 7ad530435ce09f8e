"""How the columns of a query come of columns of tables: as they are, computed, gathered, or only chosen by them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from tidemark.sql.queries import full_name
from tidemark.sql.tracing.pivots import Pivoted, pivoted
from tidemark.sql.tracing.reach import is_aggregate

Origin = tuple[str, str]
"""A column of a table: `("silver.orders", "order_id")`."""

How = Literal[
    "identity", "transformation", "aggregation", "conditional", "window", "join", "filter", "group_by", "sort"
]

_STRENGTH: Mapping[How, int] = {"identity": 0, "transformation": 1, "aggregation": 2}


@dataclass(frozen=True)
class Via:
    """What becomes of a value on its way: it is in the result (`direct`), or it decides about what is there.

    `masks`: it cannot be seen in the result, which says how many there are, whether it is so, or a digest.
    """

    direct: bool
    how: How
    masks: bool = False

    @property
    def shows(self) -> bool:
        """Whether the value can be seen in the result."""
        return self.direct and not self.masks

    def after(self, inner: Via) -> Via:
        """The way of a value that first went by `inner`, and then by this one."""
        if not self.direct:
            return self
        if not inner.direct:
            return inner
        return Via(True, max(self.how, inner.how, key=_STRENGTH.__getitem__), self.masks or inner.masks)


Derived = tuple[Origin, Via]
AS_IT_IS = Via(True, "identity")
COMPUTED = Via(True, "transformation")
HIDDEN = Via(True, "transformation", masks=True)
_GATHERED = Via(True, "aggregation")
_COUNTED = Via(True, "aggregation", masks=True)

_COUNTS = (exp.Count, exp.CountIf, exp.ApproxDistinct)
_TELLS_WHETHER = (exp.Predicate, exp.Connector, exp.Not)
_DIGESTS = (exp.SHA, exp.SHA2, exp.MD5)
_TAKES_ONE = (exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue)
# Parts of an expression that choose a value without being in it.
_CHOOSES: Mapping[type[exp.Expr], Mapping[str, How]] = {
    exp.Case: {"this": "conditional"},
    exp.If: {"this": "conditional"},
    exp.Window: {"partition_by": "window", "order": "window"},
    exp.Filter: {"expression": "conditional"},
    exp.ArgMax: {"expression": "conditional"},
    exp.ArgMin: {"expression": "conditional"},
    exp.Nvl2: {"this": "conditional"},
}
_WINDOW_PARTS = ("partition_by", "order")
_WRAPS = (exp.Alias, exp.Paren, exp.Subquery)
_FILTERS = ("where", "having", "qualify")


@dataclass(frozen=True)
class Derivations:
    """The ways of a query whose columns are resolved; `scope` is its outermost one, `schema` has tables' columns."""

    scope: Scope
    schema: Mapping[str, Iterable[str]] = field(default_factory=dict)
    _traced: dict[tuple[int, str], frozenset[Derived]] = field(default_factory=dict)

    def of(self, output: str) -> frozenset[Derived]:
        """What an output column comes of, through CTEs, subqueries and unions."""
        return self._trace(self.scope, output)

    def rows(self) -> frozenset[Derived]:
        """What decides which rows there are: the columns of joins, conditions and groups."""
        return frozenset(found for scope in self.scope.traverse() for found in self._deciding(scope))

    def behind(self, scope: Scope, column: exp.Column) -> Iterator[Derived]:
        """What a column that is read in a scope comes of."""
        pivot, name = pivoted(scope, column), column.name.lower()
        if pivot is not None:
            yield from self._turned(scope, pivot, name)
        elif column.table:
            yield from self._from(scope, source_of(scope, column.table), name)
        else:  # one that a function makes, which has no other name than Spark's
            for source in scope.sources.values():
                if isinstance(source, Scope) and (
                    not isinstance(source.expression, exp.Query) or makes_unnamed(source)
                ):
                    yield from self._from(scope, source, name)

    def _from(self, scope: Scope, source: exp.Table | Scope | None, name: str) -> Iterator[Derived]:
        if isinstance(source, exp.Table) and not isinstance(source.this, exp.Identifier):
            yield from self._in(scope, source.this, COMPUTED)  # a function that makes rows
        elif isinstance(source, exp.Table):
            yield (full_name(source), name), AS_IT_IS
        elif source is not None:
            yield from self._trace(source, name)

    def _turned(self, scope: Scope, pivot: Pivoted, name: str) -> Iterator[Derived]:
        """What a column comes of that PIVOT or UNPIVOT gives."""
        if name not in pivot.made:
            yield from self._from(scope, source_of(scope, pivot.below), name)
        for part in pivot.values(name):
            yield from self._in(scope, part, AS_IT_IS)
        for column in pivot.choosing(name):
            yield from ((origin, Via(False, "conditional")) for origin, _ in self.behind(scope, column))

    def _trace(self, scope: Scope, output: str) -> frozenset[Derived]:
        key = (id(scope), output)
        if key not in self._traced:
            self._traced[key] = frozenset()  # a recursive CTE sees itself: what it adds is found on the way
            self._traced[key] = frozenset(self._given(scope, output))
        return self._traced[key]

    def _given(self, scope: Scope, output: str) -> Iterator[Derived]:
        query = scope.expression
        if isinstance(query, exp.SetOperation):
            position = [name.lower() for name in query.named_selects].index(output)
            given = scope.set_operation_scopes
            for branch in given[:1] if isinstance(query, exp.Except) else given:
                yield from self._trace(branch, names_of(branch)[position])
        elif isinstance(query, exp.Query):
            named = [selected for selected in query.selects if output in _named(selected)]
            for selected in named or filter(_makes_unnamed, query.selects):
                yield from self._in(scope, selected, AS_IT_IS)
        else:
            yield from self._in(scope, query, COMPUTED)

    def _in(self, scope: Scope, node: exp.Expr, via: Via) -> Iterator[Derived]:
        """What an expression comes of, whose value goes on by `via`."""
        if isinstance(node, exp.Star) or (isinstance(node, exp.Column) and isinstance(node.this, exp.Star)):
            yield from ((origin, via.after(inner)) for origin, inner in self._all(scope, node))
            return
        if isinstance(node, exp.Column):
            yield from ((origin, via.after(inner)) for origin, inner in self.behind(scope, node))
            return
        if isinstance(node, exp.Query) and not isinstance(node, exp.Subquery):
            yield from self._asked(scope, node, via)
            return
        if isinstance(node, _COUNTS) and node.find(exp.Column) is None:
            yield from self._grouped(scope)
            return
        if isinstance(node, exp.Exists) and isinstance(node.this, exp.Query) and via.direct:
            yield from self._there(scope, node)
            return
        here = via.after(_way(node))
        chooses = _chooses(node)
        for name, argument in (*node.args.items(), *_window_of(scope, node)):
            part = Via(False, chooses[name]) if name in chooses and here.direct else here
            for child in argument if isinstance(argument, list) else [argument]:
                if isinstance(child, exp.Expr):
                    yield from self._in(scope, child, part)

    def _all(self, scope: Scope, star: exp.Expr) -> Iterator[Derived]:
        """What all columns come of that a star means inside of a function: `struct(a.*)`, `hash(*)`."""
        sources = [source_of(scope, star.table)] if isinstance(star, exp.Column) else scope.sources.values()
        for source in sources:
            if isinstance(source, exp.Table):
                names = tuple(self.schema.get(full_name(source), ()))
            else:
                names = names_of(source) if source is not None else ()
            for name in names:
                yield from self._from(scope, source, name)

    def _asked(self, scope: Scope, query: exp.Query, via: Via) -> Iterator[Derived]:
        """What the answer of a subquery comes of."""
        inner = next((each for each in scope.subquery_scopes if each.expression is query.unnest()), None)
        names = names_of(inner) if inner is not None else ()
        if inner is not None and names:
            yield from ((origin, via.after(below)) for origin, below in self._trace(inner, names[0]))

    def _there(self, scope: Scope, asks: exp.Exists) -> Iterator[Derived]:
        """What decides whether a subquery has rows."""
        inner = next((each for each in scope.subquery_scopes if each.expression is asks.this.unnest()), None)
        if inner is not None:
            yield from ((origin, Via(False, "conditional")) for origin, _ in self._deciding(inner))

    def _grouped(self, scope: Scope) -> Iterator[Derived]:
        """What says how many rows a group has: the columns that it is a group of."""
        query, group = scope.expression, scope.expression.args.get("group")
        if isinstance(query, exp.Select) and group is not None and group.args.get("all"):
            for selected in query.selects:
                if not any(map(is_aggregate, selected.walk())):
                    yield from self._columns(scope, selected, "group_by")
        yield from self._columns(scope, group, "group_by")

    def _deciding(self, scope: Scope) -> Iterator[Derived]:
        query = scope.expression
        for name in _FILTERS:
            yield from self._columns(scope, query.args.get(name), "filter")
        yield from self._grouped(scope)
        for join in query.args.get("joins") or ():
            yield from self._columns(scope, join.args.get("on"), "join")
        if query.args.get("limit"):
            yield from self._columns(scope, query.args.get("order"), "sort")
        if isinstance(query, exp.Except):
            for branch in scope.set_operation_scopes[1:]:
                for name in names_of(branch):
                    yield from ((origin, Via(False, "filter")) for origin, _ in self._trace(branch, name))

    def _columns(self, scope: Scope, clause: exp.Expr | None, how: How) -> Iterator[Derived]:
        """What a clause holds against each other, with what its subqueries answer; they have clauses of their own."""
        if clause is None:
            return
        found = [*self._in(scope, clause, AS_IT_IS)]
        for column in clause.find_all(exp.Column):
            if how == "sort" and not column.table and column.name.lower() in names_of(scope):
                found += self._trace(scope, column.name.lower())  # a column that the query gives
        yield from ((origin, Via(False, how)) for origin, _ in found)


def _way(node: exp.Expr) -> Via:
    """What an expression makes of what is in it."""
    if isinstance(node, _WRAPS):
        return AS_IT_IS
    if isinstance(node, _COUNTS):
        return _COUNTED
    if isinstance(node, (*_TELLS_WHETHER, *_DIGESTS)):
        return HIDDEN
    gathers = is_aggregate(node) or isinstance(node, exp.WithinGroup)
    return _GATHERED if gathers and not isinstance(node, _TAKES_ONE) else COMPUTED


def _chooses(node: exp.Expr) -> Mapping[str, How]:
    """The parts of an expression that choose a value without being in it."""
    if isinstance(node, exp.WithinGroup) and isinstance(node.this, exp.GroupConcat):
        return {"expression": "sort"}
    return _CHOOSES.get(type(node), {})


def _window_of(scope: Scope, node: exp.Expr) -> Iterator[tuple[str, object]]:
    """The parts of the window that `OVER name` means, of those that the query names."""
    name = node.alias.lower() if isinstance(node, exp.Window) else ""
    for window in scope.expression.args.get("windows") or ():
        if name and window.name.lower() == name:
            yield from ((part, window.args.get(part)) for part in _WINDOW_PARTS)
            yield from _window_of(scope, window)


def makes_unnamed(source: exp.Table | Scope) -> bool:
    """Whether a function in a SELECT makes columns that have Spark's names: `SELECT posexplode(x)`."""
    query = source.expression if isinstance(source, Scope) else source
    return isinstance(query, exp.Query) and any(map(_makes_unnamed, query.selects))


def _makes_unnamed(selected: exp.Expr) -> bool:
    """Whether it is such a function; the parser gives it a name of its own."""
    is_made = isinstance(selected.unalias(), exp.UDTF | exp.Explode | exp.Inline | exp.Stack)
    return is_made and selected.alias_or_name.startswith("_col_")


def _named(selected: exp.Expr) -> list[str]:
    """The names that a part of a SELECT has: more than one where a function makes several columns."""
    if isinstance(selected, exp.Aliases):
        return [each.name.lower() for each in selected.expressions]
    return [selected.alias_or_name.lower()]


def names_of(scope: Scope) -> tuple[str, ...]:
    """The columns that the query of a scope gives; none for a generated table."""
    query = scope.expression
    return tuple(name.lower() for name in query.named_selects) if isinstance(query, exp.Query) else ()


def source_of(scope: Scope, alias: str) -> exp.Table | Scope | None:
    """What an alias stands for in a scope, or in one around it (a correlated subquery)."""
    at: Scope | None = scope
    while at is not None:
        source = at.sources.get(alias)
        if isinstance(source, exp.Table | Scope):
            return source
        at = at.parent
    return None
