from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tidemark.delta import footers
from tidemark.delta.footers import count_rows, read_footers
from tidemark.errors import CommitError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.mark.parametrize("columns", [1, 60, 700])
def test_footers_of_any_length_are_read_whole(spark: SparkSession, tmp_path: Path, columns: int) -> None:
    names = [f"column number {number}" for number in range(columns)]
    for rows in (0, 3):
        pq.write_table(pa.table({name: list(range(rows)) for name in names}), tmp_path / f"{rows}.parquet")
    (tmp_path / "_SUCCESS").touch()

    found = {status.getPath().getName(): footer for status, footer in read_footers(spark, str(tmp_path))}

    assert found == {file.name: pq.read_metadata(file) for file in tmp_path.glob("*.parquet")}
    assert count_rows(spark, str(tmp_path)) == 3


@pytest.mark.parametrize("many", [2, 100])
def test_the_rows_of_many_files_are_counted_by_spark(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(footers, "MANY", many)
    for rows in (1, 0, 5, 7):
        pq.write_table(pa.table({"id": pa.array(range(rows), pa.int64())}), tmp_path / f"{rows}.parquet")
    (tmp_path / "_SUCCESS").touch()

    assert count_rows(spark, str(tmp_path)) == 13
    assert sorted(footer.num_rows for _, footer in read_footers(spark, str(tmp_path))) == [0, 1, 5, 7]

    (tmp_path / "9.parquet").write_bytes(b"PAR1" * 20)
    with pytest.raises(CommitError, match="cannot be read"):
        count_rows(spark, str(tmp_path))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no such thing" * 1000, b"x" * 7000 + b"\xff\xff\x00\x00PAR1"])
def test_a_file_that_is_no_parquet_is_told_with_its_path(spark: SparkSession, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.parquet").write_bytes(content)

    with pytest.raises(CommitError, match="cannot be read") as told:
        count_rows(spark, str(tmp_path))

    assert "broken.parquet" in str(told.value)


def test_a_folder_that_is_gone_is_told_with_its_path(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(CommitError, match="cannot be read") as told:
        count_rows(spark, str(tmp_path / "gone"))

    assert "gone" in str(told.value)
