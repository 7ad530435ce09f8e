"""Columns of a Spark SQL query: which it reads, which it gives, and where the values of each one come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope

from tidemark.errors import choose
from tidemark.sql.queries import DIALECT, SqlError, full_name, line_of, parse, time_windows
from tidemark.sql.tracing.derivation import Derivations, Origin, makes_unnamed, names_of, source_of
from tidemark.sql.tracing.joins import with_plain_semi_joins
from tidemark.sql.tracing.pivots import pivoted

Schema = Mapping[str, Mapping[str, str]]
"""Tables as `layer.table`, each with its columns and their types."""


@dataclass(frozen=True)
class ColumnProblem:
    """A column that is read but cannot be found: what is wrong, what to write instead, and the line in the query."""

    message: str
    fix: str
    line: int


@dataclass(frozen=True)
class ReadQuery:
    """A query with every column resolved against a schema."""

    query: exp.Query
    scope: Scope
    schema: Schema

    @cached_property
    def derivations(self) -> Derivations:
        """How its columns come of columns of tables."""
        return Derivations(self.scope, self.schema)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the columns that the query gives, in order; stars are expanded."""
        return tuple(name.lower() for name in self.query.named_selects)

    def output_line(self, name: str) -> int:
        """The line on which an output column is written."""
        for selected in self.query.selects:
            if selected.alias_or_name.lower() == name:
                return line_of(selected)
        return 1

    def problems(self) -> tuple[ColumnProblem, ...]:
        """The columns that cannot be found in what they are read from, each once a line."""
        found = (self._problem(scope, column) for scope in self.scope.traverse() for column in scope.columns)
        return tuple(dict.fromkeys(problem for problem in found if problem is not None))

    def origins(self, output: str) -> frozenset[Origin]:
        """The columns of tables whose values can be seen in an output column, through CTEs and subqueries.

        What only decides (conditions, counts, window order) and what is digested by SHA-2 is not seen.
        """
        return frozenset(origin for origin, via in self.derivations.of(output) if via.shows)

    def origins_within(self, sql: str, start: int, stop: int) -> frozenset[Origin] | None:
        """The columns of tables whose values are in the characters `start` to `stop` of `sql`, the query as written.

        None where that cannot be told of each column there.
        """
        written = parse(sql)
        if any(not isinstance(star.parent, exp.Select | exp.Count) for star in written.find_all(exp.Star)):
            return None
        missing = {_position(column) for column in written.find_all(exp.Column) if start <= _position(column) <= stop}
        found: set[Origin] = set()
        for scope in self.scope.traverse():
            for column in scope.columns:
                if start <= _position(column) <= stop:
                    if self._problem(scope, column) is not None:
                        return None
                    missing.discard(_position(column))
                    found.update(origin for origin, via in self.derivations.behind(scope, column) if via.shows)
        return None if missing else frozenset(found)

    def _problem(self, scope: Scope, column: exp.Column) -> ColumnProblem | None:
        name, line = column.name.lower(), line_of(column)
        if not column.table:
            return self._unplaced(scope, name, line)
        pivot = pivoted(scope, column)
        if pivot is not None and name in pivot.made:
            return None
        source = source_of(scope, column.table if pivot is None else pivot.below)
        if source is None:
            if column.table.lower() in {each.name.lower() for each in time_windows(scope.expression)}:
                return None
            known = [each for each in scope.sources if isinstance(each, str)]
            return ColumnProblem(
                f"`{column.table}.{name}`: no table is called `{column.table}`", choose(column.table, known), line
            )
        columns = self._columns_of(source)
        if columns is None or name in columns or name == "*":
            return None
        asked = full_name(source) if isinstance(source, exp.Table) else column.table
        return ColumnProblem(f"{asked} has no column `{name}`", _instead(name, columns), line)

    def _unplaced(self, scope: Scope, name: str, line: int) -> ColumnProblem | None:
        """A column without a table in front that fits none of the query's tables, or more than one."""
        if isinstance(scope.expression, exp.SetOperation) and name in names_of(scope):
            return None  # what it orders by
        owners = {alias: self._columns_of(source) or () for alias, source in scope.sources.items()}
        holding = [alias for alias, columns in owners.items() if name in columns]
        if not holding and any(self._columns_of(source) is None for source in scope.sources.values()):
            return None  # it may be one of those that a function makes
        if holding:
            return ColumnProblem(f"`{name}` is in {' and '.join(holding)}", f"write `{holding[0]}.{name}`", line)
        asked = " or ".join(full_name(each) for each in scope.sources.values() if isinstance(each, exp.Table))
        known = [each for columns in owners.values() for each in columns]
        return ColumnProblem(f"no column `{name}` in {asked or 'what the query reads'}", _instead(name, known), line)

    def _columns_of(self, source: exp.Table | Scope) -> tuple[str, ...] | None:
        """The columns that a source of a scope has; None where it cannot be said (a generated table, `VALUES`)."""
        if isinstance(source, exp.Table):
            columns = self.schema.get(full_name(source))
            return None if columns is None else tuple(columns)
        return None if makes_unnamed(source) else names_of(source) or None


def read_query(query: exp.Query, schema: Schema) -> ReadQuery:
    """Resolves a parsed query's columns; raises `SqlError` when that is not possible (an ambiguous name, say)."""
    nested: dict[str, object] = {}
    for layer in {table.partition(".")[0] for table in schema}:
        nested[layer] = {
            table.partition(".")[2]: dict(columns) for table, columns in schema.items() if table.startswith(f"{layer}.")
        }
    try:
        resolved = qualify(
            with_plain_semi_joins(query.copy(), schema),
            schema=nested,
            dialect=DIALECT,
            validate_qualify_columns=False,
            allow_partial_qualification=True,
            quote_identifiers=False,
            identify=False,
        )
        scope = build_scope(resolved)
    except (SqlglotError, ValueError) as error:  # what the parser cannot build is told as a wrong value
        raise SqlError(f"cannot be resolved: {error}", line_of(query)) from error
    if scope is None:
        raise SqlError("has no columns that could be followed", line_of(query))
    _refuse_uneven(scope)
    return ReadQuery(resolved, scope, schema)


def _refuse_uneven(scope: Scope) -> None:
    """Raises `SqlError` where the parts of a set operation do not give as many columns each."""
    for each in scope.traverse():
        if isinstance(each.expression, exp.SetOperation):
            given = [names_of(branch) for branch in each.set_operation_scopes if not makes_unnamed(branch)]
            counts = [len(names) for names in given if names and "*" not in names]
            if len(set(counts)) > 1 and not each.expression.args.get("by_name"):
                told = f"has a {each.expression.key.upper()} of {' and '.join(map(str, counts))} columns"
                raise SqlError(told, line_of(each.expression.right))


def _position(column: exp.Column) -> int:
    """Where a column's own name begins in the text; -1 for one that was not written."""
    return int(column.this.meta.get("start", -1))


def _instead(name: str, columns: Iterable[str]) -> str:
    """What to read instead; the engine's own columns are in every table and only meant when they are nearly written."""
    return choose(name, [each for each in columns if name.startswith("_") or not each.startswith("_")])
