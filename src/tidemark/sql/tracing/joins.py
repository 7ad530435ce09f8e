"""Joins as the parser's own resolver understands them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from tidemark.sql.queries import full_name

_NAMELESS = "_semi"


def with_plain_semi_joins(query: exp.Query, schema: Mapping[str, Mapping[str, str]]) -> exp.Query:
    """The query, which is changed, with every `LEFT SEMI JOIN` (and ANTI) as one of a table `ON` a condition.

    Only the left side's columns are seen behind such a join. The resolver looks for the column of `USING (id)` on both
    sides, and finds none; and that a subquery on the right side is not seen it does not know.
    """
    for number, select in enumerate(query.find_all(exp.Select)):
        first = select.args.get("from_")
        left = [first.this] if first is not None else []
        for join in select.args.get("joins") or ():
            if not join.is_semi_or_anti_join:
                left.append(join.this)
                continue
            free = f"{_NAMELESS}_{number}_{len(left)}"
            if join.args.get("using") and left:
                _by_condition(join, left, schema, free)
            if isinstance(join.this, exp.Subquery) and isinstance(join.this.this, exp.Query):
                _of_a_table(select, join, f"{free}_cte")
    return query


def _by_condition(join: exp.Join, left: Sequence[exp.Expr], schema: Mapping[str, Mapping[str, str]], free: str) -> None:
    right = _named(join.this, f"{free}_of")
    conditions = []
    for shared in join.args["using"]:
        name = shared.name
        holding = next((each for each in left if name.lower() in _columns(each, schema)), left[0])
        conditions.append(exp.column(name, table=_named(holding, free)).eq(exp.column(name, table=right)))
    join.set("using", None)
    join.set("on", exp.and_(*conditions))


def _of_a_table(select: exp.Select, join: exp.Join, name: str) -> None:
    """A subquery that is joined becomes one of WITH."""
    subquery, alias = join.this, join.this.args.get("alias")
    if subquery.args.get("pivots"):
        return
    columns = alias.args.get("columns") if alias is not None else None
    given = exp.CTE(this=subquery.this, alias=exp.TableAlias(this=exp.to_identifier(name), columns=columns))
    clause = select.args.get("with_")
    if clause is None:
        select.set("with_", exp.With(expressions=[given]))
    else:
        clause.append("expressions", given)
    called = exp.TableAlias(this=exp.to_identifier(_named(subquery, f"{name}_of")))
    join.set("this", exp.Table(this=exp.to_identifier(name), alias=called))


def _columns(relation: exp.Expr, schema: Mapping[str, Mapping[str, str]]) -> Sequence[str]:
    """The columns of a relation, as far as they are known."""
    if isinstance(relation, exp.Table):
        return tuple(schema.get(full_name(relation), ()))
    return tuple(name.lower() for name in relation.named_selects) if isinstance(relation, exp.Subquery) else ()


def _named(relation: exp.Expr, free: str) -> str:
    """The name of a relation in its query; `free` becomes that of one that has none."""
    if not relation.alias_or_name:
        relation.set("alias", exp.TableAlias(this=exp.to_identifier(free)))
    return str(relation.alias_or_name)
