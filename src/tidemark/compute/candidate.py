"""Candidates: tables as they will be once the run's prepared batches are committed, without committing them.

Their columns are in the order in which queries may count on them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from tidemark.compile.schema import METADATA_COLUMNS, spark_schema
from tidemark.compute.tables import input_id, input_version
from tidemark.delta.sizes import gathered, table_bytes
from tidemark.delta.table import read_version
from tidemark.rows.batches import lacking
from tidemark.rows.places import in_order
from tidemark.write import rewrite
from tidemark.write.manifest import CHANGE_TYPE, Prepared

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from tidemark.engine import Engine


def candidate(engine: Engine, spark: SparkSession, table: str) -> DataFrame:
    """The table with this run's prepared batch in it, if there is one; without rows where it does not exist yet."""
    prepared = engine.prepared.get(table)
    if prepared is None:
        return committed(engine, spark, table)
    path = engine.table_path(table)
    before = prepared.target_version
    base = None if before is None else read_version(spark, path, before, prepared.target_id)
    if prepared.rewrite is not None and base is not None:
        found = rewrite.candidate(spark, base, prepared.rewrite)
    else:
        size = 0 if base is None else table_bytes(spark, path)
        found = with_batch(base, prepared, prepared.rows(spark), prepared.partitions(engine.table(table)), size)
    return in_order(found, engine.table(table).contract)


def committed(engine: Engine, spark: SparkSession, table: str) -> DataFrame:
    """The table without what this run has prepared for it; without rows where it does not exist yet."""
    version = input_version(engine, table)
    if version is None:
        return _empty(engine, spark, table)
    found = read_version(spark, engine.table_path(table), version, input_id(engine, table))
    return in_order(found, engine.table(table).contract)


def with_batch(
    base: DataFrame | None,
    prepared: Prepared,
    rows: DataFrame,
    partitions: tuple[str, ...] = (),
    size: int | None = None,
) -> DataFrame:
    """`base` (of `size` bytes) ⊖ the batch's keys (or partitions) ⊕ the batch's rows."""
    arriving = rows.where(F.col(CHANGE_TYPE) != "delete").drop(CHANGE_TYPE)
    if base is None:
        return arriving
    if prepared.operation == "merge":
        keys = list(prepared.keys)
        # Rows that vanish may have no key: others have put them there.
        null_safe = prepared.books.vanished > 0
        base = lacking(base, rows, keys) if null_safe else base.join(rows.select(*keys), keys, "left_anti")
    elif prepared.operation == "overwrite":
        staying = list(partitions)
        base = lacking(base, rows.select(*staying).distinct(), staying) if staying else base.limit(0)
    united = base.unionByName(arriving, allowMissingColumns=True)
    return gathered(united, None if prepared.size is None or size is None else prepared.size + size)


def _empty(engine: Engine, spark: SparkSession, table: str) -> DataFrame:
    columns = spark_schema(engine.table(table).contract).fields + METADATA_COLUMNS.fields
    return spark.createDataFrame([], StructType(columns))
