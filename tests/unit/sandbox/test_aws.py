"""Where the stand-in for AWS answers as AWS does, and moto alone would not."""

from __future__ import annotations

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


@pytest.mark.parametrize("release", ["emr-spark-8", "spark-8.2.0", "emr-spark-8.2.0-x"])
def test_one_that_does_not_exist_is_refused(release: str) -> None:
    emr = boto3.client("emr-serverless", region_name=REGION)
    with pytest.raises(ClientError, match="release label does not exist"):
        emr.create_application(name="shop", releaseLabel=release, type="SPARK")
