"""As a team runs it: a Prefect server on PostgreSQL, everything deployed, a worker; a cancel and a crash on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml
from delta.tables import DeltaTable

from sandbox import lifecycle
from sandbox.ledger import Ledger
from sandbox.shop import Shop
from tests.support.deployments.deployed import POOL, ROOT, Deployed, deployed
from tests.support.worlds.truth import unlike

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.timeout(2400)

SCALE = 0.02
FIRST, SECOND = "2025-03-03", "2025-03-04"
LOST = "bronze.snowflake_orders"


@pytest.fixture(scope="module")
def team() -> Iterator[Deployed]:
    """Set up and deployed as `docs/prefect.md` says, with a worker."""
    with deployed(SCALE) as team:
        yield team


@pytest.fixture(scope="module")
def first_day(team: Deployed) -> str:
    """The daily deployment, run and watched by a person; gives what they saw."""
    return team.done("prefect", "deployment", "run", "daily/daily.local", "--watch", "--param", f"date={FIRST}")


def test_everything_is_deployed_pinned_and_not_scheduled_on_a_laptop(team: Deployed) -> None:
    wanted = {each["name"]: each for each in yaml.safe_load((ROOT / "prefect.yaml").read_text("utf-8"))["deployments"]}
    found = {each["name"]: each for each in team.post("/deployments/filter", {}).json()}

    assert found.keys() == {f"{name}.local" for name in wanted}
    assert {each["work_pool_name"] for each in found.values()} == {POOL}
    (commit,) = {each["version"] for each in found.values()}
    assert len(commit) == 40
    schedule = found["daily.local"]["schedules"][0]
    assert (schedule["active"], schedule["schedule"]["timezone"]) == (False, "Europe/Berlin")
    assert found["daily.local"]["global_concurrency_limit"]["limit"] == 1
    assert found["snowflake_to_bronze.local"]["parameters"] == {
        "env": "local",
        "config": "config",
        "connection": "snowflake",
    }
    assert "unchanged" in team.done("cli.main", "prefect", "setup", "--dry-run")
    assert "created" not in team.done("cli.main", "prefect", "automations", "--dry-run")


@pytest.mark.parametrize(
    ("deployment", "parameters"),
    [
        ("build-layer/bronze_to_silver.local", {"layer": "platinum"}),
        ("daily/daily.local", {"env": "staging"}),
        ("daily/daily.local", {"full_refresh": "perhaps"}),
        ("daily/daily.local", {"select": ["gold. *"]}),
        ("publish/publish_gold.local", {"target": "oracle"}),
        ("restore/restore.local", {"run": "latest"}),
    ],
)
def test_parameters_that_do_not_fit_the_form_are_refused_by_the_api(
    team: Deployed, deployment: str, parameters: dict[str, Any]
) -> None:
    answer = team.ask(deployment, **parameters)
    assert answer.status_code == httpx.codes.CONFLICT, answer.text
    (field,) = parameters
    assert f"Validation failed for field '{field}" in answer.text


def test_what_only_the_flow_can_know_is_refused_before_anything_runs(team: Deployed) -> None:
    future = team.start("ingest/crm_to_bronze.local", date="2999-01-01")
    unknown = team.start("build-layer/bronze_to_silver.local", select=["silver.nothing"])
    mistyped = team.start("publish/publish_gold.local", traget="snowflake")

    backwards = team.start("backfill/backfill.local", start=SECOND, end=FIRST, confirmed=True)

    told = [team.ended(run) for run in (future, unknown, mistyped, backwards)]

    # Of a parameter that a flow does not have, Prefect only says in its log that the flow could not be called.
    assert [state["type"] for state in told] == ["FAILED", "FAILED", "CRASHED", "FAILED"]
    assert "lies in the future" in told[0]["message"]
    assert "selects no table" in told[1]["message"]
    assert "the range ends before it begins" in told[3]["message"]
    assert not list((team.home / "lake").glob("*/*/_delta_log"))


def test_the_daily_run_is_watched_to_its_end(team: Deployed, first_day: str) -> None:
    assert "Completed" in first_day
    assert len(team.versions()) == len(Ledger(Shop(scale=SCALE), 3, [3]).tables)
    (release,) = team.events("tidemark.release.created")
    assert release["resource"]["prefect.resource.id"] == "tidemark.release.local.r1"
    assert any(each["prefect.resource.id"].startswith("prefect.flow-run.") for each in release["related"])


def test_the_run_shows_its_summary_progress_and_rejected_rows(team: Deployed, first_day: str) -> None:
    reports = team.artifacts("markdown")
    summaries = [each["data"].partition("\n")[0] for each in reports if each["key"] == "tidemark-run-summary"]
    (summary,) = [title for title in summaries if title.startswith(f"### run {FIRST}")]
    assert summary.endswith("released as r1")
    shown = {each["key"]: each["data"] for each in reports}
    progress = {each["key"]: each["data"] for each in team.artifacts("progress")}
    assert progress.pop("tidemark-progress-ingest") == 100.0
    assert set(progress.values()) == {100.0}
    links = {key: text for key, text in shown.items() if key.startswith("rejected-bronze-")}
    assert links
    assert all("](file:///" in text for text in links.values())


def test_after_a_cancel_no_lease_and_no_half_table_is_left_and_after_a_crash_the_next_run_recovers(
    team: Deployed, first_day: str, spark: SparkSession
) -> None:
    before = team.versions()
    lifecycle.advance(team.home)

    cancelled = team.start("daily/daily.local", date=SECOND)
    team.running_task("prepare silver")
    team.done("prefect", "flow-run", "cancel", cancelled)
    assert team.ended(cancelled)["type"] == "CANCELLED"
    team.wait(lambda: None if team.held_leases() else "none", 60, "the leases to be given back")
    assert team.versions() == before

    crashed = team.start("daily/daily.local", date=SECOND)
    team.running_task("prepare silver")
    team.kill_worker()
    state = team.ended(crashed, seconds=400)
    assert (state["type"], "no heartbeat" in state["message"]) == ("CRASHED", True)
    assert team.versions() == before

    team.start_worker()
    recovered = team.done("prefect", "deployment", "run", "daily/daily.local", "--watch", "--param", f"date={SECOND}")
    assert "Completed" in recovered
    assert _wrong(spark, team) == {}
    told = team.wait(lambda: _alerts(team) or None, 60, "the alert of the crash")
    assert any("is Crashed: no heartbeat" in each for each in told), told


def test_a_backfill_wants_a_yes_and_then_brings_back_what_the_table_lost(
    team: Deployed, first_day: str, spark: SparkSession
) -> None:
    assert _wrong(spark, team) == {}, "the days before are as the test above leaves them"
    DeltaTable.forPath(spark, _path(team, LOST)).delete(f"to_date(updated_at) = '{FIRST}'")
    before = team.versions()
    asked = {"start": FIRST, "end": FIRST, "select": [LOST, "silver.*", "gold.*"], "chunk": "day"}

    unconfirmed = team.ended(team.start("backfill/backfill.local", **asked))

    assert unconfirmed["type"] == "FAILED"
    assert "confirmed" in unconfirmed["message"]
    assert team.versions() == before
    parameters = [part for name, value in asked.items() for part in ("--param", f"{name}={json.dumps(value)}")]
    command = ("deployment", "run", "backfill/backfill.local", "--watch", *parameters, "--param", "confirmed=true")
    assert "Completed" in team.done("prefect", *command)
    assert _wrong(spark, team) == {}
    rows = spark.read.format("delta").load(_path(team, LOST)).where(f"to_date(updated_at) = '{FIRST}'")
    assert rows.count() > 0
    progress = {each["key"]: each["data"] for each in team.artifacts("progress")}
    assert progress["tidemark-backfill-progress"] == 100.0


def _wrong(spark: SparkSession, team: Deployed) -> dict[str, list[str]]:
    """The tables of silver and gold that are not what the shop's own ledger says after the second day."""
    truth = Ledger(Shop(scale=SCALE), 4, [3, 4])
    return unlike(truth, truth.tables, lambda table: _rows(spark, team, table))


def _path(team: Deployed, table: str) -> str:
    return str(team.home / "lake" / Path(*table.split(".")))


def _rows(spark: SparkSession, team: Deployed, table: str) -> list[dict[str, Any]]:
    return [row.asDict() for row in spark.read.format("delta").load(_path(team, table)).collect()]


def _alerts(team: Deployed) -> list[str]:
    """What completed runs of the deployment `notify/alert.local` told."""
    body = {
        "deployments": {"name": {"any_": ["alert.local"]}},
        "flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}},
    }
    return [str(run["parameters"]["message"]) for run in team.post("/flow_runs/filter", body).json()]
