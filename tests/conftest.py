"""Fixtures for the whole suite: one Spark session, tiny and quick to start."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tests.support.lakes.lake import Lake

TEST_CONF = {
    "spark.driver.memory": "3g",
    # Frames of a few rows: generating and compiling code for them, and clearing large memory pages, would take most of
    # the time. As in config/env/local.yaml; never for real loads. What runs with generated code: test_generated_code.py
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.buffer.pageSize": "2m",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m -XX:+UseSerialGC",
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
    from tidemark.spark.session import start

    warehouse: Path = tmp_path_factory.mktemp("warehouse")
    session = start("tidemark-tests", "local[2]", TEST_CONF | {"spark.sql.warehouse.dir": str(warehouse)})
    with instants_need_a_zone():
        yield session
    session.stop()


@contextmanager
def instants_need_a_zone() -> Iterator[None]:
    """Spark's `lit` takes a naive instant for one of the machine's own zone: the engine uses `rows.literal`."""
    from pyspark.sql import functions

    lit = functions.lit

    def checked(value: Any) -> Any:
        naive = isinstance(value, datetime) and value.tzinfo is None
        assert not (naive and sys._getframe(1).f_globals["__name__"].startswith("tidemark.")), f"lit({value!r})"
        return lit(value)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(functions, "lit", checked)
        yield


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> Lake:
    """An empty lake of its own, and the means to describe tables and load rows into them."""
    from tests.support.lakes.lake import Lake

    return Lake(spark, tmp_path)


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
