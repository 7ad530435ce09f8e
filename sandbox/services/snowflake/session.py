"""fakesnow's sessions with what an extraction and a publication need beyond it.

`COPY INTO 's3://…'` unloads (see `snowflake_unload`), `COPY INTO <table> FROM 's3://…'` may name a storage integration,
keys are not enforced (as in the real warehouse), and what the stand-in cannot do is an SQL error that says so, where
fakesnow would answer HTTP 500 and the client would repeat the statement for minutes.

DuckDB refuses at once what Snowflake lets wait: a statement outside a transaction is tried again, and a transaction
whose client fell silent is ended as soon as anyone else works, as Snowflake does with one that blocks others.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import duckdb
from fakesnow.conn import FakeSnowflakeConnection
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.instance import FakeSnow
from fakesnow.rowtype import duckdb_to_sf_type
from snowflake.connector.cursor import DictCursor, SnowflakeCursor
from snowflake.connector.errors import OperationalError, ProgrammingError
from sqlglot import Expr, exp

from sandbox.services.cloud.object_store import object_store
from sandbox.services.snowflake.login import Users
from sandbox.services.snowflake.unload import Unload

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

RESULTS_KEPT = 64
DONE = "SELECT 'Statement executed successfully.' AS status"
ATTEMPTS, PAUSE = 50, 0.1
UNENFORCED = (exp.PrimaryKey, exp.PrimaryKeyColumnConstraint, exp.UniqueColumnConstraint, exp.ForeignKey, exp.Reference)


class RecentResults(OrderedDict[str, tuple[Any, ...]]):
    """The last results by query id; fakesnow would keep every result for good."""

    def __setitem__(self, query_id: str, result: tuple[Any, ...]) -> None:
        super().__setitem__(query_id, result)
        if len(self) > RESULTS_KEPT:
            self.popitem(last=False)


class SandboxSnow(FakeSnow):
    """The account: one DuckDB for all sessions, with `s3://` on the sandbox's S3."""

    def __init__(self, memory_limit: str, spill_directory: str, silence: float) -> None:
        """`silence`: seconds without a statement after which the client of an open transaction counts as gone."""
        super().__init__(create_database_on_connect=False, create_schema_on_connect=False)
        self._silence = silence
        self.users = Users()
        self.results_cache = RecentResults()
        self._sessions: WeakSet[SandboxConnection] = WeakSet()
        self.store = object_store()
        self.duck_conn.register_filesystem(self.store)
        self.duck_conn.execute("SET GLOBAL memory_limit = ?", [memory_limit])
        self.duck_conn.execute("SET GLOBAL temp_directory = ?", [spill_directory])
        # Row order is no promise of a warehouse, and keeping it makes DuckDB hold whole results.
        self.duck_conn.execute("SET GLOBAL preserve_insertion_order = false")

    def connect(
        self,
        database: str | None = None,
        schema: str | None = None,
        nop_regexes: list[str] | None = None,
        **kwargs: Any,
    ) -> SandboxConnection:
        """A session of its own; a database or schema that is not there is simply not current."""
        session = SandboxConnection(
            self,
            database,
            schema,
            create_database=self.create_database_on_connect,
            create_schema=self.create_schema_on_connect,
            nop_regexes=nop_regexes or self.nop_regexes,
            **kwargs,
        )
        self._sessions.add(session)
        return session

    def end_abandoned_transactions(self, caller: SandboxConnection) -> None:
        """Rolls back what silent sessions, other than the caller's, have left open."""
        for session in list(self._sessions):
            if session is not caller:
                session.roll_back_if_abandoned(self._silence)


class SandboxConnection(FakeSnowflakeConnection):
    """One session."""

    def __init__(self, account: SandboxSnow, database: str | None, schema: str | None, **kwargs: Any) -> None:
        super().__init__(account.duck_conn.cursor(), account.results_cache, database, schema, **kwargs)
        self.account = account
        self._lock = threading.Lock()
        self._last_statement = time.monotonic()
        self._began = False
        self._was_aborted = False

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, begun by the client or by a statement with autocommit off."""
        return self._began or self._in_transaction

    @contextlib.contextmanager
    def statement(self, command: str) -> Iterator[None]:
        """The time in which a statement of the client runs.

        Raises ProgrammingError on the first one after a rollback behind the client's back, unless it rolls back itself.
        """
        with self._lock:
            aborted, self._was_aborted = self._was_aborted, False
            try:
                if aborted and not command.lstrip().upper().startswith("ROLLBACK"):
                    text = "Transaction was aborted: its client was silent for long while others worked"
                    raise ProgrammingError(msg=text, errno=625, sqlstate="57014")
                yield
            finally:
                self._last_statement = time.monotonic()

    def keep_books(self, statement: Expr) -> None:
        """Notes that a statement that has run began or ended a transaction."""
        if isinstance(statement, exp.Transaction):
            self._began = True
        elif isinstance(statement, (exp.Commit, exp.Rollback)):
            self._began = False

    def roll_back_if_abandoned(self, silence: float) -> None:
        """Ends an open transaction whose client has been silent for some seconds."""
        if self.in_transaction and self._lock.acquire(blocking=False):
            try:
                if time.monotonic() - self._last_statement > silence:
                    with contextlib.suppress(duckdb.TransactionException):  # it may have ended by failing
                        self._duck_conn.rollback()
                    self._began = self._in_transaction = False
                    self._was_aborted = True
            finally:
                self._lock.release()

    def cursor(self, cursor_class: type[SnowflakeCursor] = SnowflakeCursor) -> SandboxCursor:
        """A cursor on the session's DuckDB connection."""
        return SandboxCursor(self, self._duck_conn, use_dict_result=issubclass(cursor_class, DictCursor))


