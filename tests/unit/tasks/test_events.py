"""What happens in a lake is told to Prefect under names that automations can be built on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from tasks import events, evidence
from tests.support.deployments.artifacts import newest
from tests.support.lakes.lake import Lake, at
from tidemark.compute.gate.quality import CheckResult, GateResult
from tidemark.control.release import Release
from tidemark.engine import Engine
from tidemark.errorlane.quarantine import Rejected
from tidemark.sources import Change

SECONDS = 30


def told(api: str, event: str, run_id: str) -> Mapping[str, Any]:
    """The event of this name that an engine's run sent, once the server has it."""
    body = {"filter": {"event": {"name": [event]}}, "limit": 50}
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        for each in httpx.post(f"{api}/events/filter", json=body, timeout=10).json()["events"]:
            if each["payload"]["run_id"] == run_id:
                return dict(each)
        time.sleep(0.2)
    raise AssertionError(f"no event {event} came")


@pytest.fixture
def engine(lake: Lake) -> Engine:
    source = {"connection": "shop", "object": "orders"}
    lake.table("bronze.orders", "id int\nchanged timestamp", {"source": source, "write": {"mode": "append"}})
    lake.promise_freshness("bronze.orders", "changed", hours=26)
    return lake.engine()


def test_a_failed_gate_and_a_broken_promise_name_their_table(engine: Engine, prefect_server: str) -> None:
    checks = (
        CheckResult("row_count > 0", "fail", "0"),
        CheckResult("changed is at most 26 h old", "warn", "40"),
        CheckResult("id is unique", "pass", "0"),
    )
    result = GateResult("bronze.orders", engine.run.run_id, checks, 0.1, "/dq/x.json")

    events.gate_passed_or_not(engine, result)

    failed = told(prefect_server, events.GATE_FAILED, engine.run.run_id)
    assert failed["resource"] == {
        "prefect.resource.id": "tidemark.table.bronze.orders",
        "prefect.resource.name": "bronze.orders",
        "tidemark.environment": "test",
        "tidemark.layer": "bronze",
    }
    assert (failed["payload"]["failed"], failed["payload"]["evidence"]) == (["row_count > 0: 0"], "/dq/x.json")
    late = told(prefect_server, events.SLA_BREACHED, engine.run.run_id)
    assert (late["payload"]["promised_hours"], late["payload"]["hours"]) == ("26", "40")
    evidence.link_checks(result)
    link = newest(prefect_server, "checks-bronze-orders")
    assert link is not None
    assert link["data"] == "[bronze.orders](file:///dq/x.json)"


def test_drift_and_releases_are_told(engine: Engine, prefect_server: str) -> None:
    events.drift_seen(engine, "bronze.orders", ())
    events.drift_seen(engine, "bronze.orders", [Change("colour", "added", None, "string", "evolve")])
    drift = told(prefect_server, events.DRIFT_SEEN, engine.run.run_id)
    assert drift["payload"]["changes"] == ["source column colour (string) is new: added to the table"]

    run = engine.run
    events.release_created(engine, Release(7, run.run_id, run.date, at(1), {"gold.a": 3}))
    release = told(prefect_server, events.RELEASE_CREATED, run.run_id)
    assert release["resource"]["prefect.resource.id"] == "tidemark.release.test.r7"
    assert release["payload"]["tables"] == {"gold.a": 3}


def test_rejected_rows_are_linked_where_there_are_some(engine: Engine, prefect_server: str) -> None:
    evidence.link_rejected(engine, "bronze.orders", Rejected())
    assert newest(prefect_server, "rejected-bronze-orders") is None
    evidence.link_rejected(engine, "bronze.orders", Rejected(3, {"id.type": 2, "id.required": 1}))
    link = newest(prefect_server, "rejected-bronze-orders")
    assert link is not None
    assert f"run_id%3D{engine.run.run_id}" in link["data"]
    assert link["description"] == "3 rows of bronze.orders rejected"
    assert f"tidemark --env test errors list --table bronze.orders --run {engine.run.run_id[:8]}`" in link["data"]
    assert link["data"].endswith("| rule | rows |\n| --- | ---: |\n| id.type | 2 |\n| id.required | 1 |")
