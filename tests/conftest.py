"""Fixtures for the whole suite: one Spark session, tiny and quick to start."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tests.support.lakes.lake import Lake
    from tests.support.lakes.saved import Beginnings

# Commands say what people read, also where the suite runs in a container of a cluster.
os.environ.setdefault("TIDEMARK_LOGS", "human")

# How long examples take says something of the machine, and nothing of the code.
settings.register_profile("tidemark", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tidemark")

TEST_CONF = {
    "spark.driver.memory": "3g",
    # Frames of a few rows: generating and compiling code for them, and clearing large memory pages, would take most of
    # the time. As in config/env/local.yaml; never for real loads. What runs with generated code: test_generated_code.py
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.buffer.pageSize": "2m",
    "spark.driver.extraJavaOptions": (
        "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m -XX:+UseSerialGC -Xms1g -Xmn512m"
    ),
    # Planning anew after every shuffle pays where shuffles are large. What does: tests that ask for `planned_anew`.
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.debug.maxToStringFields": "1",
}


SLOW_FOLDERS = ("e2e", "integration", "flows")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts servers or whole runs is slow, wherever it is written."""
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).parts[0] in SLOW_FOLDERS:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """One Spark session with Delta for all tests."""
    from tests.support.local_files import small_configuration, without_processes
    from tests.support.zones import instants_need_a_zone
    from tidemark.spark.session import start

    warehouse: Path = tmp_path_factory.mktemp("warehouse")
    session = start("tidemark-tests", "local[2]", TEST_CONF | {"spark.sql.warehouse.dir": str(warehouse)})
    without_processes(session)
    small_configuration(session)
    with instants_need_a_zone():
        yield session
    session.stop()


@pytest.fixture
def planned_anew(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Plans are made anew after every shuffle, as on clusters: what counts rows has to outlive that."""
    adaptive, kind = "spark.sql.adaptive.enabled", type(spark)
    as_before = kind.newSession

    def new_session(self: SparkSession) -> SparkSession:
        made = as_before(self)
        made.conf.set(adaptive, "true")
        return made

    monkeypatch.setattr(kind, "newSession", new_session)
    spark.conf.set(adaptive, "true")
    yield
    spark.conf.set(adaptive, TEST_CONF[adaptive])


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> Lake:
    """An empty lake of its own, and the means to describe tables and load rows into them."""
    from tests.support.lakes.lake import Lake

    return Lake(spark, tmp_path)


@pytest.fixture(scope="session")
def beginnings(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Beginnings:
    """Lakes that are loaded once in a process, for all tests that begin with them."""
    from tests.support.lakes.saved import Beginnings

    return Beginnings(spark, lambda: tmp_path_factory.mktemp("beginning"))


@pytest.fixture(scope="session")
def duckdb_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with a DuckDB that reads Delta tables, for all tests."""
    from tests.support.readers import install_duckdb

    return install_duckdb(tmp_path_factory.mktemp("duckdb") / "venv")


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[str]:
    """The API address of one Prefect server with an empty database, for all tests; it takes half a minute to start."""
    import prefect.settings
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield str(prefect.settings.PREFECT_API_URL.value())
