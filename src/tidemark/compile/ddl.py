"""Contract → CREATE TABLE for Delta, Snowflake and Redshift.

Warehouses get keys as hints, which they do not enforce, and rows laid out by what is asked of them: Snowflake clusters
by the table's `cluster_by`; Redshift sorts by it, and distributes by the first column of the key, by which it merges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, get_args

from tidemark.errors import ConfigError, choose
from tidemark.shown import sql_text
from tidemark.sql.types import METADATA_COLUMNS

if TYPE_CHECKING:
    from tidemark.config.contract import Column, Contract
    from tidemark.config.load import Load

Dialect = Literal["delta", "snowflake", "redshift"]
DIALECTS: tuple[Dialect, ...] = get_args(Dialect)
PUBLISHED_METADATA = ("_batch_id", "_ingest_ts", "_run_date")
"""The metadata columns that go along to a warehouse."""

_REDSHIFT_LONGEST = 65535  # bytes
_BYTES_A_CHARACTER = 4
_SNOWFLAKE: Mapping[str, str] = {
    "string": "VARCHAR",
    "float": "FLOAT",
    "double": "FLOAT",
    "tinyint": "SMALLINT",
    "int": "INTEGER",
    "timestamp": "TIMESTAMP_NTZ",
}
_REDSHIFT: Mapping[str, str] = {
    "string": f"VARCHAR({_REDSHIFT_LONGEST})",
    "float": "REAL",
    "double": "DOUBLE PRECISION",
    "tinyint": "SMALLINT",
    "int": "INTEGER",
}
_TYPES: Mapping[Dialect, Mapping[str, str]] = {"delta": {}, "snowflake": _SNOWFLAKE, "redshift": _REDSHIFT}


def create_table(
    contract: Contract, load: Load, dialect: Dialect, qualified_name: str, keys: Sequence[str] = ()
) -> str:
    """One CREATE TABLE IF NOT EXISTS statement; `qualified_name` is taken as it is.

    Delta holds the contract's columns and all metadata, a warehouse those that are published. The key is NOT NULL
    everywhere, and the (informational) primary key of a warehouse; `keys` are further ones, as
    `compile.script` writes them. Raises `ConfigError` for an unknown dialect.
    """
    if dialect not in DIALECTS:
        raise ConfigError(f"dialect `{dialect}` does not exist", next_step=choose(dialect, DIALECTS))
    types = (
        dict(METADATA_COLUMNS) if dialect == "delta" else {name: METADATA_COLUMNS[name] for name in PUBLISHED_METADATA}
    )
    lines = [_column(column, dialect) for column in contract.columns]
    lines += [f"{quote(name, dialect)} {column_type(of_type, dialect)}" for name, of_type in types.items()]
    if contract.keys and dialect != "delta":
        lines.append(f"PRIMARY KEY ({names(contract.keys, dialect)})")
    lines += keys
    body = ",\n  ".join(lines)
    return "\n".join(
        [f"CREATE TABLE IF NOT EXISTS {qualified_name} (\n  {body}\n)", *_options(contract, load, dialect)]
    )


def add_column(name: str, spark_type: str, dialect: Dialect, qualified_name: str) -> str:
    """One ALTER TABLE statement for a column that a table gains."""
    column = f"{quote(name, dialect)} {column_type(spark_type, dialect)}"
    return f"ALTER TABLE {qualified_name} ADD COLUMN{f'S ({column})' if dialect == 'delta' else f' {column}'}"


def widen_column(name: str, spark_type: str, dialect: Dialect, qualified_name: str) -> str:
    """One ALTER TABLE statement for a column whose type grows."""
    column = f"{quote(name, dialect)} TYPE {column_type(spark_type, dialect)}"
    return f"ALTER TABLE {qualified_name} ALTER COLUMN {column}"


def publish_columns(contract: Contract) -> dict[str, str]:
    """The columns of a published table in their order, each with its Spark type."""
    types = {column.name: column.type for column in contract.columns}
    return types | {name: METADATA_COLUMNS[name] for name in PUBLISHED_METADATA}


def column_type(spark_type: str, dialect: Dialect, max_length: int | None = None) -> str:
    """A contract's column type as the dialect writes it; `max_length` (characters) shortens Redshift's strings."""
    if spark_type == "string" and dialect == "redshift" and max_length:
        return f"VARCHAR({min(max_length * _BYTES_A_CHARACTER, _REDSHIFT_LONGEST)})"
    return _TYPES[dialect].get(spark_type, spark_type.upper())


def quote(name: str, dialect: Dialect) -> str:
    """A column's name quoted, so that no reserved word is in the way.

    Snowflake gets it in capitals: that is the column which unquoted names in any case find.
    """
    if dialect == "delta":
        return "`" + name.replace("`", "``") + "`"
    doubled = name.replace('"', '""')
    return f'"{doubled.upper()}"' if dialect == "snowflake" else f'"{doubled}"'


def names(columns: Sequence[str], dialect: Dialect) -> str:
    """Columns' names quoted, with commas between."""
    return ", ".join(quote(name, dialect) for name in columns)


def _column(column: Column, dialect: Dialect) -> str:
    text = f"{quote(column.name, dialect)} {column_type(column.type, dialect, column.max_length)}"
    if column.key_position is not None:
        text += " NOT NULL"
    if column.description and dialect != "redshift":  # Redshift has no comments inside CREATE TABLE
        text += f" COMMENT {string(column.description, dialect)}"
    return text


def _options(contract: Contract, load: Load, dialect: Dialect) -> list[str]:
    if dialect == "delta":
        options = ["USING DELTA"]
        if load.partition_by:
            options.append(f"PARTITIONED BY ({names(load.partition_by, dialect)})")
        if load.cluster_by:
            options.append(f"CLUSTER BY ({names(load.cluster_by, dialect)})")
        if contract.description:
            options.append(f"COMMENT {string(contract.description, dialect)}")
        on = ", ".join(f"'delta.{name}' = 'true'" for name in ("enableChangeDataFeed", "enableDeletionVectors"))
        return [*options, f"TBLPROPERTIES ({on})"]
    laid_out = load.cluster_by or load.partition_by
    options = []
    if dialect == "snowflake":
        if laid_out:
            options.append(f"CLUSTER BY ({names(laid_out, dialect)})")
        if contract.description:
            options.append(f"COMMENT = {string(contract.description, dialect)}")
        return options
    if contract.keys:
        options.append(f"DISTSTYLE KEY DISTKEY ({quote(contract.keys[0], dialect)})")
    if laid_out:
        options.append(f"COMPOUND SORTKEY ({names(laid_out, dialect)})")
    return options


def string(text: str, dialect: Dialect) -> str:
    """A string literal on one line; Spark escapes with backslashes, warehouses with both."""
    one_line = sql_text(text).replace("\\", "\\\\")
    return "'" + one_line.replace("'", "\\'" if dialect == "delta" else "''") + "'"
