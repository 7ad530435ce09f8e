"""The project as it ships, and its queries over literal rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tidemark.config.project import Project, load_project

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tests.support.lakes.queries import Queries

CONFIG = Path(__file__).parents[3] / "config"


@pytest.fixture(scope="session")
def project() -> Project:
    """The project as it ships."""
    return load_project(CONFIG, "local")


@pytest.fixture
def queries(spark: SparkSession, project: Project) -> Queries:
    """The project's queries; nothing that another test gave is visible to them."""
    from tests.support.lakes.queries import Queries

    return Queries(spark.newSession(), project)
