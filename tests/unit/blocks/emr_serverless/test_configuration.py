"""The job of a flow run: sizes that exist, secrets by reference, and a request that AWS takes."""

from __future__ import annotations

import asyncio
import shlex
from fnmatch import fnmatch
from itertools import pairwise
from typing import Any
from uuid import uuid4

import boto3
import jsonschema
import pytest
from botocore.validate import validate_parameters
from prefect.client.schemas.objects import Flow, FlowRun
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_KEY, PREFECT_API_URL, temporary_settings
from pydantic import ValidationError

from blocks.emr_serverless import EMRServerlessWorker
from blocks.emr_serverless.configuration import LOG_STORE, MEMORY_OF, EMRServerlessConfiguration
from tidemark.errors import ConfigError
from tidemark.spark.logstore import jar_name

CANARY = "c4nary-key-81aa"
REQUIRED = {"application_id": "00f1abc", "execution_role_arn": "arn:aws:iam::111122223333:role/tidemark-job"}
TEMPLATE = EMRServerlessWorker.get_default_base_job_template()


def configured(**variables: Any) -> EMRServerlessConfiguration:
    """The configuration as a worker makes it of a work pool's template and a deployment's variables."""
    return asyncio.run(
        EMRServerlessConfiguration.from_template_and_values(TEMPLATE, REQUIRED | variables, client=object())
    )


def prepared(**variables: Any) -> EMRServerlessConfiguration:
    configuration = configured(**variables)
    flow = Flow(id=uuid4(), name="daily", labels={})
    configuration.prepare_for_flow_run(FlowRun(id=uuid4(), flow_id=flow.id, name="daily prod"), flow=flow)
    return configuration


def settings(configuration: EMRServerlessConfiguration) -> dict[str, str]:
    words = shlex.split(configuration.spark_submit_parameters())
    return dict(after.split("=", 1) for word, after in pairwise(words) if word == "--conf")


def test_every_variable_of_the_form_is_described() -> None:
    undescribed = [name for name, entry in TEMPLATE["variables"]["properties"].items() if not entry.get("description")]
    assert undescribed == []


