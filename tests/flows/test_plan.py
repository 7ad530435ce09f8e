"""Plans through the flows and the command: nothing changes before `apply`, and then just what was predicted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.plan import CHANGES
from flows.apply import apply
from flows.daily import daily
from flows.ingest import ingest
from flows.plan import ARTIFACT, plan
from tests.flows.conftest import ENV, Pipeline, begun, ended
from tests.flows.test_crashes import second_day
from tidemark.aws.folder import open_folder
from tidemark.control.commits import interrupted
from tidemark.control.leases import KIND as LEASE
from tidemark.control.leases import Leases
from tidemark.control.processes import lives, this_process
from tidemark.control.state import SqliteState
from tidemark.errors import ConfigError, GateError, PlanError
from tidemark.plans import store
from tidemark.plans.document import PlanDocument

DAY = date(2025, 3, 30)
KINDS = ("table", "release", "publish", "drift", "seen", "committing", "replay")
TABLES = {"bronze.orders", "bronze.items", "silver.orders", "silver.items", "gold.customers"}


def state(pipeline: Pipeline) -> SqliteState:
    return SqliteState(pipeline.home / "state" / "state.db")


def document(pipeline: Pipeline, made: str) -> PlanDocument:
    found = store.load(open_folder(str(pipeline.home / "lake" / "_staging")), made)
    assert found is not None
    return found


def predicted(made: PlanDocument) -> dict[str, tuple[dict[str, int], dict[str, int]]]:
    """Books and broken rules of every table, as planned."""
    return {each.table: (each.books.to_json() if each.books else {}, dict(each.rejected)) for each in made.tables}


def happened(pipeline: Pipeline) -> dict[str, tuple[dict[str, int], dict[str, int]]]:
    """Books and broken rules of every table in the newest run."""
    return {table: (result["books"], result["rejected"]) for table, result in pipeline.results().items()}


def visible(pipeline: Pipeline) -> dict[str, Any]:
    """What readers and the next run look at: tables, the error lane, watermarks, releases, drift."""
    kept = {kind: state(pipeline).list(kind) for kind in KINDS}
    lane = sorted(str(path) for path in (pipeline.home / "lake" / "_errors").rglob("*.json"))
    return {"versions": pipeline.versions(), "state": kept, "lane": lane}


def killed_at(point: str, pipeline: Pipeline, api: str, made: str) -> None:
    """An apply in a process of its own that ends at the point."""
    command = [sys.executable, "-m", "tests.support.worlds.killed", point, "apply", made]
    where = ["--env", pipeline.where["env"], "--config", pipeline.where["config"]]
    environment = os.environ | {"PREFECT_API_URL": api}
    done = subprocess.run([*command, *where], env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]


def test_days_are_planned_and_then_happen_as_planned(pipeline: Pipeline, prefect_server: str) -> None:
    made = plan(**pipeline.where, date=DAY)
    first = document(pipeline, made)
    assert visible(pipeline) == {"versions": {}, "state": dict.fromkeys(KINDS, ()), "lane": []}
    assert {table: result["status"] for table, result in pipeline.results().items()} == dict.fromkeys(
        TABLES, "prepared"
    )
    artifact = httpx.get(f"{prefect_server}/artifacts/{ARTIFACT}/latest").json()
    assert f"tidemark --env {ENV} apply {made[:8]} commits just this" in artifact["data"]

    by = apply(made[:8], **pipeline.where)

    assert happened(pipeline) == predicted(first)
    assert pipeline.lake.read("gold.customers") == [("ann", 6), ("bob", 3)]
    assert len(pipeline.lake.errors("bronze.orders")) == 1
    found = store.find(state(pipeline), made)
    assert (found.status, found.run_id, found.release) == ("applied", by, "r1")
    after, runs = visible(pipeline), len(pipeline.summaries())
    assert apply(made, **pipeline.where) == by
    assert (visible(pipeline), len(pipeline.summaries())) == (after, runs)

    second_day(pipeline)
    second = document(pipeline, plan(**pipeline.where, date=DAY))
    assert visible(pipeline) == after
    daily(**pipeline.where, date=DAY)
    assert happened(pipeline) == predicted(second)
    moved = f"(?s)bronze.orders is at version 1, and was at version 0.*tidemark --env {ENV} plan"
    with pytest.raises(PlanError, match=moved):
        apply(second.plan, **pipeline.where)


def test_a_plan_is_made_beside_a_run_that_writes_the_same_tables(pipeline: Pipeline) -> None:
    span = timedelta(minutes=5)
    writing = Leases(state(pipeline), "another-run", this_process(), lasts=span, wait=timedelta(0), lives=lives)
    writing.acquire_all(TABLES)
    revisions = {record.key: record.revision for record in state(pipeline).list(LEASE)}

    made = document(pipeline, plan(**pipeline.where, date=DAY))

    assert {table.table for table in made.tables} == TABLES
    assert {record.key: record.revision for record in state(pipeline).list(LEASE)} == revisions


def test_a_plan_that_fails_its_gate_cannot_be_applied(pipeline: Pipeline) -> None:
    pipeline.land("orders/2.csv", "id,customer,qty", "5,ann,5000")
    with pytest.raises(GateError, match=r"(?s)silver.orders was not committed: 1 of.*nothing of a plan is visible"):
        plan(**pipeline.where, date=DAY)

    summary = pipeline.summaries()[-1]
    failed = {each.table: each.status for each in document(pipeline, summary["run_id"]).failed}
    assert failed == {"silver.orders": "gate failed", "gold.customers": "stopped"}
    with pytest.raises(ConfigError, match="there is no plan"):
        apply(summary["run_id"], **pipeline.where)
    assert visible(pipeline) == {"versions": {}, "state": dict.fromkeys(KINDS, ()), "lane": []}


def test_the_command_plans_to_a_file_and_applies_it(pipeline: Pipeline, prefect_server: str, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    code, output, error = ended(begun(pipeline, prefect_server, "plan", "--out", str(file), "--json"))
    assert code == CHANGES, error
    assert json.loads(output) == json.loads(file.read_text())
    assert json.loads(output)["changes"] is True

    code, _, error = ended(begun(pipeline, prefect_server, "apply", str(file)))
    assert code == 0, error
    assert set(pipeline.versions()) == TABLES

    code, output, _ = ended(begun(pipeline, prefect_server, "apply", str(file)))
    assert code == 0
    assert "was applied already" in output
    code, output, _ = ended(begun(pipeline, prefect_server, "plan"))
    assert code == 0
    assert output.splitlines()[-1] == "nothing changes"


def test_an_apply_that_was_killed_is_ended_by_the_next_run(pipeline: Pipeline, prefect_server: str) -> None:
    made = plan(**pipeline.where, date=DAY)
    killed_at("gold.customers: before commit", pipeline, prefect_server, made)
    assert "gold.customers" not in pipeline.versions()

    daily(**pipeline.where, date=DAY)

    assert {result["status"] for result in pipeline.results().values()} == {"unchanged"}
    assert pipeline.lake.read("gold.customers") == [("ann", 6), ("bob", 3)]
    assert len(pipeline.lake.errors("bronze.orders")) == 1
    found = store.find(state(pipeline), made)
    assert (found.status, found.release) == ("applied", "r1")


def test_an_ingest_ends_it_too_before_it_reads_where_bronze_stands(pipeline: Pipeline, prefect_server: str) -> None:
    made = plan(**pipeline.where, date=DAY)
    killed_at("commit: begun", pipeline, prefect_server, made)
    assert pipeline.versions() == {}

    ingest(**pipeline.where, date=DAY, select=["bronze.items"])

    assert pipeline.results()["bronze.items"]["status"] == "unchanged"
    assert set(pipeline.versions()) == TABLES
    assert interrupted(state(pipeline)) == ()
    assert store.find(state(pipeline), made).status == "applied"
