"""One home on which the main job has run: day 30, day 31, and once more with nothing new."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.home import Endpoints
from sandbox.ledger import BRONZE_TABLES, Ledger
from sandbox.shop import Shop
from tests.support import warehouses

SCALE = 0.1
DAYS = {30: "2025-03-30", 31: "2025-03-31"}
BUILT = Ledger(Shop(scale=SCALE), 30, [30]).tables
EVENTS = "spark-events"
"""Where, in the home, the run of the poisoned day leaves what Spark reports: plans and settings."""
GOLD = [table for table in BUILT if table.startswith("gold.")]


@dataclass
class World:
    """A home on which the job ran: table versions, summaries, and what the warehouses held after each run."""

    home: Path
    endpoints: Endpoints
    versions: dict[str, dict[str, int]] = field(default_factory=dict)
    summaries: dict[str, dict[str, Any]] = field(default_factory=dict)
    published: dict[str, dict[tuple[str, str], list[dict[str, Any]]]] = field(default_factory=dict)

    def run(self, name: str, date: str) -> None:
        answer = self.tidemark("run", "--date", date, "--json")
        assert answer.returncode == 0, answer.stderr[-4000:]
        self.summaries[name] = json.loads(answer.stdout)
        self.versions[name] = self.table_versions()
        self.published[name] = self.published_rows()

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
        return self._python("flows.cli", *arguments)

    def killed_at(self, point: str, *arguments: str) -> int:
        """The exit code of the same command in a process that is killed when it comes to the point."""
        return self._python("tests.support.killed", point, *arguments).returncode

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
