from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from tidemark.errors import SourceError
from tidemark.sources.staged import read_parquet, refuse_own_names, refuse_twins


@pytest.mark.parametrize("name", ["_origin", "_CORRUPT_record", "__tidemark_label", "__TIDEMARK_x"])
def test_names_of_the_engines_own_are_refused(name: str) -> None:
    with pytest.raises(SourceError, match="a name of the engine's own"):
        refuse_own_names(["id", name], "bronze.x", "SALES.X")


def test_names_that_differ_by_case_alone_are_refused() -> None:
    refuse_twins(["id", "ID_", "order", "a.b", "a b"], "bronze.x", "SALES.X")
    with pytest.raises(SourceError, match="differ by case alone: id, Id; Größe, größe"):
        refuse_twins(["id", "Größe", "Id", "größe"], "bronze.x", "SALES.X")


def test_times_without_a_zone_are_utc_but_where_they_are_local(spark: SparkSession, tmp_path: Path) -> None:
    """Whether the warehouse wrote them as instants or as clocks."""
    noon = datetime(2025, 3, 1, 12)
    naive = pa.array([noon], pa.timestamp("us"))
    instants = pa.array([noon.replace(tzinfo=UTC)], pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({"at": naive, "LOCAL": naive, "told": instants}), tmp_path / "rows.parquet")
    found = read_parquet(spark, [str(tmp_path / "rows.parquet")], F.lit("x"), F.lit("1"), {"local", "told"})
    assert dict(found.dtypes) | {"at": "timestamp", "LOCAL": "timestamp_ntz", "told": "timestamp_ntz"} == dict(
        found.dtypes
    )
    clocks = found.select(*(F.col(name).cast("string") for name in ("at", "LOCAL", "told"))).first()
    assert clocks is not None
    assert list(clocks) == ["2025-03-01 12:00:00"] * 3
