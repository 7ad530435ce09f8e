"""PostgreSQL and Redshift on it: the databases `prefect` and `shop`, the latter with schemas analytics and gold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import asyncpg
import redshift_connector
from redshift_connector.core import Connection

from sandbox.credentials import REDSHIFT
from sandbox.home import Endpoints
from sandbox.seeding.exchange import by_columns, staged
from sandbox.services import prefect
from sandbox.services.listen import LOOPBACK
from sandbox.services.postgres import SUPERUSER
from sandbox.shop import BEHAVIOR, Day

DATABASE = "shop"
ANALYTICS, GOLD = "analytics", "gold"
FUNCTIONS = """
CREATE FUNCTION pg_last_{name}_count() RETURNS bigint LANGUAGE sql AS
$$ SELECT coalesce(nullif(current_setting('tidemark.last_{name}_count', true), ''), '0')::bigint $$;
"""
# Another hash than Redshift's, of the same kind: 64 bits, by a seed, of no blanks at the end of a text.
FNV_HASH = """
CREATE FUNCTION fnv_hash(value anyelement, seed bigint DEFAULT 0) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT hashtextextended(rtrim(value::text), seed) $$;
"""
# Of the bases only the hexadecimal one.
STRTOL = """
CREATE FUNCTION strtol(digits text, base integer) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT CASE WHEN base = 16 THEN ('x' || lpad(digits, 16, '0'))::bit(64)::bigint END $$;
"""
GETDATE = "CREATE FUNCTION getdate() RETURNS timestamp LANGUAGE sql AS $$ SELECT now()::timestamp(0) $$"


async def _is_ready(socket_directory: Path) -> bool:
    try:
        async with _administrator(socket_directory, "postgres"):
            return True
    except (OSError, asyncpg.CannotConnectNowError):
        return False


def is_ready(socket_directory: Path) -> bool:
    """Whether PostgreSQL takes connections."""
    return asyncio.run(_is_ready(socket_directory))


def create_databases(socket_directory: Path) -> None:
    """Makes an empty `shop` for Redshift's user, and `prefect` unless it is there: its history may stay."""
    asyncio.run(_create_databases(socket_directory))


async def _create_databases(socket_directory: Path) -> None:
    async with _administrator(socket_directory, "postgres") as connection:
        await connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", REDSHIFT.user):
            await connection.execute(f"CREATE ROLE {REDSHIFT.user} LOGIN PASSWORD '{REDSHIFT.password}'")
        await connection.execute(f"CREATE DATABASE {DATABASE} OWNER {REDSHIFT.user}")
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", prefect.DATABASE):
            await connection.execute(f"CREATE DATABASE {prefect.DATABASE}")
    async with _administrator(socket_directory, DATABASE) as connection:
        for name in ("copy", "unload"):
            await connection.execute(FUNCTIONS.format(name=name))
        await connection.execute(GETDATE)
        await connection.execute(FNV_HASH)
        await connection.execute(STRTOL)


@asynccontextmanager
async def _administrator(socket_directory: Path, database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(host=str(socket_directory), user=SUPERUSER, database=database)
    try:
        yield connection
    finally:
        await connection.close()


def session(endpoints: Endpoints) -> Connection:
    """A new session of Redshift's user; the caller closes it."""
    return redshift_connector.connect(
        host=LOOPBACK,
        port=endpoints.port("redshift"),
        database=DATABASE,
        user=REDSHIFT.user,
        password=REDSHIFT.password,
        ssl=False,
    )


def prepare(endpoints: Endpoints) -> None:
    """Creates the schemas and the source table."""
    columns = ", ".join(f"{column.name} {column.sql_type}" for column in BEHAVIOR.columns)
    with closing(session(endpoints)) as connection, connection.cursor() as cursor:
        for schema in (ANALYTICS, GOLD):
            cursor.execute(f"CREATE SCHEMA {schema}")
        cursor.execute(f"CREATE TABLE {BEHAVIOR.name} ({columns}) SORTKEY (loaded_at)")
        connection.commit()


def load(endpoints: Endpoints, days: Sequence[Day]) -> None:
    """Appends the days' events in one transaction."""
    with closing(session(endpoints)) as connection, connection.cursor() as cursor:
        for _columns, rows in by_columns([day.inserts[BEHAVIOR.name] for day in days]):
            with staged(endpoints, rows) as uri:
                cursor.execute(f"COPY {BEHAVIOR.name} FROM '{uri}' IAM_ROLE DEFAULT FORMAT AS PARQUET")
        connection.commit()
