"""The files that a version of a table is made of, below its folder: rows, marks of deleted rows, and its log."""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tidemark.delta import deltalog

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOG = "_delta_log"
_SIDECARS = f"{LOG}/_sidecars/"
_NUMBERED = re.compile(rf"{LOG}/(?P<version>\d{{20}})\.(?P<kind>json|crc|checkpoint\..+)")
_FEW = 1_000  # files whose entries Delta gives without a query
_UUID = 20  # characters of a deletion vector's file name, as the log has it
# The protocol writes them in Z85, which is the same code as Python's in other letters.
_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_B85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
_LETTERS = str.maketrans(_Z85, _B85)


def entries(spark: SparkSession, snapshot: Any) -> DataFrame:
    """The files of a version, with the marks of their deleted rows, as its log has them."""
    files = DataFrame(snapshot.allFiles().toDF(), spark)
    vector = F.col("deletionVector")
    return files.select("path", vector["storageType"].alias("storage"), vector["pathOrInlineDv"].alias("vector"))


def files_of(path: str, storage: str | None, vector: str | None) -> Iterator[str]:
    """The files behind an entry: the rows', and that of the marks of deleted ones, where these have one."""
    yield unquote(path)
    if storage == "u" and vector is not None:
        prefix, code = vector[:-_UUID], vector[-_UUID:]
        name = uuid.UUID(bytes=base64.b85decode(code.translate(_LETTERS)))
        yield f"{prefix}/deletion_vector_{name}.bin".lstrip("/")
    elif storage == "p" and vector is not None:
        yield unquote(vector)


def _files_of(entry: Any) -> Iterator[str]:
    vector = entry.deletionVector()
    marks = (None, None) if vector is None else (str(vector.storageType()), str(vector.pathOrInlineDv()))
    yield from files_of(str(entry.path()), *marks)


def is_elsewhere(file: str) -> bool:
    """Whether a file of a table does not lie below its folder, as those of a shallow clone."""
    return file.startswith("/") or ":/" in file


def files_at(spark: SparkSession, path: str, version: int) -> set[str]:
    """The files of the table at `version`, by their names below its folder; names alone come to the driver."""
    now = deltalog.snapshot(spark, path)
    if int(now.version()) == version and deltalog.file_count(now) <= _FEW:
        return {file for entry in deltalog.files(now) for file in _files_of(entry)}
    rows = entries(spark, deltalog.at_version(spark, path, version)).toLocalIterator()
    return {file for row in rows for file in files_of(row["path"], row["storage"], row["vector"])}


def files_changed(entry: Iterable[str]) -> Iterator[str]:
    """The files in which an entry of a log, line by line, has what it changed, before and after."""
    for line in entry:
        action: Mapping[str, Any] = json.loads(line) if line.strip() else {}
        file = action.get("cdc") or action.get("add") or action.get("remove")
        if file is not None and ("cdc" in action or file.get("dataChange")):
            vector = file.get("deletionVector") or {}
            yield from files_of(file["path"], vector.get("storageType"), vector.get("pathOrInlineDv"))


def files_fed(entry: Iterable[str]) -> Iterator[str]:
    """The files from which Delta's feed tells what an entry changed: its own where it has some, else those of rows."""
    lines = [line for line in entry if line.strip()]
    fed = [line for line in lines if "cdc" in json.loads(line)]
    yield from files_changed(fed or lines)


def log_until(names: Collection[str], version: int) -> tuple[set[str], tuple[int, ...]]:
    """Those of a table's files that its log until `version` consists of, and the entries that this log lacks."""
    found, entries_there, checkpoints = set(), set(), {-1}
    for name in names:
        numbered = _NUMBERED.fullmatch(name)
        if numbered is not None and int(numbered["version"]) <= version:
            found.add(name)
            if numbered["kind"] == "json":
                entries_there.add(int(numbered["version"]))
            elif numbered["kind"] != "crc":
                checkpoints.add(int(numbered["version"]))
        elif name.startswith(_SIDECARS):
            found.add(name)
    return found, tuple(each for each in range(max(checkpoints) + 1, version + 1) if each not in entries_there)
