"""Redshift for unmodified clients (`redshift_connector`, the JDBC driver): a wire proxy in front of PostgreSQL.

Statements go through as they are, with three exceptions. COPY from and UNLOAD to S3 (`sandbox.services.redshift.sql`)
are run by the proxy within the caller's transaction; table definitions lose Redshift's own words
(`sandbox.services.redshift.ddl`); the server calls itself 8.0.2, as Redshift does. Passwords are checked by PostgreSQL,
logins that IAM has lent (`sandbox.services.redshift.login`) by the proxy.
After COPY and UNLOAD `pg_last_copy_count()` and `pg_last_unload_count()` give the rows. There is no TLS: connect with
`ssl=False`.

A manifest needs `meta.content_length` for every file, as COPY of Parquet does in the real warehouse. UNLOAD names its
files `<prefix>0000_part_00.parquet`, …, and writes none for an empty result.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import struct
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING, Any

from sandbox.credentials import REDSHIFT
from sandbox.services.cloud.object_store import object_store
from sandbox.services.listen import socket_from_command_line
from sandbox.services.redshift.ddl import to_postgres
from sandbox.services.redshift.login import answer_to, is_lent, refused
from sandbox.services.redshift.parquet import Column, ParquetSink, csv_of_file, source_files
from sandbox.services.redshift.sql import CommandError, Copy, S3Command, Unload, parse_s3_command
from sandbox.services.redshift.wire import Backend, BackendError, Message, read_message

if TYPE_CHECKING:
    from s3fs import S3FileSystem

SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102
KEPT_PARAMETERS = (b"user", b"database", b"application_name")
SESSION_PARAMETERS = {
    b"client_encoding": b"UTF8",
    b"DateStyle": b"ISO",
    b"TimeZone": b"UTC",
    b"extra_float_digits": b"1",
}
RAISE = "DO $$ BEGIN RAISE EXCEPTION 'failed outside'; END $$"


class Session:
    """One client."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, socket_path: Path, store: S3FileSystem
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._socket_path = socket_path
        self._store = store
        self._backend = Backend(self._send)
        self._statements: dict[bytes, S3Command] = {}
        self._portals: dict[bytes, S3Command] = {}
        self._skipping = False
        self._lent_to: str | None = None

    async def run(self) -> None:
        """Serves the client until either side closes."""
        try:
            startup = await self._startup()
            if startup is None:
                return
            if self._lent_to is not None and await refused(self._lent_to, self._reader, self._send):
                return
            await self._backend.connect(self._socket_path, startup, answer_to if self._lent_to else None)
            try:
                await _first_to_end(self._backend.pump(), self._serve())
            finally:
                self._backend.close()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return  # a client may leave at any time, and so may the server
        finally:
            self._writer.close()

    async def _startup(self) -> bytes | None:
        """The startup message for PostgreSQL; None when the client only wanted something cancelled."""
        while True:
            message = await read_message(self._reader, typed=False)
            (code,) = struct.unpack("!i", message.body[:4])
            if code in (SSL_REQUEST, GSS_REQUEST):
                self._writer.write(b"N")
            elif code == CANCEL_REQUEST:
                await self._cancel(message)
                return None
            else:
                break
        words = message.body[4:].split(b"\0")
        given = dict(zip(words[::2], words[1::2], strict=False))
        kept = {name: given[name] for name in KEPT_PARAMETERS if name in given} | SESSION_PARAMETERS
        user = given.get(b"user", b"").decode()
        if is_lent(user):
            self._lent_to = user
            kept[b"user"] = REDSHIFT.user.encode()
        return message.body[:4] + b"".join(name + b"\0" + value + b"\0" for name, value in kept.items()) + b"\0"

    async def _cancel(self, message: Message) -> None:
        _, writer = await asyncio.open_unix_connection(self._socket_path)
        writer.write(message.encoded())
        await writer.drain()
        writer.close()

    async def _serve(self) -> None:
        while True:
            message = await read_message(self._reader)
            if message.kind == b"S":
                self._skipping = False
            elif self._skipping:
                continue
            handler = {
                b"P": self._parse,
                b"B": self._bind,
                b"D": self._describe,
                b"E": self._execute,
                b"C": self._close,
                b"Q": self._query,
            }.get(message.kind)
            if handler is None or not await handler(message.body):
                await self._backend.forward(message)
            if message.kind == b"X":
                return

    # Each handler deals with the message itself and says so, or leaves it to PostgreSQL.

    async def _parse(self, body: bytes) -> bool:
        name, sql, rest = body.split(b"\0", 2)
        try:
            command = parse_s3_command(sql.decode())
        except CommandError as error:
            await self._answer_error(error)
            return True
        self._statements.pop(name, None)
        if command is None:
            await self._backend.forward(Message(b"P", name + b"\0" + to_postgres(sql.decode()).encode() + b"\0" + rest))
            return True
        self._statements[name] = command
        await self._answer(Message(b"1", b""))
        return True

    async def _bind(self, body: bytes) -> bool:
        portal, statement, _ = body.split(b"\0", 2)
        self._portals.pop(portal, None)
        if statement not in self._statements:
            return False
        self._portals[portal] = self._statements[statement]
        await self._answer(Message(b"2", b""))
        return True

    async def _describe(self, body: bytes) -> bool:
        what, name = body[:1], body[1:-1]
        if name not in (self._statements if what == b"S" else self._portals):
            return False
        no_parameters = [Message(b"t", b"\0\0")] if what == b"S" else []
        await self._answer(*no_parameters, Message(b"n", b""))
        return True

    async def _execute(self, body: bytes) -> bool:
        command = self._portals.get(body[: body.index(0)])
        if command is None:
            return False
        await self._backend.settle()
        if self._backend.client_failed:
            self._skipping = True
            return True
        try:
            await self._send(await self._run_command(command))
        except BackendError as error:
            await self._send(Message(b"E", error.body))
            self._skipping = True
        return True

    async def _close(self, body: bytes) -> bool:
        kept = self._statements if body[:1] == b"S" else self._portals
        if kept.pop(body[1:-1], None) is None:
            return False
        await self._answer(Message(b"3", b""))
        return True

    async def _query(self, body: bytes) -> bool:
        sql = body[:-1].decode()
        await self._backend.settle()
        try:
            command = parse_s3_command(sql)
            if command is None:
                await self._backend.forward(Message(b"Q", to_postgres(sql).encode() + b"\0"))
                return True
            await self._send(await self._run_command(command))
        except CommandError as error:
            await self._send(Message(b"E", await self._fail_transaction(error)))
        except BackendError as error:
            await self._send(Message(b"E", error.body))
        await self._send(Message(b"Z", self._backend.status))
        return True

    async def _answer(self, *messages: Message) -> None:
        await self._backend.settle()
        if self._backend.client_failed:
            self._skipping = True
            return
        for message in messages:
            await self._send(message)

    async def _answer_error(self, error: CommandError) -> None:
        await self._backend.settle()
        if not self._backend.client_failed:
            await self._send(Message(b"E", await self._fail_transaction(error)))
        self._skipping = True

    async def _run_command(self, command: S3Command) -> Message:
        """Runs it in the caller's transaction and gives its CommandComplete. Raises BackendError."""
        try:
            name, rows = await (self._copy(command) if isinstance(command, Copy) else self._unload(command))
        except (CommandError, OSError) as error:
            raise BackendError(await self._fail_transaction(error)) from error
        await self._backend.execute(f"SELECT set_config('tidemark.last_{name.lower()}_count', '{rows}', false)")
        return Message(b"C", f"{name} {rows}\0".encode())

    async def _copy(self, command: Copy) -> tuple[str, int]:
        columns = await self._table_columns(command.target)
        files = await asyncio.to_thread(source_files, self._store, command)
        rows = await self._backend.copy_in(
            f"COPY {command.target} FROM STDIN (FORMAT csv)", self._csv_pieces(files, columns)
        )
        return "COPY", rows

    async def _table_columns(self, target: str) -> list[Column]:
        table, _, names = target.partition("(")
        chosen = names.rstrip().removesuffix(")") or "*"
        return await self._backend.describe(f"SELECT {chosen} FROM {table} LIMIT 0")

    async def _csv_pieces(self, files: list[str], columns: list[Column]) -> AsyncIterator[bytes]:
        for path in files:
            pieces = csv_of_file(self._store, path, columns)
            while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                yield piece

    async def _unload(self, command: Unload) -> tuple[str, int]:
        columns = await self._backend.describe(f"SELECT * FROM ({command.query}\n) unloaded LIMIT 0")
        for column in columns:
            column.arrow_type()
        sink = ParquetSink(self._store, command, columns)
        await asyncio.to_thread(sink.prepare)

        async def take(lines: list[bytes]) -> None:
            if sink.add(lines):
                await asyncio.to_thread(sink.flush)

        await self._backend.copy_out(f"COPY ({command.query}\n) TO STDOUT (FORMAT csv)", take)
        await asyncio.to_thread(sink.finish)
        return "UNLOAD", sink.rows

    async def _fail_transaction(self, error: Exception) -> bytes:
        """Lets an open transaction fail, as it would have in Redshift; gives the error message for the client."""
        if self._backend.status == b"T":
            with contextlib.suppress(BackendError):
                await self._backend.execute(RAISE)
        text = (str(error) or type(error).__name__).replace("\0", "")
        return f"SERROR\0VERROR\0CXX000\0M{text}\0\0".encode()

    async def _send(self, message: Message) -> None:
        self._writer.write(message.encoded())
        await self._writer.drain()


async def _first_to_end(*work: Coroutine[Any, Any, None]) -> None:
    """Waits until one of them ends, ends the others, and raises what the first raised."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def serve(listener: socket, socket_path: Path) -> None:
    """Accepts clients until SIGTERM."""
    store = object_store()

    async def on_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Session(reader, writer, socket_path, store).run()

    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with await asyncio.start_server(on_client, sock=listener):
        await ended.wait()


def main() -> None:
    """Serves until SIGTERM; SANDBOX_POSTGRES_SOCKET names the directory of PostgreSQL's socket."""
    listener = socket_from_command_line("Redshift stand-in")
    asyncio.run(serve(listener, Path(os.environ["SANDBOX_POSTGRES_SOCKET"]) / ".s.PGSQL.5432"))


if __name__ == "__main__":
    main()
