"""Fixtures of the unit tests: a small shop whose tables lean on each other."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.support.lakes.lake import Lake, at
from tests.support.lakes.shop_tables import TABLES, describe, receive


@pytest.fixture(scope="session")
def first_day(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the shop after its first day, for all tests."""
    lake = Lake(spark, tmp_path_factory.mktemp("shop"))
    describe(lake)
    receive(lake, customers=[("ann", "Ulm", at(1), False), ("bob", "Bonn", at(1), False)])
    receive(lake, lines=[("o1", 1, "ann", 5, at(2), False), ("o1", 2, "ann", 7, at(2), False)])
    receive(lake, lines=[("o2", 1, "bob", 1, at(2), False), ("o3", 1, "eve", 3, at(2), False)])
    lake.build_together(*TABLES)
    return lake.root


@pytest.fixture
def shop(spark: SparkSession, first_day: Path, tmp_path: Path) -> Lake:
    shutil.copytree(first_day, tmp_path, dirs_exist_ok=True)
    return Lake(spark, tmp_path)
