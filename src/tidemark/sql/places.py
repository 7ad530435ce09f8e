"""Where a part of a query stands: the column that it computes, in which of its subqueries, on which line."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from sqlglot import TokenType, exp, tokenize
from sqlglot.errors import TokenError

from tidemark.sql.queries import DIALECT, SqlError, parse

_RELATIONS = exp.From | exp.Join | exp.SetOperation
_CLAUSES = {
    "where": "WHERE",
    "joins": "JOIN",
    "group": "GROUP BY",
    "having": "HAVING",
    "qualify": "QUALIFY",
    "order": "ORDER BY",
}


@dataclass(frozen=True)
class Place:
    """`column`: the one that the part computes (None: a condition, of `clause`); `within`: the CTE or subquery."""

    column: str | None
    clause: str
    within: str | None
    line: int

    def __str__(self) -> str:
        what = f"column {self.column}" if self.column else f"the {self.clause} condition"
        return f"{what} of {self.within}" if self.within else what


def place_of(sql: str, start: int, stop: int) -> Place | None:
    """The place of the characters `start` to `stop` (from 0, both included) of a query; None where it has no such part.

    Of a part of several columns the innermost that holds its first name or literal counts.
    """
    try:
        query = parse(sql)
    except SqlError:
        return None
    inside = [node for node in query.walk() if start <= node.meta.get("start", -1) <= stop]
    if not inside:
        return None
    return _climb(min(inside, key=lambda node: int(node.meta["start"])), sql[:start].count("\n") + 1)


def _climb(node: exp.Expr, line: int) -> Place | None:
    column, clause = None, ""
    at = node
    while at.parent is not None:
        parent = at.parent
        if isinstance(parent, exp.Select) and not column and not clause:
            if at.arg_key == "expressions":
                column = _column(parent, at)
            else:
                clause = _CLAUSES.get(at.arg_key or "", "FROM")
        if isinstance(parent, exp.Subquery) and not isinstance(parent.parent, _RELATIONS | None):
            column, clause = None, ""  # a value of an outer expression: that is what people know by a name
        elif isinstance(parent, exp.CTE | exp.Subquery) and parent.alias and isinstance(at, exp.Query):
            kind = "the CTE" if isinstance(parent, exp.CTE) else "the subquery"
            return Place(column, clause, f"{kind} {parent.alias}", line)
        at = parent
    return Place(column, clause, None, line) if column or clause else None


def _column(select: exp.Select, projection: exp.Expr) -> str:
    """The name of a selected column. In a set operation columns have the names of its first query."""
    position = next(number for number, each in enumerate(select.expressions) if each is projection)
    whole: exp.Expr = select
    while isinstance(whole.parent, exp.SetOperation) or (
        isinstance(whole.parent, exp.Subquery) and isinstance(whole.parent.parent, exp.SetOperation)
    ):
        whole = whole.parent
    names = whole.named_selects if isinstance(whole, exp.Query) else []
    return (names[position] if position < len(names) else "") or projection.alias_or_name or f"number {position + 1}"


def calls_of(sql: str, function: str) -> tuple[tuple[int, int], ...]:
    """Where a function is called in a text: its first and last character, of each call."""
    try:
        tokens = tokenize(sql, dialect=DIALECT)
    except TokenError:
        return ()
    found = []
    for number, (name, opening) in enumerate(pairwise(tokens)):
        if name.text.lower() == function and opening.token_type is TokenType.L_PAREN:
            depth = 0
            for token in tokens[number + 1 :]:
                depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
                if depth == 0:
                    found.append((name.start, token.end))
                    break
    return tuple(found)
