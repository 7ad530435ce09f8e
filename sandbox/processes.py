"""The services' processes: started on their own, remembered by pid and birth, ended without touching anything else."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

import sandbox
from sandbox.errors import SandboxError
from sandbox.home import DEFAULT_PORTS, Home, read_json, write_json
from sandbox.services.listen import bind

POSTGRES = "postgres"
PATIENCE = 10.0  # seconds from asking to end until killing
PAUSE = 0.05
SAME_BIRTH = 60.0  # seconds by which the clock may have been set since a process was born
FOREIGN_SETTINGS = ("AWS_", "PREFECT_", "PYTHONPATH")
_CHILDREN: list[subprocess.Popen[bytes]] = []  # of this process; kept, or Python complains of children that outlive it


@dataclass(frozen=True)
class Running:
    """A service's process. `days` is how many of the shop's days its data holds."""

    service: str
    pid: int
    born: float
    command: tuple[str, ...]
    port: int | None
    days: int = 0

    def process(self) -> psutil.Process | None:
        """The process, unless it has ended (its pid may be another's by now)."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.born) < SAME_BIRTH and tuple(process.cmdline()) == self.command
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None


class Processes:
    """All processes of a home, kept in `processes.json` with every change."""

    def __init__(self, home: Home) -> None:
        self._home = home
        known = [Running(**found | {"command": tuple(found["command"])}) for found in read_json(home.processes) or ()]
        self._running = {running.service: running for running in known}
        self._ports = {running.service: running.port for running in known}  # a service comes back where it was

    def alive(self) -> dict[str, Running]:
        """The services whose processes run."""
        return {service: running for service, running in self._running.items() if running.process() is not None}

    def known(self, service: str) -> Running | None:
        """A service's last process, whether it runs or not."""
        return self._running.get(service)

    def start(
        self, service: str, environment: Mapping[str, str], command: Sequence[str] = (), user: str | None = None
    ) -> None:
        """Starts a service in a session of its own, its output in its log.

        Without a command it is `python -m sandbox.services.<service>`, which inherits a socket that listens already:
        no port is free now and taken a moment later. Raises SandboxError when no port can be had.
        """
        listener = None if command else self._listener(service)
        inherited = () if listener is None else (listener.fileno(),)
        if listener is not None:
            command = (sys.executable, "-m", f"sandbox.services.{service}", "--fd", str(listener.fileno()))
        log = self._home.log(service)
        for folder in (log.parent, self._home.temporary):
            folder.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            child = subprocess.Popen(
                command,
                cwd=self._home.folder,
                env=_environment({"TMPDIR": str(self._home.temporary)} | dict(environment)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=inherited,
                start_new_session=True,
                user=user,
                group=pwd.getpwnam(user).pw_gid if user else None,
                extra_groups=[] if user else None,
            )
        _CHILDREN.append(child)
        port = None
        if listener is not None:
            port = listener.getsockname()[1]
            listener.close()
        born = psutil.Process(child.pid).create_time()
        self._running[service] = Running(service, child.pid, born, tuple(command), port)
        self._save()

    def loaded(self, service: str, days: int) -> None:
        """Remembers that a service holds the shop's first `days` days."""
        self._running[service] = replace(self._running[service], days=days)
        self._save()

    def stop(self, services: Iterable[str]) -> None:
        """Ends services, PostgreSQL after those that use it; returns when they are gone."""
        services = set(services)
        for group in (services - {POSTGRES}, services & {POSTGRES}):
            _end([self._running[service] for service in group if service in self._running])
            for service in group:
                self._running.pop(service, None)
        if self._running:
            self._save()
        else:
            self._home.processes.unlink(missing_ok=True)
            shutil.rmtree(self._home.temporary, ignore_errors=True)

    def _save(self) -> None:
        write_json(self._home.processes, [asdict(running) for running in self._running.values()])

    def _listener(self, service: str) -> socket.socket:
        variable = f"SANDBOX_{service.upper()}_PORT"
        if wanted := os.environ.get(variable):
            try:
                return bind(int(wanted))
            except (OSError, ValueError, OverflowError) as error:
                raise SandboxError(
                    f"the {service} stand-in cannot have port {wanted}: {error}",
                    step="sandbox up",
                    next_step=f"set {variable} to a free port, or unset it",
                ) from error
        for port in dict.fromkeys((self._ports.get(service), DEFAULT_PORTS[service], 0)):
            if port is not None:
                try:
                    return bind(port)
                except OSError:
                    continue
        raise SandboxError(f"no port is free for the {service} stand-in", step="sandbox up")


def _environment(additions: Mapping[str, str]) -> dict[str, str]:
    """The environment of a service: ours without what would lead it to other servers, and able to import us."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_SETTINGS)}
    root = Path(sandbox.__file__).resolve().parent.parent
    return kept | {"PYTHONPATH": str(root), "NO_PROXY": "*", "no_proxy": "*", "PYTHONUNBUFFERED": "1"} | dict(additions)


def _end(group: Sequence[Running]) -> None:
    """Asks processes to end, waits, and kills those that do not."""
    for running in group:
        # SIGTERM has PostgreSQL wait for its clients, SIGINT ends it.
        _signal(running, signal.SIGINT if running.service == POSTGRES else signal.SIGTERM)
    for running in _wait_for_end(group):
        _signal(running, signal.SIGKILL)
    _wait_for_end(group)


def _signal(running: Running, which: signal.Signals) -> None:
    process = running.process()
    if process is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(which)


def _wait_for_end(group: Sequence[Running]) -> list[Running]:
    """The processes that still run when patience ends; a zombie that its parent leaves lying about has ended."""
    deadline = time.monotonic() + PATIENCE
    while (left := [running for running in group if running.process() is not None]) and time.monotonic() < deadline:
        time.sleep(PAUSE)
    for child in _CHILDREN:
        child.poll()
    return left
