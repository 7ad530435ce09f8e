"""Staged files as a table's log names them: with their rows and bounds, or as its change feed."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from pyspark.sql.types import StructType

from tidemark.delta import footers
from tidemark.delta.statistics import file_statistics
from tidemark.spark.jvm import scala_object

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_AS_IN_ADDRESSES = "/-._~!$&'()*+,;=:@"
"""What Java leaves as it is in the path of an address, and Delta in its log. Written as `a%3Db`, `a=b` leads readers to
the same file, and a VACUUM, which compares the texts, to none: it removes the file with its living rows. Versions of
Tidemark before 2026-12 wrote it so.
"""
_OTHERWISE = "contains(path, '%3D')"  # Delta itself writes `=` within a value of a partition as `%253D`
_OF_BOTH = ("path", "partitionValues", "size", "deletionVector", "baseRowId", "defaultRowCommitVersion")


@dataclass(frozen=True)
class Indexed:
    """The columns that get statistics in the log, and whether the table's statistics say that they are tight."""

    columns: StructType
    tight: bool


def indexed(spark: SparkSession, transaction: Any, statistics: Collection[str]) -> Indexed:
    """The columns that Delta would choose, by the table's properties, and those in `statistics`."""
    metadata = transaction.metadata()
    collection = scala_object(spark, "org.apache.spark.sql.delta.stats.StatisticsCollection$")
    chosen = collection.getIndexedColumns(
        scala_object(spark, "scala.collection.immutable.Nil$"),
        collection.configuredDeltaStatsColumnSpec(metadata),
        metadata.dataSchema(),
        scala_object(spark, "org.apache.spark.sql.delta.NoMapping$"),
    )
    columns = StructType.fromJson(json.loads(str(chosen.json())))
    if missing := set(statistics) - set(columns.names):
        whole = StructType.fromJson(json.loads(str(metadata.schemaString())))
        columns = StructType([*columns.fields, *(field for field in whole.fields if field.name in missing)])
    return Indexed(columns, tight="deletionVectors" in str(transaction.protocol().json()))


@dataclass(frozen=True)
class AddedFile:
    """A file that is to become the table's: the `add` action, and its rows."""

    action: dict[str, dict[str, Any]]
    rows: int


def added_files(spark: SparkSession, table_path: str, folder: str, indexed: Indexed) -> Iterator[AddedFile]:
    """Each file with rows in the folder."""
    for status, footer in footers.read_footers(spark, folder):
        if footer.num_rows:
            stats = file_statistics(footer, indexed.columns, tight=indexed.tight)
            changed = {"modificationTime": int(status.getModificationTime()), "stats": stats}
            action = _file(table_path, folder, status) | changed | {"dataChange": True}
            yield AddedFile({"add": action}, int(footer.num_rows))


def rows_of(added: Sequence[AddedFile]) -> int:
    """How many rows the files have."""
    return sum(file.rows for file in added)


def change_files(spark: SparkSession, table_path: str, folder: str) -> Iterator[dict[str, Any]]:
    """One change-feed file for each file in the folder."""
    for status in footers.parquet_files(spark, folder):
        yield _file(table_path, folder, status) | {"dataChange": False}


def _file(table_path: str, folder: str, status: Any) -> dict[str, Any]:
    below = folder.removeprefix(table_path).strip("/")
    path = quote(f"{below}/{status.getPath().getName()}", safe=_AS_IN_ADDRESSES)
    return {"path": path, "partitionValues": {}, "size": int(status.getLen())}


def unknown_to_vacuum(snapshot: Any) -> list[Any]:
    """Delta's entries of the files with rows of the table that a VACUUM would remove."""
    return list(snapshot.allFiles().filter(_OTHERWISE).collect())


def would_lose_files(snapshot: Any, since: datetime) -> bool:
    """Whether a VACUUM would remove files that the table has, or that versions after that instant (UTC) had."""
    removed = f"{_OTHERWISE} AND deletionTimestamp > {int(since.astimezone(UTC).timestamp() * 1000)}"
    return bool(unknown_to_vacuum(snapshot)) or not snapshot.tombstones().filter(removed).isEmpty()


def renamed(entry: Any) -> Iterator[dict[str, Any]]:
    """The actions by which the log names such a file as Delta does; as it was named before it need not be kept."""
    add: dict[str, Any] = json.loads(str(entry.json()))["add"]
    gone = {name: add[name] for name in _OF_BOTH if name in add}
    yield {"remove": gone | {"deletionTimestamp": 1, "dataChange": False, "extendedFileMetadata": True}}
    yield {"add": add | {"path": quote(unquote(add["path"]), safe=_AS_IN_ADDRESSES), "dataChange": False}}
