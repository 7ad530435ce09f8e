"""Waiting until a service really answers, and telling why when it does not."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from sandbox.errors import SandboxError
from sandbox.home import Home
from sandbox.processes import POSTGRES, Processes, Running
from sandbox.seeding import redshift
from sandbox.services.listen import LOOPBACK
from sandbox.services.postgres import socket_directory

DEADLINE = 120.0  # seconds; a start takes a few, on a busy machine some more
PAUSE = 0.1
ANSWER_WITHIN = 2.0
LOG_LINES = 15
PATHS = {"aws": "/moto-api/", "snowflake": "/session/heartbeat", "crm": "/", "prefect": "/api/health"}
SSL_REQUEST = struct.pack("!ii", 8, 80877103)


def wait_until_ready(home: Home, processes: Processes, service: str) -> None:
    """Returns when the service answers. Raises SandboxError when its process ends, or too much time passes."""
    running = processes.known(service)
    if running is None:
        raise _failure(home, service, "was not started")
    check = _check(home, running)
    deadline = time.monotonic() + DEADLINE
    while not check():
        if running.process() is None:
            raise _failure(home, service, "ended while it started")
        if time.monotonic() > deadline:
            raise _failure(home, service, f"did not answer within {DEADLINE:.0f} s")
        time.sleep(PAUSE)


def _check(home: Home, running: Running) -> Callable[[], bool]:
    port = running.port
    if running.service == POSTGRES or port is None:
        return lambda: redshift.is_ready(socket_directory(home.postgres))
    if running.service == "redshift":
        return lambda: _speaks_postgres(port)
    url = f"http://{LOOPBACK}:{port}{PATHS[running.service]}"
    return lambda: _answers(url)


def _answers(url: str) -> bool:
    """Whether there is an answer at all: a path that does not exist, or wants a login, is answered, too."""
    try:
        return httpx.get(url, timeout=ANSWER_WITHIN, trust_env=False).status_code < httpx.codes.INTERNAL_SERVER_ERROR
    except httpx.TransportError:
        return False


def _speaks_postgres(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=ANSWER_WITHIN) as connection:
            connection.sendall(SSL_REQUEST)
            return connection.recv(1) == b"N"
    except OSError:
        return False


def _failure(home: Home, service: str, what: str) -> SandboxError:
    log = home.log(service)
    return SandboxError(
        f"the {service} stand-in {what}",
        step="sandbox up",
        seen=_tail(log),
        evidence=str(log),
        next_step="tidemark sandbox down, then tidemark sandbox up",
    )


def _tail(log: Path) -> list[str]:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return [line.rstrip() for line in lines if line.strip()][-LOG_LINES:]
