"""The loads that are measured, each with its bare equivalent written by hand."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.support import data, lake
from benchmarks.support.measure import Comparison, compare
from tidemark.compile.schema import METADATA_COLUMNS, spark_schema

EVENTS, ACCOUNTS = "bronze.events", "bronze.accounts"


def append(spark: SparkSession, home: Path, rows: int, pairs: int) -> Comparison:
    """An append of `rows` with 22 rules, 2 % bad rows and an error lane, against a bare append of the same columns.

    The first pair, a warm-up, creates the tables; the others append to them.
    """
    project = lake.project()
    ours, bare = lake.table_path(project, EVENTS), str(home / "bare-events")
    raw = str(home / "raw-events")
    data.events(spark, rows).repartition(8).write.mode("overwrite").parquet(raw)
    bad = -(-rows // data.BAD_SHARE)

    def with_tidemark() -> None:
        books = lake.load(spark, project, EVENTS, spark.read.parquet(raw))
        if (books.inserted, books.quarantined) != (rows - bad, bad):
            raise AssertionError(f"wrong books: {books}")

    def by_hand() -> None:
        _with_metadata(spark.read.parquet(raw)).write.format("delta").mode("append").save(bare)

    def reset() -> None:
        for folder in (project.environment.roots.errors, project.environment.roots.staging):
            shutil.rmtree(folder, ignore_errors=True)

    for folder in (ours, bare):
        shutil.rmtree(folder, ignore_errors=True)
    return compare(f"append {rows:,} rows, 22 rules, 2 % bad", with_tidemark, by_hand, reset=reset, pairs=pairs)


def upsert(spark: SparkSession, home: Path, rows: int, pairs: int) -> Iterator[Comparison]:
    """A 5 % increment into `rows` accounts against a bare MERGE of the same columns, then the same increment again."""
    project = lake.project()
    ours, bare = lake.table_path(project, ACCOUNTS), str(home / "bare-accounts")
    for folder in (ours, bare):
        shutil.rmtree(folder, ignore_errors=True)
    start, batch = str(home / "raw-accounts"), str(home / "raw-increment")
    data.accounts(spark, 0, rows, 0).repartition(8).write.mode("overwrite").parquet(start)
    data.increment(spark, rows, rows // 20, 1).repartition(4).write.mode("overwrite").parquet(batch)
    lake.load(spark, project, ACCOUNTS, spark.read.parquet(start))
    spark.read.format("delta").load(ours).write.format("delta").save(bare)
    expected = rows // 20

    def with_tidemark() -> None:
        books = lake.load(spark, project, ACCOUNTS, spark.read.parquet(batch))
        if books.inserted + books.updated != expected:
            raise AssertionError(f"wrong books: {books}")

    def again() -> None:
        books = lake.load(spark, project, ACCOUNTS, spark.read.parquet(batch))
        if books.unchanged != expected:
            raise AssertionError(f"wrong books: {books}")

    def by_hand() -> None:
        _bare_merge(spark, project, bare, spark.read.parquet(batch))

    base = [(path, version_of(spark, path)) for path in (ours, bare)]
    reset = partial(restore, spark, base)
    name = f"upsert of {expected:,} into {rows:,}"
    yield compare(name, with_tidemark, by_hand, reset=reset, pairs=pairs)
    with_tidemark()
    done = [(ours, version_of(spark, ours)), base[1]]
    yield compare(f"{name}, again", again, by_hand, reset=partial(restore, spark, done), pairs=pairs)


def _bare_merge(spark: SparkSession, project: lake.Project, path: str, batch: DataFrame) -> None:
    columns = [*spark_schema(project.table(ACCOUNTS).contract).fieldNames(), *METADATA_COLUMNS.fieldNames()]
    source = _with_metadata(batch)
    values = {f"`{name}`": F.col(f"batch.`{name}`") for name in columns}
    target = DeltaTable.forPath(spark, path).alias("target")
    merge = target.merge(source.alias("batch"), "target.account_id = batch.account_id")
    merge.whenMatchedUpdate(set=dict(values)).whenNotMatchedInsert(values=dict(values)).execute()


def _with_metadata(frame: DataFrame) -> DataFrame:
    """Stamped with the time and a name of this load, as any load is: Spark compiles the query anew for each of them."""
    return frame.select(
        "*",
        F.xxhash64(*frame.columns).alias("_row_hash"),
        F.lit(datetime.now(UTC)).alias("_ingest_ts"),
        F.lit(str(uuid.uuid4())).alias("_batch_id"),
        F.lit("benchmark").alias("_source_system"),
        F.lit(date(2025, 3, 30)).alias("_run_date"),
        F.lit(None).cast("string").alias("_source_order"),
    )


def version_of(spark: SparkSession, path: str) -> int:
    return int(DeltaTable.forPath(spark, path).history(1).collect()[0].version)


def restore(spark: SparkSession, versions: list[tuple[str, int]]) -> None:
    for path, version in versions:
        DeltaTable.forPath(spark, path).restoreToVersion(version)
