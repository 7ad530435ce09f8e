"""Files of any size, on disk or in S3: listed, copied with their SHA-256, put where there is none yet.

What goes from S3 to S3 is copied inside of it, and S3 itself says what it has copied. Everything else goes through this
process as bytes, a piece at a time. A file is taken as it was listed, or not at all.
"""

from __future__ import annotations

import base64
import hashlib
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tidemark.aws.clients import AWS_FAILURES, honours_conditions, refusal, s3_client
from tidemark.aws.settings import AwsSettings, is_uri
from tidemark.errors import ConfigError, TidemarkError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PIECE = 8 * 1024 * 1024
"""Bytes that are in memory at once of a file that goes through this process."""
_ONE_COPY = 5 * 1024**3  # the most that S3 copies by one request
_AT_ONCE = 1_000  # keys that one request deletes
_MISSING = ("NoSuchKey", "404", "NotFound")
_MOVED = ("PreconditionFailed", "412")
_TOO_FAR = "do not support cross-region requests"  # an endpoint of S3 in a VPC: another region's copies go through here
_BUSY = ("ConditionalRequestConflict", "409")
_ATTEMPTS = 5


class VanishedError(FileNotFoundError):
    """A file that was listed is not there any more."""


class ChangedError(OSError):
    """A file is not the one that was listed."""


@dataclass(frozen=True)
class Listed:
    """A file below a root; `tag` is another for another content: S3's ETag, or when the disk wrote it."""

    name: str
    size: int
    tag: str


@dataclass(frozen=True)
class Taken:
    """A file that was copied: what it holds, and its tag where it lies now."""

    size: int
    sha256: str
    tag: str


class Objects(Protocol):
    """The files below one root; names have `/` between their parts."""

    root: str

    def listed(self, below: str = "") -> Iterator[Listed]:
        """Every file below a folder; none when it does not exist. Files that begin with a dot are the system's."""
        ...

    def pieces(self, name: str, tag: str | None = None) -> Iterator[bytes]:
        """The file's bytes; raises `VanishedError`, or `ChangedError` where its tag is another."""
        ...

    def put(self, name: str, data: bytes) -> None:
        """Writes a small file whole, in place of what was there."""
        ...

    def put_new(self, name: str, data: bytes) -> bool:
        """Writes a small file whole if there is none, or says that there is another one."""
        ...

    def take(self, source: Objects, file: Listed, name: str) -> Taken:
        """Copies a listed file of another root to `name`. Raises `VanishedError` and `ChangedError`."""
        ...

    def told(self, name: str) -> tuple[int, str | None]:
        """The size of a file and the SHA-256 that its store keeps of its content, where it keeps one.

        Raises `VanishedError`.
        """
        ...

    def delete(self, names: Sequence[str]) -> None:
        """Removes files; those that are not there are no matter."""
        ...


def open_objects(root: str, aws: AwsSettings | None = None) -> Objects:
    """The files below a local path or an `s3://` (or `s3a://`) address."""
    return S3Objects(root, aws) if is_uri(root) else DiskObjects(root)


def whole(objects: Objects, name: str) -> bytes | None:
    """The content of a small file; None where there is none."""
    try:
        return b"".join(objects.pieces(name))
    except VanishedError:
        return None


def sha256_of(objects: Objects, name: str) -> tuple[int, str]:
    """The size and the SHA-256 of a file as it is read; raises `VanishedError`."""
    digest, size = hashlib.sha256(), 0
    for piece in objects.pieces(name):
        digest.update(piece)
        size += len(piece)
    return size, digest.hexdigest()


