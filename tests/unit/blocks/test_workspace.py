"""What deployments refer to: set up from the environment's file, shown before, and the same the second time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.variables import Variable

from blocks.changes import FieldChange
from blocks.emr_serverless import EMRServerlessWorker
from blocks.limits import limit_tag
from blocks.workspace import ECS_TEMPLATE, set_up
from tidemark.config.environment import Environment
from tidemark.errors import ConfigError

pytestmark = pytest.mark.usefixtures("prefect_server")


def environment(tmp_path: Path, **prefect: Any) -> Environment:
    settings = {"api_url": "http://127.0.0.1:1/api", "work_pool": {"name": "workspace-test", "type": "process"}}
    return Environment.model_validate(
        {
            "name": "test",
            "home": str(tmp_path),
            "exchange": str(tmp_path / "exchange"),
            "prefect": settings | prefect,
            "connections": {"crm": {"kind": "rest", "settings": {"base_url": "http://x"}}},
        }
    )


def test_everything_is_shown_then_created_then_kept(tmp_path: Path) -> None:
    first = environment(tmp_path, limits={"spark": 4, "crm": 2})
    planned = set_up(first, "config", dry_run=True)
    assert Variable.get("tidemark_env") is None
    assert set_up(first, "config") == planned
    assert {change.outcome for change in planned} == {"created"}
    assert {change.outcome for change in set_up(first, "config")} == {"unchanged"}
    assert Variable.get("tidemark_env") == "test"
    assert Variable.get("tidemark_scheduled") is False
    with get_client(sync_client=True) as client:
        assert client.read_work_pool("workspace-test").type == "process"
        assert client.read_concurrency_limit_by_tag("tidemark.system.crm").concurrency_limit == 2

    later = environment(tmp_path, limits={"spark": 8, "crm": 2}, timezone="Europe/Berlin", scheduled=True)
    changed = {change.name: change.fields for change in set_up(later, "config") if change.outcome == "updated"}
    assert changed == {
        "tidemark_scheduled": (FieldChange("value", False, True),),
        "tidemark_timezone": (FieldChange("value", "UTC", "Europe/Berlin"),),
        "tidemark.spark": (FieldChange("limit", 4, 8),),
    }


def test_a_work_pool_of_another_type_is_not_touched(tmp_path: Path) -> None:
    name = "workspace-typed"
    set_up(environment(tmp_path, work_pool={"name": name, "type": "process"}), "config")
    with pytest.raises(ConfigError, match="is of the type process, not ecs"):
        set_up(environment(tmp_path, work_pool={"name": name, "type": "ecs", "image": "x"}), "config")


@pytest.mark.parametrize(
    ("kind", "template"),
    [
        ("ecs", json.loads(ECS_TEMPLATE.read_text("utf-8"))),
        ("emr-serverless", EMRServerlessWorker.get_default_base_job_template()),
    ],
)
def test_jobs_of_a_new_work_pool_are_like_those_of_its_type(tmp_path: Path, kind: str, template: Any) -> None:
    set_up(environment(tmp_path, work_pool={"name": f"workspace-{kind}", "type": kind, "image": "x"}), "config")
    with get_client(sync_client=True) as client:
        assert client.read_work_pool(f"workspace-{kind}").base_job_template == template


def test_limits_are_of_spark_and_connections(tmp_path: Path) -> None:
    assert (limit_tag("spark"), limit_tag("crm")) == ("tidemark.spark", "tidemark.system.crm")
    with pytest.raises(ValueError, match=r"`crn`, which is neither spark nor a connection"):
        environment(tmp_path, limits={"crn": 1})


def test_a_time_zone_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no time zone 'Berlin'"):
        environment(tmp_path, timezone="Berlin")
