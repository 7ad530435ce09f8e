"""Which columns of tables a query hands on: an output that has, in each row, a value as one of them has it.

A value may come through joins, CTEs, unions and aggregates that choose one of several. Letters in another case and
blanks around it are no other value: then it is `folded`, and two such values are to be compared without these.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from tidemark.sql.queries import full_name
from tidemark.sql.tracing.columns import ReadQuery
from tidemark.sql.tracing.derivation import Origin

_CHOOSE = (exp.Min, exp.Max, exp.ArgMin, exp.ArgMax, exp.First, exp.Last, exp.AnyValue, exp.FirstValue, exp.LastValue)
_WRAP = (
    exp.Paren,
    exp.Alias,
    exp.IgnoreNulls,
    exp.RespectNulls,
    exp.Filter,
    exp.Window,
    exp.Lag,
    exp.Lead,
    exp.Cast,
    exp.TryCast,
    exp.Nullif,
)
_FOLD = (exp.Lower, exp.Upper, exp.Trim)


@dataclass(frozen=True)
class Copied:
    """The columns that an output may be a copy of; none where it is computed."""

    origins: frozenset[Origin] = frozenset()
    folded: bool = False

    def __or__(self, other: Copied) -> Copied:
        return Copied(self.origins | other.origins, self.folded or other.folded)


_NOTHING = Copied()


def copied(query: ReadQuery, output: str) -> Copied:
    """What the output of this name is a copy of."""
    return _given(query.scope, output, frozenset())


def _given(scope: Scope, name: str, seen: frozenset[tuple[int, str]]) -> Copied:
    query, here = scope.expression, (id(scope), name)
    if here in seen:
        return _NOTHING  # a recursive CTE: what it adds is found on the way
    if isinstance(query, exp.SetOperation):
        names = [each.lower() for each in query.named_selects]
        if name not in names:
            return _NOTHING
        number, found = names.index(name), _NOTHING
        for branch in scope.set_operation_scopes:
            if isinstance(branch.expression, exp.Query):
                found |= _given(branch, branch.expression.named_selects[number].lower(), seen | {here})
        return found
    found = _NOTHING
    for selected in query.selects if isinstance(query, exp.Query) else ():
        if selected.alias_or_name.lower() == name:
            found |= _taken(scope, selected, seen | {here})
    return found


def _taken(scope: Scope, node: exp.Expr, seen: frozenset[tuple[int, str]]) -> Copied:
    if isinstance(node, exp.Column):
        source = scope.sources.get(node.table.lower())
        if isinstance(source, exp.Table):
            return Copied(frozenset({(full_name(source), node.name.lower())}))
        return _given(source, node.name.lower(), seen) if isinstance(source, Scope) else _NOTHING
    if isinstance(node, exp.Coalesce):
        return _any(scope, [node.this, *node.expressions], seen)
    if isinstance(node, exp.Case):
        ends = [each.args["true"] for each in node.args["ifs"]]
        return _any(scope, [*ends, node.args.get("default")], seen)
    if isinstance(node, exp.If):
        return _any(scope, [node.args.get("true"), node.args.get("false")], seen)
    if isinstance(node, exp.Subquery | exp.Select):
        inner = next((each for each in scope.subquery_scopes if each.expression is node.unnest()), None)
        named = inner.expression.named_selects if inner and isinstance(inner.expression, exp.Query) else []
        return _given(inner, named[0].lower(), seen) if inner and len(named) == 1 else _NOTHING
    if isinstance(node, _FOLD):
        below = _taken(scope, node.this, seen)
        return Copied(below.origins, folded=bool(below.origins))
    if isinstance(node, (*_CHOOSE, *_WRAP)):
        return _taken(scope, node.this, seen)
    return _NOTHING


def _any(scope: Scope, nodes: list[exp.Expr | None], seen: frozenset[tuple[int, str]]) -> Copied:
    found = _NOTHING
    for node in nodes:
        if node is not None:
            found |= _taken(scope, node, seen)
    return found
