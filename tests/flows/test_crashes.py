"""A run that is killed at any point, and run again, leaves what an uninterrupted run leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flows.daily import daily
from tests.flows.conftest import Pipeline, begun, ended, make_pipeline
from tests.support.lakes.lake import Lake
from tidemark import faults
from tidemark.control.commits import interrupted
from tidemark.control.release import latest
from tidemark.control.state import SqliteState

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAY = date(2025, 3, 30)
TABLES = ("bronze.orders", "bronze.items", "silver.orders", "silver.items", "gold.customers")
# Of neighbouring points one. Publishing has its own in tests/e2e.
POINTS = (
    "bronze.orders: before extract",
    "bronze.orders: after extract",
    "bronze.orders: staged, without manifest",
    "bronze.orders: after prepare",
    "bronze.orders: errors being written",
    "bronze.orders: after gate",
    "bronze.orders: moved, not committed",
    "bronze.orders: committed, not in the index",
    "bronze.items: after gate",
    "bronze.items: after commit",
    "silver.orders: after gate",
    "silver.items: after gate",
    "gold.customers: staged, without manifest",
    "gold.customers: after gate",
    "commit: begun",
    "silver.orders: moved, not committed",
    "silver.orders: committed, not in the index",
    "silver.items: after commit",
    "gold.customers: after commit",
    "commit: all tables, no release",
    "commit: released, not ended",
)
# Where tables are there already, their commits are others: appends, and rewrites of small tables.
POINTS_OF_DAY_TWO = (
    "bronze.orders: errors being written",
    "bronze.orders: moved, not committed",
    "bronze.orders: committed, not in the index",
    "gold.customers: staged, without manifest",
    "commit: begun",
    "silver.orders: committed, not in the index",
    "gold.customers: moved, not committed",
    "commit: all tables, no release",
)


@dataclass(frozen=True)
class Left:
    """What runs have left, without what differs from run to run by its nature (ids of runs and batches, times)."""

    tables: dict[str, list[tuple[Any, ...]]]
    errors: dict[str, list[str]]
    books: dict[str, list[dict[str, int]]]


def left(pipeline: Pipeline, tables: Sequence[str] = TABLES) -> Left:
    release = latest(SqliteState(pipeline.home / "state" / "state.db"))
    assert release is not None
    assert release.tables == {table: pipeline.versions()[table] for table in tables}
    return Left(
        tables={table: pipeline.lake.read(table) for table in tables},
        errors={table: sorted(row["payload"] for row in pipeline.lake.errors(table)) for table in tables},
        books={table: books(pipeline, table) for table in tables},
    )


def books(pipeline: Pipeline, table: str) -> list[dict[str, int]]:
    """The books in the table's log, a commit of a batch after the other."""
    found = []
    for file in sorted(Path(pipeline.lake.path(table), "_delta_log").glob("*[0-9].json")):
        for line in file.read_text().splitlines():
            metadata = json.loads(line).get("commitInfo", {}).get("userMetadata")
            if metadata:
                found.append(json.loads(metadata)["books"])
    return found


def second_day(pipeline: Pipeline) -> None:
    pipeline.land("orders/2.csv", "id,customer,qty", "5,ann,1", "6,zoe,-3", "7,bob,2")
    pipeline.land("items/2.csv", "id,name", "2,table")


@pytest.fixture(scope="module")
def uninterrupted(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, prefect_server: str) -> list[Left]:
    """After the first and the second day, nothing having gone wrong."""
    pipeline = make_pipeline(Lake(spark, tmp_path_factory.mktemp("whole")))
    daily(**pipeline.where, date=DAY)
    first = left(pipeline)
    second_day(pipeline)
    daily(**pipeline.where, date=DAY)
    return [first, left(pipeline)]


@pytest.fixture
def reached() -> Iterator[list[str]]:
    """The points that runs of this process come to."""
    points: list[str] = []
    forget = faults.observed_by(points.append)
    yield points
    forget()


def killed(pipeline: Pipeline, api: str, point: str, *arguments: str) -> None:
    """A command (by default the daily run) in a process of its own that ends at the point."""
    given = arguments or ("run", "--date", DAY.isoformat())
    command = [sys.executable, "-m", "tests.support.worlds.killed", point, *given]
    where = ["--env", pipeline.where["env"], "--config", pipeline.where["config"]]
    environment = os.environ | {"PREFECT_API_URL": api}
    ended = subprocess.run(
        [*command, *where], env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr[-2000:]


def test_a_run_comes_to_all_these_points(pipeline: Pipeline, reached: list[str]) -> None:
    daily(**pipeline.where, date=DAY)
    assert set(POINTS) <= set(reached)


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_point_and_run_again(
    pipeline: Pipeline, prefect_server: str, uninterrupted: list[Left], point: str
) -> None:
    killed(pipeline, prefect_server, point)
    daily(**pipeline.where, date=DAY)
    assert left(pipeline) == uninterrupted[0]

    if "index" in point:  # where bookkeeping was left behind, the day after shows it
        second_day(pipeline)
        daily(**pipeline.where, date=DAY)
        assert left(pipeline) == uninterrupted[1]


@pytest.mark.parametrize("point", POINTS_OF_DAY_TWO)
def test_killed_at_a_point_of_the_second_day_and_run_again(
    pipeline: Pipeline, prefect_server: str, uninterrupted: list[Left], point: str
) -> None:
    daily(**pipeline.where, date=DAY)
    second_day(pipeline)
    killed(pipeline, prefect_server, point)
    daily(**pipeline.where, date=DAY)
    assert left(pipeline) == uninterrupted[1]


def test_commits_that_were_begun_are_ended_by_the_next_run(pipeline: Pipeline, prefect_server: str) -> None:
    killed(pipeline, prefect_server, "gold.customers: before commit")
    state = SqliteState(pipeline.home / "state" / "state.db")
    (died,) = interrupted(state)
    assert set(died.batches) == {"silver.orders", "silver.items", "gold.customers"}
    assert "gold.customers" not in pipeline.versions()
    assert latest(state) is None

    daily(**pipeline.where, date=DAY)

    summary = pipeline.summaries()[-1]
    assert summary["warnings"][0]["message"] == (
        f"run {died.run_id} died while it committed its 3 tables; that was finished, as release r1"
    )
    assert summary["release"] == "r1"
    assert interrupted(state) == ()
    release = latest(state)
    assert release is not None
    assert release.run_id == died.run_id


def test_of_two_runs_at_once_one_waits_for_the_other_and_says_for_whom(
    pipeline: Pipeline, prefect_server: str, uninterrupted: list[Left]
) -> None:
    both = [begun(pipeline, prefect_server, "run", "--date", DAY.isoformat()) for _ in range(2)]
    outcomes = [ended(process) for process in both]

    assert [code for code, _, _ in outcomes] == [0, 0]
    first = min(pipeline.summaries(), key=lambda summary: str(summary["finished_at"]))
    waited = [told for _, _, told in outcomes if "waits for the lease of gold.customers, 600 s at most" in told]
    assert len(waited) == 1
    assert f"held by run {first['run_id']} in process {first['process']}, flow run daily" in waited[0]
    assert left(pipeline) == uninterrupted[0]
