"""Brings a released version of a gold table to a warehouse: only what changed since the version it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from tidemark.errors import TargetError
from tidemark.rows import quoted
from tidemark.targets import PublishRequest, PublishResult, target_for
from tidemark.write.manifest import CHANGE_TYPE
from tidemark.write.target import read_version

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from tidemark.engine import Engine
    from tidemark.release import Release

_COMMIT_VERSION = "_commit_version"


def publish(engine: Engine, table: str, target: str, release: Release) -> PublishResult:
    """Brings `table`, as `release` has it, to the warehouse `target`; a no-op when it is there already."""
    if table not in release.tables:
        raise TargetError(
            f"release {release.name} has no {table}",
            table=table,
            step=f"publish to {target}",
            next_step="run the flow that builds the table, then publish",
        )
    spark = engine.session(table)
    loaded = engine.table(table)
    place = engine.environment.targets[target]
    connection = engine.connect(place.connection)
    warehouse = target_for(connection.kind)(connection, place.schema_name, engine.environment)
    version, path = release.tables[table], engine.table_path(table)
    published = warehouse.published_version(table)
    if published == version:
        rows = read_version(spark, path, version).count()
        return PublishResult(table, place.connection, version, 0, 0, rows, changed=False)
    keys = loaded.contract.keys
    full = published is None or published > version or not keys
    exchange = engine.environment.exchange.rstrip("/")
    changes = _everything(spark, path, version) if full else _since(spark, path, published or 0, version, keys)
    request = PublishRequest(
        table=loaded,
        changes=changes,
        full=full,
        exchange=f"{exchange}/publish/run_id={engine.run.run_id}/{table}/after-{'nothing' if full else published}",
        release=release.name,
        version=version,
        rows_after=read_version(spark, path, version).count(),
        exports=engine.exports,
    )
    return warehouse.publish(request)


def _everything(spark: SparkSession, path: str, version: int) -> DataFrame:
    return read_version(spark, path, version).withColumn(CHANGE_TYPE, F.lit("insert"))


def _since(spark: SparkSession, path: str, published: int, version: int, keys: tuple[str, ...]) -> DataFrame:
    """The net change of each key between two versions, from the change feed; of a deleted row its last state."""
    feed = (
        spark.read.format("delta")
        .option("readChangeFeed", "true")
        .option("startingVersion", published + 1)
        .option("endingVersion", version)
        .load(path)
        .where(F.col(CHANGE_TYPE) != "update_preimage")
    )
    last_first = Window.partitionBy(*map(quoted, keys)).orderBy(F.desc(_COMMIT_VERSION), F.desc(CHANGE_TYPE))
    newest = feed.withColumn("_last", F.row_number().over(last_first)).where("_last = 1")
    return newest.drop("_last", _COMMIT_VERSION, "_commit_timestamp")
