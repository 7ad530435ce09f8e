"""Columns that have grown in the lake and are still narrow in a warehouse: seen before a row is sent, not by a failure.

A warehouse widens hardly any type in place, and what depends on the column (views, grants) is its owner's. So nothing
is altered here: people are told the statements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tidemark.compile.ddl import column_type, publish_columns
from tidemark.sql.types import normal_type, widens
from tidemark.warehouses import literal, quoted

if TYPE_CHECKING:
    from tidemark.compile.ddl import Dialect
    from tidemark.config.contract import Contract
    from tidemark.warehouses import Session, Warehouse

_SPARK_TYPES: Mapping[str, str] = {
    "SMALLINT": "smallint",
    "INTEGER": "int",
    "INT": "int",
    "BIGINT": "bigint",
    "REAL": "float",
    "FLOAT": "double",
    "DOUBLE": "double",
    "DOUBLE PRECISION": "double",
    "DATE": "date",  # which cuts the time of day off
}
_DECIMALS = ("NUMERIC", "NUMBER", "DECIMAL")


def stored_types(session: Session, schema: Sequence[str], table: str) -> dict[str, str]:
    """The columns of a warehouse's table (lower case) whose types are numbers or dates, as Spark calls these.

    `schema` are the parts of its name, and `table` is bare, as the warehouse stores them.
    """
    rows = session.rows(
        "SELECT column_name, data_type, numeric_precision, numeric_scale"
        f" FROM {_information(schema, 'columns')} AND table_name = {literal(table)}"
    )
    found = {}
    for name, data_type, precision, scale in rows:
        kind = str(data_type).upper()
        if kind in _SPARK_TYPES:
            found[str(name).lower()] = _SPARK_TYPES[kind]
        elif kind in _DECIMALS and precision is not None:
            found[str(name).lower()] = normal_type(f"decimal({int(precision)},{int(scale or 0)})")
    return found


def tables(session: Session, schema: Sequence[str]) -> set[str]:
    """The tables of a schema, as far as this user may see them."""
    return {str(name) for (name,) in session.rows(f"SELECT table_name FROM {_information(schema, 'tables')}")}


def _information(schema: Sequence[str], view: str) -> str:
    *database, name = schema
    place = ".".join([*map(quoted, database), f"information_schema.{view}"])
    return f"{place} WHERE table_schema = {literal(name)}"


def too_narrow(contract: Contract, grown: Sequence[str], stored: Mapping[str, str]) -> dict[str, str]:
    """Those of the grown columns that the warehouse has in a type (given) which does not hold what the lake's does."""
    wanted = publish_columns(contract)
    known = {name: stored[name.lower()] for name in grown if name in wanted and name.lower() in stored}
    return {name: has for name, has in known.items() if has != wanted[name] and not widens(wanted[name], has)}


def told(
    contract: Contract, looked_at: Sequence[str], stored: Mapping[str, str], warehouse: Warehouse, relation: str
) -> tuple[str, str] | None:
    """Which of the columns have grown in the lake alone, and what lets them grow here; None where all have room."""
    narrow, wanted = too_narrow(contract, looked_at, stored), publish_columns(contract)
    if not narrow:
        return None
    columns = ", ".join(f"{name} from {has} to {wanted[name]}" for name, has in narrow.items())
    todo = (statements(contract, name, warehouse.fold(name), warehouse.dialect, relation) for name in narrow)
    return (
        f"columns have grown in the lake and not in {warehouse.title}: {columns}",
        f"let them grow there too, then publish again: {'; '.join(todo)}",
    )


def statements(contract: Contract, column: str, stored_name: str, dialect: Dialect, relation: str) -> str:
    """What lets a column grow in any warehouse: a new one takes its place."""
    of_type = column_type(publish_columns(contract)[column], dialect)
    old, new = quoted(stored_name), quoted(f"{stored_name}_grown")
    return "; ".join(
        [
            f"ALTER TABLE {relation} ADD COLUMN {new} {of_type}",
            f"UPDATE {relation} SET {new} = {old}",
            f"ALTER TABLE {relation} DROP COLUMN {old}",
            f"ALTER TABLE {relation} RENAME COLUMN {new} TO {old}",
        ]
    )
