"""The work pool for ECS, and the variables that a team has to fill in."""

from __future__ import annotations

import asyncio
import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import Flow, FlowRun
from prefect.workers.base import BaseJobConfiguration
from prefect_aws.workers.ecs_worker import ECSJobConfiguration, ECSWorker

WORK_POOL = Path(__file__).parents[3] / "infra" / "ecs" / "work-pool.json"
TEAMS: dict[str, Any] = {
    "image": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/tidemark:0f1e2d3",
    "cluster": "tidemark",
    "execution_role_arn": "arn:aws:iam::111122223333:role/tidemark-execution",
    "task_role_arn": "arn:aws:iam::111122223333:role/tidemark-task",
    "vpc_id": "vpc-0a",
    "network_configuration": {"subnets": ["subnet-0a"], "securityGroups": ["sg-0a"], "assignPublicIp": "DISABLED"},
    "log_group": "/tidemark/ecs",
    "region": "eu-central-1",
}


def work_pool() -> dict[str, Any]:
    """The base job template as it ships."""
    template: dict[str, Any] = json.loads(WORK_POOL.read_text("utf-8"))
    return template


class EcsJob(BaseJobConfiguration):
    """What is filled in, of everything that the work pool says."""

    task_definition: dict[str, Any]
    task_run_request: dict[str, Any]


def ecs_job(**variables: Any) -> EcsJob:
    """The job of a deployment with these variables."""
    return asyncio.run(EcsJob.from_template_and_values(work_pool(), TEAMS | variables, client=object()))


@dataclass(frozen=True)
class Sent:
    """What a worker of prefect-aws sends to ECS for a flow run."""

    definition: dict[str, Any]
    request: dict[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        """The variables that stand in the request."""
        (container,) = self.request["overrides"]["containerOverrides"]
        return {entry["name"]: entry["value"] for entry in container["environment"]}


def sent(**variables: Any) -> Sent:
    """What is sent for a flow run of a deployment with these variables, by a worker with this process's settings."""
    values = TEAMS | variables
    job = asyncio.run(ECSJobConfiguration.from_template_and_values(work_pool(), values, client=object()))
    flow = Flow(id=uuid.uuid4(), name="daily", labels={})
    run = FlowRun(id=uuid.uuid4(), flow_id=flow.id, name="daily prod")
    job.prepare_for_flow_run(run, flow=flow)
    worker = ECSWorker(work_pool_name="ecs")
    definition = worker._prepare_task_definition(job, "eu-central-1", run)
    job.network_configuration = {}  # it would ask AWS whether the VPC has these subnets
    request = worker._prepare_task_run_request(job, {**definition, "networkMode": "bridge"}, "arn:aws:ecs:x", False)
    return Sent(definition, request)
