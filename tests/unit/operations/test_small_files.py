"""Many small files become a few of the size that readers want, and nobody who reads sees another row than before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tests.support.lakes.lake import Lake
from tidemark.config.environment.settings import ComputeSettings
from tidemark.control import release
from tidemark.operations import maintenance
from tidemark.operations import restore as restoring
from tidemark.spark.session import sizes as sizes_of

TABLE = "bronze.readings"
FILES, ROWS = 500, 1_000_000
MEBIBYTE = 1 << 20
ROWS_A_FILE = "spark.sql.files.maxRecordsPerFile"
TARGET = (128 * MEBIBYTE, 512 * MEBIBYTE)


def readings(lake: Lake) -> DataFrame:
    """Some 640 bytes a row that no codec makes smaller."""
    parts = [F.sha2(F.concat_ws("/", "id", F.lit(number)), 512) for number in range(5)]
    return lake.spark.range(ROWS).select("id", F.concat(*parts).alias("noise"))


def sizes(table: DeltaTable) -> list[int]:
    return sorted(table.get_add_actions(flatten=True).column("size_bytes").to_pylist())


def seen_by_duckdb(table: DeltaTable) -> Any:
    """Rows, their ids' sum and a sum of all their bytes that knows no order."""
    files = table.file_uris()
    query = "SELECT count(*), sum(id), sum(hash(id, noise)::HUGEINT) FROM read_parquet($files)"
    return duckdb.execute(query, {"files": files}).fetchone()


@pytest.mark.slow
def test_500_small_files_come_into_the_range_and_releases_of_before_can_be_read_and_gone_back_to(lake: Lake) -> None:
    source = {"source": {"connection": "shop", "object": "readings"}, "write": {"mode": "append", "keys": ["id"]}}
    lake.table(TABLE, "id! bigint\nnoise string", source, keys=["id"])
    lake.spark.conf.set(ROWS_A_FILE, ROWS // FILES)
    try:
        lake.load(TABLE, readings(lake))
    finally:
        lake.spark.conf.unset(ROWS_A_FILE)
    kept = release.record(lake.engine().state, lake.engine().run, {})[0]
    before = DeltaTable(lake.path(TABLE))
    small = len(sizes(before))
    assert small >= FILES
    assert max(sizes(before)) < 2 * MEBIBYTE
    rows = seen_by_duckdb(before)

    engine, moment = lake.engine(), datetime.now(UTC).replace(tzinfo=None)
    for name, value in sizes_of(ComputeSettings()).items():
        engine.session(TABLE).conf.set(name, value)
    engine.leases.acquire(TABLE)
    tidied = maintenance.tidy(engine, TABLE, moment - timedelta(days=7), moment)
    engine.leases.release(TABLE)

    after = DeltaTable(lake.path(TABLE))
    assert tidied is not None
    assert (tidied.files.before, tidied.files.after) == (small, len(sizes(after)))
    *full, last = reversed(sizes(after))
    assert full, "there are rows for more than one file"
    assert all(TARGET[0] <= size <= TARGET[1] for size in full), "the last file has what is left over"
    assert last <= TARGET[1]
    assert seen_by_duckdb(after) == rows
    assert seen_by_duckdb(DeltaTable(lake.path(TABLE), version=before.version())) == rows

    back = lake.engine()
    (step,) = (step for step in restoring.steps(back, kept) if step.table == TABLE)
    restoring.restore(back, step, kept.name)
    assert seen_by_duckdb(DeltaTable(lake.path(TABLE))) == rows
