"""The place where files land: what lies there, and the first bytes of it. On disk or in S3."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import fsspec

from tidemark.aws.clients import AWS_FAILURES, filesystem, passes
from tidemark.errors import SourceDownError, SourceError
from tidemark.instants import as_utc
from tidemark.retry import RetryPolicy
from tidemark.rows.order import order_of_file
from tidemark.sources.landing import compression, disk
from tidemark.sources.landing.globs import in_pattern, is_pattern, literal_part, may_fit_below
from tidemark.sources.watermark import SourceFile

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    from tidemark.sources import ExtractRequest

Found = TypeVar("Found")

_AT_ONCE = 16
_DAY = re.compile(r"(?:^|/)dt=(\d{4}-\d{2}-\d{2})(?=/)")
_BLOCK = 1024 * 1024
_AT_LEAST = {"gzip": 0, "bzip2": _BLOCK, "zstd": _BLOCK // 4}  # of a compressed block, to have anything of its content
_TAIL = 16
# How programs call files that they are still writing (WinSCP, rclone, browsers, scripts), to rename them at the end.
_UNFINISHED = ("._COPYING_", ".filepart", ".partial", ".part", ".tmp", ".crdownload")
# A table of Delta Lake, Hudi or Iceberg: which of its files are its rows is not said by their names.
_TABLE = re.compile(r"/(_delta_log/|\.hoodie/|metadata/[^/]*\.metadata\.json$)")
# What writers leave beside their files. Whatever else is hidden is told.
_BESIDE = re.compile(
    r"(^|/)(_SUCCESS|_(common_)?metadata|_(committed|started)_[^/]*|\.DS_Store|_temporary/.*|[^/]*\.crc)$"
)


@dataclass(frozen=True)
class Verdict:
    """Why a file cannot be read: its content is `broken`; or it is `gone`, `refused` or `changing`, and left for the
    next run."""

    kind: Literal["broken", "gone", "refused", "changing"]
    reason: str


class UnreadableError(Exception):
    """Files that cannot be read; the others can."""

    def __init__(self, verdicts: Mapping[SourceFile, Verdict]) -> None:
        super().__init__(*(f"{file.path}: {verdict.reason}" for file, verdict in verdicts.items()))
        self.verdicts = dict(verdicts)


@dataclass(frozen=True)
class Listing:
    """What lies in a landing place: files that Spark reads under their names, and paths that are left out.

    `folder` is the one below which they lie: what stands in its own path says nothing of the files. `hidden`: by a dot
    or an underscore in front, or still being copied. `nameless`: Spark cannot address them. `odd`: on a disk, what is
    no file: links to folders or to nothing, pipes. `closed`: folders that may not be listed. `unread`: those of the
    files left out (by names without their ends) that hold data, or will.
    """

    folder: str
    files: tuple[SourceFile, ...]
    hidden: tuple[str, ...] = ()
    nameless: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    unread: tuple[SourceFile, ...] = ()


@dataclass(frozen=True)
class Landing:
    """One folder (or the files of a pattern) of a landing place, for one table."""

    store: AbstractFileSystem = field(compare=False)
    root: str
    object: str
    table: str
    policy: RetryPolicy = field(default_factory=RetryPolicy)

    @classmethod
    def of(cls, request: ExtractRequest) -> Landing:
        """The place that the connection's `uri` and the source's `object` make together."""
        uri = str(request.connection.settings["uri"])
        is_remote = "://" in uri
        store = filesystem(request.environment.aws) if is_remote else fsspec.filesystem("file")
        root = uri if is_remote else str(disk.own_path(uri))
        policy = request.environment.patience(request.source.connection)
        return cls(store, root.rstrip("/"), request.source.object.lstrip("/"), request.table.name, policy)

    @property
    def location(self) -> str:
        """The address of the folder, with the pattern where there is one."""
        return f"{self.root}/{self.object}"

    def files(self) -> Listing:
        """Every file there, by name.

        `object` is a pattern where it has `*`, `?`, `[` or `{`, unless a folder or file is called just so. Raises
        `SourceError` when the place cannot be listed, or has a table of another kind in it.
        """
        found = self._found(is_literal=True)
        is_literal = bool(found.files) or not is_pattern(self.object)
        if not is_literal:
            found = self._found(is_literal=False)
        listed = found.files
        base, root = self._bare(self._base(is_literal=is_literal)), f"{self._bare(self.root)}/"
        wanted = {
            path: details
            for path, details in listed.items()
            if not path.endswith("/") and (is_literal or in_pattern(path.removeprefix(root), self.object.strip("/")))
        }
        self._refuse_tables(listed, wanted, base)
        files, hidden, nameless, odd, unread = [], [], [], [], []
        for path in sorted(wanted):
            within = path.removeprefix(base).removeprefix("/") or path.rpartition("/")[2]
            if _is_hidden(within):
                hidden.append(path)
                if not _is_hidden(whole := _finished(within)):
                    unread.append(_source_file(path.removesuffix(within) + whole, wanted[path]))
            elif _has_no_address(path):
                nameless.append(path)
                unread.append(_source_file(path, wanted[path]))
            elif self._is_local and not Path(path).is_file():
                odd.append(path)
            else:
                files.append(_source_file(f"{'' if self._is_local else 's3a://'}{path}", wanted[path]))
        told = tuple(path for path in hidden if not _BESIDE.search(path))
        closed = tuple(
            folder
            for folder in found.closed
            if not _is_hidden(folder.removeprefix(f"{base}/"))
            and (is_literal or may_fit_below(folder.removeprefix(root), self.object.strip("/")))
        )
        return Listing(base, tuple(files), told, tuple(nameless), tuple(odd), closed, tuple(unread))

    def _found(self, *, is_literal: bool) -> disk.Found:
        base = self._base(is_literal=is_literal)
        with self._reachable(SourceDownError):
            if self._is_local and not self.store.exists(base):
                if is_literal and is_pattern(self.object):
                    return disk.Found({})
                raise FileNotFoundError(base)
            if self._is_local:
                return self._patiently(lambda: disk.below(base))
            return disk.Found(self._patiently(lambda: self.store.find(base, detail=True)))

    def _base(self, *, is_literal: bool) -> str:
        below = self.object if is_literal else literal_part(self.object)
        return f"{self.root}/{below}".rstrip("/")

    def content(self, file: SourceFile, start: int, end: int) -> bytes:
        """A range of a file; raises `UnreadableError` when just it is out of reach, `SourceError` when the place is."""
        with self._within_reach(file, SourceDownError):
            content: bytes = self._patiently(
                lambda: self.store.cat_file(file.path, start=start, end=min(end, file.size))
            )
        return content

    def is_as_listed(self, file: SourceFile) -> bool:
        """Whether a file has the size and the tag that it was listed with, or is gone."""
        try:
            with self._within_reach(file, SourceDownError):
                details = self._patiently(lambda: self._details(file.path))
        except UnreadableError:
            return True
        return _source_file(file.path, details).entry[:2] == file.entry[:2]

    def _details(self, path: str) -> disk.Details:
        told: disk.Details = disk.details(path) if self._is_local else self.store.info(path)
        return told

    def head(self, file: SourceFile, wanted: int) -> bytes:
        """The first bytes of a file's text, unpacked if its name says that it is compressed; all there are, if fewer.

        Raises `UnreadableError` where there is no such text.
        """
        try:
            codec = compression.codec_of(file.path)
            if codec is None:
                return self.content(file, 0, wanted)
            if codec == "bzip2" and not compression.ends_well(self.content(file, max(0, file.size - _TAIL), file.size)):
                compression.examine(self._chunks(file), codec)
            size = max(wanted, _AT_LEAST[codec])
            while True:
                content = compression.first_bytes(self.content(file, 0, size), codec, whole=size >= file.size)
                if len(content) >= wanted or size >= file.size:
                    return content[:wanted]
                size *= 4
        except compression.BrokenError as broken:
            raise UnreadableError({file: Verdict("broken", str(broken))}) from None

    def examine(self, file: SourceFile) -> Verdict | None:
        """Reads a file to its end, on which Spark has failed; None when there is nothing wrong with it."""
        try:
            codec = compression.codec_of(file.path)
            if codec is None:
                for _ in self._chunks(file):
                    pass
            else:
                compression.examine(self._chunks(file), codec)
        except compression.BrokenError as broken:
            return Verdict("broken", str(broken))
        except UnreadableError as unreadable:
            return unreadable.verdicts[file]
        return None

    def _chunks(self, file: SourceFile) -> Iterator[bytes]:
        for start in range(0, max(file.size, 1), _BLOCK):
            yield self.content(file, start, start + _BLOCK)

    @contextmanager
    def opened(self, file: SourceFile) -> Iterator[Any]:
        """A file open for reading, in the small pieces that footers need; raises as `content` does."""
        with self._within_reach(file), self.store.open(file.path, "rb", cache_type="none") as content:
            yield content

    def each(self, files: Sequence[SourceFile], look: Callable[[SourceFile], Found]) -> list[Found]:
        """What `look` says of each file, in their order; many are looked at side by side.

        Raises `UnreadableError` for all those that cannot be read, together.
        """

        def attempt(file: SourceFile) -> Found | UnreadableError:
            try:
                return look(file)
            except UnreadableError as unreadable:
                return unreadable

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            looked = list(pool.map(attempt, files))
        failures = [each for each in looked if isinstance(each, UnreadableError)]
        if failures:
            raise UnreadableError({file: why for each in failures for file, why in each.verdicts.items()})
        return [each for each in looked if not isinstance(each, UnreadableError)]

    def _patiently(self, ask: Callable[[], Found]) -> Found:
        return self.policy.call(ask, passing=passes)

    @property
    def _is_local(self) -> bool:
        return "://" not in self.root

    def _bare(self, location: str) -> str:
        return location.partition("://")[2] or location

    @contextmanager
    def _within_reach(self, file: SourceFile, down: type[SourceError] = SourceError) -> Iterator[None]:
        with self._reachable(down):
            try:
                yield
            except FileNotFoundError:
                raise UnreadableError({file: Verdict("gone", "it was gone before it could be read")}) from None
            except PermissionError as refused:
                raise UnreadableError({file: Verdict("refused", f"it may not be read ({refused})")}) from None

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

    def _refuse_tables(self, listed: Iterable[str], wanted: Iterable[str], base: str) -> None:
        """Raises `SourceError` where a wanted file lies in a folder with the log of a table."""
        logs = {path[: found.start()]: path for path in listed if (found := _TABLE.search(path, len(base)))}
        for folder, log in logs.items():
            if any(path.startswith(f"{folder}/") for path in wanted):
                raise SourceError(
                    f"{self.location} has a table of Delta Lake, Hudi or Iceberg in it, and not all of its files are "
                    "its rows",
                    table=self.table,
                    step="extract",
                    seen=[f"its log is there: {log}"],
                    evidence=folder,
                    next_step="have its rows exported as files into a folder of their own, and name that as `object`",
                )

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


def source_order(file: SourceFile) -> tuple[str, int, str]:
    """Where the file stands among others: as the order of its rows says."""
    written = file.written or file.modified
    day = folder_day(file) or written.date()
    return order_of_file(day.isoformat(), written, file.path)


def _is_hidden(path: str) -> bool:
    """Whether Spark would pass over a file, without a word, or its writer has not ended yet."""
    return path.endswith(_UNFINISHED) or any(
        part.startswith(".") or (part.startswith("_") and "=" not in part) for part in path.split("/")
    )


def _finished(path: str) -> str:
    """What a file will be called when its writer has ended."""
    end = next((end for end in _UNFINISHED if path.endswith(end)), "")
    return path.removesuffix(end)


def _has_no_address(path: str) -> bool:
    """Whether no Hadoop path is this one: it has no names that are not UTF-8, empty, `.` or `..`."""
    return any(part in ("", ".", "..") for part in path.lstrip("/").split("/")) or any(
        "\ud800" <= character <= "\udfff" for character in path
    )


def _source_file(path: str, details: Mapping[str, Any]) -> SourceFile:
    if "LastModified" in details:
        modified = as_utc(details["LastModified"])
        return SourceFile(path, int(details["size"]), str(details["ETag"]).strip('"'), modified)
    # A file that was copied or moved here keeps its old modification time, but not its change time.
    written = datetime.fromtimestamp(details["written"], UTC).replace(tzinfo=None)
    modified = datetime.fromtimestamp(max(details["mtime"], details["created"]), UTC).replace(tzinfo=None)
    return SourceFile(
        path,
        int(details["size"]),
        f"{details['mtime']:.6f}",
        modified,
        changed=f"{details['created']:.6f}",
        written=written,
    )
