"""The sandbox's systems as tests of sources and targets use them: tables filled by hand, then read or published."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import redshift_connector
import snowflake.connector
from pyspark.sql import DataFrame, SparkSession

from sandbox.credentials import AWS, REDSHIFT, SNOWFLAKE
from tests.support.lakes.lake import Lake
from tidemark.aws.clients import spark_conf
from tidemark.aws.secrets import SecretMapping, fetch
from tidemark.config.connections import ConnectionValue
from tidemark.config.environment import Environment
from tidemark.config.project import Table
from tidemark.sources import Extract, ExtractRequest, source_for

AS_OF = datetime(2025, 3, 31, 23, 59, 59, 999999)
WAREHOUSES = ("snowflake", "redshift")


@dataclass
class Systems:
    """One environment, one session, and a folder for staging."""

    environment: Environment
    spark: SparkSession
    root: Path
    lake: Lake = field(init=False)

    def __post_init__(self) -> None:
        self.lake = Lake(self.spark, self.root)

    def connection(self, name: str, *, secret: Mapping[str, Any] | None = None, **settings: Any) -> ConnectionValue:
        """A connection of the environment with its secret from Secrets Manager; what is given stands in for its own."""
        spec = self.environment.connections[name]
        fetched = fetch(spec.secret, "aws", self.environment.aws) if spec.secret else SecretMapping({})
        value = ConnectionValue(name, spec.kind, {**spec.settings, **settings}, fetched)
        return value if secret is None else replace(value, secret=SecretMapping(secret, spec.secret))

    def table(self, columns: str, source: Mapping[str, Any], **load: Any) -> Table:
        """A bronze table that reads `source`."""
        layout = {"source": {"connection": "shop", **source}, "write": {"mode": "append"}, **load}
        self.lake.table("bronze.rows", columns, layout)
        return self.lake.engine().table("bronze.rows")

    def extract(self, table: Table, connection: ConnectionValue, **request: Any) -> Extract:
        """What the source gives; `request` overrides single fields of it."""
        return source_for(connection.kind).extract(self.request(table, connection, **request))

    def request(self, table: Table, connection: ConnectionValue, **request: Any) -> ExtractRequest:
        settings: dict[str, Any] = {
            "low": None,
            "since": None,
            "as_of": AS_OF,
            "bookkeeping": {},
            "staging": f"{self.environment.exchange}/test/{uuid.uuid4().hex}",
            "local_staging": str(self.root / "staging"),
            "full": False,
        }
        return ExtractRequest(
            table=table,
            connection=connection,
            spark=self.spark,
            environment=self.environment,
            **settings | request,
        )

    def gold(self, name: str, columns: str, keys: Sequence[str]) -> Table:
        """A gold table."""
        write = {"mode": "upsert", "keys": list(keys)}
        self.lake.table(f"gold.{name}", columns, {"write": write}, keys=keys, sql="SELECT 1 AS nothing")
        return self.lake.engine().table(f"gold.{name}")

    def execute(self, warehouse: str, *statements: str) -> list[tuple[Any, ...]]:
        """Runs statements with the warehouse's own client; gives the rows of the last one."""
        rows: list[tuple[Any, ...]] = []
        with closing(self._client(warehouse)) as connection, closing(connection.cursor()) as cursor:
            for statement in statements:
                cursor.execute(statement)
                rows = [tuple(row) for row in cursor.fetchall()] if cursor.description else []
        return rows

    def _client(self, warehouse: str) -> Any:
        settings = self.environment.connections[warehouse].settings
        place = {name: settings[name] for name in ("host", "port", "database")}
        if warehouse == "redshift":
            client = redshift_connector.connect(**place, user=REDSHIFT.user, password=REDSHIFT.password, ssl=False)
            client.autocommit = True
            return client
        return snowflake.connector.connect(
            **place,
            account="fakesnow",
            protocol="http",
            user=SNOWFLAKE.user,
            password=SNOWFLAKE.password,
            network_timeout=30,
            session_parameters={"CLIENT_TELEMETRY_ENABLED": False},
        )


def reach_s3(spark: SparkSession, environment: Environment) -> None:
    """Points S3A of a running session at the sandbox.

    Its JVM runs already, so that it cannot learn of a credentials file any more: it gets the stand-in's keys.
    """
    context = spark.sparkContext._jsc.hadoopConfiguration()
    with patch.dict(os.environ):  # the settings come with variables, which other tests must not see
        settings = spark_conf(environment.aws)
    for name, value in settings.items():
        context.set(name.removeprefix("spark.hadoop."), value)
    context.set("fs.s3a.aws.credentials.provider", "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider")
    context.set("fs.s3a.access.key", AWS.user)
    context.set("fs.s3a.secret.key", AWS.password)


def rows(frame: DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    """The rows of a frame, sorted."""
    return sorted((tuple(row) for row in frame.select(*columns).collect()), key=repr)


def names(items: Sequence[str]) -> list[str]:
    """Names in lower case: warehouses disagree on the case of what was not quoted."""
    return [item.lower() for item in items]
