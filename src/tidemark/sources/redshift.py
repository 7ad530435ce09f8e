"""Redshift as a source: `UNLOAD … FORMAT PARQUET`, with the IAM role that the connection names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidemark.sources.unload import UnloadSource
from tidemark.warehouses import ResultColumn, Session, Warehouse, literal, quoted
from tidemark.warehouses.redshift import Redshift, s3_access

if TYPE_CHECKING:
    from tidemark.config.connections import ConnectionValue

_TIMES_OF_DAY = {"1083", "1266"}  # object ids of time, timetz


class RedshiftSource(UnloadSource):
    """Tables and views of Redshift."""

    kind = "redshift"

    def warehouse(self, connection: ConnectionValue) -> Warehouse:
        return Redshift(connection)

    def unload(self, session: Session, query: str, location: str, connection: ConnectionValue) -> int:
        session.run(f"UNLOAD ({literal(query)}) TO {literal(location)} {s3_access(connection)} FORMAT AS PARQUET")
        (rows,) = session.one("SELECT pg_last_unload_count()")
        return int(rows)

    def expression(self, column: ResultColumn) -> str:
        """Times of day come in types that Spark lacks."""
        name = quoted(column.name)
        return f"CAST({name} AS VARCHAR)" if column.type in _TIMES_OF_DAY else name
