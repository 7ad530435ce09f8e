from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from pyspark.sql import SparkSession
from sqlglot import exp

from tidemark.compile.ddl import DIALECTS, create_table, publish_columns
from tidemark.compile.schema import METADATA_COLUMNS, spark_schema
from tidemark.config.contract import Column, Contract
from tidemark.config.load import Load
from tidemark.errors import ConfigError

TYPES = (
    "string",
    "boolean",
    "tinyint",
    "smallint",
    "int",
    "bigint",
    "float",
    "double",
    "decimal(18,2)",
    "date",
    "timestamp",
)


def load(**more: Any) -> Load:
    return Load.model_validate({"write": {"mode": "append"}, **more})


@pytest.fixture
def contract(contract_of: Callable[..., Contract]) -> Contract:
    """A contract with every type, reserved words as names, and quotes in its texts."""
    columns = [Column(f"c_{position}", column_type) for position, column_type in enumerate(TYPES)]
    return contract_of(
        Column("offset", "bigint", required=True, key_position=1, description="The log's \\ position"),
        Column("partition", "int", required=True, key_position=2),
        Column("code", "string", max_length=10),
        *columns,
        table="gold.things",
        description="It's\nall here",
    )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_column_stands_in_the_contracts_order(contract: Contract, dialect: Any) -> None:
    parsed = sqlglot.parse_one(
        create_table(contract, load(), dialect, "things"), dialect="spark" if dialect == "delta" else dialect
    )
    names = [column.name.lower() for column in parsed.find_all(exp.ColumnDef)]
    metadata = METADATA_COLUMNS.fieldNames() if dialect == "delta" else ["_batch_id", "_ingest_ts", "_run_date"]
    assert names == [*contract.column_names, *metadata]


def test_delta_creates_the_table_of_the_contract(spark: SparkSession, contract: Contract, tmp_path: Path) -> None:
    sql = create_table(contract, load(partition_by=["c_9"]), "delta", f"delta.`{tmp_path / 'things'}`")
    spark.sql(sql)
    frame = spark.read.format("delta").load(str(tmp_path / "things"))
    fields = [(field.name, field.dataType) for field in frame.schema.fields]
    assert fields == [
        (field.name, field.dataType) for field in [*spark_schema(contract).fields, *METADATA_COLUMNS.fields]
    ]
    assert frame.schema["offset"].metadata["comment"] == "The log's \\ position"
    assert not frame.schema["offset"].nullable
    (detail,) = spark.sql(f"DESCRIBE DETAIL delta.`{tmp_path / 'things'}`").collect()
    assert detail.partitionColumns == ["c_9"]
    assert detail.description == "It's all here"
    assert detail.properties["delta.enableChangeDataFeed"] == "true"


def test_delta_clusters(spark: SparkSession, contract: Contract, tmp_path: Path) -> None:
    path = tmp_path / "clustered"
    spark.sql(create_table(contract, load(cluster_by=["c_9", "offset"]), "delta", f"delta.`{path}`"))
    (detail,) = spark.sql(f"DESCRIBE DETAIL delta.`{path}`").collect()
    assert detail.clusteringColumns == ["c_9", "offset"]


def test_snowflake_gets_capitals_its_own_types_and_comments(contract: Contract) -> None:
    sql = create_table(contract, load(), "snowflake", "SHOP.GOLD.THINGS")
    assert sql.splitlines() == [
        "CREATE TABLE IF NOT EXISTS SHOP.GOLD.THINGS (",
        """  "OFFSET" BIGINT NOT NULL COMMENT 'The log''s \\\\ position',""",
        '  "PARTITION" INTEGER NOT NULL,',
        '  "CODE" VARCHAR,',
        '  "C_0" VARCHAR,',
        '  "C_1" BOOLEAN,',
        '  "C_2" SMALLINT,',
        '  "C_3" SMALLINT,',
        '  "C_4" INTEGER,',
        '  "C_5" BIGINT,',
        '  "C_6" FLOAT,',
        '  "C_7" FLOAT,',
        '  "C_8" DECIMAL(18,2),',
        '  "C_9" DATE,',
        '  "C_10" TIMESTAMP_NTZ,',
        '  "_BATCH_ID" VARCHAR,',
        '  "_INGEST_TS" TIMESTAMP_NTZ,',
        '  "_RUN_DATE" DATE,',
        '  PRIMARY KEY ("OFFSET", "PARTITION")',
        ")",
        "COMMENT = 'It''s all here'",
    ]


def test_redshift_gets_byte_lengths_and_no_comments(contract: Contract) -> None:
    sql = create_table(contract, load(), "redshift", "gold.things")
    assert sql.splitlines() == [
        "CREATE TABLE IF NOT EXISTS gold.things (",
        '  "offset" BIGINT NOT NULL,',
        '  "partition" INTEGER NOT NULL,',
        '  "code" VARCHAR(40),',
        '  "c_0" VARCHAR(65535),',
        '  "c_1" BOOLEAN,',
        '  "c_2" SMALLINT,',
        '  "c_3" SMALLINT,',
        '  "c_4" INTEGER,',
        '  "c_5" BIGINT,',
        '  "c_6" REAL,',
        '  "c_7" DOUBLE PRECISION,',
        '  "c_8" DECIMAL(18,2),',
        '  "c_9" DATE,',
        '  "c_10" TIMESTAMP,',
        '  "_batch_id" VARCHAR(65535),',
        '  "_ingest_ts" TIMESTAMP,',
        '  "_run_date" DATE,',
        '  PRIMARY KEY ("offset", "partition")',
        ")",
        'DISTSTYLE KEY DISTKEY ("offset")',
    ]


def test_published_columns_are_the_contracts_and_where_rows_came_from(contract_of: Callable[..., Contract]) -> None:
    contract = contract_of(Column("a", "int"), Column("b", "date"))
    assert list(publish_columns(contract).items()) == [
        ("a", "int"),
        ("b", "date"),
        ("_batch_id", "string"),
        ("_ingest_ts", "timestamp"),
        ("_run_date", "date"),
    ]


def test_an_unknown_dialect_is_refused_with_the_close_one(contract: Contract) -> None:
    unknown: Any = "snowflak"
    with pytest.raises(ConfigError, match="snowflake"):
        create_table(contract, load(), unknown, "things")
