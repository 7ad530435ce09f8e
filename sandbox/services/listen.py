"""How a stand-in gets its socket: its parent hands over one that listens already, or it binds a port itself."""

from __future__ import annotations

import argparse
import signal
import socket
import sys
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

LOOPBACK = "127.0.0.1"
BACKLOG = 128


def bind(port: int) -> socket.socket:
    """A socket that listens on a loopback port (0: any free one). Raises OSError when the port is taken."""
    # asyncio sends small answers at once (TCP_NODELAY) only on sockets that say that they are TCP.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def socket_from_command_line(description: str) -> socket.socket:
    """Reads `--port N` (bind it here) or `--fd N` (inherited, listening) from the command line."""
    parser = argparse.ArgumentParser(description=description)
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--port", type=int, help="loopback port to listen on")
    choice.add_argument("--fd", type=int, help="descriptor of a socket that listens already")
    arguments = parser.parse_args()
    return bind(arguments.port) if arguments.fd is None else socket.socket(fileno=arguments.fd)


def leave_on_sigterm() -> None:
    """Has SIGTERM unwind the stack, so that what was opened is closed and temporary files go."""
    signal.signal(signal.SIGTERM, _leave)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def serve_asgi(application: Callable[..., Any], listener: socket.socket) -> None:
    """Serves an ASGI application on the socket until SIGTERM; open keep-alive connections do not hold it up."""
    import uvicorn

    leave_on_sigterm()  # uvicorn ends its work first, and then raises the signal again
    config = uvicorn.Config(application, log_level="info", timeout_graceful_shutdown=2)
    uvicorn.Server(config).run(sockets=[listener])
