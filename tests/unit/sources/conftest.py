"""Landing folders of each format."""

from __future__ import annotations

import pytest

from tests.support.lakes.lake import Lake
from tests.support.lakes.landing import LandingFolder


@pytest.fixture
def csv_landing(lake: Lake) -> LandingFolder:
    return LandingFolder(lake, "csv")


@pytest.fixture
def json_landing(lake: Lake) -> LandingFolder:
    return LandingFolder(lake, "json")


@pytest.fixture
def parquet_landing(lake: Lake) -> LandingFolder:
    return LandingFolder(lake, "parquet")
