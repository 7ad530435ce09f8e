"""The place where files land: what lies there, and the first bytes of it. On disk or in S3."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import fsspec

from tidemark.aws.clients import AWS_FAILURES, filesystem, passes
from tidemark.errors import SourceDownError, SourceError
from tidemark.retry import RetryPolicy
from tidemark.sources.watermark import SourceFile

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    from tidemark.sources import ExtractRequest

Found = TypeVar("Found")

_AT_ONCE = 16
_GLOB = re.compile(r"[*?\[]")
_DAY = re.compile(r"(?:^|/)dt=(\d{4}-\d{2}-\d{2})(?=/)")


@dataclass(frozen=True)
class Landing:
    """One folder (or pattern) of a landing place, for one table."""

    store: AbstractFileSystem
    location: str
    table: str
    policy: RetryPolicy = field(default_factory=RetryPolicy)

    @classmethod
    def of(cls, request: ExtractRequest) -> Landing:
        """The place that the connection's `uri` and the source's `object` make together."""
        uri = str(request.connection.settings["uri"])
        is_remote = "://" in uri
        store = filesystem(request.environment.aws) if is_remote else fsspec.filesystem("file")
        root = uri if is_remote else str(Path(uri).expanduser().absolute())
        location = f"{root.rstrip('/')}/{request.source.object.lstrip('/')}"
        policy = request.environment.patience(request.source.connection)
        return cls(store, location, request.table.name, policy)

    def files(self) -> tuple[SourceFile, ...]:
        """Every file there by name; those that Spark would hide (`_SUCCESS`, `.part.crc`) are left out.

        Raises `SourceError` when the place cannot be listed.
        """
        pattern = _GLOB.search(self.location)
        base = self.location[: pattern.start()].rpartition("/")[0] if pattern else self.location
        with self._reachable(SourceDownError):
            if self._is_local and not self.store.exists(base):
                raise FileNotFoundError(base)
            listed: Mapping[str, Any] = self._patiently(lambda: self.store.find(base, detail=True))
        prefix = "" if self._is_local else "s3a://"
        wanted = self._bare(self.location)
        return tuple(
            _source_file(f"{prefix}{path}", details)
            for path, details in sorted(listed.items())
            if not _is_hidden(path.removeprefix(self._bare(base))) and (not pattern or fnmatch.fnmatch(path, wanted))
        )

    def bytes(self, file: SourceFile, start: int, end: int) -> bytes:
        """A range of a file; raises `SourceError` when it cannot be read."""
        with self._reachable(SourceDownError):
            content: bytes = self._patiently(
                lambda: self.store.cat_file(file.path, start=start, end=min(end, file.size))
            )
        return content

    @contextmanager
    def opened(self, file: SourceFile) -> Iterator[Any]:
        """A file open for reading, in the small pieces that footers need; raises `SourceError` when it cannot be."""
        with self._reachable(), self.store.open(file.path, "rb", cache_type="none") as content:
            yield content

    def each(self, files: Sequence[SourceFile], look: Callable[[SourceFile], Found]) -> list[Found]:
        """What `look` says of each file, in their order; many are looked at side by side."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(look, files))

    def _patiently(self, ask: Callable[[], Found]) -> Found:
        return self.policy.call(ask, passing=passes)

    @property
    def _is_local(self) -> bool:
        return "://" not in self.location

    def _bare(self, location: str) -> str:
        return location.partition("://")[2] or location

    @contextmanager
    def _reachable(self, down: type[SourceError] = SourceError) -> Iterator[None]:
        """`down`: what an outage is told as, where it was waited out."""
        try:
            yield
        except FileNotFoundError:
            raise self._failed("there is no such folder or bucket", "correct `uri` or `object`") from None
        except PermissionError as refused:
            raise self._failed(f"it may not be read: {refused}", "grant this role or user access") from None
        except (*AWS_FAILURES, OSError) as failure:
            kind = down if passes(failure) else SourceError
            raise self._failed(str(failure), "check that it can be reached from here, then run again", kind) from None

    def _failed(self, seen: str, next_step: str, kind: type[SourceError] = SourceError) -> SourceError:
        return kind(
            f"{self.location} could not be read", table=self.table, step="extract", seen=[seen], next_step=next_step
        )


def folder_day(file: SourceFile) -> date | None:
    """The day of the `dt=YYYY-MM-DD` folder that a file lies in, None when it lies in none."""
    match = _DAY.search(file.path)
    try:
        return date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None


def _is_hidden(path: str) -> bool:
    return path.endswith("/") or any(part.startswith(("_", ".")) and "=" not in part for part in path.split("/"))


def _source_file(path: str, details: Mapping[str, Any]) -> SourceFile:
    if "LastModified" in details:
        modified = details["LastModified"].astimezone(UTC).replace(tzinfo=None)
        return SourceFile(path, int(details["size"]), str(details["ETag"]).strip('"'), modified)
    # A file that was copied or moved here keeps its old modification time, but not its change time.
    seconds = max(details["mtime"], details["created"])
    modified = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    return SourceFile(path, int(details["size"]), f"{details['mtime']:.6f}", modified)