class SandboxCursor(FakeSnowflakeCursor):
    """Runs statements; every failure is an error of the Snowflake connector."""

    def __init__(self, session: SandboxConnection, duck: DuckDBPyConnection, *, use_dict_result: bool) -> None:
        super().__init__(session, duck, use_dict_result)
        self._session = session

    def execute(self, command: str, params: Any = None, *args: Any, **kwargs: Any) -> SandboxCursor:
        """Runs one statement. Raises ProgrammingError or OperationalError only."""
        self._session.account.end_abandoned_transactions(self._session)
        if self._session.account.users.altered(command):
            command, params = DONE, None
        with self._session.statement(command):
            for attempt in count(1):
                try:
                    super().execute(command, params, *args, **kwargs)
                except (ProgrammingError, OperationalError):
                    raise
                except duckdb.TransactionException as error:
                    if attempt == ATTEMPTS or self._session.in_transaction:
                        raise _sql_error(error) from error
                    time.sleep(PAUSE)
                except Exception as error:
                    raise _sql_error(error) from error
                else:
                    break
        return self

    def check_db_and_schema(self, expression: Expr) -> None:
        """The location of an unload is not a table that needs a database."""
        if Unload.matches(expression):
            expression = expression.args["files"][0]
            expression = expression.this if isinstance(expression, exp.Subquery) else exp.select("*").from_(expression)
        super().check_db_and_schema(expression)

    def _execute(self, transformed: Expr, params: Any = None) -> None:
        if isinstance(transformed, exp.Copy):
            if Unload.matches(transformed):
                unload = Unload.from_expression(transformed)
                transformed = unload.run(self._duck_conn, self._session.account.store, params)
                params = None
            else:
                _drop_storage_integration(transformed)
        elif isinstance(transformed, exp.Create):
            _drop_unenforced(transformed)
        _escape_comment(transformed)
        for aggregate in list(transformed.find_all(exp.HashAgg)):
            aggregate.replace(_hash_of_rows(aggregate))
        for number in list(transformed.find_all(exp.MD5NumberLower64)):
            number.replace(_last_bits(number))
        super()._execute(transformed, params)
        self._session.keep_books(transformed)

    def _describe_last_sql(self) -> list[Any]:
        described: list[Any] = super()._describe_last_sql()
        for name, duck_type, *_ in described:
            if duck_type not in duckdb_to_sf_type and not duck_type.startswith("DECIMAL"):
                raise _unsupported(f"column {name} of type {duck_type} in a result: cast it")
        return described


def _drop_storage_integration(copy: exp.Copy) -> None:
    params = [param for param in copy.args.get("params") or [] if param.this.name.upper() != "STORAGE_INTEGRATION"]
    copy.set("params", params)


def _drop_unenforced(create: exp.Create) -> None:
    """Snowflake keeps keys as comments; DuckDB would hold a load to them."""
    for constraint in list(create.find_all(*UNENFORCED)):
        parent = constraint.parent
        (parent if isinstance(parent, (exp.ColumnConstraint, exp.Constraint)) else constraint).pop()


def _escape_comment(statement: Expr) -> None:
    """fakesnow puts a table's comment between apostrophes as it is."""
    told = statement.args.get("table_comment")
    if told is not None and told[1] is not None:
        table, comment = told
        statement.args["table_comment"] = (table, comment.replace("'", "''"))


def _hash_of_rows(aggregate: exp.HashAgg) -> Expr:
    """HASH_AGG as DuckDB knows it: the sum of the rows' hashes; 0 of none."""
    if isinstance(aggregate.this, exp.Star):
        raise _unsupported("HASH_AGG(*): name the columns")
    row = exp.func("hash", aggregate.this, *aggregate.expressions)
    return exp.func("coalesce", exp.func("sum", exp.cast(row, "HUGEINT")), exp.Literal.number(0))


def _last_bits(number: exp.MD5NumberLower64) -> Expr:
    """MD5_NUMBER_LOWER64: the last 64 bits of the hash as a number without a sign."""
    digits = exp.func("substr", exp.func("md5", number.this), exp.Literal.number(17))
    hexadecimal = exp.func("concat", exp.Literal.string("0x"), digits)
    return exp.cast(exp.cast(hexadecimal, "UBIGINT", dialect="duckdb"), "HUGEINT", dialect="duckdb")


def _unsupported(what: str) -> ProgrammingError:
    return ProgrammingError(msg=f"Unsupported feature in the stand-in: {what}", errno=2, sqlstate="0A000")


def _sql_error(error: Exception) -> ProgrammingError:
    message = str(error).split("\n\n")[0] or type(error).__name__
    if isinstance(error, (FileNotFoundError, duckdb.IOException)):
        text = f"Remote file was not found or could not be read: {message}"
        return ProgrammingError(msg=text, errno=91016, sqlstate="22000")
    if isinstance(error, duckdb.CatalogException):
        return ProgrammingError(msg=f"SQL compilation error:\n{message}", errno=2003, sqlstate="42S02")
    if isinstance(error, duckdb.BinderException):
        return ProgrammingError(msg=f"SQL compilation error:\n{message}", errno=904, sqlstate="42000")
    if isinstance(error, duckdb.ConstraintException):
        return ProgrammingError(msg=message, errno=100072, sqlstate="22000")
    if isinstance(error, (duckdb.OutOfRangeException, duckdb.ConversionException)):
        return ProgrammingError(msg=message, errno=100038, sqlstate="22018")
    if isinstance(error, duckdb.TransactionException):
        return ProgrammingError(msg=message, errno=625, sqlstate="57014")
    return _unsupported(f"{type(error).__name__}: {message}")
