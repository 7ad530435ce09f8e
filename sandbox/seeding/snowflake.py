"""Snowflake: database SHOP with the sales schema and an empty GOLD schema."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import pyarrow as pa
import snowflake.connector
from snowflake.connector.cursor import SnowflakeCursor

from sandbox.credentials import SNOWFLAKE
from sandbox.home import Endpoints
from sandbox.seeding.exchange import by_columns, staged
from sandbox.services.listen import LOOPBACK
from sandbox.shop import CUSTOMERS, ORDERS, PRODUCTS, Day, SourceColumn, arrow_table

DATABASE = "SHOP"
SALES, GOLD = "SALES", "GOLD"


@contextmanager
def session(endpoints: Endpoints, database: str | None = DATABASE) -> Iterator[SnowflakeCursor]:
    """A cursor of a new session."""
    connection = snowflake.connector.connect(
        account="fakesnow",
        host=LOOPBACK,
        port=endpoints.port("snowflake"),
        protocol="http",
        user=SNOWFLAKE.user,
        password=SNOWFLAKE.password,
        database=database,
        login_timeout=30,
        network_timeout=60,
        session_parameters={"CLIENT_TELEMETRY_ENABLED": False},
    )
    with closing(connection), connection.cursor() as cursor:
        yield cursor


def prepare(endpoints: Endpoints) -> None:
    """Creates the database, its schemas, and the source tables as they are on the first day."""
    with session(endpoints, database=None) as cursor:
        cursor.execute(f"CREATE DATABASE {DATABASE}")
        for schema in (SALES, GOLD):
            cursor.execute(f"CREATE SCHEMA {DATABASE}.{schema}")
        for table in (CUSTOMERS, ORDERS, PRODUCTS):
            columns = ", ".join(f"{column.name} {column.sql_type}" for column in table.columns_on(1))
            cursor.execute(f"CREATE TABLE {DATABASE}.{table.name} ({columns})")


def load(endpoints: Endpoints, days: Sequence[Day]) -> None:
    """Appends the days' row versions and replaces the products by the last day's; a new column is added first."""
    with session(endpoints) as cursor:
        groups = {
            table.name: list(by_columns([day.inserts[table.name] for day in days])) for table in (CUSTOMERS, ORDERS)
        }
        for table in (CUSTOMERS, ORDERS):
            for columns, _rows in groups[table.name]:
                _add_missing(cursor, table.name, columns)
        cursor.execute("BEGIN")
        for name, parts in groups.items():
            for _columns, rows in parts:
                _copy(endpoints, cursor, name, rows)
        cursor.execute(f"DELETE FROM {PRODUCTS.name}")
        _copy(endpoints, cursor, PRODUCTS.name, arrow_table(days[-1].products))
        cursor.execute("COMMIT")


def _add_missing(cursor: SnowflakeCursor, table: str, columns: Sequence[SourceColumn]) -> None:
    for column in columns:
        if column.since_day > 1:
            cursor.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column.name} {column.sql_type}")


def _copy(endpoints: Endpoints, cursor: SnowflakeCursor, table: str, rows: pa.Table) -> None:
    if rows.num_rows == 0:
        return
    with staged(endpoints, rows) as uri:
        folder, _, file = uri.rpartition("/")
        cursor.execute(
            f"COPY INTO {table} FROM '{folder}/' FILES = ('{file}')"
            " FILE_FORMAT = (TYPE = PARQUET) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE"
        )
