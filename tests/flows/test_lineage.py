"""Lineage of whole runs: every event valid, every job with one end, whatever became of the run or of the backend."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from flows.daily import daily
from tests.flows.conftest import CANARY, Pipeline
from tests.flows.test_crashes import killed
from tests.support.deployments.prefect_runs import newest_flow_run
from tests.support.openlineage import problems
from tidemark.errors import GateError
from tidemark.observe.lineage.jobs import Job

DAY = date(2025, 3, 30)
LOADS = {"bronze.orders", "bronze.items", "silver.orders", "silver.items", "gold.customers"}
Event = dict[str, Any]


def events(pipeline: Pipeline, run_id: str | None = None) -> list[Event]:
    """What was told, run by run, in order."""
    files = sorted((pipeline.home / "lineage").glob(f"*/{run_id or '*'}.jsonl"), key=lambda path: path.stat().st_mtime)
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


def ends(told: list[Event]) -> dict[tuple[str, str], set[str]]:
    """How each job run ended that was begun; by the job and the id."""
    found: dict[tuple[str, str], set[str]] = {}
    for each in told:
        key = (each["job"]["name"], each["run"]["runId"])
        if each["eventType"] == "START":
            found.setdefault(key, set())
        else:
            found[key] = found.get(key, set()) | {each["eventType"]}
    return found


def by_job(told: list[Event]) -> dict[str, set[str]]:
    return {job: kinds for (job, _), kinds in ends(told).items()}


def test_a_run_tells_of_all_its_loads_and_gates(finished: Pipeline) -> None:
    summary = finished.summaries()[0]
    told = events(finished, summary["run_id"])
    assert [wrong for each in told for wrong in problems(each)] == []
    assert by_job(told) == {name: {"COMPLETE"} for name in ("daily", *LOADS, *(f"{table}.gate" for table in LOADS))}
    assert summary["lineage"]["sent"] == len(told)
    assert Path(summary["lineage"]["where"]).is_file()
    assert (summary["lineage"]["waiting"], summary["lineage"]["lost"]) == (0, 0)
    assert CANARY not in json.dumps(told)
    assert not list((finished.home / "lineage" / "_open").glob("*"))


def test_a_load_tells_versions_rows_and_columns(finished: Pipeline) -> None:
    told = events(finished, finished.summaries()[0]["run_id"])
    last = {each["job"]["name"]: each for each in told if each["eventType"] == "COMPLETE"}
    (output,) = last["gold.customers"]["outputs"]
    versions = finished.versions()
    assert output["facets"]["version"]["datasetVersion"] == str(versions["gold.customers"])
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 2
    (read,) = last["gold.customers"]["inputs"]
    assert read["facets"]["version"]["datasetVersion"] == str(versions["silver.orders"])
    assert output["facets"]["columnLineage"]["fields"]["qty"]["inputFields"][0]["field"] == "qty"
    assert last["bronze.orders"]["inputs"][0]["inputFacets"]["inputStatistics"]["rowCount"] == 4
    assert last["bronze.orders"]["inputs"][0]["name"] == str(finished.lake.root / "landing/orders")
    assertions = last["silver.orders.gate"]["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert {"name": "no order is huge", "success": True}.items() <= assertions[0].items()


def test_prefect_log_and_events_share_a_trace(finished: Pipeline) -> None:
    flow_run, summary = newest_flow_run("daily"), finished.summaries()[0]
    told = events(finished, summary["run_id"])
    parent = told[1]["run"]["facets"]["parent"]
    assert parent["run"]["runId"] == summary["run_id"]
    assert parent["root"]["run"]["runId"] == str(flow_run.id)
    tags = [tag for each in told for tag in each["run"]["facets"]["tags"]["tags"]]
    traces = {tag["value"] for tag in tags if tag["key"] == "trace_id"}
    assert traces == {summary["trace_id"]} == {flow_run.id.hex}
    text = (finished.home / "logs" / f"{summary['run_id']}.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert {(line["run_id"], line["job"], line["trace_id"]) for line in lines} == {
        (summary["run_id"], "daily", flow_run.id.hex)
    }
    committed = {line["table"]: line["batch_id"] for line in lines if line["step"] == "commit"}
    batches = {
        each["job"]["name"]: tag["value"]
        for each in told
        for tag in each["run"]["facets"]["tags"]["tags"]
        if tag["key"] == "batch_id"
    }
    assert committed == batches


def test_a_failed_gate_fails_and_what_waited_for_it_is_aborted(pipeline: Pipeline) -> None:
    pipeline.land("orders/2.csv", "id,customer,qty", "5,ann,5000")
    with pytest.raises(GateError):
        daily(**pipeline.where, date=DAY)
    told = events(pipeline)
    assert [wrong for each in told for wrong in problems(each)] == []
    found = by_job(told)
    assert (found["silver.orders"], found["silver.orders.gate"], found["daily"]) == ({"FAIL"}, {"FAIL"}, {"FAIL"})
    assert (found["silver.items"], found["bronze.orders"]) == ({"ABORT"}, {"COMPLETE"})
    assert "gold.customers" not in found
    failed = next(each for each in told if each["job"]["name"] == "silver.orders" and each["eventType"] == "FAIL")
    assert "no order is huge" in failed["run"]["facets"]["errorMessage"]["message"]


@pytest.mark.parametrize("point", ["silver.orders: after gate", "gold.customers: before commit"])
def test_the_end_of_a_killed_run_is_told_by_the_next(pipeline: Pipeline, prefect_server: str, point: str) -> None:
    killed(pipeline, prefect_server, point)
    daily(**pipeline.where, date=DAY)
    died, lived = pipeline.summaries()
    told = events(pipeline)
    assert [wrong for each in told for wrong in problems(each)] == []
    assert {len(kinds) for kinds in ends(told).values()} == {1}
    found = ends(told)
    assert found["daily", died["run_id"]] == {"ABORT"}
    # What it was committing together was brought to its end; of the rest nothing is visible.
    end, begun = ("COMPLETE", LOADS) if point.startswith("gold") else ("ABORT", {"silver.orders"})
    of_died = {table: found[table, Job.load(table).run_id(died["run_id"])] for table in begun}
    assert {kind for table, kinds in of_died.items() if "bronze" not in table for kind in kinds} == {end}
    assert found["bronze.orders", Job.load("bronze.orders").run_id(died["run_id"])] == {"COMPLETE"}
    assert found["daily", lived["run_id"]] == {"COMPLETE"}
    assert not list((pipeline.home / "lineage" / "_open").glob("*"))


class _Backend(BaseHTTPRequestHandler):
    taken: list[Event]

    def do_POST(self) -> None:
        """Takes an event."""
        self.taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(201)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def backend() -> Iterator[ThreadingHTTPServer]:
    _Backend.taken = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Backend)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_dead_backend_fails_no_run_and_gets_everything_later(
    pipeline: Pipeline, backend: ThreadingHTTPServer
) -> None:
    point_to(pipeline, 9)  # nobody listens
    daily(**pipeline.where, date=DAY)
    (summary,) = pipeline.summaries()
    assert summary["status"] == "done"
    assert summary["lineage"]["sent"] == 0
    assert summary["lineage"]["waiting"] > 2 * len(LOADS)
    assert "cannot be reached" in summary["lineage"]["why"]

    point_to(pipeline, backend.server_port)
    daily(**pipeline.where, date=DAY)
    later = pipeline.summaries()[-1]
    assert later["lineage"]["waiting"] == 0
    assert len(_Backend.taken) == summary["lineage"]["waiting"] + later["lineage"]["sent"]
    assert [wrong for each in _Backend.taken for wrong in problems(each)] == []
    assert {len(kinds) for kinds in ends(_Backend.taken).values()} == {1}


def point_to(pipeline: Pipeline, port: int) -> None:
    path = pipeline.lake.root / "config/env/test.yaml"
    text = path.read_text().partition("\nlineage:")[0]
    path.write_text(f"{text}\nlineage: {{transport: http, url: 'http://127.0.0.1:{port}', timeout: 2s}}\n")
