"""What going back in a table's history needs: whether a version can be had again, and what came after it.

Delta's RESTORE finds out on the way that a file is gone. Where several tables go back together, all of them are looked
at before the first one moves.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from py4j.protocol import Py4JJavaError
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tidemark.delta import deltalog, entries
from tidemark.spark import storage

if TYPE_CHECKING:
    from pyspark.sql import Row, SparkSession

_AT_ONCE = 16  # looks at files at the same time
_SHOWN = 3  # missing files that are named
_UUID = 20  # characters of a deletion vector's file name, as the log has it
# The protocol writes them in Z85, which is the same code as Python's in other letters.
_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_B85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
_LETTERS = str.maketrans(_Z85, _B85)


def obstacles(spark: SparkSession, path: str, version: int, known_as: str | None = None) -> tuple[str, ...]:
    """Why the table cannot be taken back to this version; nothing where it can.

    `known_as` is the id that the table had then.
    """
    latest = deltalog.latest_version(spark, path)
    if latest is None:
        return ("there is no table any more",)
    if version > latest:
        return (f"it has no version {version}: its newest is {latest}, as of a table that was made anew",)
    try:
        then = deltalog.at_version(spark, path, version)
        found = deltalog.table_id(then)
        if known_as is not None and found != known_as:
            return (f"it was dropped and made anew: version {version} is of the table {found}, not of {known_as}",)
        missing = _missing(spark, _needed(spark, path, then, deltalog.snapshot(spark, path)))
    except Py4JJavaError as unknown:
        return (f"version {version} is no longer in its log: {_first_line(unknown)}",)
    if not missing:
        return ()
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    return (f"{len(missing)} files of version {version} are gone: {', '.join(missing[:_SHOWN])}{more}",)


def changes_after(spark: SparkSession, path: str, version: int) -> tuple[str, ...]:
    """The later commits that changed rows, each as a person would name it."""
    latest = int(deltalog.snapshot(spark, path).version())
    try:
        return tuple(str(each) for each in entries.changes(spark, path, version, latest) if each.rows)
    except entries.GoneError as gone:
        return (f"what its log no longer has ({gone})",)


def _needed(spark: SparkSession, path: str, then: Any, now: Any) -> Iterator[str]:
    """The files of `then` that are not in use now."""
    before, after = (_entries(spark, each) for each in (then, now))
    same = [before[name].eqNullSafe(after[name]) for name in before.columns]
    yield from _files(path, before.join(after, same, "left_anti").collect())


def _entries(spark: SparkSession, snapshot: Any) -> DataFrame:
    files = DataFrame(snapshot.allFiles().toDF(), spark)
    vector = F.col("deletionVector")
    return files.select("path", vector["storageType"].alias("storage"), vector["pathOrInlineDv"].alias("vector"))


def _files(path: str, found: Iterable[Row]) -> Iterator[str]:
    for entry in found:
        yield _placed(path, unquote(entry["path"]))
        if entry["storage"] == "u":
            prefix, code = entry["vector"][:-_UUID], entry["vector"][-_UUID:]
            name = uuid.UUID(bytes=base64.b85decode(code.translate(_LETTERS)))
            yield _placed(path, f"{prefix}/deletion_vector_{name}.bin".lstrip("/"))
        elif entry["storage"] == "p":
            yield unquote(entry["vector"])


def _placed(path: str, file: str) -> str:
    is_absolute = file.startswith("/") or ":/" in file
    return file if is_absolute else f"{path}/{file}"


def _missing(spark: SparkSession, files: Iterable[str]) -> list[str]:
    with ThreadPoolExecutor(_AT_ONCE, "tidemark-look") as pool:
        wanted = sorted(set(files))
        there = pool.map(lambda file: storage.exists(spark, file), wanted)
        return [file for file, found in zip(wanted, there, strict=True) if not found]


def _first_line(failure: Py4JJavaError) -> str:
    return str(failure.java_exception.getMessage()).partition("\n")[0]
