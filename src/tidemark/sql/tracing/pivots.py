"""Columns that PIVOT and UNPIVOT give: which they make, of what, and which they hand on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from sqlglot import exp
from sqlglot.optimizer.scope import Scope


@dataclass(frozen=True)
class Pivoted:
    """A PIVOT or UNPIVOT clause; `below` is the alias of the relation that it turns."""

    clause: exp.Pivot

    @property
    def below(self) -> str:
        return str(self.clause.parent.alias_or_name) if self.clause.parent is not None else ""

    @cached_property
    def made(self) -> tuple[str, ...]:
        """The columns that it makes; those of the relation below that it does not spend are handed on."""
        if self.clause.args.get("unpivot"):
            return (*self._values, *(field.this.name.lower() for field in self.clause.args["fields"]))
        return tuple(each.name.lower() for each in self.clause.args.get("columns") or ())

    @property
    def _values(self) -> tuple[str, ...]:
        """The names of the columns of values that UNPIVOT makes."""
        return tuple(part.name.lower() for each in self.clause.expressions for part in _members(each))

    def values(self, name: str) -> Iterator[exp.Expr]:
        """The parts of the clause whose values a column has that it makes."""
        if self.clause.args.get("unpivot"):
            number = self._values.index(name) if name in self._values else -1
            for group in self._turned() if number >= 0 else ():
                yield from group[number : number + 1]
        elif name in self.made and self.clause.expressions:
            yield self.clause.expressions[self.made.index(name) % len(self.clause.expressions)]

    def choosing(self, name: str) -> Iterator[exp.Column]:
        """The columns by whose values PIVOT chooses which rows a column that it makes is of."""
        if not self.clause.args.get("unpivot") and name in self.made:
            for field in self.clause.args["fields"]:
                yield from field.this.find_all(exp.Column)

    def _turned(self) -> Iterator[list[exp.Expr]]:
        """The columns that become rows of UNPIVOT, as many at once as it makes columns of values."""
        for field in self.clause.args["fields"]:
            for each in field.expressions:
                yield _members(each.this if isinstance(each, exp.PivotAlias | exp.Alias) else each)


def pivoted(scope: Scope, column: exp.Column) -> Pivoted | None:
    """The clause that gives a column which is read in a scope, or in one around it."""
    at: Scope | None = scope
    while at is not None:
        for clause in _clauses(at.expression):
            if clause.alias == column.table and column.find_ancestor(exp.Pivot) is not clause:
                return Pivoted(clause)
        if column.table in at.sources:
            return None
        at = at.parent
    return None


def _clauses(query: exp.Expr) -> Iterator[exp.Pivot]:
    first = query.args.get("from_")
    for relation in (*([first] if first is not None else []), *(query.args.get("joins") or ())):
        yield from relation.this.args.get("pivots") or ()


def _members(node: exp.Expr) -> list[exp.Expr]:
    return list(node.expressions) if isinstance(node, exp.Tuple) else [node]
