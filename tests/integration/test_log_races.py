"""Two drivers with a JVM each commit to one table on S3 at the same moment, again and again: no commit is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from deltalake import DeltaTable

from tests.support.worlds.racer import REGION
from tidemark.config.environment import Environment

RACES = int(os.environ.get("TIDEMARK_TEST_RACES", "20"))
"""How many commits each of the two makes at once; 1,000 were run when the log store was made."""

A_TABLE = 100  # commits: a log of thousands of entries takes the stand-in longer to list than to write
KEY = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}


class Racer:
    """One of the two."""

    def __init__(self, side: str, bucket: str, endpoint: str) -> None:
        command = [sys.executable, "-m", "tests.support.worlds.racer", side, bucket, endpoint]
        variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | KEY
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=variables, text=True
        )

    def answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def commit(self, table: str, number: int) -> int:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{table} {number}\n")
        self.process.stdin.flush()
        return int(self.answer())


@contextmanager
def racer(side: str, bucket: str, endpoint: str) -> Iterator[Racer]:
    running = Racer(side, bucket, endpoint)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.communicate()


@pytest.mark.timeout(300 + 4 * RACES)
def test_of_two_drivers_none_loses_a_commit(
    environment: Environment, record_property: Callable[[str, object], None]
) -> None:
    assert environment.aws is not None
    endpoint, bucket = str(environment.aws.endpoint_url), f"races-{uuid.uuid4().hex[:8]}"
    client: Any = boto3.client
    keys = {name.lower(): value for name, value in KEY.items()}
    s3 = client("s3", endpoint_url=endpoint, region_name=REGION, **keys)
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    attempts = 0
    with racer("ours", bucket, endpoint) as ours, racer("stranger", bucket, endpoint) as stranger:
        assert [ours.answer(), stranger.answer()] == ["ready", "ready"]
        with ThreadPoolExecutor(1) as pool:
            for number in range(RACES):
                table = f"table-{number // A_TABLE}"
                if number % A_TABLE == 0:  # who makes the table has no rival
                    attempts += ours.commit(table, number)
                    stranger.commit(table, number)
                    continue
                other = pool.submit(stranger.commit, table, number)
                attempts += ours.commit(table, number)
                other.result()
    for table, numbers in _by_table().items():
        _has_every_commit(s3, bucket, endpoint, table, numbers)
    record_property("races", RACES)
    record_property("made again", attempts - RACES)
    assert attempts > RACES, "nobody ever came second: these were no races"


def _by_table() -> dict[str, list[int]]:
    tables: dict[str, list[int]] = {}
    for number in range(RACES):
        tables.setdefault(f"table-{number // A_TABLE}", []).append(number)
    return tables


def _has_every_commit(s3: Any, bucket: str, endpoint: str, table: str, numbers: list[int]) -> None:
    """Each row is there once, by another reader, and each commit that was told to be made is one of the log's."""
    options = KEY | {"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": REGION, "AWS_ALLOW_HTTP": "true"}
    delta = DeltaTable(f"s3://{bucket}/{table}", storage_options=options)
    expected = sorted(f"{side}-{number}" for side in ("ours", "stranger") for number in numbers)
    assert sorted(delta.to_pyarrow_table()["id"].to_pylist()) == expected

    operations: Counter[str] = Counter()
    for version in range(delta.version() + 1):
        key = f"{table}/_delta_log/{version:020d}.json"
        lines = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode().splitlines()
        (said,) = (json.loads(line)["commitInfo"] for line in lines if line.startswith('{"commitInfo"'))
        operations[said["operation"]] += 1
    assert operations.pop("WRITE") == 2 * len(numbers)
    assert set(operations) <= {"OPTIMIZE"}
