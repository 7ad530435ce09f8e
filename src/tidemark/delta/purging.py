"""What a log says of rows that are gone: bounds of their files, and the files themselves, are forgotten with it.

A table is sealed by an entry that tells of no row; what the log says before that is then put into a checkpoint, which
knows the files of now, and removed. Versions before the seal cannot be read any more, nor brought back.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tidemark.delta import deltalog
from tidemark.spark.jvm import java_class, scala_sequence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from pyspark.sql import SparkSession

    from tidemark.aws.folder import Folder

_LOG, _PARQUET = "_delta_log", ".parquet"
_NUMBERED = re.compile(r"\.?(?P<version>\d{20})\.(?:(?P<until>\d{20})\.)?")
_VECTORS = "deletionVectors"


def may_mark_deleted(spark: SparkSession, path: str) -> bool:
    """Whether rows of the table may be marked as deleted, and still be in its files."""
    return _VECTORS in str(deltalog.snapshot(spark, path).protocol().json())


def annotate(
    spark: SparkSession, path: str, user_metadata: str, epoch: int, also: Iterable[Mapping[str, Any]] = ()
) -> int:
    """Commits an entry without rows, with these words, and `also` actions that change none; gives its version."""
    transaction = deltalog.delta_log(spark, path).startTransaction()
    app = deltalog.writer_id(transaction, epoch)
    last = transaction.snapshot().transactions().get(app)
    numbers = {f"tidemark:sealed:{uuid.uuid4()}": 1} | ({app: int(last.get())} if last.isDefined() else {})
    now, actions = int(time.time() * 1000), java_class(spark, "org.apache.spark.sql.delta.actions.Action")
    signed = [
        actions.fromJson(json.dumps({"txn": {"appId": name, "version": number, "lastUpdated": now}}))
        for name, number in numbers.items()
    ]
    signed += [actions.fromJson(json.dumps(each)) for each in also]
    option = java_class(spark, "scala.Option")
    operation = java_class(spark, "org.apache.spark.sql.delta.DeltaOperations$Write")(
        java_class(spark, "org.apache.spark.sql.SaveMode").Append,
        option.empty(),
        option.empty(),
        option.apply(user_metadata),
        *[option.empty()] * 3,
    )
    return int(transaction.commit(scala_sequence(spark, signed), operation))


def forget_before(spark: SparkSession, path: str, table: Folder) -> int:
    """Makes a checkpoint of the table as it is now, and removes what its log says of earlier versions; gives how many
    files of the log that were.
    """
    snapshot = deltalog.snapshot(spark, path)
    version = int(snapshot.version())
    deltalog.delta_log(spark, path).checkpoint(snapshot, java_class(spark, "scala.Option").empty())
    removed = 0
    for name in table.names(_LOG):
        numbered = _NUMBERED.match(name.removeprefix(f"{_LOG}/"))
        if numbered is not None and int(numbered["version"]) < version:
            table.delete(name)
            removed += 1
    return removed


def hidden_files(table: Folder, before: datetime | None = None) -> list[str]:
    """The files of rows that a VACUUM passes over for the name of their folder, where they were written before that
    instant (UTC). Batches of earlier versions of Tidemark have staged some in such folders.
    """
    return [
        name
        for name, written in table.written().items()
        if name.endswith(_PARQUET) and _is_hidden(name) and (before is None or written < before)
    ]


def remove_unheld(
    spark: SparkSession, path: str, table: Folder, hidden: Sequence[str], kept_since: int | None = None
) -> int:
    """Removes those of the `hidden` files that the table has not now, and had not at version `kept_since`; gives how
    many. What it had between the two, and at neither, was written since.
    """
    if not hidden:
        return 0
    snapshots = [deltalog.snapshot(spark, path)]
    if kept_since is not None:
        snapshots.append(deltalog.at_version(spark, path, kept_since))
    held = {unquote(str(file.path())) for snapshot in snapshots for file in deltalog.files(snapshot)}
    left = [name for name in hidden if name not in held]
    for name in left:
        table.delete(name)
    return len(left)


def _is_hidden(name: str) -> bool:
    return not name.startswith(f"{_LOG}/") and any(part.startswith(("_", ".")) for part in name.split("/"))
