"""Brings a released version of a gold table to a warehouse: only what changed since the version it has."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from tidemark.compile.ddl import publish_columns
from tidemark.compute.changes import ChangesGoneError, changes_since
from tidemark.control.release import PUBLISHED_TABLE
from tidemark.delta.table import count_rows, earlier_types, read_version, stored_schema
from tidemark.errors import TargetError
from tidemark.lint.privacy import admission
from tidemark.rows import quoted
from tidemark.sql.types import widens
from tidemark.targets import OpenTarget, PublishRequest, PublishResult, target_for
from tidemark.write.manifest import CHANGE_TYPE

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

    from tidemark.config.contract import Contract
    from tidemark.control.release import Release
    from tidemark.engine import Engine

log = logging.getLogger("tidemark.publish")


def publish(engine: Engine, table: str, target: str, release: Release) -> PublishResult:
    """Brings `table`, as `release` has it, to the warehouse `target`; a no-op when it is there already."""
    opened, version = open_target(engine, target), _released(table, target, release)
    is_other = _has_another(engine, table, target, release)
    if opened.versions.get(table) == version and not is_other:
        rows = count_rows(engine.session(table), engine.table_path(table), version)
        return PublishResult(table, opened.connection, version, 0, 0, rows, changed=False)
    result = opened.warehouse.publish(_request(engine, table, opened, release, is_other=is_other))
    if release.ids.get(table):
        engine.state.put(PUBLISHED_TABLE, f"{target}/{table}", {"table_id": release.ids[table]})
    return result


def published_id(engine: Engine, table: str, target: str) -> str | None:
    """The id of the lake's table that the warehouse has; None where nobody has noted it."""
    noted = engine.state.get(PUBLISHED_TABLE, f"{target}/{table}")
    return str(noted.value["table_id"]) if noted else None


def _has_another(engine: Engine, table: str, target: str, release: Release) -> bool:
    """Whether the warehouse has another table of this name than the release: its version then says nothing."""
    noted, now = published_id(engine, table, target), release.ids.get(table)
    return noted is not None and now is not None and noted != now


def export(engine: Engine, table: str, target: str, release: Release) -> None:
    """Writes the files that `publish` will load, ahead of it; nothing where the warehouse has this version."""
    opened, version = open_target(engine, target), _released(table, target, release)
    is_other = _has_another(engine, table, target, release)
    if opened.versions.get(table) != version or is_other:
        opened.warehouse.export(_request(engine, table, opened, release, is_other=is_other))


def finish(engine: Engine) -> None:
    """Ends the sessions with the warehouses and removes the files that were exchanged."""
    for opened in engine.targets.forget():
        opened.warehouse.close()
    engine.requests.forget()
    engine.exports.forget(engine.environment)


def open_target(engine: Engine, target: str) -> OpenTarget:
    """The warehouse, and what it has; opened by the first that asks and open until `finish`."""

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


def _request(engine: Engine, table: str, opened: OpenTarget, release: Release, *, is_other: bool) -> PublishRequest:
    """What brings the table from the version that the warehouse has to that of the release; the same for warehouses
    that have the same version.
    """
    published = opened.versions.get(table)
    after = "another" if is_other else published
    return engine.requests.get(
        f"{table} at {release.tables[table]} after {after}",
        lambda: _new_request(engine, table, published, release, is_other=is_other),
    )


def _new_request(
    engine: Engine, table: str, published: int | None, release: Release, *, is_other: bool
) -> PublishRequest:
    admission.admit(engine.project.tables, table)
    spark, path = engine.session(table), engine.table_path(table)
    loaded, version = engine.table(table), release.tables[table]
    full = published is None or published > version or is_other or not loaded.contract.keys
    changes = None if full else _since(engine, table, published or 0, version)
    full = changes is None
    if changes is None:
        changes = _everything(spark, path, version, release.ids.get(table))
    exchange = engine.environment.exchange.rstrip("/")
    return PublishRequest(
        table=loaded,
        changes=_as_published(changes, loaded.contract),
        full=full,
        exchange=f"{exchange}/publish/run_id={engine.run.run_id}/{table}/after-{'nothing' if full else published}",
        release=release.name,
        version=version,
        rows_after=count_rows(spark, path, version),
        exports=engine.exports,
        since=None if full else published,
        grown=tuple(earlier_types(stored_schema(spark, path))),
        anew=is_other,
    )


def _since(engine: Engine, table: str, published: int, version: int) -> DataFrame | None:
    """What changed since the version that was published; None where the lake no longer tells."""
    try:
        return changes_since(engine, table, published, version)
    except ChangesGoneError as gone:
        log.warning("%s is published as a whole: what changed since version %d is gone (%s)", table, published, gone)
        return None


def _as_published(changes: DataFrame, contract: Contract) -> DataFrame:
    """The columns of the contract, in its types, also where an earlier version did not have them, or narrower ones."""
    stored = {field.name: field.dataType.simpleString() for field in changes.schema.fields}

    def column(name: str, of_type: str) -> Column:
        if name not in stored:
            return F.lit(None).cast(of_type).alias(name)
        return quoted(name).cast(of_type).alias(name) if widens(stored[name], of_type) else quoted(name)

    wanted = publish_columns(contract)
    return changes.select(*(column(name, of_type) for name, of_type in wanted.items()), CHANGE_TYPE)


def _everything(spark: SparkSession, path: str, version: int, table_id: str | None) -> DataFrame:
    return read_version(spark, path, version, table_id).withColumn(CHANGE_TYPE, F.lit("insert"))
