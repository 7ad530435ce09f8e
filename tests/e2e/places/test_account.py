"""A team's account: the daily deployment runs on what Terraform has made, as a task of ECS and as a job of EMR."""

from __future__ import annotations

import gzip
import json
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import lifecycle
from sandbox.home import Endpoints
from sandbox.ledger import Ledger
from sandbox.seeding.aws import SECRETS
from sandbox.services.cloud.emr_jobs import CONTAINER, MASTER, ROLE
from sandbox.services.spark_cluster import cluster
from sandbox.shop import Shop
from tests.support.deployments.account import Account, account, image_tag, secrets
from tests.support.deployments.deployed import Deployed
from tests.support.deployments.emr import client
from tests.support.deployments.image import Image
from tests.support.deployments.places import java_of_all_modules
from tests.support.worlds.truth import unlike

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.timeout(3600)

SCALE = 0.02
FIRST, SECOND = "2025-03-03", "2025-03-04"
SHOWN = ("flow_runs", "deployments", "artifacts", "logs", "work_pools", "block_documents")
EXECUTOR: dict[str, Any] = {"cores": 4, "memory": "16g"}  # as large as the environment's file may ask for


@pytest.fixture(scope="module")
def shop(homes: Path, image: Image) -> Iterator[Deployed]:
    """The shop's sandbox. Jobs of its EMR run in containers, on a cluster of two executors in containers."""
    home, workers = homes / "account", homes / "account-executors"
    for folder in (home, workers):
        folder.mkdir()
        folder.chmod(0o777)
    variables = ROLE | {"SPARK_LOCAL_IP": "127.0.0.1", "JAVA_HOME": str(java_of_all_modules(homes / "account-java"))}
    driver = Image(image_tag("prod", "tidemark-emr"), image.label)
    with cluster(workers, container=image.container(variables, {homes: str(homes)}), **EXECUTOR) as master:
        words = shlex.join(driver.container(variables, {homes: str(homes)}))
        os.environ.update({MASTER: master, CONTAINER: words})
        try:
            endpoints = lifecycle.up(home, days=3, scale=SCALE)
            _only_terraforms_secrets_count(endpoints)
            yield Deployed(home, endpoints)
        finally:
            lifecycle.down(home)
            for variable in (MASTER, CONTAINER):
                del os.environ[variable]


@pytest.fixture(scope="module")
def dev(shop: Deployed, image: Image, homes: Path) -> Iterator[Account]:
    """dev, where flow runs are tasks of ECS."""
    with account(homes / "dev", "dev", shop.endpoints, image) as made:
        yield made


@pytest.fixture(scope="module")
def prod(shop: Deployed, image: Image, homes: Path) -> Iterator[Account]:
    """prod, where they are jobs of EMR Serverless."""
    with account(homes / "prod", "prod", shop.endpoints, image) as made:
        yield made


def test_as_a_task_of_ecs_the_day_is_in_terraforms_buckets(
    spark: SparkSession, shop: Deployed, dev: Account, tmp_path: Path
) -> None:
    state = shop.ended(shop.start("daily/daily.dev", date=FIRST), seconds=1200)
    assert state["type"] == "COMPLETED", state["message"]

    assert _wrong(spark, dev, tmp_path) == {}
    records = dev.client("dynamodb").scan(TableName="acme-tidemark-dev-state")["Items"]
    assert {"release", "table"} <= {record["kind"]["S"] for record in records}
    assert not _keys(dev, "snapshots")
    assert any(key.startswith("runs/") for key in _keys(dev, "runs"))


