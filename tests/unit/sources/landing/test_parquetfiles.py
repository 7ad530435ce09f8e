"""Parquet files whose schemas differ, and files that are none."""

from __future__ import annotations

import io
from datetime import datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.lakes.landing import LandingFolder
from tidemark.errors import ConfigError, SourceError


def parquet(**columns: pa.Array) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def test_columns_meet_by_name_and_keep_their_types(parquet_landing: LandingFolder) -> None:
    at = datetime(2025, 3, 1, 10, 0, 0, 123456)
    parquet_landing.put("a.parquet", parquet(id=pa.array([1], pa.int32()), at=pa.array([at], pa.timestamp("us"))))
    parquet_landing.put(
        "b.parquet",
        parquet(
            extra=pa.array([Decimal("1.10")]), id=pa.array([2], pa.int32()), at=pa.array([None], pa.timestamp("us"))
        ),
    )
    assert parquet_landing.rows() == [{"at": at, "id": 1}, {"extra": Decimal("1.10"), "id": 2}]
    assert dict(parquet_landing.extract().frame.dtypes)["at"] == "timestamp"


def test_a_column_whose_type_differs_between_files_is_text(parquet_landing: LandingFolder) -> None:
    parquet_landing.put("a.parquet", parquet(id=pa.array([1]), name=pa.array([5])))
    parquet_landing.put("b.parquet", parquet(id=pa.array([2]), name=pa.array(["six"])))
    assert parquet_landing.rows() == [{"id": 1, "name": "5"}, {"id": 2, "name": "six"}]


@pytest.mark.parametrize("content", [b"PAR1", b"no parquet at all", parquet(id=pa.array([9]))[:-10]])
def test_a_file_that_is_no_parquet_is_one_record_that_names_it(parquet_landing: LandingFolder, content: bytes) -> None:
    bad = parquet_landing.put("bad.parquet", content)
    parquet_landing.put("good.parquet", parquet(id=pa.array([1])))
    corrupt, good = parquet_landing.rows()
    assert str(bad) in corrupt["_corrupt_record"]
    assert f"{len(content)} bytes" in corrupt["_corrupt_record"]
    assert good == {"id": 1}


def test_only_files_that_are_no_parquet_leave_only_their_records(parquet_landing: LandingFolder) -> None:
    parquet_landing.put("bad.parquet", b"nothing")
    (row,) = parquet_landing.rows()
    assert set(row) == {"_corrupt_record"}


def test_types_that_spark_cannot_read_are_an_error_that_names_the_file(parquet_landing: LandingFolder) -> None:
    parquet_landing.put("a.parquet", parquet(id=pa.array([1]), at=pa.array([1], pa.time64("us"))))
    with pytest.raises(SourceError, match=r"a\.parquet") as refused:
        parquet_landing.extract()
    assert refused.value.table == "bronze.events"


def test_options_are_refused(parquet_landing: LandingFolder) -> None:
    parquet_landing.options = {"mergeSchema": True}
    with pytest.raises(ConfigError, match="mergeSchema"):
        parquet_landing.extract()
