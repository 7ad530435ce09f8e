"""No instant depends on the zone of the machine: naive ones are UTC, wherever Python hands them to Spark."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lakes.everywhere import fill
from tests.support.lakes.lake import Lake
from tests.support.zones import elsewhere, machine_in

ROOT = Path(__file__).parents[2]
PACKAGES = ("src/tidemark", "flows", "tasks", "blocks", "cli", "sandbox", "benchmarks")
# Calls that take or give the machine's own time unless they are told a zone → arguments that tell one.
LOCAL_TIME = {"now": 1, "fromtimestamp": 2, "astimezone": 1}
NEVER = {"utcnow", "utcfromtimestamp", "today", "mktime", "localtime", "ctime"}


@pytest.mark.slow
def test_a_lake_is_the_same_on_any_machine(lake: Lake, tmp_path: Path) -> None:
    """Here UTC's Java with a Python of New York, there a process that is told nothing but another zone and language."""
    with machine_in("America/New_York"):
        here = fill(lake)
    answer = subprocess.run(
        [sys.executable, "-m", "tests.support.lakes.everywhere", str(tmp_path / "there")],
        env=elsewhere("Australia/Lord_Howe"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    assert json.loads(answer.stdout.splitlines()[-1]) == here

    assert here["first"][0]["inserted"] == 4
    assert (here["rest"][0]["unchanged"], here["rest"][0]["inserted"]) == (1, 5)
    assert here["rest"][2] == 1, "the row that breaks the pattern"
    assert here["of a day"] == 2
    assert here["ingested when the run began"] is True
    assert [seen for _, seen, _ in here["days"]] == [4, 4, 4]


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
