"""Where a value of a query was taken from as it is: by bare names, and by aggregates that choose one of the values."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from tidemark.sql.queries import DIALECT, full_name
from tidemark.sql.tracing.derivation import Origin
from tidemark.sql.tracing.reach import SAME_TYPE, Relation, Tracked, aliases_of, is_aggregate

_CHOOSE = (exp.Min, exp.Max, exp.ArgMin, exp.ArgMax, exp.First, exp.Last, exp.AnyValue, exp.FirstValue, exp.LastValue)
_WRAP = (exp.Paren, exp.Alias, exp.IgnoreNulls, exp.RespectNulls, exp.Filter, exp.Window, exp.Lag, exp.Lead)


def taken_from(scope: Scope, place: str) -> frozenset[Origin]:
    """The columns of tables of which a place has a value as it is there; none where it computes one."""
    parts = place.removeprefix("coalesce(").removesuffix(")").split(",")
    found = [_behind(scope, *part.rpartition(".")[::2]) for part in parts]
    return frozenset().union(*found) if all(found) else frozenset()


def may_be_null(scope: Scope, place: str, tracked: Mapping[str, Tracked]) -> bool:
    """Whether a row can be without the value of a place: by the contract of what it is from, or of an outer join."""
    joins = scope.expression.args.get("joins") or []
    sides = {join.this.alias_or_name.lower(): str(join.side or "").upper() for join in joins}
    if {"RIGHT", "FULL"} & {*sides.values()} or any(sides.get(alias) == "LEFT" for alias in aliases_of(place)):
        return True
    origins = taken_from(scope, place)
    return not origins or any(table not in tracked or name not in tracked[table].required for table, name in origins)


def laid_beside(scope: Scope) -> Scope:
    """The query of LATERAL, whose columns are those of what stands beside the rows; any other scope itself."""
    inside = scope.subquery_scopes
    return inside[0] if isinstance(scope.expression, exp.Lateral) and len(inside) == 1 else scope


def column_names(scope: Scope) -> tuple[str, ...]:
    """The names of the columns that a scope gives."""
    query = laid_beside(scope).expression
    return tuple(name.lower() for name in query.named_selects) if isinstance(query, exp.Query) else ()


def _behind(scope: Scope, alias: str, name: str) -> frozenset[Origin]:
    source = scope.sources.get(alias)
    if isinstance(source, exp.Table):
        return frozenset({(full_name(source), name)})
    return _given(source, name) if isinstance(source, Scope) else frozenset()


def _given(scope: Scope, name: str) -> frozenset[Origin]:
    query = scope.expression
    if isinstance(query, exp.SetOperation):
        names = [each.lower() for each in query.named_selects]
        if name not in names:
            return frozenset()
        number = names.index(name)
        branches = [
            _given(each, each.expression.named_selects[number].lower())
            for each in scope.set_operation_scopes
            if isinstance(each.expression, exp.Query)
        ]
        return frozenset().union(*branches) if branches and all(branches) else frozenset()
    selected = _selected(scope, name)
    return frozenset() if selected is None else _taken(scope, selected)


def _taken(scope: Scope, node: exp.Expr) -> frozenset[Origin]:
    if isinstance(node, exp.Column):
        return _behind(scope, node.table.lower(), node.name.lower())
    if isinstance(node, exp.Coalesce):
        parts = [_taken(scope, part) for part in (node.this, *node.expressions)]
        return frozenset().union(*parts) if all(parts) else frozenset()
    if isinstance(node, (*_CHOOSE, *_WRAP)) or node.meta.get(SAME_TYPE):
        return _taken(scope, node.this)
    return frozenset()


def same_in(scope: Scope, place: str, relation: Relation, text: str) -> bool:
    """Whether a place has, for each row of `relation` that it comes of, the value of `text` there."""
    alias, _, name = place.rpartition(".")
    if "(" in place:
        return False
    return text_in(scope, exp.column(name, table=alias), relation) == text


def text_in(scope: Scope, node: exp.Expr, relation: Relation) -> str | None:
    """An expression of a scope, written by the columns of a relation below it; None where it is not one of its rows."""
    alias, below = relation
    copy = node.copy()
    columns = [copy] if isinstance(copy, exp.Column) else list(copy.find_all(exp.Column))
    for column in columns:
        source = scope.sources.get(column.table.lower())
        if source is None or (source is not below and not _same_table(source, below)):
            written = _below(source, column.name.lower(), relation) if isinstance(source, Scope) else None
            if written is None:
                return None
            replacement: exp.Expr = exp.maybe_parse(written, dialect=DIALECT)
        else:
            replacement = exp.column(column.name.lower(), table=alias)
        if column is copy:
            copy = replacement
        else:
            column.replace(replacement)
    return copy.sql(DIALECT).lower()


def _same_table(one: object, other: object) -> bool:
    return isinstance(one, exp.Table) and isinstance(other, exp.Table) and full_name(one) == full_name(other)


def _below(scope: Scope, name: str, relation: Relation) -> str | None:
    """The same for a column that a scope gives, where the rows of the scope are rows of what it reads."""
    select = scope.expression
    selected = _selected(scope, name)
    if selected is None or select.args.get("group") or select.args.get("distinct"):
        return None
    if any(isinstance(each, exp.Window | exp.Query) or is_aggregate(each) for each in selected.walk()):
        return None
    return text_in(scope, selected, relation)


def _selected(scope: Scope, name: str) -> exp.Expr | None:
    select = scope.expression
    if not isinstance(select, exp.Select):
        return None
    return next((each.unalias() for each in select.selects if each.alias_or_name.lower() == name), None)
