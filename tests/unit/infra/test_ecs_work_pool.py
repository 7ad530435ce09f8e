"""The work pool for ECS makes tasks that AWS takes, of sizes that Fargate has, with secrets by reference."""

from __future__ import annotations

import re
from typing import Any

import boto3
import jsonschema
import pytest
from botocore.validate import validate_parameters
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_KEY, PREFECT_API_URL, temporary_settings
from prefect_aws.workers.ecs_worker import ECSWorker

from blocks.compute import ComputeProfile
from blocks.ecs import base_job_template
from tests.support.deployments.ecs import TEAMS, WORK_POOL, ecs_job, sent, work_pool
from tidemark.config.environment import SizeSpec

POOL = work_pool()
VARIABLES: dict[str, dict[str, Any]] = POOL["variables"]["properties"]
ARN = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:"
SECRET = {"name": "PROXY_LOGIN", "valueFrom": f"{ARN}proxy"}
CANARY = "c4nary-key-77b2"
FARGATE_MIB = {
    1024: (2048, 8192),
    2048: (4096, 16384),
    4096: (8192, 30720),
    8192: (16384, 61440),
    16384: (32768, 122880),
}


def validate(variables: dict[str, Any]) -> None:
    jsonschema.validate(variables, POOL["variables"])


def test_every_variable_is_described_and_used() -> None:
    assert [name for name, entry in VARIABLES.items() if not entry.get("description")] == []
    used = set(re.findall(r"{{ (\w+) }}", str(POOL["job_configuration"])))
    assert used | {"env"} == set(VARIABLES)


def test_it_is_that_of_prefect_aws_with_ours_on_top() -> None:
    assert base_job_template() == POOL, "python -m blocks.ecs > infra/ecs/work-pool.json"
    theirs = ECSWorker.get_default_base_job_template()
    assert set(theirs["job_configuration"]) <= set(POOL["job_configuration"])
    assert set(theirs["variables"]["properties"]) <= set(VARIABLES)
    ours = set(VARIABLES) - set(theirs["variables"]["properties"])
    assert ours == {"architecture", "ephemeral_storage", "log_group", "region", "secrets"}


def test_what_a_team_has_to_say_is_all_it_has_to_say() -> None:
    jsonschema.Draft202012Validator.check_schema(POOL["variables"])
    assert set(POOL["variables"]["required"]) == set(TEAMS)
    validate(TEAMS | {"secrets": [SECRET]})


@pytest.mark.parametrize(
    "wrong",
    [
        {"cpu": 3000},
        {"memory": 16000},
        {"ephemeral_storage": 20},
        {"launch_type": "EC2"},
        {"secrets": [{"name": "PROXY_LOGIN", "value": "pnu_1234"}]},
        {"secrets": [{"name": "PROXY_LOGIN", "valueFrom": "pnu_1234"}]},
        {"secrets": [{"name": "PREFECT_API_KEY", "valueFrom": f"{ARN}key"}]},
        {"prefect_api_key_secret_arn": "pnu_1234"},
        {"prefect_api_auth_string_secret_arn": "user:password"},
        {"env": {"PREFECT_API_KEY": "pnu_1234"}},
        {"env": {"PREFECT_API_AUTH_STRING": "user:password"}},
        {"network_configuration": {"subnets": []}},
    ],
)
def test_what_does_not_fit_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validate(TEAMS | wrong)


def test_the_task_definition_is_one_that_aws_takes() -> None:
    made = ecs_job(secrets=[SECRET], cpu=8192, memory=32768, ephemeral_storage=100).task_definition
    as_sent = made | {"cpu": str(made["cpu"]), "memory": str(made["memory"])}
    ecs: Any = boto3.client("ecs", region_name="eu-central-1")
    validate_parameters(as_sent, ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape)
    (container,) = made["containerDefinitions"]
    assert (as_sent["cpu"], as_sent["memory"], made["ephemeralStorage"]) == ("8192", "32768", {"sizeInGiB": 100})
    assert container["secrets"] == [SECRET]
    assert container["logConfiguration"]["options"]["awslogs-group"] == TEAMS["log_group"]
    assert (made["executionRoleArn"], made["taskRoleArn"]) == (TEAMS["execution_role_arn"], TEAMS["task_role_arn"])


