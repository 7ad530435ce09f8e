"""AWS's stand-in as seeding leaves it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from sandbox.credentials import AWS_PROFILE, REGION
from sandbox.home import Endpoints, Home
from sandbox.seeding import aws
from sandbox.shop import Shop


def test_landing_holds_the_shops_files(s3: Any, days: range, shop: Shop) -> None:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=aws.LANDING)
    stored = {entry["Key"]: entry["Size"] for page in pages for entry in page["Contents"]}
    expected = {path: content for day in days for path, content in shop.day(day).files.items()}
    assert stored == {path: len(content) for path, content in expected.items()}
    path = min(stored)
    assert s3.get_object(Bucket=aws.LANDING, Key=path)["Body"].read() == expected[path]


def test_the_profile_opens_the_secrets(home: Path, endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = Home(home).aws_credentials
    assert credentials.stat().st_mode & 0o077 == 0
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    secrets = boto3.Session(profile_name=AWS_PROFILE, region_name=REGION).client(
        "secretsmanager", endpoint_url=endpoints.url("aws")
    )
    found = json.loads(secrets.get_secret_value(SecretId="tidemark/crm")["SecretString"])
    assert sorted(found) == ["client_id", "client_secret"]
    assert {entry["Name"] for entry in secrets.list_secrets()["SecretList"]} == set(aws.SECRETS)


def test_a_record_is_written_at_its_revision_only(endpoints: Endpoints) -> None:
    dynamodb = aws.client(endpoints, "dynamodb")
    put = {
        "TableName": aws.STATE_TABLE,
        "Item": {"kind": {"S": "test"}, "key": {"S": "a"}},
        "ConditionExpression": "attribute_not_exists(kind)",
    }
    dynamodb.put_item(**put)
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        dynamodb.put_item(**put)


def test_alerts_have_a_topic(endpoints: Endpoints) -> None:
    sns = aws.client(endpoints, "sns")
    topics = [topic["TopicArn"] for topic in sns.list_topics()["Topics"]]
    assert [topic.rsplit(":", 1)[-1] for topic in topics] == [aws.ALERT_TOPIC]
    assert sns.publish(TopicArn=topics[0], Message="hello")["MessageId"]
