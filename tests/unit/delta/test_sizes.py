"""What is small enough to be sent to every executor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from tidemark.delta.sizes import can_be_broadcast

ROWS = 100_000


def test_keys_count_as_large_as_they_are_in_memory_not_in_their_files(spark: SparkSession, tmp_path: Path) -> None:
    session = spark.newSession()
    session.conf.set("spark.sql.autoBroadcastJoinThreshold", "1m")
    session.range(ROWS).select(F.lit("the same").alias("key")).coalesce(1).write.parquet(str(tmp_path / "keys"))
    keys: Any = session.read.parquet(str(tmp_path / "keys"))

    estimate = int(str(keys._jdf.queryExecution().optimizedPlan().stats().sizeInBytes()))
    assert estimate < 1024 * 1024, "Spark alone would broadcast them"
    assert not can_be_broadcast(keys, ROWS)
    assert can_be_broadcast(keys, ROWS // 10)


@pytest.mark.parametrize(("threshold", "expected"), [("24", True), ("23", False), ("-1", False)])
def test_a_row_takes_a_word_for_nulls_and_one_a_column_beside_its_values(
    spark: SparkSession, threshold: str, expected: bool
) -> None:
    session = spark.newSession()
    session.conf.set("spark.sql.autoBroadcastJoinThreshold", threshold)
    assert can_be_broadcast(session.range(1), 1) is expected