def test_a_deployments_size_is_that_of_its_own_task() -> None:
    overrides = ecs_job(cpu=2048, memory=8192, ephemeral_storage=30).task_run_request["overrides"]
    assert (overrides["cpu"], overrides["memory"], overrides["ephemeralStorage"]["sizeInGiB"]) == (2048, 8192, 30)


def test_the_size_by_default_is_one_that_fargate_has() -> None:
    least, most = FARGATE_MIB[VARIABLES["cpu"]["default"]]
    assert least <= VARIABLES["memory"]["default"] <= most
    assert list(FARGATE_MIB) == VARIABLES["cpu"]["enum"]


@pytest.mark.parametrize("with_arns", [True, False])
@pytest.mark.parametrize("with_keys", [True, False])
def test_what_lets_a_worker_in_is_never_sent_and_the_task_gets_its_own_by_arn(
    with_arns: bool, with_keys: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {PREFECT_API_KEY: CANARY, PREFECT_API_AUTH_STRING: f"user:{CANARY}"} if with_keys else {}
    arns = {
        "prefect_api_key_secret_arn": f"{ARN}key",
        "prefect_api_auth_string_secret_arn": f"{ARN}auth",
    }
    monkeypatch.setenv("PREFECT_CLIENT_CUSTOM_HEADERS", f'{{"X-Proxy": "{CANARY}"}}')
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", f"postgresql+asyncpg://a:{CANARY}@b/c")
    with temporary_settings({PREFECT_API_URL: "https://prefect.example/api", **keys}):
        found = sent(secrets=[SECRET], **(arns if with_arns else {}))
    assert CANARY not in str(found.request)
    assert CANARY not in str(found.definition)
    assert found.environment["PREFECT_API_URL"] == "https://prefect.example/api"
    (container,) = found.definition["containerDefinitions"]
    by_arn = {entry["name"]: entry["valueFrom"] for entry in container["secrets"]}
    expected = {"PREFECT_API_KEY": f"{ARN}key", "PREFECT_API_AUTH_STRING": f"{ARN}auth"} if with_arns else {}
    assert by_arn == {SECRET["name"]: SECRET["valueFrom"]} | expected
    assert set(by_arn).isdisjoint(found.environment), "ECS refuses a variable that is given twice"


def test_the_workers_task_is_the_one_that_is_meant() -> None:
    found = sent(cpu=8192, memory=32768, ephemeral_storage=100)
    task = found.definition
    assert (task["cpu"], task["memory"], task["ephemeralStorage"]) == ("8192", "32768", {"sizeInGiB": 100})
    assert (task["requiresCompatibilities"], task["networkMode"]) == (["FARGATE"], "awsvpc")
    (container,) = task["containerDefinitions"]
    assert (container["name"], container["image"]) == ("prefect", TEAMS["image"])
    assert container["logConfiguration"]["logDriver"] == "awslogs"
    (override,) = found.request["overrides"]["containerOverrides"]
    assert override["command"] == ["prefect", "flow-run", "execute"]
    assert (found.request["cluster"], found.request["propagateTags"]) == ("tidemark", "TASK_DEFINITION")


def test_each_size_has_a_family_of_its_own() -> None:
    families = {
        ComputeProfile.from_spec(environment, size, SizeSpec(cores=2, memory_gb=8)).family
        for environment in ("dev", "prod")
        for size in ("small", "large")
    }
    assert len(families) == 4
    assert {sent(family=family).definition["family"] for family in families} == families


def test_heartbeats_are_frequent_enough_for_zombies_to_be_told_from_the_living() -> None:
    assert VARIABLES["env"]["default"]["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == "30"


def test_nothing_in_it_is_a_secret() -> None:
    assert not re.findall(r"(?i)pnu_|AKIA", WORK_POOL.read_text("utf-8"))
    assert not any(POOL["job_configuration"]["env"].values())
