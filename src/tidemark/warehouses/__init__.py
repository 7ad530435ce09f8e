"""Warehouses as sources and targets both use them: sessions, safe names and literals, failures by their kind.

Not here: what is read from them or written to them.
"""

from __future__ import annotations

import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from tidemark.instants import as_utc
from tidemark.redaction import redact

if TYPE_CHECKING:
    from tidemark.compile.ddl import Dialect
    from tidemark.config.connections import ConnectionValue

log = logging.getLogger(__name__)

_PART = re.compile(r'\s*(?:"((?:[^"]|"")+)"|([^".]+?))\s*(?:\.|$)')
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


class Trouble(Enum):
    """Why a warehouse did not do what it was asked."""

    UNREACHABLE = "it cannot be reached"
    CREDENTIALS = "it refuses the credentials"
    MISSING = "there is no such object, or this user may not see it"
    CONFLICT = "another transaction was in the way"
    HALF = "what it wrote is not what it says"
    REFUSED = "it refuses the statement"

    @property
    def passes(self) -> bool:
        """Whether the same may work a moment later."""
        return self in (Trouble.UNREACHABLE, Trouble.CONFLICT, Trouble.HALF)


class WarehouseError(Exception):
    """A statement or login that failed; `said` is the warehouse's own message, without secrets."""

    def __init__(self, trouble: Trouble, said: str) -> None:
        super().__init__(f"{trouble.value}: {said}")
        self.trouble = trouble
        self.said = said


@dataclass(frozen=True)
class ResultColumn:
    """A column of a result: its name as the warehouse writes it, and the driver's name for its type."""

    name: str
    type: str


