"""Reads published tables with the warehouses' own clients."""

from __future__ import annotations

from typing import Any

from sandbox.credentials import REDSHIFT, SNOWFLAKE
from sandbox.home import Endpoints


def rows(endpoints: Endpoints, warehouse: str, table: str) -> list[dict[str, Any]]:
    """All rows of a published gold table, columns in lower case."""
    connect = {"snowflake": _snowflake, "redshift": _redshift}[warehouse]
    connection = connect(endpoints)
    try:
        cursor = connection.cursor()
        cursor.execute(f"SELECT * FROM {'GOLD' if warehouse == 'snowflake' else 'gold'}.{table}")
        names = [str(column[0]).lower() for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
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
    )


def _redshift(endpoints: Endpoints) -> Any:
    import redshift_connector

    return redshift_connector.connect(
        host="127.0.0.1",
        port=endpoints.port("redshift"),
        database="shop",
        user=REDSHIFT.user,
        password=REDSHIFT.password,
        ssl=False,
    )
