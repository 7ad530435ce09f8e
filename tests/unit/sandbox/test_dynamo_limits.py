"""The stand-in refuses what DynamoDB would, so that a sandbox finds it out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from sandbox.services.cloud import dynamo_limits


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    dynamo_limits.install()
    with mock_aws():
        found = boto3.client("dynamodb", region_name="eu-central-1")
        found.create_table(
            TableName="t",
            KeySchema=[{"AttributeName": "kind", "KeyType": "HASH"}, {"AttributeName": "key", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("kind", "key")],
            BillingMode="PAY_PER_REQUEST",
        )
        yield found


def item(number: int, size: int = 1) -> dict[str, Any]:
    return {"kind": {"S": "k"}, "key": {"S": f"{number:04}"}, "value": {"S": "x" * size}}


def puts(count: int, size: int = 1) -> list[dict[str, Any]]:
    return [{"Put": {"TableName": "t", "Item": item(number, size)}} for number in range(count)]


def batch(count: int) -> dict[str, Any]:
    return {"t": [{"PutRequest": {"Item": item(number)}} for number in range(count)]}


def test_an_item_has_400_kb(client: Any) -> None:
    client.put_item(TableName="t", Item=item(1, 390_000))
    with pytest.raises(ClientError, match="Item size has exceeded"):
        client.put_item(TableName="t", Item=item(1, 410_000))


def test_a_batch_writes_25_items_and_gets_100(client: Any) -> None:
    client.batch_write_item(RequestItems=batch(25))
    with pytest.raises(ClientError, match="Too many items"):
        client.batch_write_item(RequestItems=batch(26))
    keys = [{name: item(number)[name] for name in ("kind", "key")} for number in range(101)]
    assert len(client.batch_get_item(RequestItems={"t": {"Keys": keys[:100]}})["Responses"]["t"]) == 25
    with pytest.raises(ClientError):
        client.batch_get_item(RequestItems={"t": {"Keys": keys}})


def test_a_transaction_has_100_items_of_4_mb(client: Any) -> None:
    client.transact_write_items(TransactItems=puts(10, 390_000))
    with pytest.raises(ClientError, match="4 MB"):
        client.transact_write_items(TransactItems=puts(11, 390_000))
    with pytest.raises(ClientError):
        client.transact_write_items(TransactItems=puts(101))


def test_a_page_of_a_query_has_1_mb(client: Any) -> None:
    client.transact_write_items(TransactItems=puts(5, 300_000))
    page = client.query(
        TableName="t", KeyConditionExpression="kind = :kind", ExpressionAttributeValues={":kind": {"S": "k"}}
    )
    assert len(page["Items"]) == 3
    assert page["LastEvaluatedKey"]["key"] == {"S": "0002"}
