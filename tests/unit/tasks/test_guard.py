"""What a step raises names table and step, fits a screen and holds no secret."""

from __future__ import annotations

import traceback
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tasks.guard import explained, step
from tidemark.errors import GateError, SourceError, TidemarkError
from tidemark.observe import logs
from tidemark.redaction import MARK, protect

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(autouse=True)
def _known_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidemark.redaction._known", set())
    protect({"password": "c4nary-Password"})


def test_an_error_of_ours_keeps_its_kind_and_cause_and_learns_its_place() -> None:
    cause = OSError("refused")
    with pytest.raises(SourceError) as raised, step("bronze.orders", "extract"):
        raise SourceError("Snowflake is down") from cause
    error = raised.value
    assert (error.table, error.step, error.__cause__) == ("bronze.orders", "extract", cause)


def test_an_error_that_names_its_place_keeps_it() -> None:
    with pytest.raises(GateError) as raised, step("gold.fact_sales", "gate"):
        raise GateError("1 of 6 checks failed", table="gold.dim_date", step="audit")
    assert (raised.value.table, raised.value.step) == ("gold.dim_date", "audit")


def test_no_part_of_an_error_holds_a_secret() -> None:
    with pytest.raises(TidemarkError) as raised, step("bronze.orders", "extract"):
        raise SourceError("c4nary-Password a", seen=["c4nary-Password b"], evidence="c4nary-Password", next_step=None)
    assert "c4nary" not in str(raised.value) + repr(raised.value)
    assert str(raised.value).count(MARK) == 3


def test_a_foreign_error_becomes_one_of_ours() -> None:
    with pytest.raises(TidemarkError, match="ValueError: first line") as raised, step("silver.orders", "prepare"):
        raise ValueError("first line c4nary-Password\nsecond line")
    error = raised.value
    assert (error.table, error.step) == ("silver.orders", "prepare")
    assert "second line" not in str(error)
    assert "c4nary" not in str(error)
    assert isinstance(error.__cause__, ValueError)


def test_of_a_jvms_causes_the_innermost_is_told() -> None:
    trace = "An error occurred\nCaused by: Job aborted\n\tat x\nCaused by: java.io.EOFException: truncated\n\tat y"
    assert explained(RuntimeError(trace), "a.b", "gate").summary == "RuntimeError: java.io.EOFException: truncated"


def test_of_an_error_about_a_value_the_value_is_not_told(spark: SparkSession) -> None:
    with pytest.raises(TidemarkError) as raised, step("bronze.people", "extract"):
        spark.sql("SELECT cast('anna@example.org' AS int)").collect()
    shown = "".join(traceback.format_exception(raised.value))
    assert "bronze.people: a STRING cannot be cast to INT (extract)" in shown
    assert "use try_cast where a null is meant instead" in shown
    assert "anna" not in shown


def test_a_long_line_is_cut() -> None:
    assert len(explained(RuntimeError("x" * 10_000), "a.b", "gate").summary) < 400


def test_a_full_disk_says_so() -> None:
    error = explained(OSError(28, "No space left on device"), "silver.orders", "prepare")
    assert "the disk is full" in str(error)
    assert "make room" in str(error)


def test_an_interruption_passes() -> None:
    with pytest.raises(KeyboardInterrupt), step("silver.orders", "prepare"):
        raise KeyboardInterrupt


def test_a_step_that_takes_too_long_is_stopped(spark: SparkSession) -> None:
    slow = spark.range(0, 10**12, 1, 2).selectExpr("sum(id * 3 % 7)")
    with (
        pytest.raises(TidemarkError, match="took longer than 0:00:01 and was stopped") as raised,
        step("silver.orders", "prepare", spark, timedelta(seconds=1)),
    ):
        slow.collect()
    assert (raised.value.table, raised.value.step) == ("silver.orders", "prepare")
    assert spark.range(3).count() == 3


def test_a_step_that_is_in_time_is_left_alone(spark: SparkSession) -> None:
    with step("silver.orders", "prepare", spark, timedelta(seconds=60)):
        assert spark.range(3).count() == 3


def test_jobs_of_a_step_lead_to_its_run_and_trace(spark: SparkSession) -> None:
    with logs.bound(run_id="run-1", trace_id="4bf9"), step("silver.orders", "prepare", spark, batch_id="b1"):
        context = spark.sparkContext
        found = [context.getLocalProperty(f"tidemark.{field}") for field in ("run_id", "trace_id")]
        assert logs.known("batch_id") == "b1"
    assert found == ["run-1", "4bf9"]
    assert logs.known("batch_id") is None
