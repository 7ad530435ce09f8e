"""Reads published tables with the warehouses' own clients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sandbox.credentials import REDSHIFT, SNOWFLAKE
from sandbox.home import Endpoints


def rows(endpoints: Endpoints, warehouse: str, table: str) -> list[dict[str, Any]]:
    """All rows of a published gold table, columns in lower case."""
    with cursor(endpoints, warehouse) as asked:
        asked.execute(f"SELECT * FROM gold.{table}")
        names = [str(column[0]).lower() for column in asked.description]
        return [dict(zip(names, row, strict=True)) for row in asked.fetchall()]


def answer(endpoints: Endpoints, warehouse: str, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    with cursor(endpoints, warehouse) as asked:
        asked.execute(query)
        return [tuple(row) for row in asked.fetchall()]


def forget(endpoints: Endpoints, warehouse: str, table: str) -> None:
    """Takes the note of what it has of a table from a warehouse: the next publish loads all of it."""
    with cursor(endpoints, warehouse) as asked:
        asked.execute(f"DELETE FROM gold.tidemark_releases WHERE table_name = '{table}'")


@contextmanager
def cursor(endpoints: Endpoints, warehouse: str) -> Iterator[Any]:
    """A cursor of a new session, in which every statement commits by itself."""
    connection = {"snowflake": _snowflake, "redshift": _redshift}[warehouse](endpoints)
    try:
        yield connection.cursor()
    finally:
        connection.close()


def _snowflake(endpoints: Endpoints) -> Any:
    import snowflake.connector

    return snowflake.connector.connect(
        account="fakesnow",
        host="127.0.0.1",
        port=endpoints.port("snowflake"),
        protocol="http",
        user=SNOWFLAKE.user,
        password=SNOWFLAKE.password,
        database="SHOP",
        session_parameters={"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False},
        network_timeout=30,
        autocommit=True,
    )


def _redshift(endpoints: Endpoints) -> Any:
    import redshift_connector

    connection = redshift_connector.connect(
        host="127.0.0.1",
        port=endpoints.port("redshift"),
        database="shop",
        user=REDSHIFT.user,
        password=REDSHIFT.password,
        ssl=False,
    )
    connection.autocommit = True
    return connection