class DiskObjects:
    """Files on this machine's disk. A file appears complete or not at all."""

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")

    def listed(self, below: str = "") -> Iterator[Listed]:
        for folder, _, names in os.walk(self._path(below)):
            for name in names:
                path = Path(folder, name)
                try:
                    found = path.stat()
                except FileNotFoundError:
                    continue
                if not name.startswith("."):
                    yield Listed(path.relative_to(self.root).as_posix(), found.st_size, str(found.st_mtime_ns))

    def pieces(self, name: str, tag: str | None = None) -> Iterator[bytes]:
        try:
            with self._path(name).open("rb") as stream:
                while piece := stream.read(PIECE):
                    yield piece
                if tag is not None and str(os.fstat(stream.fileno()).st_mtime_ns) != tag:
                    raise ChangedError(f"{self._path(name)} was written since it was listed")
        except (FileNotFoundError, NotADirectoryError):
            raise VanishedError(str(self._path(name))) from None

    def put(self, name: str, data: bytes) -> None:
        self._written(name, iter((data,))).replace(self._path(name))

    def put_new(self, name: str, data: bytes) -> bool:
        partial = self._written(name, iter((data,)))
        try:
            os.link(partial, self._path(name))
        except FileExistsError:
            return self._path(name).read_bytes() == data
        finally:
            partial.unlink()
        return True

    def take(self, source: Objects, file: Listed, name: str) -> Taken:
        digest = hashlib.sha256()
        partial = self._written(name, _counted(source.pieces(file.name, file.tag), digest))
        found = partial.stat()
        if found.st_size != file.size:
            partial.unlink()
            raise ChangedError(f"{source.root}/{file.name} has {found.st_size} bytes, and not {file.size}")
        partial.replace(self._path(name))
        return Taken(found.st_size, digest.hexdigest(), str(found.st_mtime_ns))

    def told(self, name: str) -> tuple[int, str | None]:
        try:
            return self._path(name).stat().st_size, None
        except (FileNotFoundError, NotADirectoryError):
            raise VanishedError(str(self._path(name))) from None

    def delete(self, names: Sequence[str]) -> None:
        for name in names:
            path = self._path(name)
            path.unlink(missing_ok=True)
            for folder in path.parents:
                if str(folder) == self.root or not folder.is_dir() or any(folder.iterdir()):
                    break
                folder.rmdir()

    def _written(self, name: str, pieces: Iterator[bytes]) -> Path:
        """A file beside the one of this name, complete and on the disk."""
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name[:100]}.{uuid.uuid4().hex}.partial")
        try:
            with partial.open("wb") as stream:
                for piece in pieces:
                    stream.write(piece)
                stream.flush()
                os.fsync(stream.fileno())
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        return partial

    def _path(self, name: str) -> Path:
        return Path(self.root, name) if name else Path(self.root)


