"""Redshift through its Python connector."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any

import redshift_connector
from redshift_connector.error import InterfaceError, OperationalError

from tidemark.warehouses import ResultColumn, Trouble, Warehouse, literal, quoted

if TYPE_CHECKING:
    from tidemark.config.connections import ConnectionValue

REACH_SECONDS = 10
STATEMENT_SECONDS = 3600
DEFAULT_PORT = 5439
_LOCAL_TIME = "1114"  # object id of timestamp
_TIME_TYPES = {"1082", _LOCAL_TIME, "1184"}  # object ids of date, timestamp, timestamptz
_NUMBER_TYPES = {"20", "21", "23", "1700"}  # bigint, smallint, integer, numeric
_TEXT_TYPES = {"25", "1042", "1043"}
_HASHED_TYPES = {"16", "20", "21", "23", "700", "701", "1083", "1266", "1700", *_TIME_TYPES, *_TEXT_TYPES}
_CREDENTIALS = {"28000", "28P01"}
_MISSING = {"42P01", "3D000", "3F000", "42501"}
_CONFLICTS = {"40001", "40P01", "55P03"}
_SHUTTING_DOWN = {"57P01", "57P02", "57P03", "08000", "08003", "08006", "53300"}


class Redshift(Warehouse):
    """One cluster or workgroup, with the database of the connection's settings."""

    title = "Redshift"
    dialect = "redshift"

    def connect(self) -> Any:
        settings, secret = self.connection.settings, self.connection.secret
        host, port = str(settings["host"]), int(settings.get("port", DEFAULT_PORT))
        # The driver's time-out covers every statement of the connection: an address that is dead must show sooner.
        socket.create_connection((host, port), REACH_SECONDS).close()
        connection = redshift_connector.connect(
            host=host,
            port=port,
            database=settings["database"],
            user=secret["user"],
            password=secret["password"],
            ssl=bool(settings.get("ssl", True)),
            sslmode=str(settings.get("sslmode", "verify-full")),  # whose certificate it is, too
            timeout=int(settings.get("statement_timeout", STATEMENT_SECONDS)),
            application_name="tidemark",
        )
        connection.autocommit = True
        with closing(connection.cursor()) as cursor:
            cursor.execute("SET timezone TO 'UTC'")  # a user may have another, in which literals would be read
        return connection

    def trouble(self, failure: Exception) -> Trouble:
        answer = _answer(failure)
        code = answer.get("C", "")
        if code in _CREDENTIALS:  # of which the driver makes an InterfaceError, too
            return Trouble.CREDENTIALS
        if isinstance(failure, InterfaceError | OperationalError | OSError):
            return Trouble.UNREACHABLE
        if code in _MISSING:
            return Trouble.MISSING
        if code in _CONFLICTS or (code == "XX000" and "1023" in answer.get("M", "")):
            return Trouble.CONFLICT
        return Trouble.UNREACHABLE if code in _SHUTTING_DOWN else Trouble.REFUSED

    def message(self, failure: Exception) -> str:
        answer = _answer(failure)
        if not answer:
            return ": ".join(str(argument) for argument in failure.args) or type(failure).__name__
        detail = f" ({answer['D'].strip()})" if answer.get("D") else ""
        return f"{answer.get('M', '').strip()}{detail}"

    def result_column(self, described: Sequence[Any]) -> ResultColumn:
        name = described[0]
        return ResultColumn(name.decode() if isinstance(name, bytes) else str(name), str(described[1]))

    def is_time(self, column: ResultColumn) -> bool:
        return column.type in _TIME_TYPES

    def is_local(self, column: ResultColumn) -> bool:
        return column.type == _LOCAL_TIME

    def is_number(self, column: ResultColumn) -> bool:
        return column.type in _NUMBER_TYPES

    def fold(self, name: str) -> str:
        return name.lower()

    def timestamp(self, instant: datetime) -> str:
        return f"TIMESTAMP '{instant.isoformat(sep=' ', timespec='microseconds')}'"

    def hashed(self, columns: Sequence[ResultColumn]) -> str | None:
        if any(column.type not in _HASHED_TYPES for column in columns):
            return None
        row = "0"
        for number, column in enumerate(columns):
            # Blanks at the end of a text are not hashed, so that something has to stand behind them.
            value = f"{quoted(column.name)} || '.'" if column.type in _TEXT_TYPES else quoted(column.name)
            row = f"FNV_HASH(COALESCE(FNV_HASH({value}), {number}), {row})"
        return f"CAST(COALESCE(SUM(CAST({row} AS DECIMAL(38, 0))), 0) AS VARCHAR)"


def _answer(failure: Exception) -> Mapping[str, str]:
    """The fields of the server's error message; {} when the failure is not one."""
    first = failure.args[0] if failure.args else None
    return first if isinstance(first, dict) else {}


def s3_access(connection: ConnectionValue) -> str:
    """The clause that lets COPY and UNLOAD reach S3: by a role, never by keys in the statement."""
    role = connection.settings.get("iam_role")
    return f"IAM_ROLE {literal(str(role))}" if role else "IAM_ROLE DEFAULT"
