"""prefect-aws, whose worker runs the work pool's tasks, takes the template. It is locked apart from what we import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.deployments.ecs import TEAMS, WORK_POOL, work_pool

ROOT = Path(__file__).parents[3]
CHECK = """
import asyncio, json, sys, uuid
from prefect.client.schemas.objects import Flow, FlowRun
from prefect_aws.workers.ecs_worker import ECSJobConfiguration, ECSVariables, ECSWorker

template, values = json.loads(open(sys.argv[1]).read()), json.loads(sys.argv[2])
job = asyncio.run(ECSJobConfiguration.from_template_and_values(template, values, client=object()))
flow = Flow(id=uuid.uuid4(), name="daily", labels={})
run = FlowRun(id=uuid.uuid4(), flow_id=flow.id, name="daily prod")
job.prepare_for_flow_run(run, flow=flow)
print(json.dumps({
    "fields": sorted(ECSJobConfiguration.model_fields),
    "variables": sorted(ECSVariables.model_fields),
    "task_definition": ECSWorker(work_pool_name="ecs")._prepare_task_definition(job, "eu-central-1", run),
    "command": job.command,
}))
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the locked prefect-aws."""
    folder = tmp_path_factory.mktemp("prefect-aws")
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    locked = ROOT / "requirements" / "ecs.txt"
    subprocess.run([*install, "--python", sys.executable, "--target", str(folder), "-r", str(locked)], check=True)
    return folder


def seen(packages: Path, **variables: Any) -> Any:
    """What prefect-aws makes of the template and these variables."""
    values = json.dumps(TEAMS | variables)
    answer = subprocess.run(
        [sys.executable, "-c", CHECK, str(WORK_POOL), values],
        env=os.environ | {"PYTHONPATH": str(packages)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout.splitlines()[-1])


def test_its_worker_makes_the_task_that_is_meant(packages: Path) -> None:
    secret = {"name": "PREFECT_API_AUTH_STRING", "valueFrom": "arn:aws:secretsmanager:eu-central-1:1:secret:auth"}
    found = seen(packages, cpu=8192, memory=32768, ephemeral_storage=100, secrets=[secret])
    task = found["task_definition"]
    assert (task["cpu"], task["memory"], task["ephemeralStorage"]) == ("8192", "32768", {"sizeInGiB": 100})
    assert (task["requiresCompatibilities"], task["networkMode"]) == (["FARGATE"], "awsvpc")
    (container,) = task["containerDefinitions"]
    assert (container["image"], container["secrets"]) == (TEAMS["image"], [secret])
    assert container["logConfiguration"]["logDriver"] == "awslogs"
    assert found["command"] == "prefect flow-run execute"


def test_it_knows_everything_that_the_template_says(packages: Path) -> None:
    found = seen(packages)
    assert set(work_pool()["job_configuration"]) <= set(found["fields"])
    ours = set(work_pool()["variables"]["properties"]) - set(found["variables"])
    assert ours == {"architecture", "ephemeral_storage", "log_group", "region", "secrets"}
