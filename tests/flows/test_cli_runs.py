"""Runs started from the command line: what it prints, where, and with which exit code it ends."""

from __future__ import annotations

import json
import signal
import time
from datetime import date
from pathlib import Path

import pytest

from flows.daily import daily
from tests.flows.conftest import SECONDS, Pipeline, begun, ended

ENDLESS = """
SELECT items.id, CAST(SUM(a.id * b.id % 7) AS STRING) AS name
FROM bronze.items CROSS JOIN RANGE(1000000) AS a CROSS JOIN RANGE(1000000) AS b
GROUP BY items.id
"""

pytestmark = pytest.mark.slow


def test_a_run_reports_json_alone_and_then_a_failed_gate_on_one_screen(pipeline: Pipeline, prefect_server: str) -> None:
    code, output, error = ended(begun(pipeline, prefect_server, "run", "--json"))
    assert code == 0, error
    assert json.loads(output)["release"] == "r1"
    assert "gold.customers committed · 2 in, 2 changed" in error
    assert "prefect" not in error.lower()

    pipeline.land("orders/2.csv", "id,customer,qty", "5,ann,5000")
    code, output, error = ended(begun(pipeline, prefect_server, "run"))
    assert code == 3
    assert "gate failed" in output.splitlines()[0]
    told = error[error.index("error: ") :].splitlines()
    assert told[0].startswith("error: silver.orders was not committed: 1 of")
    assert any("no order is huge: was 1" in line for line in told)
    assert any(line.strip().startswith("evidence") for line in told)
    assert any(line.strip().startswith("next") for line in told)
    assert "Traceback" not in error


def test_an_interrupted_run_says_so_and_leaves_a_summary(pipeline: Pipeline, prefect_server: str) -> None:
    pipeline.lake.write("silver/items.sql", ENDLESS)
    process = begun(pipeline, prefect_server, "run", "--select", "bronze.items,silver.items")
    try:
        _wait_for(pipeline.home / "lake" / "bronze" / "items" / "_delta_log")
        time.sleep(5)
        process.send_signal(signal.SIGINT)
        code, _, error = ended(process)
    finally:
        process.kill()
    assert code == 1
    assert "error: the run was interrupted" in error
    assert "Traceback" not in error
    summary = pipeline.summaries()[-1]
    assert summary["status"] == "interrupted"
    assert "silver.items" not in pipeline.versions()


def test_a_table_that_was_changed_by_hand_is_found_told_and_mended(pipeline: Pipeline, prefect_server: str) -> None:
    daily(**pipeline.where, date=date(2025, 3, 30))
    code, output, error = ended(begun(pipeline, prefect_server, "verify", "--json"))
    assert code == 0, error
    assert {each["table"]: each["outcome"] for each in json.loads(output)["tables"]} == dict.fromkeys(
        ("silver.orders", "silver.items", "gold.customers"), "equal"
    )

    path = pipeline.lake.path("gold.customers")
    pipeline.lake.spark.sql(f"UPDATE delta.`{path}` SET qty = 99 WHERE customer = 'ann'")
    code, output, error = ended(begun(pipeline, prefect_server, "verify", "--select", "gold.customers", "--json"))

    assert code == 3
    (found,) = json.loads(output)["tables"]
    assert (found["outcome"], found["differing"], found["columns"]) == ("differs", 1, {"qty": 1})
    assert found["keys"] == ["differing: customer=ann"]
    there = f"--env {pipeline.where['env']} --config {pipeline.where['config']}"
    assert f"tidemark {there} run --full-refresh --select gold.customers" in error
    daily(**pipeline.where, date=date(2025, 3, 30), select=["gold.customers"], full_refresh=True)
    code, _, error = ended(begun(pipeline, prefect_server, "verify", "--sample", "50%"))
    assert code == 0, error


def test_a_daily_run_looks_at_a_sample_where_the_environment_says_so(pipeline: Pipeline) -> None:
    path = pipeline.lake.root / "config" / "env" / "test.yaml"
    path.write_text(path.read_text("utf-8") + "verify: {sample: 100%, tables: 3}\n", "utf-8")
    daily(**pipeline.where, date=date(2025, 3, 30))
    looked_at = {table: result["verified"] for table, result in pipeline.results().items() if result["verified"]}
    assert {each["outcome"] for each in looked_at.values()} == {"equal"}
    assert set(looked_at) == {"silver.orders", "silver.items", "gold.customers"}

    changed = f"delta.`{pipeline.lake.path('gold.customers')}`"
    pipeline.lake.spark.sql(f"DELETE FROM {changed} WHERE customer = 'ann'")
    daily(**pipeline.where, date=date(2025, 3, 31))

    (warned,) = pipeline.summaries()[-1]["warnings"]
    assert warned["table"] == "gold.customers"
    assert "1 rows are missing" in warned["message"]


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while not path.exists():
        if time.monotonic() > deadline:
            pytest.fail(f"{path} did not appear")
        time.sleep(0.5)


def test_maintenance_reports_json_alone_and_the_next_day_goes_on(pipeline: Pipeline, prefect_server: str) -> None:
    daily(**pipeline.where, date=date(2025, 3, 30))
    pipeline.land("orders/2.csv", "id,customer,qty", "5,ann,5")
    daily(**pipeline.where, date=date(2025, 3, 30))
    rows, versions = pipeline.lake.read("bronze.orders"), pipeline.versions()

    code, output, error = ended(begun(pipeline, prefect_server, "maintain", "--json"))

    assert code == 0, error
    files = {table["table"]: table["files"] for table in json.loads(output)["tables"]}
    assert (files["bronze.orders"]["before"], files["bronze.orders"]["after"]) == (2, 1)
    assert pipeline.lake.read("bronze.orders") == rows
    assert pipeline.versions()["bronze.orders"] == versions["bronze.orders"] + 1
    daily(**pipeline.where, date=date(2025, 3, 30))
    summary = pipeline.summaries()[-1]
    assert {table["status"] for table in summary["tables"]} == {"unchanged"}
    assert summary["release"] == "r3", "the same rows in other files"
