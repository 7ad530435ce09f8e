"""Whether a load generates code depends on how much it reads, of its input and of its target."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.support.lakes.lake import Lake
from tidemark.delta.sizes import FACTORY, WHOLE_STAGE, fit_to_size

GENERATED, INTERPRETED = ("true", "FALLBACK"), ("false", "NO_CODEGEN")


@pytest.fixture
def session(spark: SparkSession) -> SparkSession:
    return spark.newSession()


def chosen(session: SparkSession) -> tuple[str | None, str | None]:
    return session.conf.get(WHOLE_STAGE), session.conf.get(FACTORY)


def megabytes(*folders: Path) -> float:
    return sum(file.stat().st_size for folder in folders for file in folder.rglob("*.parquet")) / 1_000_000


def test_the_files_that_are_read_decide(session: SparkSession, tmp_path: Path) -> None:
    session.range(1000).write.parquet(str(tmp_path / "rows"))
    frame = session.read.parquet(str(tmp_path / "rows")).where("id > 5").groupBy("id").count()
    size = megabytes(tmp_path)

    fit_to_size(session, frame, None, codegen_from_mb=size * 0.9)
    assert chosen(session) == GENERATED
    fit_to_size(session, frame, None, codegen_from_mb=size * 1.1)
    assert chosen(session) == INTERPRETED


def test_a_large_target_decides_too(lake: Lake, session: SparkSession) -> None:
    source = {"connection": "shop", "object": "rows"}
    lake.table("bronze.rows", "id! int", {"source": source, "write": {"mode": "append"}})
    lake.load("bronze.rows", lake.frame("id int", [(number,) for number in range(100)]))
    little = session.range(1).toDF("id")
    path = lake.path("bronze.rows")
    table = megabytes(Path(path))

    fit_to_size(session, little, path, codegen_from_mb=table * 0.9)
    assert chosen(session) == GENERATED
    fit_to_size(session, little, None, codegen_from_mb=table * 0.9)
    assert chosen(session) == INTERPRETED


def test_without_a_bound_the_session_stays_as_it_is(session: SparkSession) -> None:
    session.conf.set(WHOLE_STAGE, "true")
    fit_to_size(session, session.range(1).toDF("id"), None, codegen_from_mb=None)
    assert session.conf.get(WHOLE_STAGE) == "true"


def test_the_choice_is_the_sessions_own(spark: SparkSession, session: SparkSession) -> None:
    before = chosen(spark)
    fit_to_size(session, session.range(10).toDF("id"), None, codegen_from_mb=0)
    assert chosen(session) == GENERATED
    assert chosen(spark) == before
