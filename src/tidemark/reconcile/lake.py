"""The lake's side: a version of a table, asked in Spark's SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tidemark.reconcile.dialects import SparkDialect, kind_of
from tidemark.reconcile.sides import Answers, Field, Side
from tidemark.rows import quoted
from tidemark.rows.batches import newest
from tidemark.sql.types import METADATA_COLUMNS, SOURCE_ORDER

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from tidemark.config.project import Table

_VIEW = "tidemark_reconciled"
_RECEIVED = "_ingest_ts"


def types(table: Table) -> dict[str, str]:
    """The columns that a table may be compared in, each with its type."""
    return {column.name: column.type for column in table.contract.columns} | dict(METADATA_COLUMNS)


@contextmanager
def lake_side(
    spark: SparkSession, frame: DataFrame, table: Table, names: Sequence[str], keys: Sequence[str], where: Sequence[str]
) -> Iterator[Side]:
    """The side of a frame; in `spark`, the table's own session, it has a view for as long as it is asked."""
    known = types(table)
    kinds = {name: kind_of(known[name]) for name in names}
    fields = [Field(name, name, kind, kind) for name, kind in kinds.items()]

    def ask(sql: str) -> Answers:
        return [tuple(row) for row in spark.sql(sql).collect()]

    frame.createOrReplaceTempView(_VIEW)
    try:
        yield Side(SparkDialect(), _VIEW, fields, keys, ask, where)
    finally:
        spark.catalog.dropTempView(_VIEW)


def newest_versions(frame: DataFrame, table: Table, keys: Sequence[str]) -> DataFrame:
    """Of a log the newest row of each key."""
    watermark = table.load.watermark
    by = [*(watermark.columns if watermark else ()), table.load.taken_at, SOURCE_ORDER, _RECEIVED]
    order = [name for name in dict.fromkeys(by) if name is not None and name in frame.columns and name not in keys]
    return newest(frame, keys, order)


def only(frame: DataFrame, names: Sequence[str]) -> DataFrame:
    """These columns of a frame."""
    return frame.select(*map(quoted, names))
