"""The real jobs log in to every stand-in with these secrets. Afterwards none of them lies anywhere but where it was."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sandbox.credentials import AWS, CRM_CLIENT, REDSHIFT, SNOWFLAKE
from sandbox.home import Home
from sandbox.seeding.aws import client
from tests.support.worlds import prefect_database
from tests.support.worlds.world import EVENTS, World

pytestmark = [pytest.mark.timeout(1800), pytest.mark.usefixtures("poisoned")]

SECRETS = [login.password.encode() for login in (SNOWFLAKE, REDSHIFT, CRM_CLIENT, AWS)]


def leaked(content: bytes) -> list[str]:
    return [secret.decode() for secret in SECRETS if secret in content]


def test_prefects_database_holds_none(world: World) -> None:
    tables = prefect_database.tables(world.home)

    assert b"tidemark-local-snowflake" in tables["block_document"]
    assert len(tables["log"]) > 10_000
    assert {table: leaked(content) for table, content in tables.items() if leaked(content)} == {}


def test_the_decrypted_blocks_hold_none(world: World) -> None:
    answer = httpx.post(
        f"{world.endpoints.url('prefect')}/api/block_documents/filter", json={"include_secrets": True}, timeout=30
    )

    blocks = {block["name"] for block in answer.json()}
    assert {f"tidemark-local-{name}" for name in ("snowflake", "redshift", "crm")} <= blocks
    assert leaked(answer.content) == []


def test_no_file_of_the_run_holds_one(world: World) -> None:
    files = list(_files(world.home))

    assert {"lake", "logs", "runs", "dq_results", "state"} <= {path.relative_to(world.home).parts[0] for path in files}
    assert {str(path): found for path in files if (found := leaked(path.read_bytes()))} == {}


def test_the_plans_and_settings_that_spark_reports_hold_none(world: World) -> None:
    logs = [path for path in (world.home / EVENTS).iterdir() if path.is_file()]
    content = b"".join(path.read_bytes() for path in logs)

    assert content.count(b"SparkListenerSQLExecutionStart") > 50, "a day of 33 tables"
    assert leaked(content) == []


def test_no_staged_object_holds_one(world: World) -> None:
    s3 = client(world.endpoints, "s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="tidemark-exchange")
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    assert keys
    found = {key: leaked(s3.get_object(Bucket="tidemark-exchange", Key=key)["Body"].read()) for key in keys}
    assert {key: secrets for key, secrets in found.items() if secrets} == {}


def _files(home: Path) -> Iterator[Path]:
    """Every file below the home but the sandbox's own, where the stand-ins keep who may log in."""
    for folder, _, names in os.walk(home):
        if Path(folder).is_relative_to(Home(home).folder):
            continue
        yield from (Path(folder) / name for name in names)
