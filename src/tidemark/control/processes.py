"""Processes by a name that no other has: two containers may have one host name, and each of them a process 1.

A name is `host:pid:place-start`. The place is this boot of this machine and its namespace of processes, and only in the
same place does a process id say anything; the start tells a process from an earlier one with its id.
"""

from __future__ import annotations

import hashlib
import os
import socket
import uuid
from functools import lru_cache
from pathlib import Path

_PROCESSES = Path("/proc/self")
_DEAD, _OVER = ("Z", "X"), "over"
_STATE, _START = 0, 19  # among the fields of /proc/<pid>/stat that follow the name of the program


def this_process() -> str:
    """The name of this process."""
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{_place()}-{_start(pid)}"


def lives(process: str) -> bool | None:
    """Whether the process of this name does; None where that cannot be known from here."""
    _, _, rest = process.partition(":")
    pid, _, mark = rest.partition(":")
    place, _, start = mark.partition("-")
    if not pid.isdigit() or place != _place():
        return None
    found = _start(int(pid))
    if found is None and _answers(int(pid)):
        return None if _PROCESSES.exists() else True  # somebody else's, of which the system tells nothing
    return found == start


def is_gone(process: str) -> bool:
    """Whether a process surely does not live any more; of other machines and containers nothing is known."""
    return lives(process) is False


@lru_cache(maxsize=1)
def _place() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        told = f"{boot} {(_PROCESSES / 'ns/pid').stat().st_ino}"
    except OSError:  # not Linux, and so no container
        told = f"{socket.gethostname()} {uuid.getnode()}"
    return hashlib.sha256(told.encode()).hexdigest()[:8]


def _start(pid: int) -> str | None:
    """When the process was started, in the system's own count; None where there is none, or nothing is told of it."""
    try:
        stat = (_PROCESSES.parent / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return _OVER if fields[_STATE] in _DEAD else fields[_START]


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's process
    return True
