"""Whether a masked column is a copy of columns as they were received, tidied up at most.

Masks of a form (`email`, `phone`, `month` …) leave a part of a value, which is little of an e-mail address and may be
all of something else that a query puts there. So they hide a column only where a value is what it was in every table
on the way: in another case, without blanks around it, or a literal where there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from tidemark.config.contract.model import DATE_MASKS, KEYED_MASKS, TEXT_MASKS
from tidemark.sql.queries import SqlError, full_name, parse, tables_read
from tidemark.sql.tracing.columns import ReadQuery, read_query
from tidemark.sql.tracing.derivation import Origin
from tidemark.sql.types import METADATA_COLUMNS, TIMES

if TYPE_CHECKING:
    from tidemark.config.project import Table

FORMS = frozenset((*TEXT_MASKS, *DATE_MASKS)) - frozenset(KEYED_MASKS)
"""Masks that leave a part of a value."""

Origins = frozenset[Origin]
_CHOOSE = (exp.Min, exp.Max, exp.ArgMin, exp.ArgMax, exp.First, exp.Last, exp.AnyValue, exp.FirstValue, exp.LastValue)
_WRAP = (exp.Paren, exp.Alias, exp.IgnoreNulls, exp.RespectNulls, exp.Window, exp.Lower, exp.Upper)
_TEXTS = (exp.DType.TEXT, exp.DType.VARCHAR)
_DATES = (exp.DType.DATE, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ, exp.DType.TIMESTAMPLTZ, exp.DType.TIMESTAMPNTZ)


@dataclass
class Copies:
    """Where the columns of a project's tables are copies; each query is resolved when somebody first asks."""

    tables: Mapping[str, Table]
    _read: dict[str, ReadQuery | None] = field(default_factory=dict)

    def origins(self, table: Table, column: str, mask: str) -> Origins | None:
        """The columns of its inputs of which a column is a copy, as they were received; None where it is computed.

        What is cut to a month or a year has to be a date all the way, and what else is masked none.
        """
        return self._origins(table, column, is_time=mask in DATE_MASKS, seen=frozenset())

    def _origins(self, table: Table, column: str, *, is_time: bool, seen: frozenset[Origin]) -> Origins | None:
        query = self._query(table)
        here = (table.name, column)
        is_filled = table.load.write.mode == "scd2" and column in table.load.write.made
        if query is None or is_filled or here in seen:
            return None
        found = _given(query.scope, column, _Way(is_time))
        is_received = found is not None and all(
            self._is_received(each, is_time=is_time, seen=seen | {here}) for each in found
        )
        return found if is_received else None

    def _is_received(self, origin: Origin, *, is_time: bool, seen: frozenset[Origin]) -> bool:
        table = self.tables.get(origin[0])
        if table is None or origin[1] not in table.contract.column_names:
            return table is not None and not table.inputs and origin[1] not in METADATA_COLUMNS  # as a source gave it
        if (table.contract.column(origin[1]).type in TIMES) != is_time:
            return False
        return not table.inputs or self._origins(table, origin[1], is_time=is_time, seen=seen) is not None

    def _query(self, table: Table) -> ReadQuery | None:
        if table.name not in self._read:
            self._read[table.name] = self._resolved(table)
        return self._read[table.name]

    def _resolved(self, table: Table) -> ReadQuery | None:
        if table.sql is None:
            return None
        try:
            query = parse(table.sql)
            read = (self.tables[name] for name in {*table.inputs, *tables_read(query)} if name in self.tables)
            schema = {
                each.name: {column.name: column.type for column in each.contract.columns} | dict(METADATA_COLUMNS)
                for each in read
            }
            return read_query(query, schema)
        except (SqlError, RecursionError):
            return None


@dataclass(frozen=True)
class _Way:
    """What is looked for in a query, and the columns of its parts that led here."""

    is_time: bool
    passed: frozenset[tuple[int, str]] = frozenset()


def _given(scope: Scope, name: str, way: _Way) -> Origins | None:
    """The columns of tables of which the column of this name is a copy, in every part of a union."""
    query, here = scope.expression, (id(scope), name)
    if here in way.passed or not isinstance(query, exp.Query):
        return None
    way = _Way(way.is_time, way.passed | {here})
    names = [each.lower() for each in query.named_selects]
    if names.count(name) != 1:
        return None
    if not isinstance(query, exp.SetOperation):
        return _taken(scope, query.selects[names.index(name)], way)
    if query.args.get("by_name"):
        return None
    return _all(_at(each, names.index(name), way) for each in scope.set_operation_scopes)


def _at(scope: Scope, number: int, way: _Way) -> Origins | None:
    query = scope.expression
    return _given(scope, query.named_selects[number].lower(), way) if isinstance(query, exp.Query) else None


def _all(parts: Iterable[Origins | None]) -> Origins | None:
    """What all of these are copies of; None where one is computed, or there are none."""
    found = list(parts)
    known = [each for each in found if each is not None]
    return frozenset().union(*known) if known and len(known) == len(found) else None


def _taken(scope: Scope, node: exp.Expr, way: _Way) -> Origins | None:
    if isinstance(node, exp.Column):
        source = scope.sources.get(node.table.lower()) if node.table else _unknown(scope, node.name.lower())
        if isinstance(source, exp.Table) and not _is_renamed(source):
            return frozenset({(full_name(source), node.name.lower())})
        return _given(source, node.name.lower(), way) if isinstance(source, Scope) else None
    if isinstance(node, exp.Coalesce):
        values = [each for each in (node.this, *node.expressions) if not isinstance(each, exp.Literal | exp.Null)]
        return _all(_taken(scope, each, way) for each in values)
    is_kept = isinstance(node, _WRAP) or _is_tidied(node, way) or (isinstance(node, _CHOOSE) and not node.expressions)
    return _taken(scope, node.this, way) if is_kept else None


def _unknown(scope: Scope, name: str) -> exp.Expr | Scope | None:
    """What has a column that no contract knows: the only table that is read, where nothing else here is called so."""
    selects = scope.expression.selects if isinstance(scope.expression, exp.Query) else []
    is_made = any(isinstance(each, exp.Alias) and each.alias.lower() == name for each in selects)
    sources = list(scope.sources.values())
    return sources[0] if len(sources) == 1 and isinstance(sources[0], exp.Table) and not is_made else None


def _is_renamed(table: exp.Table) -> bool:
    """Whether the columns of a table have other names here, or are other columns, than in its contract."""
    alias = table.args.get("alias")
    return bool(table.args.get("pivots") or (alias is not None and alias.args.get("columns")))


def _is_tidied(node: exp.Expr, way: _Way) -> bool:
    """Whether it takes blanks away, or only says again what type a value has."""
    if isinstance(node, exp.Trim):
        return node.args.get("expression") is None
    if isinstance(node, exp.Cast):
        return node.to.this in (_DATES if way.is_time else _TEXTS) and not node.args.get("format")
    return isinstance(node, exp.TsOrDsToDate) and way.is_time and node.args.get("format") is None