class S3Objects:
    """Objects in S3, below a bucket or a prefix of it."""

    def __init__(self, root: str, aws: AwsSettings | None) -> None:
        self.root = root.rstrip("/")
        self.bucket, _, prefix = self.root.partition("://")[2].partition("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self.endpoint = aws.endpoint_url if aws else None
        self._aws = aws

    @property
    def _s3(self) -> S3Client:
        return s3_client(self._aws)

    def key(self, name: str) -> str:
        """The key of the object of this name."""
        return self._prefix + name

    def listed(self, below: str = "") -> Iterator[Listed]:
        prefix = self.key(f"{below}/" if below else "")
        pages = iter(self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix))
        while page := self._asked("", lambda: next(pages, None)):
            for found in page.get("Contents", ()):
                name = found["Key"].removeprefix(self._prefix)
                if not name.rpartition("/")[2].startswith(".") and not name.endswith("/"):
                    yield Listed(name, found["Size"], found["ETag"].strip('"'))

    def pieces(self, name: str, tag: str | None = None) -> Iterator[bytes]:
        body = self._asked(name, lambda: self._s3.get_object(**self._place(name, IfMatch=tag))["Body"])
        yield from body.iter_chunks(PIECE)

    def put(self, name: str, data: bytes) -> None:
        self._asked(name, lambda: self._s3.put_object(**self._place(name), Body=data, ChecksumAlgorithm="SHA256"))

    def put_new(self, name: str, data: bytes) -> bool:
        for attempt in range(_ATTEMPTS):
            try:
                self._s3.put_object(**self._place(name), Body=data, ChecksumAlgorithm="SHA256", IfNoneMatch="*")
            except AWS_FAILURES as failure:
                if refusal(failure) in _BUSY and attempt + 1 < _ATTEMPTS:
                    time.sleep(0.2 * 2**attempt)
                    continue
                if refusal(failure) not in _MOVED:
                    raise self._refused(failure) from failure
                # What was done, and whose answer was lost, is refused when the client tries again.
                return whole(self, name) == data
            return True
        return False

    def take(self, source: Objects, file: Listed, name: str) -> Taken:
        if isinstance(source, S3Objects) and source.endpoint == self.endpoint and file.size < _ONE_COPY:
            taken = self._copied(source, file, name)
            if taken is not None:
                return taken
        digest = hashlib.sha256()
        body: Any = _Stream(_counted(source.pieces(file.name, file.tag), digest))
        own = {"ChecksumAlgorithm": "SHA256"}
        self._asked(name, lambda: self._s3.upload_fileobj(body, self.bucket, self.key(name), ExtraArgs=own))
        if body.size != file.size:
            self.delete([name])
            raise ChangedError(f"{source.root}/{file.name} has {body.size} bytes, and not {file.size}")
        return Taken(body.size, digest.hexdigest(), self._s3.head_object(**self._place(name))["ETag"].strip('"'))

    def _copied(self, source: S3Objects, file: Listed, name: str) -> Taken | None:
        """A copy inside of S3, which computes the checksum of what it copies; None where the network allows none."""
        place = self._place(name)

        def copy() -> Any:
            try:
                return self._s3.copy_object(
                    **place,
                    CopySource={"Bucket": source.bucket, "Key": source.key(file.name)},
                    CopySourceIfMatch=f'"{file.tag}"',
                    ChecksumAlgorithm="SHA256",
                )["CopyObjectResult"]
            except AWS_FAILURES as failure:
                if _TOO_FAR in str(failure):
                    return None
                raise

        answer = source._asked(file.name, copy)
        if answer is None:
            return None
        told = answer.get("ChecksumSHA256")
        sha256 = _hex(told) if told else sha256_of(self, name)[1]
        return Taken(file.size, sha256, answer["ETag"].strip('"'))

    def told(self, name: str) -> tuple[int, str | None]:
        found = self._asked(name, lambda: self._s3.head_object(**self._place(name), ChecksumMode="ENABLED"))
        told = found.get("ChecksumSHA256")
        # Of what was written in parts S3 keeps a checksum of their checksums, which ends in their number.
        return found["ContentLength"], _hex(told) if told and "-" not in told else None

    def delete(self, names: Sequence[str]) -> None:
        for start in range(0, len(names), _AT_ONCE):
            keys: Any = [{"Key": self.key(name)} for name in names[start : start + _AT_ONCE]]
            wanted: Any = {"Objects": keys, "Quiet": True}
            answer = self._asked("", partial(self._s3.delete_objects, Bucket=self.bucket, Delete=wanted))
            if failed := answer.get("Errors"):
                told = [f"{each.get('Key')}: {each.get('Code')}" for each in failed[:3]]
                raise TidemarkError(
                    f"{len(failed)} objects below {self.root} could not be removed",
                    seen=told,
                    next_step="check that the role may delete there, and that no object lock forbids it",
                )

    def refuse_deaf(self) -> None:
        """Raises `ConfigError` where the store overwrites what it is told to write only if there is nothing."""
        if not self._asked("", lambda: honours_conditions(self._aws, f"{self.root}/_conditional_put")):
            raise ConfigError(
                f"the store of {self.root} ignores If-None-Match: a snapshot could be overwritten by another",
                next_step="take a bucket of S3, or of a store that knows conditional puts",
            )

    def _place(self, name: str, **only: str | None) -> Any:
        conditions = {condition: value for condition, value in only.items() if value is not None}
        return {"Bucket": self.bucket, "Key": self.key(name), **conditions}

    def _asked(self, name: str, ask: Any) -> Any:
        try:
            return ask()
        except AWS_FAILURES as failure:
            if refusal(failure) in _MISSING:
                raise VanishedError(f"{self.root}/{name}") from None
            if refusal(failure) in _MOVED:
                raise ChangedError(f"{self.root}/{name} was written since it was listed") from None
            raise self._refused(failure) from failure

    def _refused(self, failure: BaseException) -> TidemarkError:
        return TidemarkError(
            f"{self.root} could not be used: {refusal(failure) or failure}",
            step="snapshot",
            next_step="check the bucket's name and region, the network, and the role's rights to list, read and write",
        )


class _Stream:
    """Pieces as a file that is read once."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest, self.size = pieces, b"", 0

    def read(self, wanted: int = -1) -> bytes:
        while wanted < 0 or len(self._rest) < wanted:
            piece = next(self._pieces, b"")
            if not piece:
                break
            self._rest += piece
        given = self._rest if wanted < 0 else self._rest[:wanted]
        self._rest = b"" if wanted < 0 else self._rest[wanted:]
        self.size += len(given)
        return given


def _counted(pieces: Iterator[bytes], digest: Any) -> Iterator[bytes]:
    for piece in pieces:
        digest.update(piece)
        yield piece


def _hex(checksum: str) -> str:
    return base64.b64decode(checksum).hex()
