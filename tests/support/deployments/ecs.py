"""The work pool for ECS, and the variables that a team has to fill in."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from prefect.workers.base import BaseJobConfiguration

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
