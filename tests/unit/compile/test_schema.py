from __future__ import annotations

from collections.abc import Callable

from pyspark.sql.types import DateType, DecimalType, LongType, StringType, StructField, StructType, TimestampType

from tidemark.compile.schema import METADATA_COLUMNS, spark_schema
from tidemark.config.contract import Column, Contract


def test_columns_keep_their_order_and_are_nullable(contract_of: Callable[..., Contract]) -> None:
    contract = contract_of(
        Column("order_id", "string", required=True, key_position=1),
        Column("amount", "decimal(18,2)"),
        Column("n", "bigint"),
    )
    assert spark_schema(contract) == StructType(
        [
            StructField("order_id", StringType()),
            StructField("amount", DecimalType(18, 2)),
            StructField("n", LongType()),
        ]
    )


def test_metadata_columns_are_those_of_every_table() -> None:
    assert (
        StructType(
            [
                StructField("_ingest_ts", TimestampType()),
                StructField("_batch_id", StringType()),
                StructField("_source_system", StringType()),
                StructField("_run_date", DateType()),
                StructField("_row_hash", LongType()),
                StructField("_source_order", StringType()),
            ]
        )
        == METADATA_COLUMNS
    )
