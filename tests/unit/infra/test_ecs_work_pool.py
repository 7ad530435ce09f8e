"""The work pool for ECS makes tasks that AWS takes, of sizes that Fargate has, with secrets by reference."""

from __future__ import annotations

import re
from typing import Any

import boto3
import jsonschema
import pytest
from botocore.validate import validate_parameters

from tests.support.deployments.ecs import TEAMS, WORK_POOL, ecs_job, work_pool

POOL = work_pool()
VARIABLES: dict[str, dict[str, Any]] = POOL["variables"]["properties"]
SECRET = {"name": "PREFECT_API_KEY", "valueFrom": "arn:aws:secretsmanager:eu-central-1:111122223333:secret:key"}
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
    assert used == set(VARIABLES)


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
        {"secrets": [{"name": "PREFECT_API_KEY", "value": "pnu_1234"}]},
        {"secrets": [{"name": "PREFECT_API_KEY", "valueFrom": "pnu_1234"}]},
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


def test_heartbeats_are_frequent_enough_for_zombies_to_be_told_from_the_living() -> None:
    assert VARIABLES["env"]["default"]["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == "30"


def test_nothing_in_it_is_a_secret() -> None:
    assert not re.findall(r"(?i)pnu_|AKIA|password", WORK_POOL.read_text("utf-8"))
