"""The shop day by day, computed by what changed: each day equals the ledger, and the last one a rebuild of everything.

`TIDEMARK_TEST_DAYS` asks for more days; the last one is day 30, with 30 the shop begins with the first run.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from blocks.register import register
from flows.daily import daily
from flows.verify import verify
from sandbox import lifecycle
from sandbox.home import Home, read_shop
from sandbox.ledger import BRONZE_TABLES, Ledger
from sandbox.shop import Shop
from tests.support.worlds.systems import reach_s3
from tests.support.worlds.truth import unlike
from tidemark.compile.schema import METADATA_COLUMNS
from tidemark.config.environment import load_environment
from tidemark.config.files.yamltext import parse
from tidemark.rows import ROW_HASH

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

DAYS = int(os.environ.get("TIDEMARK_TEST_DAYS", "5"))
LAST = max(DAYS, 30)
FIRST = LAST - DAYS + 1
SCALE = 0.02  # with fewer rows there is no longer every kind of deleted, late and bad row
SERVICES = ("aws", "snowflake", "redshift", "crm")
CONFIG = Path(__file__).parents[2] / "config"

pytestmark = pytest.mark.timeout(600 + 300 * DAYS)


@dataclass(frozen=True)
class Days:
    """A home whose shop moves on, and the configuration by which nothing of it is too small to look for changes."""

    spark: SparkSession
    home: Path

    def run(self, lake: str = "", **arguments: Any) -> None:
        """The daily run of the shop's day, into another lake where one is named."""
        shop = read_shop(Home(self.home))
        assert shop is not None
        daily(env="local", config=str(self._config(lake)), date=shop.date, **arguments)

    def verify(self) -> dict[str, str]:
        """How every computed table compares with what its inputs make it; raises where one differs."""
        verify(env="local", config=str(self._config("")))
        return {table: result["verified"]["outcome"] for table, result in self.results().items()}

    def table(self, table: str, lake: str = "") -> DataFrame:
        return self.spark.read.format("delta").load(str(self.lake(lake) / Path(*table.split("."))))

    def lake(self, lake: str = "") -> Path:
        return self.home / lake / "lake"

    def versions(self, tables: tuple[str, ...]) -> dict[str, int]:
        """The Delta version of every table."""
        logs = {table: self.lake() / Path(*table.split(".")) / "_delta_log" for table in tables}
        return {table: max(int(file.stem) for file in log.glob("*[0-9].json")) for table, log in logs.items()}

    def computed(self) -> dict[str, str]:
        """What the last run computed of each table."""
        return {table: result["computed"] for table, result in self.results().items()}

    def results(self) -> dict[str, dict[str, Any]]:
        """What the last run tells of each table."""
        newest = max((self.home / "runs").glob("*.json"), key=lambda file: file.stat().st_mtime)
        return {result["table"]: result for result in json.loads(newest.read_text("utf-8"))["tables"]}

    def _config(self, lake: str) -> Path:
        folder = self.home / lake / "config"
        if not folder.exists():
            shutil.copytree(CONFIG, folder)
            file = folder / "env" / "local.yaml"
            settings = parse(file).data  # with YAML 1.2, as ours: `on` is a word
            settings |= {"home": str(self.home / lake), "targets": {}}
            settings["state"]["location"] = str(self.home / lake / "state.db")
            settings["compute"] |= {"incremental_from_mb": 0, "conf": {}}
            file.write_text(yaml.safe_dump(settings), encoding="utf-8")
            register(load_environment(folder, "local"))
        return folder


@pytest.fixture(scope="module")
def days(spark: SparkSession, prefect_server: str) -> Iterator[Days]:
    """Not below pytest's own folder: PostgreSQL runs as a user of its own."""
    home = Path(tempfile.mkdtemp(prefix="tidemark-days-"))
    try:
        endpoints = lifecycle.up(home, days=FIRST, scale=SCALE, services=SERVICES)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (endpoints.variables() | {"TIDEMARK_HOME": str(home)}).items():
                patch.setenv(name, value)
            reach_s3(spark, load_environment(CONFIG, "local"))
            yield Days(spark, home)
    finally:
        lifecycle.down(home)
        shutil.rmtree(home, ignore_errors=True)


def wrong(days: Days, truth: Ledger) -> dict[str, list[str]]:
    """How silver and gold differ from the ledger, by table."""
    found = unlike(truth, truth.tables, lambda table: [row.asDict() for row in days.table(table).collect()])
    received = {table: days.table(table).count() for table in BRONZE_TABLES.values()}
    return found | {table: [f"{rows} rows"] for table, rows in received.items() if rows != truth.received(table)}


def rows_of(frame: DataFrame) -> list[str]:
    """All that a table says, without when and by which batch it was written."""
    told = sorted(set(frame.columns) - {*METADATA_COLUMNS.fieldNames(), ROW_HASH})
    return sorted(map(repr, frame.select(*told).collect()))


def test_every_day_equals_the_ledger_and_the_last_a_rebuild(days: Days) -> None:
    for day in range(FIRST, LAST + 1):
        if day > FIRST:
            lifecycle.advance(days.home)
        days.run()
        truth = Ledger(Shop(scale=SCALE), day, range(FIRST, day + 1))
        assert wrong(days, truth) == {}, f"day {day}"
    if DAYS > 1:
        for table in ("silver.orders", "silver.opportunities", "gold.fact_sales"):
            assert days.computed()[table] == "what changed", table
    assert set(days.verify().values()) == {"equal"}

    before = days.versions(truth.tables)
    days.run(select=["silver.*", "gold.*"], full_refresh=True)
    assert days.versions(truth.tables) == before, "what is computed as a whole is what is there"

    shutil.copytree(days.lake() / "bronze", days.lake("again") / "bronze")
    days.run("again", select=["silver.*", "gold.*"])
    for table in truth.tables:
        assert rows_of(days.table(table)) == rows_of(days.table(table, "again")), table