def test_its_metrics_are_those_that_terraforms_alarms_watch(dev: Account) -> None:
    told = [line for log in dev.logs.values() for line in _metrics(log)]
    watched = {
        (alarm["MetricName"], tuple(sorted((each["Name"], each["Value"]) for each in alarm["Dimensions"])))
        for alarm in dev.client("cloudwatch").describe_alarms()["MetricAlarms"]
        if alarm.get("Namespace") == "Tidemark" and "acme-tidemark-dev" in alarm["AlarmName"]
    }
    written = {
        (metric["Name"], tuple(sorted((dimension, line[dimension]) for dimension in dimensions)))
        for line in told
        for declared in line["_aws"]["CloudWatchMetrics"]
        for dimensions in declared["Dimensions"]
        for metric in declared["Metrics"]
    }
    assert watched
    assert watched - written == set()


def test_athena_finds_released_tables_in_terraforms_databases(dev: Account) -> None:
    glue = dev.client("glue")
    truth = Ledger(Shop(scale=SCALE), 3, [3])
    for layer in ("silver", "gold"):
        tables = glue.get_tables(DatabaseName=f"acme_tidemark_dev_{layer}")["TableList"]
        wanted = {table.partition(".")[2] for table in truth.tables if table.startswith(f"{layer}.")}
        assert wanted <= {table["Name"] for table in tables}
        places = {table["StorageDescriptor"]["Location"].split("/")[2] for table in tables}
        assert places == {"acme-tidemark-dev-lake"}


def test_as_a_job_of_emr_the_day_is_in_terraforms_buckets(
    spark: SparkSession, shop: Deployed, prod: Account, tmp_path: Path
) -> None:
    state = shop.ended(shop.start("daily/daily.prod", date=FIRST), seconds=1500)
    assert state["type"] == "COMPLETED", state["message"] + _last_words(prod)

    assert _wrong(spark, prod, tmp_path) == {}
    assert [run["state"] for run in _job_runs(prod)] == ["SUCCESS"]
    printed = _printed(prod)
    assert any(line["Environment"] == "prod" for line in _metrics(printed))
    assert "acme_tidemark_prod_gold" in {each["Name"] for each in prod.client("glue").get_databases()["DatabaseList"]}
    assert prod.client("glue").get_tables(DatabaseName="acme_tidemark_prod_gold")["TableList"]


def test_a_day_that_a_gate_refuses_is_told_by_terraforms_topic(shop: Deployed, dev: Account) -> None:
    inbox = _subscribed(dev, "acme-tidemark-dev-error")
    lifecycle.advance(shop.home, poison="unit_prices_times_100")

    state = shop.ended(shop.start("daily/daily.dev", date=SECOND), seconds=1200)

    assert state["type"] == "FAILED"
    told = shop.wait(lambda: _messages(dev, inbox) or None, 240, "the topic to tell")
    assert any("gate" in each for each in told), told
    assert all("dev" in each for each in told), told
    families = dev.client("ecs").list_task_definitions(familyPrefix="tidemark-dev-large")["taskDefinitionArns"]
    assert len(families) == 1, "what has not changed is not registered again"


def test_no_secret_is_where_people_look(shop: Deployed, dev: Account, prod: Account) -> None:
    """In what Terraform keeps and plans, in requests to ECS and EMR, in what containers print and Prefect shows."""
    seen = {
        **_asked_of_ecs(dev.client("ecs")),
        "jobs": _job_runs(prod),
        "printed": [*dev.logs.values(), *prod.logs.values(), _printed(prod)],
        "prefect": [shop.post(f"/{kind}/filter", {}).json() for kind in SHOWN],
    }
    for made in (dev, prod):
        plan = made.folder / "plan"
        made.terraform.with_variables("plan", f"-out={plan}")
        seen[f"{made.environment} plan"] = [made.terraform.run("show", "-json", str(plan))]
        seen[f"{made.environment} state"] = [path.read_text() for path in made.folder.rglob("terraform.tfstate")]
    assert all(seen.values()), {place for place, found in seen.items() if not found}
    told = {place: json.dumps(found, default=str) for place, found in seen.items()}
    hidden = _hidden()
    assert {(place, name) for place, text in told.items() for name, value in hidden.items() if value in text} == set()


