"""Snowflake through its Python connector."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import snowflake.connector
from snowflake.connector.constants import FIELD_ID_TO_NAME
from snowflake.connector.errors import DatabaseError, Error, InterfaceError, OperationalError

from tidemark.warehouses import ResultColumn, Trouble, Warehouse, quoted

LOGIN_SECONDS = 10
NETWORK_SECONDS = 120
_PLACE_SETTINGS = ("account", "host", "port", "protocol", "database", "warehouse", "role")
# Times of day as text with all of their digits: as is the default, they are cut to seconds.
# Parquet by the columns' types: by their values, as is the default, the files of one unload may differ.
_SESSION = {
    "TIMEZONE": "UTC",
    "TIME_OUTPUT_FORMAT": "HH24:MI:SS.FF9",
    "QUERY_TAG": "tidemark",
    "CLIENT_TELEMETRY_ENABLED": False,
    "ENABLE_UNLOAD_PHYSICAL_TYPE_OPTIMIZATION": False,
}
_CREDENTIALS = {*range(390100, 390200), 390302, 390303, 390318}  # the last ones: tokens of OAuth
_MISSING = {2003, 2043, 90105, 90106}
_LOCKED = {625, 628, 639}
_NO_CONNECTION = range(250001, 252000)


class Snowflake(Warehouse):
    """One account, with the database, warehouse and role of the connection's settings."""

    title = "Snowflake"
    dialect = "snowflake"

    def connect(self) -> Any:
        settings, secret = self.connection.settings, self.connection.secret
        session = {
            "login_timeout": int(settings.get("login_timeout", LOGIN_SECONDS)),
            "network_timeout": int(settings.get("network_timeout", NETWORK_SECONDS)),
            "session_parameters": dict(_SESSION),
            "application": "tidemark",
        }
        if self.connection.login is not None:
            return self.connection.login(self.connection, session)
        place = {name: settings[name] for name in _PLACE_SETTINGS if settings.get(name) is not None}
        return snowflake.connector.connect(**place, **session, user=secret["user"], password=secret["password"])

    def trouble(self, failure: Exception) -> Trouble:
        number = failure.errno if isinstance(failure, Error) else None
        if number in _CREDENTIALS or "Incorrect username or password" in str(failure):
            return Trouble.CREDENTIALS
        if number in _MISSING:
            return Trouble.MISSING
        if number in _LOCKED:
            return Trouble.CONFLICT
        if isinstance(failure, InterfaceError | OperationalError | OSError) or number in _NO_CONNECTION:
            return Trouble.UNREACHABLE
        # HTTP 5xx, throttling and the like are errors of their own, outside the DB-API's tree
        if isinstance(failure, Error) and not isinstance(failure, DatabaseError):
            return Trouble.UNREACHABLE
        return Trouble.REFUSED

    def message(self, failure: Exception) -> str:
        return str(failure.msg) if isinstance(failure, Error) and failure.msg else str(failure)

    def result_column(self, described: Sequence[Any]) -> ResultColumn:
        return ResultColumn(str(described[0]), str(FIELD_ID_TO_NAME[described[1]]))

    def is_time(self, column: ResultColumn) -> bool:
        return column.type == "DATE" or column.type.startswith("TIMESTAMP")

    def is_local(self, column: ResultColumn) -> bool:
        return column.type in ("TIMESTAMP_NTZ", "TIMESTAMP")

    def is_number(self, column: ResultColumn) -> bool:
        return column.type == "FIXED"

    def fold(self, name: str) -> str:
        return name.upper()

    def timestamp(self, instant: datetime) -> str:
        return f"'{instant.isoformat(sep=' ', timespec='microseconds')}'::TIMESTAMP_NTZ"

    def hashed(self, columns: Sequence[ResultColumn]) -> str | None:
        return f"HASH_AGG({', '.join(quoted(column.name) for column in columns)})::VARCHAR"
