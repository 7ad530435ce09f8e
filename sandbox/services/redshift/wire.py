"""PostgreSQL's wire protocol, version 3, as far as a proxy needs it: messages, their framing, and one backend."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from sandbox.services.redshift.parquet import Column
from sandbox.services.redshift.sql import CommandError

READ_CHUNK = 1 << 16
CHALLENGE_BYTES = 13
INBOX_BUNDLES = 8
ASYNCHRONOUS = (b"N", b"S", b"A")  # notices, parameters and notifications come at any time
SERVER_VERSION = b"server_version\0"


class Message(NamedTuple):
    """One message: its type byte (empty for the first of a session) and what follows its length."""

    kind: bytes
    body: bytes

    def encoded(self) -> bytes:
        """The message as it goes over the wire."""
        return self.kind + struct.pack("!i", len(self.body) + 4) + self.body


class BackendError(Exception):
    """PostgreSQL refused something; `body` is its error message, ready to be passed on."""

    def __init__(self, body: bytes) -> None:
        fields = {piece[:1]: piece[1:].decode() for piece in body.split(b"\0") if piece}
        super().__init__(fields.get(b"M", "unknown error"))
        self.body = body


async def read_message(reader: asyncio.StreamReader, *, typed: bool = True) -> Message:
    """The next message. Raises IncompleteReadError when the other side is gone."""
    kind = await reader.readexactly(1) if typed else b""
    (length,) = struct.unpack("!i", await reader.readexactly(4))
    return Message(kind, await reader.readexactly(length - 4))


class MessageReader:
    """Reads messages in bundles: as many as have arrived, so that a million rows do not cost a million waits.

    It reads the socket itself: an asyncio stream would drop PostgreSQL's last words when the connection is reset.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._rest = b""

    async def bundle(self) -> list[Message]:
        """At least one message. Raises IncompleteReadError when the other side is gone."""
        messages: list[Message] = []
        while not messages:
            arrived = await asyncio.get_running_loop().sock_recv(self._connection, READ_CHUNK)
            if not arrived:
                raise asyncio.IncompleteReadError(self._rest, None)
            data = self._rest + arrived
            start, size = 0, len(data)
            while size - start >= 5:
                end = start + 1 + int.from_bytes(data[start + 1 : start + 5], "big")
                if end > size:
                    break
                messages.append(Message(data[start : start + 1], data[start + 5 : end]))
                start = end
            self._rest = data[start:]
        return messages


