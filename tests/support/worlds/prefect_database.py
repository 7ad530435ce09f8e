"""What Prefect's database holds, as text."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg

from sandbox.home import Home
from sandbox.services.postgres import SUPERUSER, socket_directory
from sandbox.services.prefect import DATABASE


def tables(home: Path) -> dict[str, bytes]:
    """All rows of each table of the sandbox's Prefect."""
    return dict(asyncio.run(_tables(socket_directory(Home(home).postgres))))


async def _tables(sockets: Path) -> list[tuple[str, bytes]]:
    connection = await asyncpg.connect(host=str(sockets), user=SUPERUSER, database=DATABASE)
    try:
        found = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        names = [row["tablename"] for row in found]
        return [(name, repr(await connection.fetch(f'SELECT t::text FROM "{name}" AS t')).encode()) for name in names]
    finally:
        await connection.close()
