"""Jobs are configuration: each names a flow, what this flow takes, and tables that there are."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import pytest

from tidemark.config import jobs
from tidemark.config.jobs import FlowName, JobSpec, load_jobs
from tidemark.config.project import Project, load_project
from tidemark.errors import ConfigError
from tidemark.lint import jobs as lint
from tidemark.lint.inspection import Inspection
from tidemark.lint.inspection import inspect as inspected

CONFIG = Path("config")
JOBS = load_jobs(CONFIG)
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
every_flow = pytest.mark.parametrize("flow", get_args(FlowName))


@pytest.fixture(scope="module")
def project() -> Project:
    return load_project(CONFIG, "local")


@pytest.fixture(scope="module")
def inspection() -> Inspection:
    return inspected(CONFIG, "local")


def flow_called(name: str) -> Any:
    return getattr(import_module(f"flows.{name}"), name)


def written(folder: Path, text: str) -> Path:
    (folder / jobs.FILE).write_text(text, "utf-8")
    return folder


def test_the_promised_jobs_are_there() -> None:
    assert set(JOBS) >= NAMES_OF_THE_DESIGN


@every_flow
def test_a_flow_takes_what_jobs_of_it_may_say(flow: FlowName) -> None:
    assert set(jobs.TAKES[flow]) <= set(inspect.signature(flow_called(flow).fn).parameters)
    assert set(jobs.TAKES[flow]) <= set(JobSpec.model_fields)


@every_job
def test_the_flow_takes_the_jobs_parameters(job: JobSpec) -> None:
    validated = flow_called(job.flow).validate_parameters(dict(job.parameters))
    assert set(job.parameters) <= set(validated)


@every_job
def test_what_it_works_on_exists(job: JobSpec, project: Project) -> None:
    environment = project.environment
    assert project.select(job.parameters.get("select", []))
    assert job.parameters.get("target") in (None, *environment.targets)
    assert job.parameters.get("connection") in (None, *environment.connections)


@every_job
def test_every_flow_is_described_for_prefects_form(job: JobSpec) -> None:
    flow = flow_called(job.flow)
    assert flow.description
    properties = flow.parameters.properties
    assert [name for name, schema in properties.items() if not schema.get("description")] == []
    assert flow.persist_result is False


def test_a_job_says_only_what_it_has_to(tmp_path: Path) -> None:
    found = load_jobs(written(tmp_path, "jobs:\n  parts: {flow: ingest, connection: crm, select: [tag:crm]}\n"))
    assert found["parts"].parameters == {"connection": "crm", "select": ["tag:crm"]}
    assert load_jobs(written(tmp_path, "jobs: {all: {flow: daily}}"))["all"].parameters == {}


def test_a_project_without_the_file_has_the_daily_job(tmp_path: Path) -> None:
    assert {name: job.flow for name, job in load_jobs(tmp_path).items()} == {"daily": "daily"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("jobs: {a: {flow: inges}}", "use one of"),
        ("jobs: {a: {flow: daily, layer: gold}}", "`layer` means nothing to the flow daily, which takes select"),
        ("jobs: {a: {flow: verify, sample: a few}}", "should match pattern"),
        ("jobs: {a: {flow: daily, selct: [x]}}", "did you mean `select`?"),
        ("jobs: {a: {about: x}}", "add `flow:`"),
        ("job: {}", "did you mean `jobs`?"),
        ("", "start with one of: jobs"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load_jobs(written(tmp_path, text))
    assert told in str(refused.value)
    assert "jobs.yaml:1" in str(refused.value)


def test_a_name_that_there_is_not() -> None:
    with pytest.raises(ConfigError, match="there is no job `crm_to_bronce`") as refused:
        jobs.job_named(JOBS, "crm_to_bronce")
    assert "did you mean `crm_to_bronze`?" in str(refused.value)


@pytest.mark.parametrize(
    ("job", "told", "line"),
    [
        ("{flow: ingest, connection: crn}", "connection `crn` is not in env/local.yaml", 2),
        ("{flow: publish, target: bigquery}", "target `bigquery` is not in env/local.yaml", 2),
        ("{flow: daily, select: [gold.fact_sale]}", "`gold.fact_sale` selects no table", 2),
        ("{flow: daily, select: ['tag:none']}", "`tag:none` selects no table", 2),
    ],
)
def test_validate_looks_whether_it_is_there(
    job: str, told: str, line: int, inspection: Inspection, tmp_path: Path
) -> None:
    (found,) = lint.find(inspection, written(tmp_path, f"jobs:\n  one: {job}\n"))
    assert told in found.message
    assert found.line == line


def test_the_shipped_jobs_are_fit_to_run(inspection: Inspection) -> None:
    assert list(lint.find(inspection, CONFIG)) == []
