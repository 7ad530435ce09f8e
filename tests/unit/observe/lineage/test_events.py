"""Events against the official schemas, for every shipped table and every way that a job can end."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.openlineage import problems
from tidemark.books import Books
from tidemark.config.project import Project, load_project
from tidemark.control.runs import Run
from tidemark.observe.lineage import facets
from tidemark.observe.lineage.events import Event, Events, aborted
from tidemark.observe.lineage.jobs import (
    COMMIT,
    Begun,
    Checked,
    Ended,
    Job,
    Parents,
    Revision,
    browsable,
    of_batch,
    revision,
)
from tidemark.redaction import protect
from tidemark.write.manifest import Prepared

RUN_ID, FLOW_RUN = "0198f3c2-0000-4000-8000-000000000001", "0198f3c2-0000-4000-8000-0000000000ff"
AT = datetime(2025, 3, 30, 6, 30)
RUN = Run(RUN_ID, date(2025, 3, 30), AT, AT, traced="4bf92f3577b34da6a3ce929d0e0e4736")
PARENTS = Parents("tidemark-prod", "daily", RUN_ID, "prefect.daily", FLOW_RUN)
BOOKS = Books(extracted=10, accepted=8, quarantined=1, superseded=1, inserted=5, updated=2, unchanged=1)


@pytest.fixture(scope="module")
def project() -> Project:
    return load_project(Path("config"), "prod")


@pytest.fixture(scope="module")
def events(project: Project) -> Events:
    return Events(project, RUN, PARENTS)


def begun(job: Job) -> Begun:
    return Begun(job, job.run_id(RUN_ID), AT)


def done(table: str, **changes: Any) -> Ended:
    inputs = {"silver.orders": 7, "gold.dim_customer": 3, "gold.dim_product": None}
    return Ended(
        "COMPLETE", AT, books=BOOKS, rows=7, size=1234, version=12, inputs=inputs, tags={"batch_id": "b1"}, **changes
    )


def told(events: Events, project: Project) -> Iterator[Event]:
    """Every kind of event of every table, and of the run."""
    for name, table in project.tables.items():
        load, gate = begun(Job.load(name)), begun(Job.gate(name))
        yield events.ended(load, done(name, columns={"loyalty": "string"}))
        checks = [Checked(check.name, "pass", "0") for check in table.contract.checks]
        yield events.ended(gate, Ended("COMPLETE", AT, checks=[*checks, Checked("x is unique", "warn", "2")]))
        for target in table.load.publish:
            publish = begun(Job.publish(name, target))
            yield events.ended(publish, Ended("COMPLETE", AT, rows=5, version=12))
    for name in ("bronze.crm_accounts", "silver.orders", "gold.dim_customer"):
        yield events.began(begun(Job.load(name)))
        yield events.ended(begun(Job.load(name)), Ended("FAIL", AT, "boom", books=BOOKS))
    yield events.began(begun(Job.publish("gold.dim_customer", "redshift")))
    yield events.ended(begun(Job.publish("gold.dim_customer", "redshift")), Ended("FAIL", AT, "refused"))
    run = Begun(Job("RUN", "daily"), RUN_ID, AT)
    yield events.began(run)
    yield events.ended(run, Ended("ABORT", AT, "stopped", tags={"release": None}))


def test_every_event_is_valid(events: Events, project: Project) -> None:
    found = {f"{each['job']['name']} {each['eventType']}": problems(each) for each in told(events, project)}
    assert len(found) > 2 * len(project.tables)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_the_schemas_would_show_a_wrong_event(events: Events) -> None:
    event = json.loads(json.dumps(events.ended(begun(Job.load("gold.fact_sales")), done("gold.fact_sales"))))
    assert problems(event) == []
    spoilt = json.loads(json.dumps(event))
    spoilt["eventTime"] = "yesterday"
    spoilt["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] = "many"
    spoilt["run"]["facets"]["tags"]["tags"][0] = {"key": 1}
    del spoilt["outputs"][0]["facets"]["version"]["datasetVersion"]
    spoilt["run"]["facets"]["nominalTime"]["nominalStart"] = "2025-03-30T00:00:00Z"
    del spoilt["job"]["name"]
    assert len(problems(spoilt)) >= 6


def by_name(fields: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    return {
        (each["name"], each["field"], f"{way['type']} {way['subtype']}{' masked' if way['masking'] else ''}")
        for each in fields
        for way in each["transformations"]
    }


def test_a_load_says_what_it_read_and_wrote(events: Events) -> None:
    event = events.ended(begun(Job.load("gold.fact_sales")), done("gold.fact_sales"))
    assert (event["job"]["namespace"], event["job"]["name"]) == ("tidemark-prod", "gold.fact_sales")
    inputs = {each["name"]: each["facets"].get("version", {}).get("datasetVersion") for each in event["inputs"]}
    assert inputs == {"lake/silver/orders": "7", "lake/gold/dim_customer": "3", "lake/gold/dim_product": None}
    (output,) = event["outputs"]
    assert (output["namespace"], output["name"]) == ("s3://acme-tidemark-prod-lake", "lake/gold/fact_sales")
    assert output["facets"]["version"]["datasetVersion"] == "12"
    statistics = output["outputFacets"]["outputStatistics"]
    assert (statistics["rowCount"], statistics["size"]) == (7, 1234)
    assert output["facets"]["schema"]["fields"][0]["name"] == "customer_sk"
    lineage = output["facets"]["columnLineage"]
    assert by_name(lineage["fields"]["net_usd"]["inputFields"]) == {
        ("lake/silver/orders", "amount_usd", "DIRECT IDENTITY")
    }
    assert ("lake/gold/dim_product", "product_id", "INDIRECT JOIN") in by_name(lineage["dataset"])
    assert "FROM silver.orders AS o" in event["job"]["facets"]["sql"]["query"]


def test_a_received_table_names_its_source(events: Events) -> None:
    event = events.ended(begun(Job.load("bronze.snowflake_orders")), done("bronze.snowflake_orders"))
    (source,) = event["inputs"]
    assert (source["namespace"], source["name"]) == ("snowflake://acme-eu_prod", "SHOP.SALES.ORDERS")
    assert source["inputFacets"]["inputStatistics"]["rowCount"] == 10
    fields = event["outputs"][0]["facets"]["columnLineage"]["fields"]
    assert by_name(fields["unit_price"]["inputFields"]) == {("SHOP.SALES.ORDERS", "UNIT_PRICE", "DIRECT IDENTITY")}


def test_a_publication_leads_from_the_lake_to_the_warehouse(events: Events) -> None:
    event = events.ended(begun(Job.publish("gold.dim_customer", "snowflake")), Ended("COMPLETE", AT, rows=5, version=4))
    assert event["job"]["name"] == "gold.dim_customer.publish.snowflake"
    assert [each["name"] for each in event["inputs"]] == ["lake/gold/dim_customer"]
    (output,) = event["outputs"]
    assert (output["namespace"], output["name"]) == ("snowflake://acme-eu_prod", "SHOP.GOLD.DIM_CUSTOMER")
    assert {"name": "CUSTOMER_SK", "type": "VARCHAR"}.items() <= output["facets"]["schema"]["fields"][0].items()
    fields = output["facets"]["columnLineage"]["fields"]
    assert by_name(fields["EMAIL"]["inputFields"]) == {("lake/gold/dim_customer", "email", "DIRECT IDENTITY")}


def test_a_gate_tells_its_checks(events: Events, project: Project) -> None:
    contract = project.table("bronze.snowflake_orders").contract
    freshness = contract.freshness
    assert freshness is not None
    rows = next(check for check in contract.checks if check.metric == "rowCount")
    checks = [
        Checked(rows.name, "pass", "4790"),
        Checked("updated_at is at most 26 h old", "warn", "27.5"),
        Checked("x is unique", "fail", "3"),
        Checked("deleted at most 20%", "fail", "0.5", limit="deleted"),
    ]
    event = events.ended(begun(Job.gate("bronze.snowflake_orders")), Ended("FAIL", AT, "2 of 4", checks=checks))
    (judged,) = event["inputs"]
    assert event["outputs"] == []
    found = judged["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert [(each["assertion"], each["success"], each["severity"]) for each in found] == [
        ("row_count", True, "warn"),
        ("freshness", False, "warn"),
        ("unique", False, "error"),
        ("limit_deleted", False, "error"),
    ]
    assert (found[0]["expected"], found[0]["actual"]) == ("> 0", "4790")
    assert judged["inputFacets"]["dataQualityMetrics"]["rowCount"] == 4790


def test_a_failed_load_says_why_and_claims_nothing(events: Events) -> None:
    protect({"password": "hunter2-hunter2"})
    event = events.ended(
        begun(Job.load("gold.fact_sales")), Ended("FAIL", AT, "login with hunter2-hunter2 refused", rows=7, size=9)
    )
    assert event["run"]["facets"]["errorMessage"]["message"] == "login with [redacted] refused"
    assert event["outputs"][0]["outputFacets"] == {}
    assert "version" not in event["outputs"][0]["facets"]


def test_a_job_is_a_part_of_the_run_and_of_the_flow_run(events: Events) -> None:
    parent = events.began(begun(Job.load("gold.fact_sales")))["run"]["facets"]["parent"]
    assert (parent["run"]["runId"], parent["job"]["name"]) == (RUN_ID, "daily")
    assert (parent["root"]["run"]["runId"], parent["root"]["job"]["name"]) == (FLOW_RUN, "prefect.daily")
    run = events.began(Begun(Job("RUN", "daily"), RUN_ID, AT))["run"]
    assert run["runId"] == RUN_ID
    assert run["facets"]["parent"]["run"]["runId"] == FLOW_RUN


def test_without_a_flow_run_the_run_is_the_root(project: Project) -> None:
    alone = Events(project, RUN, replace(PARENTS, root_flow=None, root_run_id=None))
    assert alone.began(begun(Job.load("gold.fact_sales")))["run"]["facets"]["parent"]["root"]["run"]["runId"] == RUN_ID
    assert "parent" not in alone.began(Begun(Job("RUN", "daily"), RUN_ID, AT))["run"]["facets"]


def test_a_run_has_its_day_and_its_trace(events: Events) -> None:
    run = events.began(begun(Job.load("gold.fact_sales")))["run"]["facets"]
    assert (run["nominalTime"]["nominalStartTime"], run["nominalTime"]["nominalEndTime"]) == (
        "2025-03-30T00:00:00.000Z",
        "2025-03-31T00:00:00.000Z",
    )
    assert {each["key"]: each["value"] for each in run["tags"]["tags"]} == {
        "run_id": RUN_ID,
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    }


def test_the_last_day_of_the_calendar_has_an_end() -> None:
    assert facets.nominal_day(date.max).nominalEndTime == "9999-12-31T23:59:59.999Z"


def test_the_end_of_a_dead_job_is_made_of_its_start(events: Events) -> None:
    start = events.began(begun(Job.load("gold.fact_sales")))
    end = aborted(start, datetime(2025, 3, 31), "run 0198 died")
    assert (end["eventType"], end["eventTime"]) == ("ABORT", "2025-03-31T00:00:00.000Z")
    assert end["run"]["runId"] == start["run"]["runId"]
    assert end["run"]["facets"]["errorMessage"]["message"] == "run 0198 died"
    assert problems(end) == []
    assert "errorMessage" not in start["run"]["facets"]


def test_jobs_of_a_run_have_ids_that_everybody_can_tell() -> None:
    first, second = Job.load("gold.a").run_id(RUN_ID), Job.load("gold.a").run_id(RUN_ID, 2)
    others = {Job.gate("gold.a").run_id(RUN_ID), Job.load("gold.b").run_id(RUN_ID), second}
    assert Job.load("gold.a").run_id(RUN_ID) == first
    assert len({first, *others}) == 4


def test_a_batch_tells_its_rows_and_what_the_table_gains() -> None:
    schema = {"fields": [{"name": name, "type": "string"} for name in ("id", "loyalty", "_batch_id", "_change_type")]}
    batch = Prepared(
        "gold.a", "b1", RUN_ID, "merge", ("id",), ("id", "loyalty", "_batch_id"), "p", "d", BOOKS, None, 3,
        schema=json.dumps(schema), size=99, inputs={"silver.a": 4},
    )  # fmt: skip
    found = of_batch(batch)
    assert (found["rows"], found["size"], found["inputs"]) == (7, 99, {"silver.a": 4})
    assert found["columns"] == {"id": "string", "loyalty": "string"}
    assert of_batch(replace(batch, operation="overwrite"))["rows"] == 8


def test_source_code_is_found_where_it_is_kept(tmp_path: Path) -> None:
    at = Revision("https://git.example/acme/lake", "config/", "abc123")
    path = tmp_path / "gold" / "a.sql"
    assert at.address(path, tmp_path) == "https://git.example/acme/lake/blob/abc123/config/gold/a.sql"
    assert replace(at, repository=None).address(path, tmp_path) == path.as_uri()


def test_the_commit_of_a_checkout_is_told_and_whether_it_is_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(COMMIT, raising=False)

    def git(*words: str) -> None:
        name = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", "-C", str(tmp_path), *name, *words], check=True, capture_output=True)

    folder = tmp_path / "config"
    folder.mkdir()
    assert revision(folder) is None
    revision.cache_clear()
    git("init", "--quiet")
    git("remote", "add", "origin", "git@git.example:acme/lake.git")
    (folder / "a.sql").write_text("SELECT 1")
    git("add", ".")
    git("commit", "--quiet", "--message", "one")
    found = revision(folder)
    assert found is not None
    assert (found.repository, found.folder, len(found.commit)) == ("https://git.example/acme/lake", "config/", 40)
    revision.cache_clear()
    (folder / "a.sql").write_text("SELECT 2")
    changed = revision(folder)
    assert changed == replace(found, commit=f"{found.commit}-dirty")
    assert changed.address(folder / "a.sql", folder).endswith(f"/blob/{found.commit}/config/a.sql")


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("git@git.example:acme/lake.git", "https://git.example/acme/lake"),
        ("https://me:t0ken@git.example/acme/lake.git", "https://git.example/acme/lake"),
        ("ssh://git@git.example/acme/lake", "https://git.example/acme/lake"),
        ("/srv/hub.git", None),
        ("", None),
    ],
)
def test_the_address_of_a_repository_has_no_login(remote: str, address: str | None) -> None:
    assert browsable(remote) == address
