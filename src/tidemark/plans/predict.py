"""What a prepared batch will do, looked up in its staged rows: keys, partitions, and what warehouses will get.

The counts of a batch are its books, and cost nothing here. Everything read here is bounded: some rows, or one count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from tidemark.compute import changes
from tidemark.compute.changes import by_batch
from tidemark.control import release
from tidemark.delta.table import count_rows, read_state, read_version
from tidemark.lint.privacy import admission
from tidemark.plans.document import Prediction, Publishing
from tidemark.rows import ROW_HASH, quoted
from tidemark.rows.batches import having
from tidemark.write.manifest import CHANGE_TYPE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from tidemark.config.contract import Contract
    from tidemark.control.release import Release
    from tidemark.control.state import StateStore
    from tidemark.engine import Engine
    from tidemark.write.manifest import Prepared

SAMPLES = 5
PARTITIONS = 20
NOT_THERE = "is not there yet"
_HIDDEN = "***"
_KINDS = {"insert": "insert", "update": "update_postimage", "delete": "delete"}

Published = Mapping[str, "Release | None"]


def predict(engine: Engine, table: str, published: Published) -> Prediction:
    """What the batch that is prepared for the table will do; where there is none, what warehouses lack of the table."""
    prepared = engine.prepared.get(table)
    spark = engine.session(table)
    gains = tuple(_publishing(engine, spark, table, prepared, published))
    if prepared is None or prepared.books.changes == 0:
        return Prediction(publishing=gains)
    touched = _partitions(engine, spark, table, prepared)
    return Prediction(
        samples=_samples(engine, spark, table, prepared),
        partitions=touched[:PARTITIONS],
        more_partitions=len(touched) > PARTITIONS,
        publishing=gains,
    )


def published_releases(state: StateStore, targets: Sequence[str]) -> dict[str, Release | None]:
    """The newest release that each warehouse was brought to, as far as the control store knows."""
    return {target: release.last_published(state, target) for target in targets}


def _samples(
    engine: Engine, spark: SparkSession, table: str, prepared: Prepared
) -> dict[str, tuple[dict[str, str | None], ...]]:
    contract, books = engine.table(table).contract, prepared.books
    keys = [name for name in prepared.keys or contract.keys if name in contract.column_names]
    counts = {"insert": books.inserted, "update": books.updated, "delete": books.deleted + books.vanished}
    if not keys:
        return {}
    frames = _changed(engine, spark, table, prepared)
    shown = [
        (F.lit(_HIDDEN) if _is_hidden(engine, contract, name) else quoted(name).cast("string")).alias(name)
        for name in keys
    ]
    found = {
        kind: tuple(row.asDict() for row in frames[kind].select(*shown).limit(SAMPLES).collect())
        for kind, count in counts.items()
        if count
    }
    return {kind: rows for kind, rows in found.items() if rows}


def _is_hidden(engine: Engine, contract: Contract, name: str) -> bool:
    """Gold shows personal data masked, and staged rows of gold are so already."""
    return bool(admission.sight(engine.project.tables).given(contract.table).seen(name))


def _changed(engine: Engine, spark: SparkSession, table: str, prepared: Prepared) -> dict[str, DataFrame]:
    """The changed rows by kind. A batch that replaces holds all rows: of these, the ones that differ."""
    rows = prepared.rows(spark)
    base = _replaced(engine, spark, table, prepared)
    if base is None:
        return {kind: rows.where(F.col(CHANGE_TYPE) == name) for kind, name in _KINDS.items()}
    new, old = rows.select(ROW_HASH), base.select(ROW_HASH)
    return {
        "insert": rows.join(old, ROW_HASH, "left_anti"),
        "update": rows.limit(0),
        "delete": base.join(new, ROW_HASH, "left_anti"),
    }


def _replaced(engine: Engine, spark: SparkSession, table: str, prepared: Prepared) -> DataFrame | None:
    """The rows that a batch replaces as a whole; None where it changes single rows."""
    if prepared.operation != "overwrite" or prepared.target_version is None:
        return None
    base = read_version(spark, engine.table_path(table), prepared.target_version)
    partitions = list(prepared.partitions(engine.table(table)))
    if not partitions:
        return base
    return having(base, prepared.rows(spark).select(*map(quoted, partitions)).distinct(), partitions)


def _partitions(engine: Engine, spark: SparkSession, table: str, prepared: Prepared) -> tuple[str, ...]:
    """Partitions with rows that change, before or after; one more than are shown, where there are more."""
    names = engine.table(table).load.partition_by
    if not names:
        return ()
    columns = [quoted(name) for name in names]
    changed = by_batch(spark, engine.table_path(table), prepared, names)
    if changed is None:
        base = _replaced(engine, spark, table, prepared)
        changed = prepared.rows(spark).select(*columns)
        changed = changed if base is None else changed.unionByName(base.select(*columns))
    found = changed.select(*(column.cast("string") for column in columns)).distinct().limit(PARTITIONS + 1).collect()
    return tuple(sorted("/".join(f"{name}={value}" for name, value in zip(names, row, strict=True)) for row in found))


def _publishing(
    engine: Engine, spark: SparkSession, table: str, prepared: Prepared | None, published: Published
) -> Iterator[Publishing]:
    path = engine.table_path(table)
    batch = None if prepared is None or prepared.changes_nothing else prepared
    state = read_state(spark, path)
    version = state.version if batch is None else batch.target_version
    for target in engine.table(table).load.publish:
        if target not in published or (batch is None and version is None):
            continue
        known = published[target]
        has = known.tables.get(table) if known else None
        noted = known.ids.get(table) if known else None
        is_other = None not in (noted, state.table_id) and noted != state.table_id
        if batch is None and has == version and not is_other:
            continue
        upserts, deletes, why = _gains(engine, spark, table, batch, version, has, is_other=is_other)
        yield Publishing(target=target, table=table, upserts=upserts, deletes=deletes, why=why)


def _gains(
    engine: Engine,
    spark: SparkSession,
    table: str,
    batch: Prepared | None,
    version: int | None,
    has: int | None,
    *,
    is_other: bool,
) -> tuple[int, int, str | None]:
    """Rows to write and to remove, and why, in a warehouse that has version `has` of the table, or of another one."""
    if has is None or version is None:
        return _rows_after(engine, spark, table, batch, version), 0, NOT_THERE
    if is_other or has > version or not engine.table(table).contract.keys:
        return _rows_after(engine, spark, table, batch, version), 0, "is written as a whole"
    if has == version and batch is not None and batch.operation != "overwrite":
        books = batch.books
        return books.inserted + books.updated, books.deleted + books.vanished, None
    net = _net_changes(engine, spark, table, batch, version, has)
    counts = net.agg(
        F.count_if(F.col(CHANGE_TYPE) != "delete").alias("upserts"),
        F.count_if(F.col(CHANGE_TYPE) == "delete").alias("deletes"),
    ).collect()[0]
    return counts.upserts, counts.deletes, None if has == version else f"lacks what changed since version {has}"


def _rows_after(engine: Engine, spark: SparkSession, table: str, batch: Prepared | None, version: int | None) -> int:
    rows = 0 if version is None else count_rows(spark, engine.table_path(table), version)
    return rows if batch is None else rows + batch.books.inserted - batch.books.deleted - batch.books.vanished


def _net_changes(
    engine: Engine, spark: SparkSession, table: str, batch: Prepared | None, version: int, has: int
) -> DataFrame:
    """One row a key (the contract's) that changes between version `has` and the batch, with its last change."""
    keys = list(engine.table(table).contract.keys)
    wanted = [*map(quoted, keys), F.col(CHANGE_TYPE)]
    changed = None if batch is None else batch.rows(spark).select(*wanted)
    base = None if batch is None else _replaced(engine, spark, table, batch)
    if changed is not None and base is not None:
        gone = base.select(*map(quoted, keys)).join(changed, keys, "left_anti")
        changed = changed.unionByName(gone.withColumn(CHANGE_TYPE, F.lit("delete")))
    if has == version and changed is not None:
        return changed
    earlier = changes.changes_since(engine, table, has, version).select(*wanted)
    if changed is None:
        return earlier
    return changed.unionByName(earlier.join(changed, keys, "left_anti"))
