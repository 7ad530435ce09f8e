"""What workers ask AWS for stands in the policy of their role: a call that an upgrade brings is seen here first."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from types import ModuleType

import prefect_aws.observers.ecs as observer
import prefect_aws.workers.ecs_worker as worker
import pytest

from blocks.emr_serverless import driver_log, job_runs

POLICY = Path("infra/terraform/modules/compute_ecs/main.tf").read_text("utf-8")
SERVICES = {
    "ecs_client": "ecs",
    "ec2_client": "ec2",
    "sqs_client": "sqs",
    "logs_client": "logs",
    "_emr": "emr-serverless",
    "s3": "s3",
}
NO_REQUESTS = {"exceptions", "meta"}
OF_THE_CALL = {"s3:ListObjectsV2": "s3:ListBucket"}
"""Where the action is called otherwise than the call."""


def asked(module: ModuleType) -> set[str]:
    """The actions behind the calls of AWS in a module, by the names that it gives its clients."""
    calls = set()
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if not isinstance(node, ast.Attribute):
            continue
        holder = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
        if holder in SERVICES and node.attr not in NO_REQUESTS and not node.attr.startswith("_"):
            calls.add((SERVICES[holder], node.attr))
    source = inspect.getsource(module)
    paged = re.findall(r'(\w+)\.get_paginator\("(\w+)"\)', source)
    calls |= {(SERVICES[holder], name) for holder, name in paged}
    actions = {f"{service}:{name.title().replace('_', '')}" for service, name in calls if name != "get_paginator"}
    return {OF_THE_CALL.get(action, action) for action in actions}


@pytest.mark.parametrize("module", [worker, observer, job_runs, driver_log])
def test_the_worker_may_do_what_its_code_does(module: ModuleType) -> None:
    actions = asked(module)
    assert actions, "its clients have other names now"
    assert {action for action in actions if f'"{action}"' not in POLICY} == set()


def test_the_calls_are_found() -> None:
    assert {"ecs:RunTask", "ecs:RegisterTaskDefinition", "ecs:StopTask", "ec2:DescribeSubnets"} <= asked(worker)
    assert {"sqs:ChangeMessageVisibility", "logs:GetLogEvents", "ecs:DeregisterTaskDefinition"} <= asked(observer)
    assert {"emr-serverless:ListJobRuns", "emr-serverless:StartApplication"} <= asked(job_runs)
    assert asked(driver_log) == {"s3:ListBucket", "s3:GetObject"}
