"""A folder of small text files (run summaries, logs, alert events), on disk or in S3, without Spark."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidemark.errors import TidemarkError

if TYPE_CHECKING:
    from tidemark.aws.settings import AwsSettings

_PRIVATE = 0o700


class Folder:
    """Text files below one root; names are relative to it, with `/` between parts."""

    def __init__(self, root: str, file_system: Any) -> None:
        self.root = root.rstrip("/")
        self._file_system = file_system

    def path(self, name: str) -> str:
        """Where a file lies, as people write it."""
        return f"{self.root}/{name}"

    def write_text(self, name: str, text: str) -> str:
        """Writes the whole file, replacing what was there, and returns its path.

        On disk the file appears complete or not at all (S3 gives that by itself). Raises `TidemarkError` when it
        cannot be written.
        """
        path = self.path(name)
        try:
            if self.is_local:
                _replace(Path(path), text)
            else:
                self._file_system.pipe_file(path, text.encode())
        except OSError as failure:
            raise TidemarkError(
                f"{path} could not be written: {failure}",
                next_step="check that the folder may be written and has room",
            ) from failure
        return path

    def read_text(self, name: str) -> str | None:
        """The file's text, or None when there is no such file."""
        try:
            content: bytes = self._file_system.cat_file(self.path(name))
        except FileNotFoundError:
            return None
        return content.decode()

    def names(self, below: str = "") -> list[str]:
        """Every file below a sub-folder (default: the root), sorted; none when it does not exist."""
        start = self.path(below) if below else self.root
        prefix = len(str(self._file_system._strip_protocol(self.root))) + 1
        return sorted(str(found)[prefix:] for found in self._file_system.find(start))

    def written(self) -> dict[str, datetime]:
        """When each file below the root was written (UTC)."""
        prefix = len(str(self._file_system._strip_protocol(self.root))) + 1
        found = self._file_system.find(self.root, detail=True)
        return {str(name)[prefix:]: _moment(details) for name, details in found.items()}

    def folders(self) -> list[str]:
        """The folders right below the root, sorted; none when it does not exist."""
        return self._right_below("directory")

    def files(self) -> list[str]:
        """The files right below the root, sorted; none when it does not exist."""
        return self._right_below("file")

    def _right_below(self, kind: str) -> list[str]:
        try:
            found = self._file_system.ls(self.root, detail=True)
        except FileNotFoundError:
            return []
        names = (str(each["name"]).rstrip("/").rpartition("/")[2] for each in found if each["type"] == kind)
        return sorted(names)

    def starting(self, text: str) -> list[str]:
        """The files right below the root whose names start so, sorted; S3 is asked for just these."""
        if self.is_local:
            return [name for name in self.files() if name.startswith(text)]
        prefix = len(str(self._file_system._strip_protocol(self.root))) + 1
        found = self._file_system.find(self.root, prefix=text)
        return sorted(name for each in found if "/" not in (name := str(each)[prefix:]))

    def below(self, name: str) -> Folder:
        """A folder below this one."""
        return Folder(self.path(name), self._file_system)

    def delete(self, name: str) -> None:
        """Removes a file, or a folder with all that is in it."""
        self._file_system.rm(self.path(name), recursive=True)

    def size(self, name: str) -> int:
        """The file's bytes."""
        return int(self._file_system.size(self.path(name)))

    def lines(self, name: str) -> Iterator[str]:
        """The lines of a file, one at a time."""
        with self._file_system.open(self.path(name), "r", encoding="utf-8", errors="replace") as stream:
            for line in stream:
                yield line.rstrip("\n")

    @property
    def is_local(self) -> bool:
        """Whether the root is a path on this machine's disk."""
        return "://" not in self.root


def _moment(details: Mapping[str, Any]) -> datetime:
    if "LastModified" in details:
        stored: datetime = details["LastModified"]
        return stored.astimezone(UTC).replace(tzinfo=None)
    return datetime.fromtimestamp(details["mtime"], UTC).replace(tzinfo=None)


def open_folder(root: str, aws: AwsSettings | None = None) -> Folder:
    """The folder at a local path or an `s3://` (or `s3a://`) address."""
    if "://" in root:
        from tidemark.aws.clients import filesystem

        return Folder(root, filesystem(aws))
    import fsspec

    return Folder(str(Path(root)), fsspec.filesystem("file"))


def make_private(root: str | Path) -> None:
    """Makes a folder on this machine's disk, for its owner alone; one that is there stays as somebody has made it.

    Raises `TidemarkError` where that is not possible, or what is there is not for this user.
    """
    path = Path(root)
    try:
        path.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    except OSError as failure:
        raise TidemarkError(
            f"{path} cannot be used: {failure.strerror}",
            seen=[
                f"this process runs as user {os.geteuid()}; what Tidemark keeps on a disk is for its owner alone (0700)"
            ],
            next_step="run as the user whose lake it is, or name another home in the environment's file",
        ) from failure


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
