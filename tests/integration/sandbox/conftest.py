"""One sandbox for all tests of the stand-ins, without Prefect; it starts on the day before a column appears."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from redshift_connector.core import Connection
from snowflake.connector.cursor import SnowflakeCursor

from sandbox import lifecycle
from sandbox.home import Endpoints, Home, read_shop
from sandbox.seeding import aws, redshift, snowflake
from sandbox.shop import NEW_COLUMN_DAY, Shop

SCALE = 0.1
SILENCE = 2.0  # seconds


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home whose sandbox is up."""
    path = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SANDBOX_SNOWFLAKE_SILENCE", str(SILENCE))
        lifecycle.up(path, days=NEW_COLUMN_DAY - 1, scale=SCALE, services=("aws", "snowflake", "redshift", "crm"))
    yield path
    lifecycle.down(path)


@pytest.fixture(scope="session")
def shop() -> Shop:
    """The shop that fills it, and every other sandbox here."""
    return Shop(scale=SCALE)


@pytest.fixture
def days(home: Path) -> range:
    """The shop days that its data holds by now."""
    state = read_shop(Home(home))
    assert state is not None
    return range(1, state.days + 1)


@pytest.fixture(scope="session")
def endpoints(home: Path) -> Endpoints:
    """Where its services are."""
    return lifecycle.up(home, scale=SCALE, services=())


@pytest.fixture
def snow(endpoints: Endpoints) -> Iterator[SnowflakeCursor]:
    """A cursor of a Snowflake session."""
    with snowflake.session(endpoints) as cursor:
        yield cursor


@pytest.fixture
def shift(endpoints: Endpoints) -> Iterator[Connection]:
    """A Redshift session, rolled back at its end."""
    with closing(redshift.session(endpoints)) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def s3(endpoints: Endpoints) -> Any:
    """A boto3 client."""
    return aws.client(endpoints, "s3")


@pytest.fixture
def location(request: pytest.FixtureRequest) -> str:
    """An S3 prefix of the test's own, below the exchange bucket."""
    return f"s3://{aws.EXCHANGE}/tests/{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]}/"


@pytest.fixture
def objects(s3: Any, location: str) -> Callable[[], dict[str, bytes]]:
    """What lies below the test's prefix: name → content."""
    prefix = location.removeprefix(f"s3://{aws.EXCHANGE}/")

    def read() -> dict[str, bytes]:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=aws.EXCHANGE, Prefix=prefix)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        contents = {key: s3.get_object(Bucket=aws.EXCHANGE, Key=key)["Body"].read() for key in keys}
        return {key.removeprefix(prefix): content for key, content in contents.items()}

    return read


@pytest.fixture
def unloaded(objects: Callable[[], dict[str, bytes]]) -> Callable[[], pa.Table]:
    """The Parquet files below the test's prefix as one table."""

    def read() -> pa.Table:
        files = [pq.read_table(io.BytesIO(content)) for name, content in sorted(objects().items()) if "parquet" in name]
        return pa.concat_tables([file.rename_columns([name.lower() for name in file.column_names]) for file in files])

    return read


@pytest.fixture
def put_parquet(s3: Any, location: str) -> Callable[[str, pa.Table], int]:
    """Writes a Parquet file below the test's prefix; gives its size."""

    def write(name: str, table: pa.Table) -> int:
        content = io.BytesIO()
        pq.write_table(table, content)
        s3.put_object(
            Bucket=aws.EXCHANGE, Key=location.removeprefix(f"s3://{aws.EXCHANGE}/") + name, Body=content.getvalue()
        )
        return len(content.getvalue())

    return write
