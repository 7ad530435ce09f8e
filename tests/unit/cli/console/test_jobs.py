"""Jobs are data: every one names a flow, parameters that this flow has, and tables that there are."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path

import pytest

from cli.console.jobs import JOBS, Job
from tidemark.config.project import Project, load_project

NAMES_OF_THE_DESIGN = {
    "snowflake_to_bronze",
    "crm_to_bronze",
    "redshift_to_bronze",
    "fx_json_to_bronze",
    "kafka_csv_to_bronze",
    "bronze_to_silver",
    "dq_silver_gate",
    "silver_to_gold",
    "dq_gold_gate",
    "publish_gold_to_snowflake",
    "publish_gold_to_redshift",
}
every_job = pytest.mark.parametrize("job", JOBS.values(), ids=list(JOBS))


@pytest.fixture(scope="module")
def project() -> Project:
    return load_project(Path("config"), "local")


def test_the_promised_jobs_are_there() -> None:
    assert set(JOBS) >= NAMES_OF_THE_DESIGN


@every_job
def test_the_flow_takes_the_jobs_parameters(job: Job) -> None:
    flow = getattr(import_module(f"flows.{job.flow}"), job.flow)
    assert set(job.parameters) <= set(inspect.signature(flow.fn).parameters)
    validated = flow.validate_parameters(dict(job.parameters))
    assert set(job.parameters) <= set(validated)


@every_job
def test_what_it_works_on_exists(job: Job, project: Project) -> None:
    environment = project.environment
    assert project.select(job.parameters.get("select", []))
    assert job.parameters.get("target") in (None, *environment.targets)
    assert job.parameters.get("connection") in (None, *environment.connections)


@every_job
def test_every_flow_is_described_for_prefects_form(job: Job) -> None:
    flow = getattr(import_module(f"flows.{job.flow}"), job.flow)
    assert flow.description
    properties = flow.parameters.properties
    assert [name for name, schema in properties.items() if not schema.get("description")] == []
    assert flow.persist_result is False
