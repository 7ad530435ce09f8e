"""A small pipeline on local files, which flows run from source to gold."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from blocks.register import register_connections
from flows.daily import daily
from tests.support.lakes.lake import Lake
from tidemark.aws import secrets
from tidemark.config.environment import load_environment

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CANARY = "c4nary-Password-51ab"
ENV = "test"
SECONDS = 240


@dataclass
class Pipeline:
    """orders and items land as CSV; silver keeps orders and items, gold sums orders up by customer."""

    lake: Lake

    @property
    def where(self) -> dict[str, str]:
        """What every flow is told: environment and configuration."""
        return {"env": ENV, "config": str(self.lake.root / "config")}

    @property
    def home(self) -> Path:
        return self.lake.root / "home"

    def land(self, name: str, *lines: str) -> None:
        """Puts a file into the landing folder; its folder names the table."""
        path = self.lake.root / "landing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def summaries(self) -> list[dict[str, Any]]:
        """The stored run summaries, oldest first."""
        stored = [json.loads(path.read_text()) for path in (self.home / "runs").glob("*.json")]
        return sorted(stored, key=lambda summary: str(summary["started_at"]))

    def results(self) -> dict[str, dict[str, Any]]:
        """What the newest run did, by table."""
        return {result["table"]: result for result in self.summaries()[-1]["tables"]}

    def versions(self) -> dict[str, int]:
        """The Delta version of every table there is."""
        logs = (self.home / "lake").glob("*/*/_delta_log")
        return {
            f"{log.parent.parent.name}.{log.parent.name}": max(int(file.stem) for file in log.glob("*[0-9].json"))
            for log in logs
        }


def _received(lake: Lake, name: str, columns: str) -> None:
    source = {"connection": "landing", "object": name, "format": "csv", "options": {"header": True}}
    lake.table(f"bronze.{name}", columns, {"source": source, "write": {"mode": "append", "keys": ["id"]}}, keys=["id"])


def _built(lake: Lake, name: str, columns: str, of: str, key: str, sql: str, **extra: Any) -> None:
    load = {"inputs": {of: {"on": [key]}}, "write": {"mode": "upsert", "keys": [key]}}
    lake.table(name, columns, load, keys=[key], sql=sql, **extra)


@pytest.fixture(scope="module", autouse=True)
def _secret() -> Iterator[None]:
    """The connection has a secret that nothing may show."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEMARK_SECRET_LANDING", json.dumps({"user": "reader", "password": CANARY}))
        secrets.forget()
        yield


@pytest.fixture
def pipeline(lake: Lake, prefect_server: str) -> Pipeline:
    """The pipeline with its files of the first day, before any run."""
    return make_pipeline(lake)


@pytest.fixture(scope="module")
def finished(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, prefect_server: str) -> Pipeline:
    """A pipeline after one daily run; tests that share it change nothing that others look at."""
    made = make_pipeline(Lake(spark, tmp_path_factory.mktemp("finished")))
    daily(**made.where, date=date(2025, 3, 30))
    return made


def make_pipeline(lake: Lake) -> Pipeline:
    lake.write(f"env/{ENV}.yaml", _environment(lake.root))
    _received(lake, "orders", "id int\ncustomer string\nqty int {logicalTypeOptions: {minimum: 1}}")
    _received(lake, "items", "id int\nname string")
    huge = "SELECT COUNT(*) FROM {object} WHERE qty > 1000"
    _built(
        lake,
        "silver.orders",
        "id int\ncustomer string\nqty int",
        "bronze.orders",
        "id",
        "SELECT id, customer, qty FROM bronze.orders",
        quality=[{"type": "sql", "name": "no order is huge", "query": huge, "mustBe": 0}],
    )
    _built(lake, "silver.items", "id int\nname string", "bronze.items", "id", "SELECT id, name FROM bronze.items")
    totals = "SELECT customer, SUM(qty) AS qty FROM silver.orders GROUP BY customer"
    _built(lake, "gold.customers", "customer string\nqty bigint", "silver.orders", "customer", totals)
    made = Pipeline(lake)
    made.land("orders/1.csv", "id,customer,qty", "1,ann,2", "2,bob,3", "3,ann,4", "4,eve,0")
    made.land("items/1.csv", "id,name", "1,chair")
    register_connections(load_environment(lake.root / "config", ENV))
    return made


def _environment(root: Path) -> dict[str, Any]:
    own = f"landing-{hashlib.sha256(str(root).encode()).hexdigest()[:12]}"  # several pipelines share the server
    landing = {"kind": "files", "block": own, "secret": "landing", "settings": {"uri": str(root / "landing")}}
    return {
        "name": ENV,
        "home": str(root / "home"),
        "exchange": str(root / "exchange"),
        "secrets": "env",
        "alerts": [{"channel": "log"}],
        "retry": {"for": "20s"},  # what is not there now does not come by waiting
        "compute": {"master": "local[2]", "concurrency": 2, "incremental_from_mb": 0},
        "connections": {"landing": landing},
    }


def begun(pipeline: Pipeline, api: str, *arguments: str) -> subprocess.Popen[str]:
    """The command, running in a process of its own."""
    where = ["--env", pipeline.where["env"], "--config", pipeline.where["config"]]
    environment = os.environ | {"PREFECT_API_URL": api}
    return subprocess.Popen(
        [sys.executable, "-m", "cli.main", *arguments, *where],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    output, error = process.communicate(timeout=SECONDS)
    return process.returncode, output, error
