"""The AWS services that Tidemark uses, through the environment's own settings."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from sandbox.credentials import SNOWFLAKE
from tidemark.aws import secrets
from tidemark.aws.clients import client, dynamodb_table, filesystem, sns_client
from tidemark.aws.secrets import fetch
from tidemark.config.environment import Environment
from tidemark.control.state import ABSENT, ConflictError, DynamoState
from tidemark.errors import ConfigError, StateError


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    secrets.forget()
    yield
    secrets.forget()


def test_a_secret_comes_from_secrets_manager(environment: Environment) -> None:
    secret = fetch("tidemark/snowflake", "aws", environment.aws)
    assert (secret["user"], secret["password"]) == (SNOWFLAKE.user, SNOWFLAKE.password)


def test_a_secret_that_is_missing_names_everything_that_was_searched(environment: Environment) -> None:
    with pytest.raises(ConfigError, match="no secret tidemark/nothing") as missing:
        fetch("tidemark/nothing", "aws", environment.aws)
    said = str(missing.value)
    assert environment.aws is not None
    for place in (
        "Secrets Manager",
        "eu-central-1",
        environment.aws.endpoint_url,
        "tidemark-sandbox",
        "aws_credentials",
    ):
        assert str(place) in said
    assert "ResourceNotFoundException" in said
    assert "create the secret tidemark/nothing" in said


def test_a_secret_of_another_shape_is_refused_without_being_shown(environment: Environment) -> None:
    manager = client("secretsmanager", environment.aws)
    manager.create_secret(Name="tidemark/plain", SecretString="plain-canary-text")
    manager.create_secret(Name="tidemark/binary", SecretBinary=b"binary-canary")
    for name in ("tidemark/plain", "tidemark/binary"):
        with pytest.raises(ConfigError) as refused:
            fetch(name, "aws", environment.aws)
        assert "canary" not in str(refused.value)


def test_the_state_store_compares_and_sets_in_dynamodb(environment: Environment) -> None:
    state = DynamoState(dynamodb_table(environment.aws, "tidemark-state"))
    assert state.put("table", "bronze.x", {"version": 1}, ABSENT) == 1
    assert state.put("table", "bronze.x", {"version": 2}, 1) == 2
    with pytest.raises(ConflictError):
        state.put("table", "bronze.x", {"version": 3}, 1)
    record = state.get("table", "bronze.x")
    assert record is not None
    assert dict(record.value) == {"version": 2}


def test_a_state_table_that_is_missing_is_told(environment: Environment) -> None:
    with pytest.raises(StateError, match="does not exist"):
        DynamoState(dynamodb_table(environment.aws, "no-such-table")).get("table", "x")


def test_a_message_can_be_published(environment: Environment) -> None:
    sns = sns_client(environment.aws)
    topics = [topic["TopicArn"] for topic in sns.list_topics()["Topics"]]
    (alerts,) = [topic for topic in topics if topic.endswith("tidemark-alerts")]
    assert sns.publish(TopicArn=alerts, Message=json.dumps({"severity": "warning"}))["MessageId"]


def test_the_file_system_sees_what_others_write_at_once(environment: Environment) -> None:
    store, other = filesystem(environment.aws), filesystem(environment.aws)
    assert store.find("tidemark-exchange/aws-test") == []
    other.pipe_file("s3a://tidemark-exchange/aws-test/a.txt", b"text")
    assert store.find("tidemark-exchange/aws-test") == ["tidemark-exchange/aws-test/a.txt"]
    store.rm("s3a://tidemark-exchange/aws-test", recursive=True)
    assert other.find("tidemark-exchange/aws-test") == []