class Backend:
    """A session's connection to PostgreSQL, which serves the client and, between its statements, the proxy itself.

    `_ready` remembers, for every statement under way, whose it is, in order: PostgreSQL ends each with a ReadyForQuery.
    `client_failed` says that PostgreSQL has refused something in the client's present run of messages.
    """

    def __init__(self, to_client: Callable[[Message], Awaitable[None]]) -> None:
        self._to_client = to_client
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._inbox: asyncio.Queue[list[Message]] = asyncio.Queue(INBOX_BUNDLES)
        self._ready = deque([False])  # the end of the client's login
        self._capturing = False
        self.client_failed = False
        self.status = b"I"

    async def connect(self, path: Path, startup: bytes, login: Callable[[bytes], Message] | None = None) -> None:
        """Opens the connection and sends the startup message; `login` answers PostgreSQL's challenge for the client."""
        self._connection.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self._connection, str(path))
        await self._send(Message(b"", startup))
        if login is not None:
            await self._send(login(await loop.sock_recv(self._connection, CHALLENGE_BYTES)))

    async def forward(self, message: Message) -> None:
        """Passes a message of the client on."""
        if message.kind in (b"S", b"Q"):
            self._ready.append(False)
        with contextlib.suppress(ConnectionError):  # PostgreSQL has left; `pump` brings its last words and ends
            await self._send(message)

    async def pump(self) -> None:
        """Brings PostgreSQL's messages to whom they are for, until it closes the connection."""
        messages = MessageReader(self._connection)
        while True:
            captured: list[Message] = []
            for message in await messages.bundle():
                if self._is_captured(message):
                    captured.append(message)
                else:
                    await self._to_client(_as_redshift(message))
            if captured:
                await self._inbox.put(captured)

    def _is_captured(self, message: Message) -> bool:
        """Whether a message answers the proxy, not the client; keeps track of whose turn it is."""
        if message.kind == b"Z":
            self.status = message.body
            if self._ready.popleft():
                self._capturing = False
                return True
            self.client_failed = False
            return False
        if self._capturing:
            return message.kind not in ASYNCHRONOUS
        if message.kind == b"E":
            self.client_failed = True
        return False

    async def settle(self) -> None:
        """Waits until the client has every answer to what it sent so far."""
        self._ready.append(True)
        await self._send(Message(b"S", b""))
        await self._inbox.get()

    async def execute(self, sql: str) -> list[Message]:
        """Runs a statement in the client's transaction; all its messages. Raises BackendError."""
        messages: list[Message] = []

        async def keep(bundle: list[Message]) -> None:
            messages.extend(bundle)

        await self._run(sql, keep)
        return messages

    async def describe(self, query: str) -> list[Column]:
        """The columns of a query. Raises BackendError."""
        messages = await self.execute(query)
        return next((_columns(message.body) for message in messages if message.kind == b"T"), [])

    async def copy_out(self, sql: str, take: Callable[[list[bytes]], Awaitable[None]]) -> None:
        """Runs a COPY … TO STDOUT and hands over its rows in bundles. Raises BackendError and what `take` raises."""

        async def on_messages(messages: list[Message]) -> None:
            await take([message.body for message in messages if message.kind == b"d"])

        await self._run(sql, on_messages)

    async def copy_in(self, sql: str, pieces: AsyncIterator[bytes]) -> int:
        """Runs a COPY … FROM STDIN with the pieces; the rows copied. Raises BackendError and what `pieces` raise."""
        rows = 0

        async def on_messages(messages: list[Message]) -> None:
            nonlocal rows
            for message in messages:
                if message.kind == b"G":
                    await self._send_pieces(pieces)
                elif message.kind == b"C":
                    rows = int(message.body.rstrip(b"\0").split()[-1])

        await self._run(sql, on_messages)
        return rows

    def close(self) -> None:
        """Ends the connection; an open transaction is rolled back."""
        self._connection.close()

    async def _send(self, message: Message) -> None:
        await asyncio.get_running_loop().sock_sendall(self._connection, message.encoded())

    async def _send_pieces(self, pieces: AsyncIterator[bytes]) -> None:
        try:
            async for piece in pieces:
                for start in range(0, len(piece), READ_CHUNK):
                    await self._send(Message(b"d", piece[start : start + READ_CHUNK]))
        except (CommandError, OSError):
            await self._send(Message(b"f", b"the source could not be read\0"))
            raise
        await self._send(Message(b"c", b""))

    async def _run(self, sql: str, on_messages: Callable[[list[Message]], Awaitable[None]]) -> None:
        """Sends a statement and reads to its end whatever happens, so that the next one finds the session in order."""
        self._capturing = True
        self._ready.append(True)
        await self._send(Message(b"Q", sql.encode() + b"\0"))
        failure: Exception | None = None
        ended = False
        while not ended:
            messages = await self._inbox.get()
            ended = messages[-1].kind == b"Z"
            refused = next((message for message in messages if message.kind == b"E"), None)
            if refused is not None:
                failure = failure or BackendError(refused.body)
            elif failure is None:
                try:
                    await on_messages(messages)
                except (CommandError, OSError) as error:
                    failure = error
        if failure is not None:
            raise failure


def _as_redshift(message: Message) -> Message:
    """PostgreSQL's version is 8.0.2 to the client: what Redshift says, and its drivers look."""
    if message.kind == b"S" and message.body.startswith(SERVER_VERSION):
        return Message(b"S", SERVER_VERSION + b"8.0.2\0")
    return message


def _columns(body: bytes) -> list[Column]:
    """The columns of a RowDescription."""
    (count,) = struct.unpack("!h", body[:2])
    columns, position = [], 2
    for _ in range(count):
        end = body.index(0, position)
        name = body[position:end].decode()
        _table, _number, oid, _size, modifier, _format = struct.unpack("!ihihih", body[end + 1 : end + 19])
        columns.append(Column(name, oid, modifier))
        position = end + 19
    return columns
