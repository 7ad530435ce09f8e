"""Days of the past once more, as flows do it: what is read and computed, and what a killed attempt leaves to do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cli import main
from flows.backfill import PROGRESS_ARTIFACT, backfill
from flows.daily import daily
from flows.plan import ARTIFACT as PLAN_ARTIFACT
from tests.flows.conftest import Pipeline, make_pipeline
from tests.support.deployments.prefect_runs import newest_flow_run, task_runs
from tests.support.lakes.lake import Lake
from tidemark.control.release import latest
from tidemark.control.state import SqliteState
from tidemark.delta.table import read_state
from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAYS = [date(2025, 3, day) for day in range(1, 11)]
TABLES = ("bronze.orders", "bronze.items", "silver.orders", "silver.items", "gold.customers")
RANGE: dict[str, Any] = {"start": DAYS[0], "end": DAYS[-1]}
ORDERS = "bronze.orders"


def land_day(pipeline: Pipeline, day: date) -> None:
    """A day's files: an order of ann, one of the day's own customer, one that is rejected; every other day an item."""
    number = day.day * 10
    rows = [f"{number},ann,{day.day}", f"{number + 1},c{day.day},2", f"{number + 2},eve,0"]
    pipeline.land(f"orders/dt={day}/orders.csv", "id,customer,qty", *rows)
    if day.day % 2:
        pipeline.land(f"items/dt={day}/items.csv", "id,name", f"{number},thing {day.day}")


def ten_days(lake: Lake) -> Pipeline:
    """The pipeline after ten days, each received on its day."""
    pipeline = make_pipeline(lake)
    for day in DAYS:
        land_day(pipeline, day)
    daily(**pipeline.where, date=DAYS[-1])
    return pipeline


def change_logic(pipeline: Pipeline) -> None:
    """Quantities are counted in dozens from now on, and customers are written in capitals."""
    for name, old, new in (
        ("silver/orders.sql", "customer, qty", "upper(customer) AS customer, qty * 12 AS qty"),
        ("gold/customers.sql", "SUM(qty) AS qty", "SUM(qty) + 1 AS qty"),
        ("silver/items.sql", "id, name", "id, upper(name) AS name"),
    ):
        path = pipeline.lake.root / "config" / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))


def rows(pipeline: Pipeline) -> dict[str, list[tuple[Any, ...]]]:
    return {table: pipeline.lake.read(table) for table in TABLES}


def watermark(pipeline: Pipeline, table: str = ORDERS) -> Any:
    return read_state(pipeline.lake.spark, pipeline.lake.path(table)).watermark


def batches(pipeline: Pipeline) -> dict[str, str | None]:
    return {table: read_state(pipeline.lake.spark, pipeline.lake.path(table)).batch_id for table in TABLES}


def released(pipeline: Pipeline) -> dict[str, int]:
    release = latest(SqliteState(pipeline.home / "state" / "state.db"))
    assert release is not None
    return dict(release.tables)


@pytest.fixture
def after_ten_days(lake: Lake, prefect_server: str) -> Pipeline:
    return ten_days(lake)


@pytest.fixture(scope="module")
def from_scratch(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, prefect_server: str) -> Any:
    """What the tables hold when the changed logic is there from the first day on."""
    pipeline = make_pipeline(Lake(spark, tmp_path_factory.mktemp("scratch")))
    change_logic(pipeline)
    for day in DAYS:
        land_day(pipeline, day)
    daily(**pipeline.where, date=DAYS[-1])
    return rows(pipeline)


def killed(pipeline: Pipeline, api: str, point: str, *arguments: str) -> None:
    """A backfill of the ten days in a process of its own, which ends at the point."""
    dates = ["--start", f"{DAYS[0]}", "--end", f"{DAYS[-1]}", "--yes"]
    where = ["--env", pipeline.where["env"], "--config", pipeline.where["config"]]
    command = [sys.executable, "-m", "tests.support.worlds.killed", point, "backfill", *dates, *where, *arguments]
    environment = os.environ | {"PREFECT_API_URL": api}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=480, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr[-2000:]


def test_a_backfill_after_a_change_of_logic_is_a_rebuild_and_moves_nothing_else(
    after_ten_days: Pipeline, from_scratch: Any, prefect_server: str
) -> None:
    pipeline = after_ten_days
    change_logic(pipeline)
    before, book = pipeline.versions(), watermark(pipeline)

    backfill(**pipeline.where, **RANGE, confirmed=True)

    assert rows(pipeline) == from_scratch
    after = pipeline.versions()
    assert {table for table in after if after[table] != before[table]} == {
        "silver.orders",
        "silver.items",
        "gold.customers",
    }
    assert watermark(pipeline) == book
    assert released(pipeline) == after
    summary = pipeline.summaries()[-1]
    assert (summary["flow"], summary["status"], summary["release"]) == ("backfill", "done", "r2")
    books = pipeline.results()[ORDERS]["books"]
    assert (books["extracted"], books["unchanged"], books["quarantined"]) == (30, 20, 10)
    assert pipeline.results()[ORDERS]["computed"] == "10 of 10 chunks"

    outer = newest_flow_run("backfill")
    names = {run.name for run in task_runs(outer.id, at_least=122)}
    assert {f"backfill {ORDERS} {day}" for day in DAYS} | {"build gold.customers", f"extract {ORDERS}"} <= names
    progress = httpx.get(f"{prefect_server}/artifacts/{PROGRESS_ARTIFACT}/latest").json()
    assert (progress["flow_run_id"], float(progress["data"])) == (str(outer.id), 100.0)

    daily(**pipeline.where, date=DAYS[-1])
    told = {warned["table"] for warned in pipeline.summaries()[-1]["warnings"] if "a backfill" in warned["message"]}
    assert told == {"silver.orders", "silver.items", "gold.customers"}, "the rest is built anew, and it says so"
    assert rows(pipeline) == from_scratch


@pytest.mark.parametrize(
    ("point", "chunk", "done", "hidden"),
    [
        (f"{ORDERS}: chunk 2025-03-04 noted", "day", 4, True),
        (f"{ORDERS}: before commit", "month", 0, True),
        ("gold.customers: after gate", "month", 1, True),
        ("silver.orders: committed, not in the index", "month", 1, True),
        ("commit: released, not ended", "month", 1, False),
        ("backfill: released, not ended", "month", 1, False),
    ],
)
def test_killed_halfway_and_started_again_it_does_only_the_rest(
    after_ten_days: Pipeline, from_scratch: Any, prefect_server: str, point: str, chunk: Any, done: int, hidden: bool
) -> None:
    pipeline = after_ten_days
    change_logic(pipeline)
    pipeline.land(f"orders/dt={DAYS[3]}/late.csv", "id,customer,qty", "999,late,1")
    before = released(pipeline)

    killed(pipeline, prefect_server, point, "--at-once", "1", "--chunk", chunk)
    assert (released(pipeline) == before) == hidden
    staged = {path.parent.name: json.loads(path.read_text())["batch_id"] for path in manifests(pipeline)}
    backfill(**pipeline.where, **RANGE, chunk=chunk, at_once=1, confirmed=True)

    every = {"day": len(DAYS), "month": 1}[chunk]
    earlier = "; an earlier run did the others" if done else ""
    assert pipeline.results()[ORDERS]["computed"] == f"{every - done} of {every} chunks{earlier}"
    late = {"bronze.orders": [(999, "late", 1)], "silver.orders": [(999, "LATE", 12)], "gold.customers": [("LATE", 13)]}
    expected = {table: sorted([*found, *late.get(table, [])], key=repr) for table, found in from_scratch.items()}
    assert rows(pipeline) == expected
    assert released(pipeline) == pipeline.versions()
    if done == every:  # what was computed is not computed again
        committed = batches(pipeline)
        assert {table: committed[table] for table in TABLES[2:]} == {table: staged[table] for table in TABLES[2:]}
        began = datetime.fromisoformat(pipeline.summaries()[-1]["started_at"])
        assert all(row[0] < began for row in pipeline.lake.read("silver.orders", "_ingest_ts"))
    versions = pipeline.versions()
    backfill(**pipeline.where, **RANGE, chunk=chunk, confirmed=True)
    assert pipeline.versions() == versions, "once it is done, it is done"


def manifests(pipeline: Pipeline) -> list[Path]:
    """Those of the newest run."""
    run_id = pipeline.summaries()[-1]["run_id"]
    return list((pipeline.home / "lake" / "_staging" / f"run_id={run_id}").glob("*/manifest.json"))


def test_rows_that_come_late_into_the_past_are_received_and_older_ones_replace_nothing(pipeline: Pipeline) -> None:
    for day in DAYS[:3]:
        land_day(pipeline, day)
    daily(**pipeline.where, date=DAYS[2])
    book = watermark(pipeline)
    pipeline.land(f"orders/dt={DAYS[0]}/late.csv", "id,customer,qty", "500,zoe,7")
    pipeline.land(f"orders/dt={DAYS[4]}/next.csv", "id,customer,qty", "600,zoe,1")

    backfill(**pipeline.where, start=DAYS[0], end=DAYS[1], select=[f"{ORDERS}+"], confirmed=True)

    assert ("zoe", 7) in pipeline.lake.read("gold.customers")
    assert watermark(pipeline) == book
    assert pipeline.results().keys() == {ORDERS, "silver.orders", "gold.customers"}
    daily(**pipeline.where, date=DAYS[4])
    assert ("zoe", 8) in pipeline.lake.read("gold.customers")
    assert pipeline.results()[ORDERS]["books"]["inserted"] == 1, "the daily run reads on from where it was"


def test_a_backfill_before_any_run_leaves_the_rest_to_the_first_one(pipeline: Pipeline) -> None:
    for day in DAYS[:3]:
        land_day(pipeline, day)

    backfill(**pipeline.where, start=DAYS[1], end=DAYS[1], confirmed=True)

    assert pipeline.lake.read(ORDERS) == [(20, "ann", 2), (21, "c2", 2)]
    assert released(pipeline) == pipeline.versions()
    daily(**pipeline.where, date=DAYS[2])
    assert {row[0] for row in pipeline.lake.read(ORDERS)} == {1, 2, 3, 10, 11, 20, 21, 30, 31}, "of no day: 1 to 3"
    assert ("ann", 12) in pipeline.lake.read("gold.customers", "customer", "qty")


def test_from_bronze_no_source_is_asked(after_ten_days: Pipeline) -> None:
    pipeline = after_ten_days
    change_logic(pipeline)
    (pipeline.lake.root / "landing").rename(pipeline.lake.root / "gone")

    backfill(**pipeline.where, start=DAYS[0], end=DAYS[-1], read_from="bronze", confirmed=True)

    assert pipeline.results().keys() == {"silver.orders", "silver.items", "gold.customers"}
    assert all(name == name.upper() for _, name in pipeline.lake.read("silver.items"))


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"start": DAYS[5], "end": DAYS[1]}, "ends before it begins"),
        ({"select": ["gold.custommers"]}, "custommers"),
        ({"end": datetime.now(UTC).date() + timedelta(days=2)}, "lies in the future"),
        ({"chunk": "week"}, "(?s)chunk.*'day' or 'month'"),
        ({"at_once": 0}, "(?s)at_once.*greater than or equal to 1"),
        ({"confirmed": False}, "(?s)has to be confirmed.*read again: 10 × day"),
    ],
)
def test_it_is_refused_before_anything_runs(pipeline: Pipeline, parameters: dict[str, Any], told: str) -> None:
    with pytest.raises(Exception, match=told):
        backfill(**pipeline.where, **RANGE | {"confirmed": True} | parameters)
    assert pipeline.summaries() == []
    assert pipeline.versions() == {}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--start", "2025-03-05", "--end", "2025-03-01", "--yes"], "ends before it begins"),
        (["--start", "2025-03-01", "--end", "2999-03-01", "--yes"], "lies in the future"),
        (["--start", "2025-03-01", "--end", "yesterday", "--yes"], "--end yesterday is not a date"),
        (["--start", "2025-03-01", "--end", "2025-03-02", "--chunk", "week", "--yes"], "--chunk week does not exist"),
        (["--start", "2025-03-01", "--end", "2025-03-02", "--select", "silver.oders", "--yes"], "did you mean"),
        (["--start", "2025-03-01", "--end", "2025-03-02"], "has to be confirmed"),
    ],
)
def test_the_command_refuses_it_too(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    where = ["--env", pipeline.where["env"], "--config", pipeline.where["config"]]
    assert main.main(["backfill", *arguments, *where]) == ConfigError.exit_code
    assert told in capsys.readouterr().err
    assert pipeline.summaries() == []


def lane(pipeline: Pipeline) -> list[str]:
    return sorted(path.name for path in (pipeline.home / "lake" / "_errors").rglob("*.json"))


def test_a_dry_run_is_a_plan_of_just_what_the_backfill_then_does(
    after_ten_days: Pipeline, capsys: pytest.CaptureFixture[str], prefect_server: str
) -> None:
    pipeline = after_ten_days
    change_logic(pipeline)
    pipeline.land(f"orders/dt={DAYS[8]}/late.csv", "id,customer,qty", "999,late,1", "998,eve,0")
    before, rejected = pipeline.versions(), lane(pipeline)
    where = ["--env", pipeline.where["env"], "--config", pipeline.where["config"]]

    code = main.main(["backfill", "--start", "2025-03-09", "--end", "2025-03-10", "--dry-run", *where, "--json"])

    plan = json.loads(capsys.readouterr().out)
    assert code == 0
    assert plan["backfill"]["read"][ORDERS] == {"to_do": ["2025-03-09", "2025-03-10"], "done": [], "whole": False}
    planned = {table["table"]: table["books"] for table in plan["tables"]}
    assert (planned[ORDERS]["inserted"], planned[ORDERS]["quarantined"]) == (1, 3)
    shown = httpx.get(f"{prefect_server}/artifacts/{PLAN_ARTIFACT}/latest").json()["data"]
    assert "read again: 2 × day (2025-03-09, 2025-03-10)" in shown
    assert main.main(["apply", plan["plan"], *where]) != 0, "it is no plan of a run"
    assert (pipeline.versions(), lane(pipeline)) == (before, rejected)
    assert SqliteState(pipeline.home / "state" / "state.db").list("backfill") == ()

    backfill(**pipeline.where, start=DAYS[8], end=DAYS[9], confirmed=True)

    assert {table: result["books"] for table, result in pipeline.results().items()} == planned
    assert len(lane(pipeline)) > len(rejected)