def test_the_form_is_a_json_schema_that_asks_for_application_and_role_only() -> None:
    jsonschema.Draft202012Validator.check_schema(TEMPLATE["variables"])
    assert TEMPLATE["variables"]["required"] == list(REQUIRED)
    jsonschema.validate(REQUIRED | {"driver_cores": 8, "secrets": {"A": "b"}}, TEMPLATE["variables"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(REQUIRED | {"driver_cores": 3}, TEMPLATE["variables"])


def test_every_variable_reaches_the_job() -> None:
    assert TEMPLATE["job_configuration"] == {name: f"{{{{ {name} }}}}" for name in TEMPLATE["variables"]["properties"]}


def test_the_request_is_one_that_aws_takes() -> None:
    configuration = prepared(log_uri="s3://logs/emr/", log_group="/tidemark/emr", secrets={"A": "b"})
    emr: Any = boto3.client("emr-serverless", region_name="eu-central-1")
    request = configuration.request("tidemark-x", "token")
    validate_parameters(request, emr.meta.service_model.operation_model("StartJobRun").input_shape)
    submit = request["jobDriver"]["sparkSubmit"]
    assert submit["entryPoint"] == "local:///opt/tidemark/driver.py"
    assert submit["entryPointArguments"] == ["flow-run", "execute"]
    assert request["tags"]["prefect.io/flow-name"] == "daily"


def test_sizes_and_settings_are_spark_settings() -> None:
    configuration = prepared(
        driver_cores=8,
        driver_memory_gb=27,
        executor_memory_gb=20,
        min_executors=2,
        max_executors=20,
        spark_conf={"spark.driver.extraJavaOptions": "-Da=1 -Db='2 3'"},
    )
    found = settings(configuration)
    assert found["spark.driver.cores"] == "8"
    assert found["spark.driver.memory"] == "27g"
    assert found["spark.executor.memory"] == "20g"
    assert found["spark.emr-serverless.executor.disk"] == "50G"
    assert (found["spark.dynamicAllocation.minExecutors"], found["spark.dynamicAllocation.maxExecutors"]) == ("2", "20")
    assert found["spark.driver.extraJavaOptions"] == "-Da=1 -Db='2 3'"


def test_delta_comes_from_the_image_and_s3_from_emr() -> None:
    assert prepared().jars == [
        "file:///usr/share/aws/delta/lib/*.jar",
        "file:///opt/tidemark/jars/tidemark-logstore-*.jar",
    ]
    assert fnmatch(jar_name(), LOG_STORE.rpartition("/")[2])


@pytest.mark.parametrize("cores", list(MEMORY_OF))
def test_only_sizes_that_emr_offers_are_taken(cores: int) -> None:
    least, most = MEMORY_OF[cores]
    configured(driver_cores=cores, driver_memory_gb=least)
    configured(driver_cores=cores, driver_memory_gb=int(most / 1.1))
    for memory in (int(least / 1.1) - 1, most):
        with pytest.raises(ValidationError, match="driver_memory_gb"):
            configured(driver_cores=cores, driver_memory_gb=memory)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"execution_role_arn": "tidemark-job"}, "execution_role_arn"),
        ({"min_executors": 9, "max_executors": 8}, "min_executors 9 is more than max_executors 8"),
        ({"timeout_minutes": 1}, "timeout_minutes"),
        ({"log_uri": "/var/log"}, "log_uri"),
        ({"command": "rm -rf /"}, "runs a command of Prefect's"),
        ({"env": {"A": "two\nlines"}}, "more than one line"),
        ({"env": {"DB_PASSWORD": CANARY}}, "DB_PASSWORD: a value to hide has no place here"),
        ({"spark_conf": {"spark.hadoop.fs.s3a.access.key": CANARY}}, "a value to hide has no place here"),
        ({"secrets": {"A": "one,two"}}, "name-of-the-secret"),
        ({"secrets": {"A": ""}}, "name-of-the-secret"),
    ],
)
def test_what_cannot_be_is_refused(variables: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message) as raised:
        configured(**variables)
    assert CANARY not in str(raised.value)


def test_the_workers_keys_do_not_travel_but_the_names_of_theirs_do() -> None:
    with temporary_settings({PREFECT_API_KEY: CANARY, PREFECT_API_URL: "https://prefect.example/api"}):
        configuration = prepared(secrets={"PREFECT_API_KEY": "tidemark/prod/prefect-api-key"})
    request = str(configuration.request("name", "token"))
    assert CANARY not in request
    assert CANARY not in str(configuration)
    found = settings(configuration)
    assert found["spark.emr-serverless.driverEnv.PREFECT_API_URL"] == "https://prefect.example/api"
    named = found["spark.emr-serverless.driverEnv.TIDEMARK_ENVIRONMENT_SECRETS"]
    assert named == "PREFECT_API_KEY=tidemark/prod/prefect-api-key"


@pytest.mark.parametrize("key", [PREFECT_API_KEY, PREFECT_API_AUTH_STRING])
def test_a_driver_that_could_not_reach_the_api_is_not_started(key: Any) -> None:
    with temporary_settings({key: CANARY}), pytest.raises(ConfigError, match=f"the worker has a {key.name}") as raised:
        prepared()
    assert CANARY not in str(raised.value)
    assert f"`{key.name}: <name of its secret>`" in str(raised.value)


def test_the_workers_own_folders_stay_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not {name for name in prepared().env if name.startswith(("PREFECT_HOME", "PREFECT_SERVER_"))}


def test_without_settings_aws_is_reached_as_the_process_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    assert configured().aws is None
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    there = configured().aws
    assert there is not None
    assert (there.region, there.endpoint_url) == ("eu-west-1", None)


def test_the_driver_is_told_its_region_as_boto3_asks_for_it() -> None:
    assert settings(prepared(region="eu-west-1"))["spark.emr-serverless.driverEnv.AWS_DEFAULT_REGION"] == "eu-west-1"
