"""Logins that IAM has lent: the proxy checks them itself, and then is the sandbox's own user to PostgreSQL."""

from __future__ import annotations

import asyncio
import hashlib
import struct
from collections.abc import Awaitable, Callable

from sandbox.credentials import REDSHIFT
from sandbox.services.lent import judge
from sandbox.services.redshift.wire import Message, read_message

LENT = ("IAM:", "IAMA:", "IAMR:")
_CLEARTEXT, _MD5 = 3, 5


def is_lent(user: str) -> bool:
    """Whether a user's name is one under which IAM lends logins."""
    return user.upper().startswith(LENT)


async def refused(user: str, reader: asyncio.StreamReader, send: Callable[[Message], Awaitable[None]]) -> bool:
    """Asks the client for its password; whether it is not good, which the client has been told then."""
    await send(Message(b"R", struct.pack("!i", _CLEARTEXT)))
    given = await read_message(reader)
    verdict = judge(user, given.body.rstrip(b"\0").decode())
    if verdict == "good":
        return False
    why = "the temporary password has expired" if verdict == "expired" else "password authentication failed"
    await send(Message(b"E", f'SFATAL\0C28000\0M{why} for user "{user}"\0\0'.encode()))
    return True


def answer_to(challenge: bytes) -> Message:
    """What logs the sandbox's own user in to PostgreSQL, which asks for an MD5 with this challenge."""
    kind, salt = struct.unpack("!i4s", challenge[5:13])
    if kind != _MD5:
        raise ConnectionError(f"PostgreSQL asks for a login of the kind {kind}, not {_MD5}")
    inner = hashlib.md5((REDSHIFT.password + REDSHIFT.user).encode(), usedforsecurity=False).hexdigest()
    outer = hashlib.md5(inner.encode() + salt, usedforsecurity=False).hexdigest()
    return Message(b"p", f"md5{outer}\0".encode())