class Session:
    """One open connection to `warehouse`. Statements outside `transaction` commit by themselves."""

    def __init__(self, warehouse: Warehouse, connection: Any) -> None:
        self.warehouse = warehouse
        self._connection = connection

    def run(self, sql: str) -> None:
        """Runs a statement; raises `WarehouseError`."""
        self.rows(sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a statement, [] for one that gives none: counts, bounds, never the data of a table."""
        with self._cursor(sql) as cursor:
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def one(self, sql: str) -> tuple[Any, ...]:
        """The only row of a statement."""
        (row,) = self.rows(sql)
        return row

    def clock(self) -> datetime:
        """The warehouse's own clock (naive UTC)."""
        (told,) = self.one("SELECT CURRENT_TIMESTAMP")
        instant: datetime = told
        return as_utc(instant)

    def columns(self, relation: str) -> tuple[ResultColumn, ...]:
        """The columns of a table; raises `WarehouseError` (`MISSING`) when there is none."""
        with self._cursor(f"SELECT * FROM {relation} LIMIT 0") as cursor:
            return tuple(self.warehouse.result_column(described) for described in cursor.description)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction around the block: committed at its end, rolled back when the block raises."""
        self.run("BEGIN")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def close(self) -> None:
        """Ends the session; what was not committed is lost. A connection that is gone already is closed, too."""
        try:
            self._connection.close()
        except Exception as failure:
            if self.warehouse.trouble(failure) is not Trouble.UNREACHABLE:
                raise

    def _roll_back(self) -> None:
        """Where the connection is lost the warehouse rolls back by itself; the first failure is the one to tell."""
        try:
            self.run("ROLLBACK")
        except WarehouseError as second:
            log.warning("the transaction was left to the warehouse to roll back: %s", second)

    @contextmanager
    def _cursor(self, sql: str) -> Iterator[Any]:
        try:
            cursor = self._connection.cursor()
            try:
                cursor.execute(sql)
                yield cursor
            finally:
                cursor.close()
        except Exception as failure:
            raise self.warehouse.failed(failure) from None


class Warehouse(ABC):
    """How to talk to one kind of warehouse at one connection."""

    title: str
    dialect: Dialect

    def __init__(self, connection: ConnectionValue) -> None:
        self.connection = connection

    @abstractmethod
    def connect(self) -> Any:
        """Opens the driver's connection."""

    @abstractmethod
    def trouble(self, failure: Exception) -> Trouble:
        """What a failure of the driver means."""

    @abstractmethod
    def message(self, failure: Exception) -> str:
        """What a failure of the driver says, in one line or few."""

    @abstractmethod
    def result_column(self, described: Sequence[Any]) -> ResultColumn:
        """A column from an entry of the driver's `description`."""

    @abstractmethod
    def is_time(self, column: ResultColumn) -> bool:
        """Whether a column holds dates or timestamps."""

    @abstractmethod
    def is_local(self, column: ResultColumn) -> bool:
        """Whether a column holds times without a zone."""

    @abstractmethod
    def is_number(self, column: ResultColumn) -> bool:
        """Whether a column holds exact numbers."""

    @abstractmethod
    def fold(self, name: str) -> str:
        """A name without quotes as the warehouse stores it."""

    @abstractmethod
    def timestamp(self, instant: datetime) -> str:
        """A literal for an instant (naive UTC)."""

    @abstractmethod
    def hashed(self, columns: Sequence[ResultColumn]) -> str | None:
        """An aggregate: text that differs, but for an accident, when any value of any row does, in whatever order.

        None where a column has a type that cannot be hashed.
        """

    def open(self) -> Session:
        """A session, to be closed by whoever asked; raises `WarehouseError`.

        Credentials that are refused are fetched again once: somebody may have rotated them.
        """
        try:
            return self._login()
        except WarehouseError as failure:
            rotated = self.connection.rotated() if failure.trouble is Trouble.CREDENTIALS else None
            if rotated is None:
                raise
        self.connection = rotated
        return self._login()

    def _login(self) -> Session:
        try:
            return Session(self, self.connect())
        except Exception as failure:
            raise self.failed(failure) from None

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session that is closed at the end; raises `WarehouseError`."""
        session = self.open()
        try:
            yield session
        finally:
            session.close()

    def failed(self, failure: Exception) -> WarehouseError:
        """The driver's failure as ours. The driver's own is not chained: nobody knows what it carries along."""
        if isinstance(failure, WarehouseError):
            return failure
        return WarehouseError(self.trouble(failure), redact(self.message(failure)))

    def name(self, text: str) -> str:
        """A qualified name (`SALES.ORDERS`, `"my schema"."t"`) quoted; parts without quotes are folded."""
        return ".".join(quoted(part) for part in self.name_parts(text))

    def name_parts(self, text: str) -> tuple[str, ...]:
        """The parts of a qualified name, as the warehouse stores them."""
        parts, position = [], 0
        while position < len(text):
            match = _PART.match(text, position)
            if match is None:
                raise WarehouseError(Trouble.MISSING, f"{text!r} is not a table's name")
            inside, bare = match.groups()
            parts.append(inside.replace('""', '"') if inside else self._stored(bare))
            position = match.end()
        return tuple(parts)

    def place(self) -> str:
        """Where the warehouse is, for messages."""
        settings = self.connection.settings
        host = settings.get("host") or settings.get("account", "")
        return f"{self.title} at {host}{':' + str(settings['port']) if settings.get('port') else ''}"

    def advice(self, trouble: Trouble) -> str:
        """What a person can do about it."""
        secret = self.connection.secret.name or "of the connection"
        return {
            Trouble.UNREACHABLE: f"check that {self.place()} is up and can be reached from here, then run again",
            Trouble.CREDENTIALS: f"correct the credentials in the secret {secret}, then run again",
            Trouble.MISSING: "correct the name in the load file, or grant this user access",
            Trouble.CONFLICT: "let the other run finish, then run again",
            Trouble.HALF: "look whether something else writes to or tidies up `exchange`, then run again",
            Trouble.REFUSED: "read the warehouse's message above",
        }[trouble]

    def _stored(self, bare: str) -> str:
        return self.fold(bare) if _PLAIN.fullmatch(bare) else bare


def quoted(name: str) -> str:
    """A stored name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """An SQL string; backslashes are refused, because warehouses disagree on what they mean."""
    if "\\" in text:
        raise WarehouseError(Trouble.REFUSED, "a backslash in a name or address is not supported")
    return "'" + text.replace("'", "''") + "'"
