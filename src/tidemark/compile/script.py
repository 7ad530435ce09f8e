"""All tables of a project as one script for a warehouse: schemas, tables in an order that keys allow, comments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidemark.compile.ddl import DIALECTS, Dialect, create_table, names, quote, string
from tidemark.errors import ConfigError, choose

if TYPE_CHECKING:
    from tidemark.config.contract import Contract, Reference
    from tidemark.config.project import Table


@dataclass(frozen=True)
class _Keys:
    """The keys of a table beside its primary one: as lines of its definition, and those that have to wait."""

    within: tuple[str, ...]
    after: tuple[str, ...]


def script(tables: Sequence[Table], dialect: Dialect) -> tuple[str, ...]:
    """The statements that make the tables, each in the schema of its layer; those that are there stay as they are.

    A foreign key is written where both its tables are among these. It stands in the table's definition where the other
    one is defined before it, and after all definitions where tables refer to each other in a circle, or to themselves.
    Raises `ConfigError` for an unknown dialect.
    """
    if dialect not in DIALECTS:
        raise ConfigError(f"dialect `{dialect}` does not exist", next_step=choose(dialect, DIALECTS))
    ordered = _targets_first({table.name: table for table in tables})
    statements = [f"CREATE SCHEMA IF NOT EXISTS {quote(layer, dialect)}" for layer in _layers(ordered)]
    unique = _referred_to(ordered)
    later: list[str] = []
    for position, table in enumerate(ordered):
        before = {each.name for each in ordered[:position]}
        among = before | {each.name for each in ordered[position:]}
        keys = _keys(table.contract, unique.get(table.name, ()), before, among, dialect)
        statements.append(create_table(table.contract, table.load, dialect, relation(table.name, dialect), keys.within))
        later += keys.after
        if dialect == "redshift":
            statements += _comments(table.contract)
    return (*statements, *later)


def relation(table: str, dialect: Dialect) -> str:
    """A table's name with that of its layer's schema, quoted."""
    layer, name = table.split(".", 1)
    return f"{quote(layer, dialect)}.{quote(name, dialect)}"


def _layers(tables: Iterable[Table]) -> list[str]:
    return list(dict.fromkeys(sorted(table.layer for table in tables)))


def _targets_first(tables: Mapping[str, Table]) -> tuple[Table, ...]:
    """The tables, each after those that it refers to as far as there are no circles."""
    ordered: dict[str, Table] = {}

    def place(name: str, above: tuple[str, ...]) -> None:
        if name in ordered or name in above or name not in tables:
            return
        for reference in tables[name].contract.references:
            place(reference.table, (*above, name))
        ordered[name] = tables[name]

    for name in tables:
        place(name, ())
    return tuple(ordered.values())


def _referred_to(tables: Sequence[Table]) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Columns that others refer to beside primary keys: warehouses want to be told that they are unique."""
    keys = {table.name: table.contract.keys for table in tables}
    found: dict[str, dict[tuple[str, ...], None]] = {}
    for table in tables:
        for reference in table.contract.references:
            if reference.table in keys and reference.to != keys[reference.table]:
                found.setdefault(reference.table, {})[reference.to] = None
    return {name: tuple(columns) for name, columns in found.items()}


def _keys(
    contract: Contract,
    unique: Iterable[tuple[str, ...]],
    before: set[str],
    among: set[str],
    dialect: Dialect,
) -> _Keys:
    if dialect == "delta":  # it has no keys
        return _Keys((), ())
    within = [f"UNIQUE ({names(columns, dialect)})" for columns in unique]
    within += [_foreign_key(each, dialect) for each in contract.references if each.table in before]
    table = relation(contract.table, dialect)
    waiting = [each for each in contract.references if each.table in among - before]
    return _Keys(tuple(within), tuple(f"ALTER TABLE {table} ADD {_foreign_key(each, dialect)}" for each in waiting))


def _foreign_key(reference: Reference, dialect: Dialect) -> str:
    to = f"{relation(reference.table, dialect)} ({names(reference.to, dialect)})"
    return f"FOREIGN KEY ({names(reference.columns, dialect)}) REFERENCES {to}"


def _comments(contract: Contract) -> Iterator[str]:
    """What Redshift takes in statements of their own."""
    table = relation(contract.table, "redshift")
    if contract.description:
        yield f"COMMENT ON TABLE {table} IS {string(contract.description, 'redshift')}"
    for column in contract.columns:
        if column.description:
            of = f"{table}.{quote(column.name, 'redshift')}"
            yield f"COMMENT ON COLUMN {of} IS {string(column.description, 'redshift')}"
