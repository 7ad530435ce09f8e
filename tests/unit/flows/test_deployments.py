"""`prefect.yaml`: every job is a deployment with its parameters, and every form can be filled in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from prefect.cli.deploy._models import PrefectYamlModel
from prefect.utilities.callables import parameter_schema
from prefect.utilities.templating import find_placeholders

from blocks.automations import ALERT, HEARTBEAT_SECONDS
from blocks.compute import ComputeProfile
from blocks.deployments import deployments
from blocks.names import block_name
from blocks.workspace import variables
from flows.running.telling.watching import SIZE
from tests.support.deployments.prefect_file import DEPLOYMENTS, FILE, flow_of
from tidemark.config.environment import PrefectSettings, load_environment
from tidemark.config.jobs import load_jobs

JOBS = load_jobs(Path("config"))
ENVIRONMENTS = sorted(path.stem for path in Path("config/env").glob("*.yaml"))
SHARED = ("env", "config")
NEEDED = {
    "apply": {"plan": "0198f3"},
    "backfill": {"start": "2025-03-01", "end": "2025-03-02"},
    "restore": {"run": "r1"},
    "erase": {"erasure": "0123456789abcdef"},
    "alert": {"message": "a run is late"},
}
"""What a person has to say."""

every_deployment = pytest.mark.parametrize("deployment", DEPLOYMENTS.values(), ids=list(DEPLOYMENTS))


@cache
def form(entrypoint: str) -> Mapping[str, Mapping[str, Any]]:
    """The parameters of a flow as Prefect's form knows them."""
    return parameter_schema(flow_of({"entrypoint": entrypoint})).properties


def own_parameters(deployment: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in deployment["parameters"].items() if name not in SHARED}


def test_prefect_understands_the_file() -> None:
    model = PrefectYamlModel.model_validate(FILE)
    assert [each.name for each in model.deployments] == list(DEPLOYMENTS)
    assert len(DEPLOYMENTS) == len(FILE["deployments"])


@pytest.mark.parametrize("name", JOBS)
def test_every_job_is_a_deployment_with_its_parameters(name: str) -> None:
    job, deployment = JOBS[name], DEPLOYMENTS[name]
    assert deployment["entrypoint"] == f"flows.{job.flow}.{job.flow}"
    assert own_parameters(deployment) == dict(job.parameters)


@every_deployment
def test_it_takes_what_it_is_given(deployment: Mapping[str, Any]) -> None:
    flow = flow_of(deployment)
    given = own_parameters(deployment) | {"env": "local", "config": "config"}
    assert set(given) <= set(flow.validate_parameters(given | NEEDED.get(deployment["name"], {})))


