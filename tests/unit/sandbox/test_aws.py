"""Where the stand-in for AWS answers as AWS does, and moto alone would not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from sandbox.credentials import AWS, REGION
from sandbox.services.cloud import aws_gaps, emr_serverless

RESOURCES: list[tuple[dict[str, Any], list[str]]] = [
    ({"DataLocation": {"ResourceArn": "arn:aws:s3:::acme/lake"}}, ["DATA_LOCATION_ACCESS"]),
    ({"Database": {"Name": "gold"}}, ["CREATE_TABLE", "DESCRIBE"]),
    ({"LFTag": {"TagKey": "layer", "TagValues": ["gold"]}}, ["ASSOCIATE", "DESCRIBE"]),
    (
        {"LFTagPolicy": {"ResourceType": "TABLE", "Expression": [{"TagKey": "layer", "TagValues": ["gold"]}]}},
        ["DESCRIBE", "SELECT"],
    ),
]


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", AWS.user)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", AWS.password)
    aws_gaps.install()
    emr_serverless.install()
    with mock_aws():
        yield


@pytest.mark.parametrize(("resource", "permissions"), RESOURCES)
def test_what_was_granted_can_be_taken_back_once(resource: dict[str, Any], permissions: list[str]) -> None:
    formation = boto3.client("lakeformation", region_name=REGION)
    who = {"DataLakePrincipalIdentifier": "arn:aws:iam::123456789012:role/task"}
    formation.grant_permissions(Principal=who, Resource=resource, Permissions=permissions)
    (held,) = formation.list_permissions(Principal=who, Resource=resource)["PrincipalResourcePermissions"]
    assert sorted(held["Permissions"]) == permissions

    formation.revoke_permissions(Principal=who, Resource=resource, Permissions=permissions)

    assert formation.list_permissions(Principal=who, Resource=resource)["PrincipalResourcePermissions"] == []
    with pytest.raises(ClientError, match="Grantee has no permissions"):
        formation.revoke_permissions(Principal=who, Resource=resource, Permissions=permissions)


@pytest.mark.parametrize("release", ["emr-spark-8.2.0", "emr-spark-8.2.0-20260901", "emr-7.9.0-20260901"])
def test_an_application_may_be_of_a_release_of_spark_alone(release: str) -> None:
    emr = boto3.client("emr-serverless", region_name=REGION)
    created = emr.create_application(name="shop", releaseLabel=release, type="SPARK")
    found = emr.get_application(applicationId=created["applicationId"])["application"]
    assert found["releaseLabel"] == release


@pytest.mark.parametrize("engine", ["SPARK", "spark", "Spark"])
def test_an_application_says_its_engine_as_aws_does_and_the_image_of_its_jobs(engine: str) -> None:
    emr = boto3.client("emr-serverless", region_name=REGION)
    image = {"imageUri": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/tidemark-emr:0f1e2d3"}
    created = emr.create_application(name="shop", releaseLabel="emr-spark-8.2.0", type=engine, imageConfiguration=image)
    found = emr.get_application(applicationId=created["applicationId"])["application"]
    assert (found["type"], found["imageConfiguration"]) == ("Spark", image)


@pytest.mark.parametrize("release", ["emr-spark-8", "spark-8.2.0", "emr-spark-8.2.0-x"])
def test_one_that_does_not_exist_is_refused(release: str) -> None:
    emr = boto3.client("emr-serverless", region_name=REGION)
    with pytest.raises(ClientError, match="release label does not exist"):
        emr.create_application(name="shop", releaseLabel=release, type="SPARK")


def test_a_task_of_fargate_leaves_its_definition_as_it_was_registered() -> None:
    ecs = boto3.client("ecs", region_name=REGION)
    ecs.create_cluster(clusterName="shop")
    container = {"name": "prefect", "image": "tidemark:0f1e2d3", "essential": True}
    ecs.register_task_definition(family="small", cpu="1024", memory="2048", containerDefinitions=[container])
    before = ecs.describe_task_definition(taskDefinition="small")["taskDefinition"]

    answer = ecs.run_task(cluster="shop", taskDefinition="small", launchType="FARGATE")

    assert len(answer["tasks"]) == 1
    assert ecs.describe_task_definition(taskDefinition="small")["taskDefinition"] == before


def statement(**more: Any) -> str:
    denied = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::acme/*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [denied | more]})


def test_a_bucket_refuses_by_a_condition_only_what_the_condition_is_about() -> None:
    s3 = boto3.client("s3", region_name=REGION)
    s3.create_bucket(Bucket="acme", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="acme", Key="lake/file", Body=b"rows")

    s3.put_bucket_policy(Bucket="acme", Policy=statement(Condition={"Bool": {"aws:SecureTransport": "false"}}))
    assert s3.get_object(Bucket="acme", Key="lake/file")["Body"].read() == b"rows"

    s3.put_bucket_policy(Bucket="acme", Policy=statement())
    with pytest.raises(ClientError, match=r"Forbidden|403"):
        s3.get_object(Bucket="acme", Key="lake/file")
