"""AWS: buckets, secrets, the control store's table and the alert topic; files that land day by day."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config

from sandbox.credentials import AWS, CRM_CLIENT, MASKING_KEY, REDSHIFT, REGION, SNOWFLAKE
from sandbox.home import Endpoints
from sandbox.shop import Day

LANDING, EXCHANGE = "shop-landing", "tidemark-exchange"
STATE_TABLE = "tidemark-state"
ALERT_TOPIC = "tidemark-alerts"
SECRETS = {
    "tidemark/snowflake": {"user": SNOWFLAKE.user, "password": SNOWFLAKE.password},
    "tidemark/redshift": {"user": REDSHIFT.user, "password": REDSHIFT.password},
    "tidemark/crm": {"client_id": CRM_CLIENT.user, "client_secret": CRM_CLIENT.password},
    "tidemark/masking": {"k1": MASKING_KEY},
}
UPLOADS_AT_ONCE = 8


def client(endpoints: Endpoints, service: str) -> Any:
    """A boto3 client of the AWS stand-in."""
    session: Any = boto3.Session(AWS.user, AWS.password, region_name=REGION)
    return session.client(
        service,
        endpoint_url=endpoints.url("aws"),
        config=Config(proxies={}, max_pool_connections=UPLOADS_AT_ONCE, retries={"max_attempts": 3}),
    )


def prepare(endpoints: Endpoints) -> None:
    """Creates what Terraform and people would have created."""
    s3 = client(endpoints, "s3")
    for bucket in (LANDING, EXCHANGE):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    secrets = client(endpoints, "secretsmanager")
    for name, value in SECRETS.items():
        secrets.create_secret(Name=name, SecretString=json.dumps(value))
    client(endpoints, "dynamodb").create_table(
        TableName=STATE_TABLE,
        KeySchema=[{"AttributeName": "kind", "KeyType": "HASH"}, {"AttributeName": "key", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("kind", "key")],
        BillingMode="PAY_PER_REQUEST",
    )
    client(endpoints, "sns").create_topic(Name=ALERT_TOPIC)


def load(endpoints: Endpoints, days: Sequence[Day]) -> None:
    """Puts the days' files into the landing bucket."""
    s3 = client(endpoints, "s3")
    files = {path: content for day in days for path, content in day.files.items()}
    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
        list(pool.map(lambda path: s3.put_object(Bucket=LANDING, Key=path, Body=files[path]), files))
