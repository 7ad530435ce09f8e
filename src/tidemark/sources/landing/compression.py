"""Compressed text files: told by their name, as Spark tells them, and looked into from the driver.

Spark reads a compressed file whole on one executor. The driver reads the first bytes, and where Spark has failed on a
file it reads it to its end: the second opinion tells a broken file from a store that could not be reached.
"""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Iterable
from typing import Any, Literal

import pyarrow as pa

Codec = Literal["gzip", "bzip2", "zstd"]

_CODECS: dict[str, Codec] = {".gz": "gzip", ".bz2": "bzip2", ".zst": "zstd"}
# Spark unpacks `.gzip` and `.zstd` where it reads a file whole, and not where it reads lines.
_OTHERS = (
    ".7z",
    ".br",
    ".deflate",
    ".gzip",
    ".lz4",
    ".lzma",
    ".lzo",
    ".rar",
    ".snappy",
    ".tar",
    ".tgz",
    ".xz",
    ".z",
    ".zip",
    ".zstd",
)
_MAGIC = {b"\x1f\x8b": ".gz", b"BZh": ".bz2", b"\x28\xb5\x2f\xfd": ".zst", b"PK\x03\x04": ".zip", b"\xfd7zXZ": ".xz"}
_CHUNK = 64 * 1024
_BZIP2_END = 0x177245385090
_BZIP2_TAIL = 11  # bytes that hold the mark of the end, a checksum and up to seven bits that fill the last byte


class BrokenError(Exception):
    """The content of a file is not what its name says, or not all of it."""


def codec_of(path: str) -> Codec | None:
    """How a file is compressed, by the end of its name; raises `BrokenError` where nobody here can read that."""
    name = path.rpartition("/")[2]
    end = name[name.rfind(".") :] if "." in name else ""
    if end in _CODECS:
        return _CODECS[end]
    if end.lower() in _OTHERS or end.lower() in _CODECS:
        raise BrokenError(f"`{end}` is no compression that is read: .gz, .bz2 and .zst are")
    return None


def is_packed(path: str) -> bool:
    """Whether the name says that the file is compressed, be it in a way that nobody here can read."""
    try:
        return codec_of(path) is not None
    except BrokenError:
        return True


def disguised(head: bytes) -> str:
    """What to add to a complaint about a text file that begins like a compressed one."""
    ends = [end for magic, end in _MAGIC.items() if head.startswith(magic)]
    return f" (it begins like a {ends[0]} file: is that its name?)" if ends else ""


def first_bytes(compressed: bytes, codec: Codec, *, whole: bool) -> bytes:
    """What the first bytes of a file say; `whole`: they are all of it.

    Raises `BrokenError` where they are of no such file.
    """
    if codec == "zstd":
        return _of_zstd(compressed, whole=whole)
    return b"".join(_unpacked([compressed], codec, whole=whole))


def examine(chunks: Iterable[bytes], codec: Codec) -> None:
    """Reads a whole file; raises `BrokenError` where it is cut off or damaged. Errors of `chunks` itself pass."""
    if codec == "zstd":
        _of_zstd(b"".join(chunks), whole=True)
        return
    for _ in _unpacked(chunks, codec, whole=True):
        pass


def ends_well(tail: bytes) -> bool:
    """Whether the last bytes of a bzip2 file hold its end.

    Hadoop takes a file that was cut between two blocks for whole, and one that is no bzip2 at all for empty.
    """
    bits = int.from_bytes(tail[-_BZIP2_TAIL:], "big")
    return any((bits >> (32 + shift)) & ((1 << 48) - 1) == _BZIP2_END for shift in range(8))


def _unpacked(chunks: Iterable[bytes], codec: Codec, *, whole: bool) -> Iterable[bytes]:
    """The content chunk by chunk; a file may be several compressed ones, one behind the other."""
    unpacker = _unpacker(codec)
    begun = False
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                if unpacker.eof:
                    unpacker = _unpacker(codec)
                yield unpacker.decompress(rest)
                begun, rest = True, unpacker.unused_data
    except (zlib.error, OSError, EOFError, ValueError) as failure:
        raise BrokenError(f"it is no {codec} file, or a damaged one ({failure})") from None
    if whole and not (begun and unpacker.eof):
        raise BrokenError(f"its {codec} content is cut off")


def _unpacker(codec: Codec) -> Any:
    return zlib.decompressobj(wbits=31) if codec == "gzip" else bz2.BZ2Decompressor()


def _of_zstd(compressed: bytes, *, whole: bool) -> bytes:
    parts: list[bytes] = []
    try:
        with pa.CompressedInputStream(pa.BufferReader(compressed), "zstd") as stream:
            while part := stream.read(_CHUNK):
                parts.append(part)
    except (OSError, pa.ArrowInvalid) as failure:
        if whole or not compressed.startswith(b"\x28\xb5\x2f\xfd"):
            raise BrokenError(f"it is no zstd file, or a damaged one ({failure})") from None
    return b"".join(parts)
