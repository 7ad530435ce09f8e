"""The sandbox's services for tests with the real clients: one small shop for the whole session."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox import lifecycle
from tests.support.worlds.systems import Systems, reach_s3
from tidemark.config.environment import Environment, load_environment

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HOME_VARIABLE = "TIDEMARK_TEST_HOME"
"""Names a home whose sandbox stays up between test sessions; without it a new one is brought up and taken down."""

CONFIG = Path(__file__).parents[2] / "config"
SERVICES = ("aws", "snowflake", "redshift", "crm")
SHOP_DAYS = 2
SHOP_SCALE = 0.05


@pytest.fixture(scope="session")
def sandbox_home() -> Iterator[Path]:
    """A home with AWS, Snowflake, Redshift and the CRM running, filled with a small shop of two days."""
    given = os.environ.get(HOME_VARIABLE)
    if given:
        lifecycle.up(Path(given), days=SHOP_DAYS, scale=SHOP_SCALE, services=SERVICES)
        yield Path(given)
        return
    with tempfile.TemporaryDirectory(prefix="tidemark-it-") as folder:
        home = Path(folder)
        lifecycle.up(home, days=SHOP_DAYS, scale=SHOP_SCALE, services=SERVICES)
        try:
            yield home
        finally:
            lifecycle.down(home)


@pytest.fixture(scope="session")
def environment(sandbox_home: Path) -> Environment:
    """The `local` environment as it ships, in the sandbox's home."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("TIDEMARK_HOME", str(sandbox_home))
        return load_environment(CONFIG, "local")


@pytest.fixture(scope="session")
def s3_spark(spark: SparkSession, environment: Environment) -> SparkSession:
    """The suite's session with S3A on the sandbox. One that starts with the environment's settings has its own test."""
    reach_s3(spark, environment)
    return spark


@pytest.fixture
def systems(environment: Environment, s3_spark: SparkSession, tmp_path: Path) -> Systems:
    """The systems as tests use them: tables to fill by hand, extractions and publications."""
    return Systems(environment, s3_spark, tmp_path)