def _asked_of_ecs(ecs: Any) -> dict[str, list[Any]]:
    definitions = ecs.list_task_definitions()["taskDefinitionArns"]
    clusters = ecs.list_clusters()["clusterArns"]
    tasks = [(cluster, arn) for cluster in clusters for arn in ecs.list_tasks(cluster=cluster)["taskArns"]]
    return {
        "definitions": [ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"] for arn in definitions],
        "tasks": [ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"] for cluster, arn in tasks],
    }


def _only_terraforms_secrets_count(endpoints: Endpoints) -> None:
    """The sandbox's own are gone: whoever logs in has read those that Terraform has made."""
    kept = client("secretsmanager", endpoints.url("aws"))
    for secret in SECRETS:
        kept.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)


def _hidden() -> dict[str, str]:
    """By secret, what of it nobody may see: names of users are none of it."""
    values = {
        name: json.loads(text) if text.startswith("{") else {"key": text} for name, text in secrets("dev").items()
    }
    return {
        name: next(value[part] for part in ("password", "client_secret", "key") if part in value)
        for name, value in values.items()
    }


def _wrong(spark: SparkSession, made: Account, folder: Path) -> dict[str, list[str]]:
    """The tables of silver and gold that are not what the shop's own ledger says after the first day."""
    s3, bucket = made.client("s3"), made.bucket("lake")
    for key in _keys(made, "lake"):
        if key.startswith(("lake/silver/", "lake/gold/")):
            (folder / key).parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(bucket, key, str(folder / key))
    truth = Ledger(Shop(scale=SCALE), 3, [3])

    def rows(table: str) -> list[dict[str, Any]]:
        place = str(folder / "lake" / Path(*table.split(".")))
        return [row.asDict() for row in spark.read.format("delta").load(place).collect()]

    return unlike(truth, truth.tables, rows)


def _keys(made: Account, role: str) -> list[str]:
    pages = made.client("s3").get_paginator("list_objects_v2").paginate(Bucket=made.bucket(role))
    return [each["Key"] for page in pages for each in page.get("Contents", ())]


def _metrics(log: str) -> Iterator[dict[str, Any]]:
    """The lines of a container's output that CloudWatch makes metrics of."""
    for line in log.splitlines():
        if line.startswith('{"_aws"'):
            yield json.loads(line)


def _subscribed(made: Account, topic: str) -> str:
    """The address of a new queue that is told what the topic is told."""
    queue = made.client("sqs").create_queue(QueueName=f"{topic}-inbox")["QueueUrl"]
    arn = made.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    (found,) = [
        each["TopicArn"] for each in made.client("sns").list_topics()["Topics"] if each["TopicArn"].endswith(topic)
    ]
    made.client("sns").subscribe(TopicArn=found, Protocol="sqs", Endpoint=arn)
    return str(queue)


def _messages(made: Account, queue: str) -> list[str]:
    found = made.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
    return [json.loads(each["Body"])["Message"] for each in found.get("Messages", ())]


def _job_runs(made: Account) -> list[dict[str, Any]]:
    emr = made.client("emr-serverless")
    (application,) = emr.list_applications()["applications"]
    runs = emr.list_job_runs(applicationId=application["id"])["jobRuns"]
    return [emr.get_job_run(applicationId=application["id"], jobRunId=run["id"])["jobRun"] for run in runs]


def _printed(made: Account) -> str:
    """What the drivers of EMR printed, from where Terraform has them put it."""
    s3, keys = made.client("s3"), [key for key in _keys(made, "runs") if key.startswith("emr/") and key.endswith(".gz")]
    bodies = [s3.get_object(Bucket=made.bucket("runs"), Key=key)["Body"].read() for key in keys]
    return "\n".join(gzip.decompress(body).decode("utf-8", "replace") for body in bodies)


def _last_words(made: Account) -> str:
    return "\n" + _printed(made)[-3000:]
