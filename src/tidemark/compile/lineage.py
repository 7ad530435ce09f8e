"""Table → column lineage: of which columns of its source or inputs each column comes, and how.

It is read off the files alone: the mapping of a load, the query, and what the way of writing adds (a history's dates
and keys, merges, deletes). Python transforms tell nothing of their columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tidemark.sql.queries import SqlError, parse
from tidemark.sql.tracing.columns import read_query
from tidemark.sql.tracing.derivation import AS_IT_IS, COMPUTED, HIDDEN, Derived, Via
from tidemark.sql.types import METADATA_COLUMNS

if TYPE_CHECKING:
    from tidemark.config.contract import Column
    from tidemark.config.project import Table

SOURCE = "source"
"""Stands in an origin for the source of the table itself: `("source", "OwnerEmail__c")`."""

Ways = frozenset[Derived]
_NOTHING: Ways = frozenset()


@dataclass(frozen=True)
class TableLineage:
    """Of what the columns of a table come, and of what (`rows`) it depends which rows there are.

    `columns` has every column of the contract; one that comes of no other (a constant, a generated date, what the
    engine fills) has an empty set. `is_known` is False where a transform or a query cannot be followed: then nothing is
    said of any.
    """

    columns: Mapping[str, Ways]
    rows: Ways = _NOTHING
    is_known: bool = True


@dataclass
class Lineage:
    """The lineage of all columns of a project's tables; each table is looked at when somebody first asks for it."""

    tables: Mapping[str, Table]
    _found: dict[str, TableLineage] = field(default_factory=dict)

    def of(self, name: str) -> TableLineage:
        """The lineage of a table, one step back."""
        if name not in self._found:
            table = self.tables[name]
            self._found[name] = _received(table) if table.load.source else self._computed(table)
        return self._found[name]

    def sources(self, name: str, column: str) -> frozenset[tuple[str, str]]:
        """The fields of sources that a column comes of, or depends on, however far back: bronze table and field."""
        found, seen, waiting = set[tuple[str, str]](), {(name, column)}, [(name, column)]
        while waiting:
            table, at = waiting.pop()
            for (owner, origin), _ in self.of(table).columns.get(at, _NOTHING):
                if owner == SOURCE:
                    found.add((table, origin))
                elif (owner, origin) not in seen:
                    seen.add((owner, origin))
                    waiting.append((owner, origin))
        return frozenset(found)

    def _computed(self, table: Table) -> TableLineage:
        nothing = TableLineage(dict.fromkeys(table.contract.column_names, _NOTHING), is_known=False)
        if table.sql is None:
            return nothing
        read = (self.tables[name] for name in table.inputs if name in self.tables)
        schema = {
            each.name: {column.name: column.type for column in each.contract.columns} | dict(METADATA_COLUMNS)
            for each in read
        }
        try:
            query = read_query(parse(table.sql), schema)
        except SqlError:
            return nothing
        given = {name: query.derivations.of(name) for name in query.outputs}
        made = _made(table, given)
        columns = {
            column.name: _masked(table, column, made.get(column.name, given.get(column.name, _NOTHING)))
            for column in table.contract.columns
        }
        return TableLineage(columns, query.derivations.rows() | frozenset(_written(table, given)))


def _received(table: Table) -> TableLineage:
    """Of a bronze table: the fields of its source, under the names that they have there."""
    source, deletes = table.load.source, table.load.write.deletes
    fields = source.fields if source else {}
    filled = {source.taken_at} if source and source.taken_at else set[str]()
    absence = deletes.flag if deletes and deletes.missing == "soft" else None
    columns: dict[str, Ways] = {}
    for column in table.contract.columns:
        if column.name in filled:
            columns[column.name] = _NOTHING
        elif column.name == absence:
            keys = (fields.get(key, key) for key in table.load.write.keys)
            columns[column.name] = frozenset(((SOURCE, key), Via(False, "conditional")) for key in keys)
        else:
            is_cast = source is not None and source.is_text and column.type != "string"
            way = COMPUTED if is_cast else AS_IT_IS
            columns[column.name] = frozenset({((SOURCE, fields.get(column.name, column.name)), way)})
    return TableLineage(columns, frozenset(_written(table, columns)))


def _made(table: Table, given: Mapping[str, Ways]) -> dict[str, Ways]:
    """The columns of a history that the engine fills, by the columns that they are made of."""
    write = table.load.write
    if write.mode != "scd2":
        return {}
    began = given.get(write.effective_from or "", _NOTHING)
    ends = (write.deletes.flag, write.deletes.at) if write.deletes else ()
    ended = _all(given, (name for name in ends if name), Via(False, "conditional"))
    found = {
        write.validity.start: began | _all(given, [write.deletes.at] if write.deletes and write.deletes.at else []),
        write.validity.end: _all(given, [write.effective_from or ""]) | ended,
        write.validity.current: _all(given, [write.effective_from or ""], Via(False, "conditional")) | ended,
    }
    if write.surrogate_key:
        found[write.surrogate_key] = _all(given, (*write.keys, write.effective_from or ""), HIDDEN)
    return found


def _written(table: Table, given: Mapping[str, Ways]) -> Iterator[Derived]:
    """What decides, as the rows are written, which of them there are: keys, the order of versions, and deletes."""
    write = table.load.write
    yield from _all(given, write.keys, Via(False, "join"))
    if write.mode in ("upsert", "scd2"):
        order = [*write.order_by, *([write.effective_from] if write.effective_from else [])]
        yield from _all(given, order, Via(False, "sort"))
    if write.deletes and write.deletes.flag:
        yield from _all(given, [write.deletes.flag], Via(False, "filter"))


def _all(given: Mapping[str, Ways], names: Iterable[str], way: Via = COMPUTED) -> Ways:
    return frozenset((origin, way.after(via)) for name in names for origin, via in given.get(name, _NOTHING))


def _masked(table: Table, column: Column, ways: Ways) -> Ways:
    if table.layer != "gold" or column.mask is None:
        return ways
    return frozenset((origin, HIDDEN.after(via)) for origin, via in ways)
