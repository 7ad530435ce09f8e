"""Fixtures of the unit tests: a small shop whose tables lean on each other, and contracts made in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.support.lakes.lake import Lake, at
from tests.support.lakes.shop_tables import TABLES, describe, receive
from tidemark.config.contract import Check, Column, Contract, Freshness


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
    lake = Lake(spark, tmp_path)
    lake.begin_with(first_day)
    return lake


@pytest.fixture
def contract_of() -> Callable[..., Contract]:
    """Builds a contract from its columns; keys follow from their positions."""

    def build(
        *columns: Column,
        table: str = "silver.things",
        checks: tuple[Check, ...] = (),
        freshness: Freshness | None = None,
        description: str | None = None,
    ) -> Contract:
        keyed = sorted((column for column in columns if column.key_position), key=lambda each: each.key_position or 0)
        return Contract(
            table=table,
            version="1.0.0",
            columns=columns,
            keys=tuple(column.name for column in keyed),
            checks=checks,
            freshness=freshness,
            tags=(),
            path=Path(f"{table.replace('.', '/')}.contract.yaml"),
            description=description,
        )

    return build
