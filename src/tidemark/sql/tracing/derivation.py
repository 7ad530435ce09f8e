"""How the columns of a query come of columns of tables: as they are, computed, gathered, or only chosen by them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from tidemark.sql.queries import full_name
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
}
_WRAPS = (exp.Alias, exp.Paren, exp.Subquery)
# Clauses of a query that decide which rows there are.
_CLAUSES: Mapping[str, How] = {"where": "filter", "having": "filter", "qualify": "filter", "group": "group_by"}


@dataclass(frozen=True)
class Derivations:
    """The ways of a query whose columns are resolved; `scope` is its outermost one."""

    scope: Scope
    _traced: dict[tuple[int, str], frozenset[Derived]] = field(default_factory=dict)

    def of(self, output: str) -> frozenset[Derived]:
        """What an output column comes of, through CTEs, subqueries and unions."""
        return self._trace(self.scope, output)

    def rows(self) -> frozenset[Derived]:
        """What decides which rows there are: the columns of joins, conditions and groups."""
        return frozenset(found for scope in self.scope.traverse() for found in self._deciding(scope))

    def behind(self, scope: Scope, column: exp.Column) -> Iterator[Derived]:
        """What a column that is read in a scope comes of."""
        source = source_of(scope, column.table)
        if isinstance(source, exp.Table):
            yield (full_name(source), column.name.lower()), AS_IT_IS
        elif source is not None:
            yield from self._trace(source, column.name.lower())

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
            for branch in scope.set_operation_scopes:
                yield from self._trace(branch, names_of(branch)[position])
        elif isinstance(query, exp.Query):
            for selected in query.selects:
                if selected.alias_or_name.lower() == output:
                    yield from self._in(scope, selected, AS_IT_IS)
        else:
            yield from self._in(scope, query, COMPUTED)

    def _in(self, scope: Scope, node: exp.Expr, via: Via) -> Iterator[Derived]:
        """What an expression comes of, whose value goes on by `via`."""
        if isinstance(node, exp.Column):
            yield from ((origin, via.after(inner)) for origin, inner in self.behind(scope, node))
            return
        if isinstance(node, exp.Query) and not isinstance(node, exp.Subquery):
            yield from self._asked(scope, node, via)
            return
        if isinstance(node, _COUNTS) and node.find(exp.Column) is None:
            yield from self._grouped(scope)
            return
        here = via.after(_way(node))
        chooses = _CHOOSES.get(type(node), {})
        for name, argument in node.args.items():
            part = Via(False, chooses[name]) if name in chooses and here.direct else here
            for child in argument if isinstance(argument, list) else [argument]:
                if isinstance(child, exp.Expr):
                    yield from self._in(scope, child, part)

    def _asked(self, scope: Scope, query: exp.Query, via: Via) -> Iterator[Derived]:
        """What the answer of a subquery comes of."""
        inner = next((each for each in scope.subquery_scopes if each.expression is query.unnest()), None)
        names = names_of(inner) if inner is not None else ()
        if inner is not None and names:
            yield from ((origin, via.after(below)) for origin, below in self._trace(inner, names[0]))

    def _grouped(self, scope: Scope) -> Iterator[Derived]:
        """What says how many rows a group has: the columns that it is a group of."""
        group = scope.expression.args.get("group")
        yield from self._columns(scope, group, "group_by")

    def _deciding(self, scope: Scope) -> Iterator[Derived]:
        query = scope.expression
        for name, how in _CLAUSES.items():
            yield from self._columns(scope, query.args.get(name), how)
        for join in query.args.get("joins") or ():
            yield from self._columns(scope, join.args.get("on"), "join")
        if query.args.get("limit"):
            yield from self._columns(scope, query.args.get("order"), "sort")

    def _columns(self, scope: Scope, clause: exp.Expr | None, how: How) -> Iterator[Derived]:
        for column in clause.find_all(exp.Column) if clause is not None else ():
            if column.parent_select is scope.expression:  # those of a subquery are decided about in its own scope
                yield from ((origin, Via(False, how)) for origin, _ in self.behind(scope, column))


def _way(node: exp.Expr) -> Via:
    """What an expression makes of what is in it."""
    if isinstance(node, _WRAPS):
        return AS_IT_IS
    if isinstance(node, _COUNTS):
        return _COUNTED
    if isinstance(node, (*_TELLS_WHETHER, *_DIGESTS)):
        return HIDDEN
    return _GATHERED if is_aggregate(node) and not isinstance(node, _TAKES_ONE) else COMPUTED


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
