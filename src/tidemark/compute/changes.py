"""What changed in a table: between two of its versions, and by the batch that is prepared for it.

A change is told by the values that some columns had before and have after it; how often it is told does not matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import Window
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from tidemark.delta import deltalog, entries
from tidemark.delta.going_back import lacking_for_feed
from tidemark.delta.sizes import gathered
from tidemark.delta.table import read_feed, read_version, stored_schema
from tidemark.errors import TidemarkError
from tidemark.rows import own, quoted
from tidemark.rows.batches import having
from tidemark.spark import storage
from tidemark.write.manifest import CHANGE_TYPE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame, SparkSession

    from tidemark.engine import Engine
    from tidemark.write.manifest import Prepared

_COMMIT_VERSION = "_commit_version"
_LAST = own("last")


class ChangesGoneError(TidemarkError):
    """The table no longer knows what changed since the version asked for."""


def between(spark: SparkSession, path: str, since: int, until: int, columns: Sequence[str]) -> DataFrame:
    """The values of `columns`, old and new, in the rows that changed after version `since` and up to `until`.

    Raises `ChangesGoneError` where the log or the files of these versions are no longer kept.
    """
    try:
        files = entries.changed_files(spark, path, since, until)
    except entries.GoneError as gone:
        raise ChangesGoneError(f"its log has no {gone.args[0]} any more") from None
    except entries.ReplacedError as replaced:
        raise ChangesGoneError(f"another table was put in its place ({replaced})") from None
    if files is not None and deltalog.is_mapped(deltalog.snapshot(spark, path)):
        files = None
    if files is None:
        return _fed(spark, path, since, until, columns)
    for file in files:
        if not storage.exists(spark, file):
            raise ChangesGoneError(f"{file} was vacuumed")
    stored = stored_schema(spark, path)
    schema = StructType([stored[name] for name in columns])
    return spark.read.schema(schema).parquet(*files) if files else spark.createDataFrame([], schema)


def _fed(spark: SparkSession, path: str, since: int, until: int, columns: Sequence[str]) -> DataFrame:
    """The same by Delta's Change Data Feed, which knows of deletion vectors and partitions too."""
    feed = _whole_feed(spark, path, since, until)
    try:
        return feed.select(*map(quoted, columns))
    except PySparkException as refused:
        raise ChangesGoneError(str(refused).partition("\n")[0]) from refused


def by_batch(spark: SparkSession, path: str, prepared: Prepared, columns: Sequence[str]) -> DataFrame | None:
    """The values of `columns`, old and new, in the rows that the batch changes; None when it replaces all of them."""
    if prepared.operation == "overwrite":
        return None
    if prepared.rewrite is not None:
        stored = stored_schema(spark, path)
        schema = StructType([stored[name] for name in columns])
        return gathered(spark.read.schema(schema).parquet(*prepared.rewrite.feed), prepared.rewrite.size)
    rows = prepared.rows(spark)
    changed = rows.select(*map(quoted, columns))
    told_by_key = set(columns) <= set(prepared.keys)
    if prepared.operation == "append" or prepared.target_version is None or told_by_key:
        return changed
    replaced = rows.where(f"{CHANGE_TYPE} <> 'insert'")
    before = having(read_version(spark, path, prepared.target_version), replaced, prepared.keys)
    return before.select(*map(quoted, columns)).unionByName(changed)


def changes_since(engine: Engine, table: str, published: int, version: int) -> DataFrame:
    """The net change of each key between two versions; of a deleted row its last state, or its keys alone.

    Where this run made the one commit between them, its batch says it all: one row a key, labelled with its change.
    Raises `ChangesGoneError` where the table no longer tells.
    """
    spark, done = engine.session(table), engine.batches.get(table)
    if done is not None and done.version == version == published + 1 and done.prepared.operation != "overwrite":
        return done.prepared.rows(spark)
    feed = _whole_feed(spark, engine.table_path(table), published, version)
    feed = feed.where(F.col(CHANGE_TYPE) != "update_preimage")
    keys = engine.table(table).contract.keys
    last_first = Window.partitionBy(*map(quoted, keys)).orderBy(F.desc(_COMMIT_VERSION), F.desc(CHANGE_TYPE))
    newest = feed.withColumn(_LAST, F.row_number().over(last_first)).where(F.col(_LAST) == 1)
    return newest.drop(_LAST, _COMMIT_VERSION, "_commit_timestamp")


def _whole_feed(spark: SparkSession, path: str, since: int, until: int) -> DataFrame:
    """The change feed, of which all is there; files of years ago may have been vacuumed, and feeds switched off."""
    lacking = lacking_for_feed(spark, path, since, until)
    if lacking is not None:
        raise ChangesGoneError(lacking)
    try:
        feed = read_feed(spark, path, since, until)
        _plan(feed)  # Delta looks at the entries no sooner
    except (PySparkException, Py4JError, TidemarkError) as refused:
        raise ChangesGoneError(str(refused).partition("\n")[0]) from refused
    return feed


def _plan(frame: Any) -> None:
    frame._jdf.queryExecution().executedPlan()
