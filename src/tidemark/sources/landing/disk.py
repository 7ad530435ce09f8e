"""Files below a folder on a disk, with what tells one content of a file from another.

Not by fsspec: it leaves out folders that it cannot list, without a word, and of a link it tells when that was made and
not when the file behind it was written.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Details = Mapping[str, Any]
"""What a store says of a file: `size`, `mtime`, `created` (when it was last touched), and of its content `written`."""


@dataclass(frozen=True)
class Found:
    """The files by their paths, links and pipes among them, and the folders that may not be listed."""

    files: Mapping[str, Details]
    closed: tuple[str, ...] = ()


def own_path(uri: str) -> Path:
    """A folder's own path: Hadoop knows none with `..` in it."""
    path = Path(uri).expanduser().absolute()
    return path.resolve() if ".." in path.parts else path


def below(base: str) -> Found:
    """What lies below a folder, or the one file that has this name; raises `OSError` where the disk does not answer.

    Links to files are files, those to folders are not followed. What goes while it is listed is not there.
    """
    base = str(Path(base))
    files: dict[str, Details] = {}
    closed: list[str] = []
    if not Path(base).is_dir():
        with suppress(FileNotFoundError):
            files[base] = details(base)
        return Found(files)

    def cannot(failure: OSError) -> None:
        if isinstance(failure, PermissionError) and failure.filename != base:
            closed.append(os.fsdecode(failure.filename))
        elif not isinstance(failure, FileNotFoundError):
            raise failure

    for folder, folders, names in os.walk(base, onerror=cannot):
        try:
            links = [name for name in folders if Path(folder, name).is_symlink()]
            for name in (*names, *links):
                with suppress(FileNotFoundError):
                    path = f"{folder.rstrip('/')}/{name}"
                    files[path] = details(path)
        except PermissionError as refused:  # it has names, and nobody may ask what they are
            cannot(PermissionError(refused.errno, refused.strerror, folder))
    return Found(files, tuple(sorted(closed)))


def details(path: str) -> Details:
    """Of a link, the size of what it leads to, and the later of both times: either can change what is read."""
    seen = os.lstat(path)
    behind = seen
    if stat.S_ISLNK(seen.st_mode):
        try:
            behind = Path(path).stat()
        except OSError:  # it leads to nothing
            return {"size": 0, "mtime": seen.st_mtime, "created": seen.st_ctime, "written": seen.st_mtime}
    return {
        "size": behind.st_size,
        "mtime": max(seen.st_mtime, behind.st_mtime),
        "created": max(seen.st_ctime, behind.st_ctime),
        "written": behind.st_mtime,
    }