@every_deployment
def test_it_is_described_tagged_pinned_and_one_at_a_time(deployment: Mapping[str, Any]) -> None:
    assert deployment["description"].endswith(".")
    assert ":" not in deployment["entrypoint"]
    assert deployment["version"] == "{{ commit.sha }}"
    assert deployment["work_pool"]["job_variables"]["image"].endswith(":{{ commit.sha }}")
    told = deployment["work_pool"]["job_variables"]["env"]
    assert told["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == str(HEARTBEAT_SECONDS)
    assert f"tidemark-{told[SIZE]}.cpu" in deployment["work_pool"]["job_variables"]["cpu"], (
        "its cost is estimated by it"
    )
    assert ("tidemark" in deployment["tags"]) is (deployment["name"] != "alert")
    if deployment["name"] != "alert":
        limit = deployment["concurrency_limit"]
        assert (limit["limit"], limit["collision_strategy"] in ("ENQUEUE", "CANCEL_NEW")) == (1, True)


@every_deployment
def test_a_schedule_names_its_time_zone_and_whether_it_is_active(deployment: Mapping[str, Any]) -> None:
    for schedule in deployment.get("schedules", ()):
        assert schedule["cron"]
        assert schedule["slug"]
        assert schedule["timezone"] == "{{ prefect.variables.tidemark_timezone }}"
        assert schedule["active"] == "{{ prefect.variables.tidemark_scheduled }}"


def test_the_daily_run_looks_at_promises_and_housekeeping_are_scheduled() -> None:
    scheduled = {name for name, each in DEPLOYMENTS.items() if each.get("schedules")}
    assert scheduled == {"daily", "dq_gold_gate", "maintain", "reconcile", "sla", "snapshot"}


@pytest.mark.parametrize("name", ["prod", "eu-2_b"])
def test_what_is_deployed_refers_to_what_is_set_up_for_the_environment(name: str) -> None:
    known = {f"prefect.variables.{each}" for each in variables(name, "config", PrefectSettings(api_url="http://x"))}
    sizes = [f"prefect.blocks.tidemark-compute-profile.{block_name(name, size)}" for size in ("small", "large")]
    known |= {f"{size}.{field}" for size in sizes for field in ComputeProfile.model_fields}
    known.add("commit.sha")
    used = {placeholder.name for placeholder in find_placeholders(deployments(name))}
    assert used <= known
    assert {name for name in known if name.startswith("prefect.variables")} <= used


def test_deployments_of_two_environments_have_no_name_and_no_tag_in_common() -> None:
    dev, prod = (deployments(name) for name in ("dev", "prod"))
    assert PrefectYamlModel.model_validate(prod).deployments
    names = [{each["name"] for each in side["deployments"]} for side in (dev, prod)]
    assert names[0].isdisjoint(names[1])
    assert {name.removesuffix(".prod") for name in names[1]} == set(DEPLOYMENTS)
    for deployed, written in zip(prod["deployments"], FILE["deployments"], strict=True):
        assert [tag for tag in deployed["tags"] if tag not in written["tags"]] == (
            ["tidemark.prod"] if "tidemark" in written["tags"] else []
        )


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_environment_has_the_sizes_that_the_file_names(name: str) -> None:
    environment = load_environment(Path("config"), name)
    assert {"small", "large"} <= set(environment.compute.sizes)
    if environment.prefect and environment.prefect.work_pool.type != "process":
        assert environment.prefect.work_pool.image
        assert all(size.cores and size.memory_gb for size in environment.compute.sizes.values())


def test_what_tells_people_needs_no_spark() -> None:
    light = {name for name, each in DEPLOYMENTS.items() if "light" in each["work_pool"]["name"]}
    assert light == {ALERT, "sla"}
    for name in light:
        (step,) = DEPLOYMENTS[name]["pull"]
        assert step["prefect.deployments.steps.set_working_directory"]["directory"].endswith(
            "tidemark_light_directory }}"
        )


def test_the_deployment_that_automations_run_is_there() -> None:
    assert flow_of(DEPLOYMENTS[ALERT]).name == "notify"


@every_deployment
def test_every_parameter_has_type_and_description(deployment: Mapping[str, Any]) -> None:
    for name, schema in form(deployment["entrypoint"]).items():
        assert schema.get("description"), name
        assert [kind for kind in kinds(schema) if not kind.get("type")] == [], name


@every_deployment
def test_every_text_has_a_range(deployment: Mapping[str, Any]) -> None:
    ranges = ("pattern", "minLength", "maxLength", "enum", "format")
    for name, schema in form(deployment["entrypoint"]).items():
        texts = [kind for kind in kinds(schema) if kind["type"] == "string"]
        assert [kind for kind in texts if not any(kind.get(each) for each in ranges)] == [], name


def test_dates_are_picked_and_choices_drop_down() -> None:
    daily, ingest, publish = (
        form("flows.daily.daily"),
        form("flows.ingest.ingest"),
        form("flows.publish.publish"),
    )
    assert offered(daily["date"], "format") == ["date"]
    assert offered(daily["since"], "format") == ["date-time"]
    assert daily["full_refresh"]["type"] == "boolean"
    assert offered(daily["env"], "enum") == [ENVIRONMENTS]
    assert offered(ingest["connection"], "enum") == [["crm", "landing", "redshift", "snowflake"]]
    assert offered(publish["target"], "enum") == [["redshift", "snowflake"]]
    assert offered(form("flows.backfill.backfill")["start"], "format") == ["date"]
    assert offered(form("flows.build_layer.build_layer")["layer"], "enum") == [["silver", "gold", "silver and gold"]]


def kinds(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The alternatives of a parameter: what is optional may be null too."""
    return list(schema.get("anyOf", [schema]))


def offered(schema: Mapping[str, Any], what: str) -> list[Any]:
    return [kind[what] for kind in kinds(schema) if what in kind]


@every_deployment
def test_whoever_lets_limits_pass_can_be_asked_for_a_second_person(deployment: Mapping[str, Any]) -> None:
    """A plan commits nothing: what it lets pass is asked of who applies it."""
    asks = {"allow", "since", "full_refresh", "undo"} & form(deployment["entrypoint"]).keys()
    assert not asks or "approvals" in form(deployment["entrypoint"]) or deployment["name"] == "plan"
