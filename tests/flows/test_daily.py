"""The flows from source to gold, on real tables and a real Prefect server."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlparse

import httpx
import prefect.settings
import pytest

from flows.build_layer import build_layer
from flows.daily import daily
from flows.ingest import ingest
from flows.publish import publish
from flows.quality_gate import quality_gate
from flows.running.context import ARTIFACT
from tests.flows.conftest import CANARY, Pipeline
from tests.support.deployments.prefect_runs import newest_flow_run, task_runs
from tidemark.errors import ConfigError, GateError, TidemarkError

TABLES = {"bronze.orders", "bronze.items", "silver.orders", "silver.items", "gold.customers"}


def test_a_day_goes_from_source_to_gold(finished: Pipeline) -> None:
    assert finished.lake.read("gold.customers") == [("ann", 6), ("bob", 3)]
    assert finished.lake.read("silver.items") == [(1, "chair")]


def test_the_summary_tells_what_was_done(finished: Pipeline) -> None:
    summary = finished.summaries()[0]
    results = {result["table"]: result for result in summary["tables"]}
    assert (summary["flow"], summary["date"], summary["status"]) == ("daily", "2025-03-30", "done")
    assert (summary["release"], summary["released"]) == ("r1", True)
    assert {table: result["status"] for table, result in results.items()} == dict.fromkeys(TABLES, "committed")
    books = results["bronze.orders"]["books"]
    assert (books["extracted"], books["accepted"], books["quarantined"]) == (4, 3, 1)
    assert summary["rejected_by_rule"] == {"qty.minimum": 1}
    assert all(result["gate"]["passed"] == result["gate"]["total"] for result in results.values())
    assert all(result["version"] == finished.versions()[table] for table, result in results.items())


def test_its_metrics_are_in_the_summary_and_beside_it(finished: Pipeline) -> None:
    summary = finished.summaries()[0]
    told = summary["metrics"]["job"]
    assert (told["records_processed_total"], told["rows_quarantined"]) == (4 + 1 + 3 + 1 + 2, 1)
    assert told["dq_critical_failures"] == 0
    began, ended = (datetime.fromisoformat(summary[name]) for name in ("started_at", "finished_at"))
    assert told["latency_seconds"] == (ended - began).total_seconds()
    lines = (finished.home / "runs" / f"{summary['run_id']}.metrics.jsonl").read_text().splitlines()
    documents = {json.loads(line).get("Table"): json.loads(line) for line in lines}
    assert set(documents) == {None, *TABLES}
    assert (documents[None]["Job"], documents[None]["Environment"]) == ("daily", "test")
    assert documents["bronze.orders"]["records_processed_total"] == 4


def test_the_last_task_looks_at_promises(finished: Pipeline) -> None:
    assert "check promises" in {run.name for run in task_runs(newest_flow_run("daily").id, at_least=1)}


def test_prefect_shows_the_run(finished: Pipeline, prefect_server: str) -> None:
    outer = newest_flow_run("daily")
    assert outer.parameters["date"] == "2025-03-30"
    received = task_runs(newest_flow_run("ingest").id, at_least=11)
    assert {"extract bronze.orders", "gate bronze.items", "write errors bronze.orders"} <= {
        run.name for run in received
    }
    built = task_runs(newest_flow_run("build-layer").id, at_least=9)
    assert {"build gold.customers", "prepare silver.orders"} <= {run.name for run in built}
    artifact = httpx.get(f"{prefect_server}/artifacts/{ARTIFACT}/latest").json()
    assert artifact["flow_run_id"] == str(outer.id)
    assert finished.summaries()[0]["run_id"][:8] in artifact["data"]
    assert "| gold.customers |" in artifact["data"]


def test_no_secret_is_left_anywhere(finished: Pipeline) -> None:
    task_runs(newest_flow_run("ingest").id, at_least=11)
    database = Path(urlparse(str(prefect.settings.PREFECT_SERVER_DATABASE_CONNECTION_URL.value())).path)
    places = [
        *database.parent.glob(f"{database.name}*"),
        *(path for path in finished.home.rglob("*") if path.is_file()),
    ]
    assert len(places) > len(TABLES)
    assert [path for path in places if CANARY.encode() in path.read_bytes()] == []


def test_a_second_run_changes_nothing(finished: Pipeline) -> None:
    before = finished.versions()

    daily(**finished.where)

    assert finished.versions() == before
    summary = finished.summaries()[-1]
    assert (summary["release"], summary["released"]) == ("r1", False)
    assert {result["status"] for result in summary["tables"]} == {"unchanged"}


def test_the_gates_alone_commit_nothing(finished: Pipeline) -> None:
    before = finished.versions()

    quality_gate(**finished.where)

    assert finished.versions() == before
    assert {result["status"] for result in finished.results().values()} == {"checked"}
    assert all(result["books"] is None for result in finished.results().values())


def test_a_source_that_fails_does_not_stop_the_others_but_what_follows(pipeline: Pipeline) -> None:
    shutil.rmtree(pipeline.lake.root / "landing" / "items")

    with pytest.raises(TidemarkError) as raised:
        daily(**pipeline.where)

    assert raised.value.table == "bronze.items"
    assert raised.value.step == "extract"
    assert set(pipeline.versions()) == {"bronze.orders"}
    summary = pipeline.summaries()[-1]
    assert (summary["status"], summary["release"]) == ("failed", None)
    assert "bronze.items" in summary["error"]
    assert {table: result["status"] for table, result in pipeline.results().items()} == {
        "bronze.orders": "committed",
        "bronze.items": "failed",
    }
    alerts = (pipeline.home / "runs" / f"{summary['run_id']}.alerts.jsonl").read_text()
    assert '"severity": "error"' in alerts


def test_a_failed_gate_leaves_no_trace_in_silver_and_gold(pipeline: Pipeline) -> None:
    daily(**pipeline.where)
    before = pipeline.versions()
    pipeline.land("orders/2.csv", "id,customer,qty", "5,ann,5000")
    pipeline.land("items/2.csv", "id,name", "2,table")

    with pytest.raises(GateError) as raised:
        daily(**pipeline.where)

    text = str(raised.value)
    assert raised.value.exit_code == 3
    assert "silver.orders was not committed: 1 of" in text
    assert "no order is huge: was 1" in text
    assert "silver and gold stay at release r1; bronze kept what it received" in text
    after = pipeline.versions()
    assert {table for table in after if after[table] != before[table]} == {"bronze.orders", "bronze.items"}
    results = pipeline.results()
    assert results["silver.orders"]["status"] == "gate failed"
    assert results["gold.customers"]["status"] == "stopped"
    assert results["silver.items"]["status"] == "prepared"
    assert pipeline.summaries()[-1]["status"] == "gate failed"


def test_one_layer_is_built_committed_and_released_by_itself(pipeline: Pipeline) -> None:
    ingest(**pipeline.where, connection="landing", select=["bronze.orders"])
    build_layer(**pipeline.where, layer="silver", select=["silver.orders"])
    assert set(pipeline.versions()) == {"bronze.orders", "silver.orders"}
    assert pipeline.summaries()[-1]["release"] == "r1"

    build_layer(**pipeline.where, layer="gold")
    assert pipeline.lake.read("gold.customers") == [("ann", 6), ("bob", 3)]
    assert pipeline.summaries()[-1]["release"] == "r2"


def test_an_error_that_a_query_raises_names_table_and_step_on_one_screen(pipeline: Pipeline) -> None:
    pipeline.lake.write(
        "silver/items.sql", "SELECT id, CAST(raise_error('the glue is off') AS STRING) AS name FROM bronze.items"
    )

    with pytest.raises(TidemarkError) as raised:
        daily(**pipeline.where, select=["bronze.items", "silver.items"])

    text = str(raised.value)
    assert "silver.items" in text
    assert "(prepare)" in text
    assert "the query raises an error" in text  # what it says may be made of personal data
    assert len(text.splitlines()) < 10


@pytest.mark.parametrize(
    ("flow", "parameters", "message"),
    [
        (ingest, {"connection": "crm"}, "on the connection 'crm'"),
        (ingest, {"select": ["silver.orders"]}, "no table with a source"),
        (build_layer, {"select": ["bronze.orders"]}, "no silver and gold table"),
        (publish, {}, "there is no release to publish"),
        (quality_gate, {"select": ["gold.custommers"]}, "custommers"),
    ],
)
def test_a_selection_that_means_nothing_is_refused(
    pipeline: Pipeline, flow: object, parameters: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        flow(**pipeline.where, **parameters)
    assert pipeline.versions() == {}


def test_a_date_in_the_future_is_refused(pipeline: Pipeline) -> None:
    with pytest.raises(Exception, match="lies in the future"):
        daily(**pipeline.where, date=datetime.now(UTC).date() + timedelta(days=2))
    assert pipeline.summaries() == []
