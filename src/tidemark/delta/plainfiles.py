"""Versions of small Delta tables, read as the Parquet files that they are.

Delta plans every scan with queries over its own log: a tenth of a second of planning and a job for each table in each
query. That pays where it can skip files. A table of a few files that hold nothing but rows (no deletion vectors, no
partition values, no renamed columns) is these files, and is looked up in the log once a version.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tidemark.delta import deltalog
from tidemark.delta.sizes import gathered

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

FEW = 16
"""Tables of more files are left to Delta, which can skip some."""

_REMEMBERED = 500


@dataclass(frozen=True)
class PlainFiles:
    """The files of one version and the schema to read them by.

    `size` is in bytes; `rows` is None where the log does not say; `feeds`: commits keep a change feed.
    """

    files: tuple[str, ...]
    schema: StructType
    size: int
    rows: int | None
    feeds: bool


_known: dict[tuple[str, str, int], PlainFiles | None] = {}
_lock = threading.Lock()


def read_plain(spark: SparkSession, path: str, version: int) -> DataFrame | None:
    """The table at its present `version` without Delta's planning; None where only Delta can read it."""
    found = plain_files(spark, path, version)
    if found is None:
        return None
    if not found.files:
        return spark.createDataFrame([], found.schema)
    return gathered(spark.read.schema(found.schema).parquet(*found.files), found.size)


def plain_files(spark: SparkSession, path: str, version: int) -> PlainFiles | None:
    """The table at its present `version` as files; None where only Delta can read it."""
    snapshot = deltalog.snapshot(spark, path)
    return _plain_files(spark, path, version, snapshot) if int(snapshot.version()) == version else None


def _plain_files(spark: SparkSession, path: str, version: int, snapshot: Any) -> PlainFiles | None:
    """Looked up once: a version of a table (which has an id of its own, as has its copy elsewhere) never changes."""
    key = (path, str(snapshot.metadata().id()), version)
    with _lock:
        if key in _known:
            return _known[key]
    found = _look_up(path, snapshot)
    with _lock:
        if len(_known) >= _REMEMBERED:
            _known.clear()
        _known[key] = found
    return found


def forget() -> None:
    """Looks everything up anew: for who has put an earlier state of a table's folder in its place."""
    with _lock:
        _known.clear()


def _look_up(path: str, snapshot: Any) -> PlainFiles | None:
    metadata = snapshot.metadata()
    if deltalog.is_mapped(snapshot) or not metadata.partitionColumns().isEmpty() or deltalog.file_count(snapshot) > FEW:
        return None
    files = deltalog.files(snapshot)
    if any(file.deletionVector() is not None for file in files):
        return None
    names = sorted(unquote(str(file.path())) for file in files)
    if any(":/" in name or name.startswith("/") for name in names):
        return None  # a shallow clone: its files lie in another table
    counts = [json.loads(text).get("numRecords") for file in files if (text := file.stats())]
    rows = sum(counts) if len(counts) == len(files) and None not in counts else None
    return PlainFiles(
        files=tuple(f"{path}/{name}" for name in names),
        schema=deltalog.schema(snapshot),
        size=sum(int(file.size()) for file in files),
        rows=rows,
        feeds=deltalog.has_property(snapshot, "delta.enableChangeDataFeed"),
    )
