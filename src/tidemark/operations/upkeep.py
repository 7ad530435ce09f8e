"""What keeps a table in order: small files together, files that nobody needs gone, a seal. No row of it changes.

Every commit of it carries the bookkeeping of the last batch.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from delta.tables import DeltaTable

from tidemark.delta import addedfiles, deltalog, purging
from tidemark.delta.table import read_state
from tidemark.spark.jvm import java_class, scala_object
from tidemark.write.commit import as_the_last_batch, with_settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_CHECK_RETENTION = "spark.databricks.delta.retentionDurationCheck.enabled"
_LISTING_TASKS = "spark.sql.sources.parallelPartitionDiscovery.parallelism"
_LOG_VACUUM = "spark.databricks.delta.vacuum.logging.enabled"


def compact(spark: SparkSession, path: str, signed: Mapping[str, Any]) -> None:
    """Puts small files of the table together, to the session's size of files. No row and no batch of it changes.

    The commit, if there is one, carries the bookkeeping of the last batch, which then outlives the log's older files;
    `signed` adds to it.
    """
    with as_the_last_batch(spark, path, signed):
        DeltaTable.forPath(spark, path).optimize().executeCompaction()


def remember_removed(spark: SparkSession, path: str, keep: timedelta, signed: Mapping[str, Any]) -> None:
    """Has the table's log remember at least for `keep` which files the table had, where Delta's own times are shorter.

    VACUUM removes what the log no longer remembers, however long files are to be kept. A commit of this carries the
    bookkeeping of the last batch; `signed` adds to it.
    """
    hours = math.ceil(keep / timedelta(hours=1))
    short = deltalog.remembers_less(spark, path, timedelta(hours=hours))
    if not short:
        return
    values = ", ".join(f"'{name}' = 'interval {hours} hours'" for name in short)
    with as_the_last_batch(spark, path, signed):
        spark.sql(f"ALTER TABLE delta.`{path.replace('`', '``')}` SET TBLPROPERTIES ({values})")


def vacuum(spark: SparkSession, path: str, keep: timedelta) -> bool:
    """Removes the files that have been out of use for longer than `keep` (whole hours), and what was staged before.

    Not where it would remove others: those that earlier versions of Tidemark have named so that Delta does not know
    them for the table's (`rename` does). Says whether it was done.
    """
    if addedfiles.would_lose_files(deltalog.snapshot(spark, path), datetime.now(UTC) - keep):
        return False
    # Delta tells how many by printing, to where reports of commands go.
    console = scala_object(spark, "scala.Console$")
    console.setOutDirect(java_class(spark, "java.lang.System").err)
    tasks = str(spark.sparkContext.defaultParallelism)  # Spark's default lists even one folder by 10,000 tasks
    hours = math.ceil(keep / timedelta(hours=1))  # Delta would round, and 0.4 hours be none
    with with_settings(spark, {_CHECK_RETENTION: "false", _LOG_VACUUM: "false", _LISTING_TASKS: tasks}):
        DeltaTable.forPath(spark, path).vacuum(hours)
    return True


def rename(spark: SparkSession, path: str, signed: Mapping[str, Any]) -> None:
    """Names files in the table's log as Delta does where a VACUUM, by anybody, would remove them. No file is written.

    The commit carries the bookkeeping of the last batch; `signed` adds to it.
    """
    unknown = addedfiles.unknown_to_vacuum(deltalog.snapshot(spark, path))
    if unknown:
        state = read_state(spark, path)
        bookkeeping = json.dumps({**state.metadata, **signed}, default=str)
        purging.annotate(
            spark, path, bookkeeping, state.epoch, [each for file in unknown for each in addedfiles.renamed(file)]
        )


def seal(spark: SparkSession, path: str, signed: Mapping[str, Any], sealed: str) -> None:
    """Commits nothing but the bookkeeping of the last batch, with `signed` and by what it was `sealed`: an entry that
    tells of no row.

    Rows that were marked as deleted leave their files before that, in a commit that is no seal: it tells of files.
    """
    rename(spark, path, {**signed, "sealed": None})
    if purging.may_mark_deleted(spark, path):
        with as_the_last_batch(spark, path, {**signed, "sealed": None}):
            spark.sql(f"REORG TABLE delta.`{path.replace('`', '``')}` APPLY (PURGE)")
    state = read_state(spark, path)
    bookkeeping = json.dumps({**state.metadata, **signed, "sealed": sealed}, default=str)
    purging.annotate(spark, path, bookkeeping, state.epoch)
