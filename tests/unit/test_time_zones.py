"""No instant depends on the zone of the machine: naive ones are UTC, wherever Python hands them to Spark."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("src/tidemark", "flows", "tasks", "blocks", "cli", "sandbox", "benchmarks")
# Calls that take or give the machine's own time unless they are told a zone → arguments that tell one.
LOCAL_TIME = {"now": 1, "fromtimestamp": 2, "astimezone": 1}
NEVER = {"utcnow", "utcfromtimestamp", "today", "mktime", "localtime", "ctime"}

PROGRAM = """
import json, sys
from datetime import date, datetime
from pathlib import Path
from pyspark.sql import functions as F
from tests.conftest import TEST_CONF
from tests.support.lakes.lake import Lake
from tidemark import steps
from tidemark.compute.received import Received
from tidemark.observe import drift
from tidemark.rows import literal
from tidemark.sources.watermark import Period, Window
from tidemark.spark.session import start

spark = start("zone", "local[1]", TEST_CONF)
lake = Lake(spark, Path(sys.argv[1]))
load = {"source": {"connection": "shop", "object": "o"}, "watermark": {"column": "at"},
        "write": {"mode": "append", "keys": ["id"]}}
lake.table("bronze.orders", "id! string\\nat! timestamp", load, keys=["id"])
lake.table("gold.days", "id! string\\nat timestamp", {"inputs": {"bronze.orders": {"on": ["id"]}},
           "write": {"mode": "upsert", "keys": ["id"]}}, keys=["id"], sql="SELECT id, at FROM bronze.orders")

def rows(*instants):
    frames = [f"SELECT '{name}' AS id, TIMESTAMP'{at}' AS at" for name, at in instants]
    return spark.sql(" UNION ALL ".join(frames))

def received(low, high, *instants):
    window = Window("at", low, high)
    return lake.load("bronze.orders", rows(*instants), watermark=window.to_json(), window=window, rereads=True)

noon = datetime(2025, 1, 15, 12)
received(None, noon, ("o1", "2025-01-15 12:00:00"))
again = received(noon, noon, ("o1", "2025-01-15 12:00:00")).prepared.books
lake.build_together("gold.days")
day = Received(Period.of_days(date(2025, 1, 15), date(2025, 1, 15)))
engine = lake.engine()
of_day = day.rows(engine, engine.session("bronze.orders"), engine.table("bronze.orders")).count()
started = lake.engines[0].run.started_at.isoformat(sep=" ")
stored = lake.delta("bronze.orders").selectExpr("date_format(_ingest_ts, 'yyyy-MM-dd HH:mm:ss') AS at").first()["at"]
instant = spark.range(1).select(literal(noon).cast("string").alias("at")).first()["at"]
print(json.dumps({"unchanged": again.unchanged, "of_day": of_day, "stored": stored, "started": started[:19],
                  "instant": instant}))
"""


@pytest.mark.parametrize("zone", ["America/New_York"])
def test_a_load_is_the_same_in_another_zone(zone: str, tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        env={**os.environ, "TZ": zone, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    told = json.loads(answer.stdout.splitlines()[-1])
    assert told["unchanged"] == 1, "a row of the window's edge was received again"
    assert told["of_day"] == 1, "a day of the past begins and ends in UTC"
    assert told["stored"] == told["started"]
    assert told["instant"] == "2025-01-15 12:00:00"


def test_no_call_asks_the_machine_for_its_own_time() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{call.lineno}: {name}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for name, call in _local_calls(ast.parse(path.read_text("utf-8")))
    ]
    assert found == [], "tell them a zone: datetime.now(UTC), fromtimestamp(seconds, UTC), astimezone(UTC)"


@pytest.mark.parametrize(
    "code",
    [
        "datetime.now()", "dt.datetime.utcnow()", "date.today()", "datetime.fromtimestamp(seconds)",
        "moment.astimezone()", "time.mktime(x)", "F.lit(datetime(2025, 1, 1))", "F.lit(value.replace(tzinfo=None))",
        "moment.timestamp()", "moment.replace(microsecond=0).timestamp()", "time.strftime(form)", "time.ctime()",
    ],
)  # fmt: skip
def test_what_is_looked_for_is_found(code: str) -> None:
    assert list(_local_calls(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    ["datetime.now(UTC)", "datetime.fromtimestamp(s, UTC)", "datetime.fromtimestamp(s, tz=UTC)", "x.astimezone(UTC)",
     "at.replace(tzinfo=UTC).timestamp()", "datetime.now(UTC).timestamp()", "warehouse.timestamp(at)",
     "F.lit(name)", "F.lit(date.fromisoformat(text))", "time.time()"],
)  # fmt: skip
def test_what_tells_its_zone_is_not(code: str) -> None:
    assert not list(_local_calls(ast.parse(code)))


def _local_calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        name = node.func.attr
        if name in NEVER or (name in LOCAL_TIME and len(node.args) + len(node.keywords) < LOCAL_TIME[name]):
            yield name, node
        elif name == "timestamp" and not node.args and not _tells_its_zone(node.func.value):
            yield "timestamp of an instant without a zone", node
        elif name == "strftime" and isinstance(node.func.value, ast.Name) and node.func.value.id == "time":
            yield "time.strftime", node
        elif name == "lit" and node.args and _makes_an_instant(node.args[0]):
            yield "lit of an instant: tidemark.rows.literal", node


def _tells_its_zone(value: ast.expr) -> bool:
    """Whether it is a call that gives an instant with a zone, such as `at.replace(tzinfo=UTC)`."""
    if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Attribute):
        return False
    name, named = value.func.attr, {keyword.arg for keyword in value.keywords}
    if name == "replace":
        return "tzinfo" in named
    return name in LOCAL_TIME and len(value.args) + len(named) >= LOCAL_TIME[name]


def _makes_an_instant(value: ast.expr) -> bool:
    called = value.func if isinstance(value, ast.Call) else None
    if isinstance(called, ast.Attribute) and called.attr == "replace":
        return any(keyword.arg == "tzinfo" for keyword in value.keywords) if isinstance(value, ast.Call) else False
    if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id == "date":
        return False
    name = called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
    return name in ("datetime", "fromisoformat", "strptime")
