"""One home on which the main job has run: day 30, day 31, and once more with nothing new."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.home import Endpoints
from sandbox.ledger import BRONZE_TABLES, Ledger
from sandbox.shop import Shop
from tests.support.worlds import warehouses
from tests.support.worlds.truth import differences, unlike

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SCALE = 0.1
DAYS = {30: "2025-03-30", 31: "2025-03-31"}
BUILT = Ledger(Shop(scale=SCALE), 30, [30]).tables
EVENTS = "spark-events"
"""Where, in the home, the run of the poisoned day leaves what Spark reports: plans and settings."""
GOLD = [table for table in BUILT if table.startswith("gold.")]


def ledger(day: int) -> Ledger:
    """The truth after the runs of day 30 and, if it is that day, of day 31."""
    return Ledger(Shop(scale=SCALE), day, range(30, day + 1))


@dataclass
class World:
    """A home on which the job ran: table versions, summaries, and what the warehouses held after each run."""

    home: Path
    endpoints: Endpoints
    versions: dict[str, dict[str, int]] = field(default_factory=dict)
    summaries: dict[str, dict[str, Any]] = field(default_factory=dict)
    published: dict[str, dict[tuple[str, str], list[dict[str, Any]]]] = field(default_factory=dict)

    def run(self, name: str, date: str) -> None:
        """The main job; what it leaves is kept under the name."""
        self.note(name, "run", "--date", date)

    def note(self, name: str, *command: str) -> None:
        """Runs a command that must succeed, and keeps what it leaves under the name."""
        answer = self.tidemark(*command, "--json")
        assert answer.returncode == 0, answer.stderr[-4000:]
        self.summaries[name] = json.loads(answer.stdout)
        self.versions[name] = self.table_versions()
        self.published[name] = self.published_rows()

    def read(self, spark: SparkSession, name: str, table: str) -> list[dict[str, Any]]:
        """The rows of a table as the run of this name left it."""
        version = self.versions[name][table]
        frame = spark.read.format("delta").option("versionAsOf", version).load(str(self.path(table)))
        return [row.asDict() for row in frame.collect()]

    def tables_unlike(self, truth: Ledger, spark: SparkSession, name: str) -> dict[str, list[str]]:
        """How silver and gold, as the run of this name left them, differ from the ledger, by table."""
        return unlike(truth, BUILT, lambda table: self.read(spark, name, table))

    def published_unlike(self, truth: Ledger, name: str) -> dict[tuple[str, str], list[str]]:
        """How what the warehouses held after the run of this name differs from the ledger, by warehouse and table."""
        found = {
            place: differences(truth.expected(place[1]), rows, truth.key(place[1]))
            for place, rows in self.published[name].items()
        }
        return {place: lines for place, lines in found.items() if lines}

    def table_versions(self) -> dict[str, int]:
        """The Delta version of every table."""
        return {table: self._version(table) for table in (*BRONZE_TABLES.values(), *BUILT)}

    def published_rows(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """What each warehouse holds of each gold table, in an order that is always the same."""
        return {
            (warehouse, table): sorted(
                warehouses.rows(self.endpoints, warehouse, table.removeprefix("gold.")), key=repr
            )
            for warehouse in ("snowflake", "redshift")
            for table in GOLD
        }

    def tidemark(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._python("cli.main", *arguments)

    def killed_at(self, point: str, *arguments: str) -> int:
        """The exit code of the same command in a process that is killed when it comes to the point."""
        return self._python("tests.support.worlds.killed", point, *arguments).returncode

    def _python(self, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"TIDEMARK_HOME": str(self.home)} | self.endpoints.variables()
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)

    def path(self, table: str) -> Path:
        return self.home / "lake" / Path(*table.split("."))

    def _version(self, table: str) -> int:
        return max(int(file.stem) for file in (self.path(table) / "_delta_log").glob("*[0-9].json"))


@dataclass(frozen=True)
class Poisoned:
    """What the run of a poisoned day answered, and what tables and warehouses held before and after it."""

    answer: subprocess.CompletedProcess[str]
    before: dict[str, int]
    after: dict[str, int]
    published_before: dict[tuple[str, str], list[dict[str, Any]]]
    published_after: dict[tuple[str, str], list[dict[str, Any]]]
