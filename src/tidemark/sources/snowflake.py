"""Snowflake as a source: `COPY INTO 's3://…'`, by a storage integration where the connection names one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidemark.sources.unload import UnloadSource
from tidemark.warehouses import ResultColumn, Session, Warehouse, literal, quoted
from tidemark.warehouses.snowflake import Snowflake

if TYPE_CHECKING:
    from tidemark.config.connections import ConnectionValue

_ZONED = ("TIMESTAMP_TZ", "TIMESTAMP_LTZ")
_AS_TEXT = ("VARIANT", "OBJECT", "ARRAY")


class SnowflakeSource(UnloadSource):
    """Tables and views of Snowflake."""

    kind = "snowflake"

    def warehouse(self, connection: ConnectionValue) -> Warehouse:
        return Snowflake(connection)

    def unload(self, session: Session, query: str, location: str, connection: ConnectionValue) -> int:
        integration = connection.settings.get("storage_integration")
        access = f" STORAGE_INTEGRATION = {session.warehouse.name(integration)}" if integration else ""
        answer = session.one(
            f"COPY INTO {literal(location)} FROM ({query}){access} FILE_FORMAT = (TYPE = PARQUET) HEADER = TRUE"
        )
        return int(answer[0])

    def expression(self, column: ResultColumn) -> str:
        """Unloads to Parquet refuse times with zones; nested values and times of day come in types Spark lacks."""
        name = quoted(column.name)
        if column.type in _ZONED:
            return f"CONVERT_TIMEZONE('UTC', {name})::TIMESTAMP_NTZ"
        if column.type == "TIME":
            text = f"{name}::VARCHAR"
            return f"CASE WHEN {text} LIKE '%.%' THEN RTRIM(RTRIM({text}, '0'), '.') ELSE {text} END"
        return f"{name}::VARCHAR" if column.type in _AS_TEXT else name
