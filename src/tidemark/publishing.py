"""Brings a released version of a gold table to a warehouse: only what changed since the version it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from tidemark.errors import TargetError
from tidemark.rows import quoted
from tidemark.targets import PublishRequest, PublishResult, Target, target_for
from tidemark.write.manifest import CHANGE_TYPE
from tidemark.write.target import read_version

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from tidemark.engine import Engine
    from tidemark.release import Release

_COMMIT_VERSION = "_commit_version"


@dataclass(frozen=True)
class OpenTarget:
    """A warehouse with the session that a run keeps, and what it had of each table when it was opened."""

    warehouse: Target
    connection: str
    versions: Mapping[str, int]


def publish(engine: Engine, table: str, target: str, release: Release) -> PublishResult:
    """Brings `table`, as `release` has it, to the warehouse `target`; a no-op when it is there already."""
    opened, version = _open(engine, target), _released(table, target, release)
    if opened.versions.get(table) == version:
        return PublishResult(table, opened.connection, version, 0, 0, _rows(engine, table, version), changed=False)
    return opened.warehouse.publish(_request(engine, table, opened, release))


def export(engine: Engine, table: str, target: str, release: Release) -> None:
    """Writes the files that `publish` will load, ahead of it; nothing where the warehouse has this version."""
    opened, version = _open(engine, target), _released(table, target, release)
    if opened.versions.get(table) != version:
        opened.warehouse.export(_request(engine, table, opened, release))


def finish(engine: Engine) -> None:
    """Ends the sessions with the warehouses and removes the files that were exchanged."""
    for opened in engine.targets.forget():
        opened.warehouse.close()
    engine.exports.forget(engine.environment)


def _open(engine: Engine, target: str) -> OpenTarget:
    def work_out() -> OpenTarget:
        place = engine.environment.targets[target]
        connection = engine.connect(place.connection)
        warehouse = target_for(connection.kind)(connection, place.schema_name, engine.environment)
        warehouse.keep_session()
        return OpenTarget(warehouse, place.connection, warehouse.published_versions())

    return engine.targets.get(target, work_out)


def _released(table: str, target: str, release: Release) -> int:
    if table in release.tables:
        return release.tables[table]
    raise TargetError(
        f"release {release.name} has no {table}",
        table=table,
        step=f"publish to {target}",
        next_step="run the flow that builds the table, then publish",
    )


def _request(engine: Engine, table: str, opened: OpenTarget, release: Release) -> PublishRequest:
    spark, path = engine.session(table), engine.table_path(table)
    loaded, version, published = engine.table(table), release.tables[table], opened.versions.get(table)
    keys = loaded.contract.keys
    full = published is None or published > version or not keys
    exchange = engine.environment.exchange.rstrip("/")
    return PublishRequest(
        table=loaded,
        changes=_everything(spark, path, version) if full else _since(spark, path, published or 0, version, keys),
        full=full,
        exchange=f"{exchange}/publish/run_id={engine.run.run_id}/{table}/after-{'nothing' if full else published}",
        release=release.name,
        version=version,
        rows_after=_rows(engine, table, version),
        exports=engine.exports,
    )


def _rows(engine: Engine, table: str, version: int) -> int:
    spark, path = engine.session(table), engine.table_path(table)
    return engine.exports.rows(table, version, lambda: read_version(spark, path, version).count())


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
