"""What deployments refer to: set up from the environment's file, shown before, and the same the second time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.variables import Variable
from prefect.workers.process import ProcessWorker

from blocks.changes import FieldChange
from blocks.names import limit_tag
from blocks.pool_templates import NOTED, template
from blocks.workspace import IMAGE_DIRECTORY, set_up, variables
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
            "connections": {"crm": {"kind": "rest", "settings": {"base_url": "https://x"}}},
        }
    )


def test_everything_is_shown_then_created_then_kept(tmp_path: Path) -> None:
    first = environment(tmp_path, limits={"spark": 4, "crm": 2})
    planned = set_up(first, "config", dry_run=True)
    assert Variable.get("tidemark_test_env") is None
    assert set_up(first, "config") == planned
    assert {change.outcome for change in planned} == {"created"}
    assert {change.outcome for change in set_up(first, "config")} == {"unchanged"}
    assert Variable.get("tidemark_test_env") == "test"
    assert Variable.get("tidemark_test_scheduled") is False
    with get_client(sync_client=True) as client:
        assert client.read_work_pool("workspace-test").type == "process"
        assert client.read_concurrency_limit_by_tag("tidemark.test.system.crm").concurrency_limit == 2

    later = environment(tmp_path, limits={"spark": 8, "crm": 2}, timezone="Europe/Berlin", scheduled=True)
    changed = {change.name: change.fields for change in set_up(later, "config") if change.outcome == "updated"}
    assert changed == {
        "tidemark_test_scheduled": (FieldChange("value", False, True),),
        "tidemark_test_timezone": (FieldChange("value", "UTC", "Europe/Berlin"),),
        "tidemark.test.spark": (FieldChange("limit", 4, 8),),
    }


def test_what_needs_no_spark_has_a_work_pool_of_its_own_where_the_file_says_so(tmp_path: Path) -> None:
    light = {"name": "workspace-light", "type": "ecs", "image": "acme/tidemark"}
    where = environment(tmp_path, work_pool={"name": "workspace-emr", "type": "emr-serverless"}, light_pool=light)
    assert where.prefect is not None
    told = variables("test", "config", where.prefect)
    names = ("work_pool", "light_pool", "light_image", "light_directory")
    assert [told[f"tidemark_test_{name}"] for name in names] == [
        "workspace-emr",
        "workspace-light",
        "acme/tidemark",
        IMAGE_DIRECTORY,
    ]
    set_up(where, "config")
    with get_client(sync_client=True) as client:
        assert [client.read_work_pool(name).type for name in ("workspace-emr", "workspace-light")] == [
            "emr-serverless",
            "ecs",
        ]
    alone = environment(tmp_path).prefect
    assert alone is not None
    told = variables("test", "config", alone)
    assert told["tidemark_test_light_pool"] == told["tidemark_test_work_pool"]
    assert told["tidemark_test_light_directory"] == told["tidemark_test_directory"]


def test_a_work_pool_of_another_type_is_not_touched(tmp_path: Path) -> None:
    name = "workspace-typed"
    set_up(environment(tmp_path, work_pool={"name": name, "type": "process"}), "config")
    with pytest.raises(ConfigError, match="is of the type process, not ecs"):
        set_up(environment(tmp_path, work_pool={"name": name, "type": "ecs", "image": "x"}), "config")


@pytest.mark.parametrize("kind", ["process", "ecs", "emr-serverless"])
def test_jobs_of_a_new_work_pool_are_like_those_of_its_type(tmp_path: Path, kind: str) -> None:
    where = environment(tmp_path, work_pool={"name": f"workspace-new-{kind}", "type": kind, "image": "x"})
    set_up(where, "config")
    assert jobs(f"workspace-new-{kind}") == template(kind, {})
    assert {change.outcome for change in set_up(where, "config")} == {"unchanged"}


def jobs(pool: str) -> dict[str, Any]:
    with get_client(sync_client=True) as client:
        return client.read_work_pool(pool).base_job_template


def let_jobs_be(pool: str, made: dict[str, Any]) -> None:
    with get_client(sync_client=True) as client:
        client.update_work_pool(pool, WorkPoolUpdate(base_job_template=made))


def test_a_work_pool_of_an_earlier_version_gets_the_template_of_this_one(tmp_path: Path) -> None:
    earlier = ProcessWorker.get_default_base_job_template()
    del earlier["variables"]["properties"]["working_dir"]
    del earlier["job_configuration"]["working_dir"]
    earlier["variables"]["properties"]["stream_output"]["default"] = False
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name="workspace-old", type="process", base_job_template=earlier))
    where = environment(tmp_path, work_pool={"name": "workspace-old", "type": "process"})

    (shown, *_) = set_up(where, "config", dry_run=True)
    assert shown.outcome == "updated"
    assert FieldChange("template.job_configuration.working_dir", None, "{{ working_dir }}") in shown.fields
    assert jobs("workspace-old") == earlier, "a dry run changes nothing"

    set_up(where, "config")
    assert jobs("workspace-old")["job_configuration"] == template("process", {})["job_configuration"]
    properties = jobs("workspace-old")["variables"]["properties"]
    assert "working_dir" in properties
    assert properties["stream_output"]["default"] is False, "which somebody wanted so"
    assert set_up(where, "config")[0].outcome == "unchanged"


def test_defaults_come_from_the_environment_then_from_people_then_from_the_template(tmp_path: Path) -> None:
    def where(**variables: Any) -> Environment:
        pool = {"name": "workspace-given", "type": "emr-serverless", "image": "x", "variables": variables}
        return environment(tmp_path, work_pool=pool)

    def default(name: str) -> Any:
        return jobs("workspace-given")["variables"]["properties"][name].get("default")

    set_up(where(application_id="00a", log_uri="s3://logs/a/"), "config")
    assert (default("application_id"), default("log_uri"), default("poll_seconds")) == ("00a", "s3://logs/a/", 10)

    made = jobs("workspace-given")
    made["variables"]["properties"]["poll_seconds"]["default"] = 30
    made["variables"]["properties"]["application_id"]["default"] = "by hand"
    let_jobs_be("workspace-given", made)
    set_up(where(application_id="00b"), "config")
    assert (default("application_id"), default("poll_seconds")) == ("00b", 30)
    assert default("log_uri") is None, "what the file said and says no more is gone"
    assert "poll_seconds" not in {name for name, it in jobs("workspace-given")["variables"][NOTED].items() if it == 30}


def test_a_default_for_what_jobs_do_not_have_is_refused(tmp_path: Path) -> None:
    pool = {"name": "workspace-wrong", "type": "emr-serverless", "image": "x", "variables": {"aplication_id": "00"}}
    with pytest.raises(ConfigError, match="names aplication_id, which jobs of the type emr-serverless") as raised:
        set_up(environment(tmp_path, work_pool=pool), "config")
    assert "application_id" in str(raised.value.next_step)


@pytest.mark.parametrize("config", ["/home/me/config", "../config", "config/../../config"])
def test_a_folder_of_this_machine_is_no_configuration_of_a_container(tmp_path: Path, config: str) -> None:
    where = environment(tmp_path, work_pool={"name": "workspace-far", "type": "emr-serverless", "image": "x"})
    with pytest.raises(ConfigError, match="is a folder of this machine"):
        set_up(where, config, dry_run=True)


@pytest.mark.parametrize("config", ["config", "s3://bucket/config", f"{IMAGE_DIRECTORY}/config"])
def test_what_a_container_finds_is_its_configuration(tmp_path: Path, config: str) -> None:
    where = environment(tmp_path, work_pool={"name": "workspace-near", "type": "emr-serverless", "image": "x"})
    assert set_up(where, config, dry_run=True)


@pytest.mark.parametrize(("kind", "directory"), [("process", str(Path.cwd())), ("ecs", IMAGE_DIRECTORY)])
def test_a_flow_run_starts_where_its_configuration_lies(tmp_path: Path, kind: str, directory: str) -> None:
    settings = environment(tmp_path, work_pool={"name": "any", "type": kind, "image": "x"}).prefect
    assert settings is not None
    assert variables("test", "config", settings)["tidemark_test_directory"] == directory


def test_limits_are_of_spark_and_connections(tmp_path: Path) -> None:
    assert (limit_tag("test", "spark"), limit_tag("test", "crm")) == ("tidemark.test.spark", "tidemark.test.system.crm")
    with pytest.raises(ValueError, match=r"`crn`, which is neither spark nor a connection"):
        environment(tmp_path, limits={"crn": 1})


def test_a_time_zone_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no time zone 'Berlin'"):
        environment(tmp_path, timezone="Berlin")
