"""Columns that have grown in the lake and are still narrow in a warehouse: seen before a row is sent, not by a failure.

A warehouse widens hardly any type in place, and what depends on the column (views, grants) is its owner's. So nothing
is altered here: people are told the statements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tidemark.compile.ddl import column_type, publish_columns
from tidemark.sql.types import normal_type, widens
from tidemark.warehouses import quoted

if TYPE_CHECKING:
    from tidemark.compile.ddl import Dialect
    from tidemark.config.contract import Contract
    from tidemark.warehouses import Session

_SPARK_TYPES: Mapping[str, str] = {
    "SMALLINT": "smallint",
    "INTEGER": "int",
    "INT": "int",
    "BIGINT": "bigint",
    "REAL": "float",
    "FLOAT": "double",
    "DOUBLE": "double",
    "DOUBLE PRECISION": "double",
}
_DECIMALS = ("NUMERIC", "NUMBER", "DECIMAL")


def stored_types(session: Session, schema: str, table: str) -> dict[str, str]:
    """The columns of a warehouse's table (lower case) whose types are numbers, as Spark calls these; names are bare."""
    rows = session.rows(
        "SELECT column_name, data_type, numeric_precision, numeric_scale FROM information_schema.columns"
        f" WHERE lower(table_schema) = '{schema.lower()}' AND lower(table_name) = '{table.lower()}'"
    )
    found = {}
    for name, data_type, precision, scale in rows:
        kind = str(data_type).upper()
        if kind in _SPARK_TYPES:
            found[str(name).lower()] = _SPARK_TYPES[kind]
        elif kind in _DECIMALS and precision is not None:
            found[str(name).lower()] = normal_type(f"decimal({int(precision)},{int(scale or 0)})")
    return found


def too_narrow(contract: Contract, grown: Sequence[str], stored: Mapping[str, str]) -> dict[str, str]:
    """Those of the grown columns that the warehouse has in a type (given) which does not hold what the lake's does."""
    wanted = publish_columns(contract)
    known = {name: stored[name.lower()] for name in grown if name in wanted and name.lower() in stored}
    return {name: has for name, has in known.items() if has != wanted[name] and not widens(wanted[name], has)}


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
