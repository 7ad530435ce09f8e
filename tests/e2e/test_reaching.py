"""Queries and checks that reach for shell, files, Java or environment are refused, and a canary there comes nowhere.

The canary is in the variables of each command: one of nobody, a secret's, one of Prefect, one that sounds of AWS.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from sandbox import lifecycle
from sandbox.home import Endpoints
from tests.support.worlds import prefect_database, resting, warehouses

pytestmark = pytest.mark.timeout(1800)

ROOT = Path(__file__).parents[2]
CORPUS: list[str] = yaml.safe_load((ROOT / "tests/support/reaching_queries.yaml").read_text("utf-8"))["not_a_query"]
MARK = "c4nary7e51"
CANARIES = {
    name: f"{MARK}-{number}"
    for number, name in enumerate(("CANARY", "TIDEMARK_SECRET_CANARY", "PREFECT_API_AUTH_STRING", "AWS_CANARY_KEY"))
}
REACHING = {
    "shell": (
        "SELECT TRANSFORM (order_id)\n  USING '/bin/sh -c env' AS (id STRING)\nFROM silver.orders",
        2,
        "hands rows to a script",
    ),
    "file": ("SELECT value AS id\nFROM text.`/proc/self/environ`", 2, "text./proc/self/environ"),
    "java": (
        "SELECT order_id AS id,\n\n  try_reflect('java.lang.System', 'getenv', 'CANARY') AS shown\nFROM silver.orders",
        3,
        "calls Java methods",
    ),
    "variable": ("SELECT order_id AS id,\n  '${env:CANARY}' AS shown\nFROM silver.orders", 2, "has a variable `${…}`"),
}
"""What the runs are given, with the line and the reason of the refusal."""
CHECKS = {
    "shell": {"type": "sql", "query": "SELECT TRANSFORM (id) USING 'env' AS (n INT) FROM {object}", "mustBe": 0},
    "file": {"type": "sql", "query": "SELECT count(*) FROM text.`/proc/self/environ`", "mustBe": 0},
    "java": {"type": "sql", "query": "SELECT reflect('java.lang.System', 'getenv', 'CANARY')", "mustBe": 0},
    "variable": {"type": "sql", "query": "SELECT count(*) FROM {object} WHERE id = '${env:CANARY}'", "mustBe": 0},
    "rows": {
        "type": "custom",
        "engine": "soda",
        "implementation": {
            "failed rows": {"fail condition": "java_method('java.lang.System', 'getenv', 'CANARY') > ''"}
        },
    },
    "expression": {
        "type": "custom",
        "engine": "soda",
        "implementation": {"odd < 1": {"odd expression": "max('${env:CANARY}')"}},
    },
}
TABLES = (*REACHING, "checked")


@dataclass
class Reached:
    """A sandbox, and what commands said of a project that reaches out of it."""

    home: Path
    config: Path
    endpoints: Endpoints = field(default_factory=lambda: Endpoints({}))
    said: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    of_java: list[Mapping[str, str]] = field(default_factory=list)

    def tidemark(self, *command: str) -> tuple[int, str, str]:
        """What a command answers, with the canaries in its variables; the JVMs that it starts are looked at."""
        variables = os.environ | {"TIDEMARK_HOME": str(self.home)} | self.endpoints.variables() | CANARIES
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            begun = subprocess.Popen(
                [sys.executable, "-m", "cli.main", *command, "--config", str(self.config)],
                env=variables,
                stdout=out,
                stderr=err,
            )
            while begun.poll() is None:
                self.of_java += _of_java(psutil.Process(begun.pid))
                time.sleep(1)
            out.seek(0)
            err.seek(0)
            self.said[command[0]] = (begun.returncode, out.read(), err.read())
        return self.said[command[0]]


def _of_java(process: psutil.Process) -> Iterator[Mapping[str, str]]:
    """The variables of the JVMs below a process, as the kernel has them."""
    try:
        children = process.children(recursive=True)
    except psutil.Error:
        return
    for child in children:
        try:
            command = child.cmdline()  # of Java: it is not the fork of ours any more
            if command and Path(command[0]).name == "java":
                yield child.environ()
        except psutil.Error:
            continue


@pytest.fixture(scope="module")
def reached() -> Iterator[Reached]:
    home = Path(tempfile.mkdtemp(prefix="tidemark-reaching-"))  # as for `world`
    try:
        shutil.copytree(ROOT / "config", home / "config")
        made = Reached(home, home / "config")
        code, _, err = made.tidemark("sandbox", "up", "--scale", "0.05")
        assert code == 0, err
        made.endpoints = lifecycle.up(home, scale=0.05)
        for name, (sql, _, _) in REACHING.items():
            _table(made.config, name, sql)
        _table(made.config, "checked", "SELECT order_id AS id, status AS shown FROM silver.orders", CHECKS)
        selected = [word for name in TABLES for word in ("--select", f"+gold.{name}")]
        for command in ("plan", "run"):
            made.tidemark(command, *selected, "--date", "2025-03-30")
        for number, sql in enumerate(CORPUS):
            _table(made.config, f"reaching_{number}", sql)
        made.tidemark("validate", "--json")
        yield made
    finally:
        lifecycle.down(home)
        shutil.rmtree(home, ignore_errors=True)


def _table(config: Path, name: str, sql: str, checks: Mapping[str, Mapping[str, Any]] | None = None) -> None:
    properties: list[dict[str, Any]] = [
        {"name": each, "logicalType": "string", "physicalType": "string"} for each in ("id", "shown")
    ]
    properties[0] |= {"primaryKey": True, "primaryKeyPosition": 1, "required": True}
    schema: dict[str, Any] = {"name": name, "logicalType": "object", "properties": properties}
    if checks:
        schema["quality"] = [{"name": each, **check} for each, check in checks.items()]
    head = {"apiVersion": "v3.2.0", "kind": "DataContract", "id": f"gold.{name}", "version": "1.0.0"}
    load = {"inputs": {"silver.orders": None}, "write": {"mode": "replace"}, "publish": ["snowflake", "redshift"]}
    folder = config / "gold"
    (folder / f"{name}.contract.yaml").write_text(yaml.safe_dump(head | {"schema": [schema]}), "utf-8")
    (folder / f"{name}.load.yaml").write_text(yaml.safe_dump(load), "utf-8")
    (folder / f"{name}.sql").write_text(sql, "utf-8")


def test_validate_refuses_each_with_file_line_and_reason(reached: Reached) -> None:
    code, out, _ = reached.said["validate"]
    findings = [each for each in json.loads(out)["findings"] if each["severity"] == "error"]
    of_file = {Path(each["file"]).name: each for each in findings}

    assert code == 2
    assert [sql for number, sql in enumerate(CORPUS) if f"reaching_{number}.sql" not in of_file] == []
    for name, (_, line, reason) in REACHING.items():
        told = [each for each in findings if Path(each["file"]).name == f"{name}.sql" and reason in each["message"]]
        assert [each["line"] for each in told][:1] == [line], name
    of_checks = [each for each in findings if Path(each["file"]).name == "checked.contract.yaml"]
    assert {each["message"].split("`")[1] for each in of_checks} >= CHECKS.keys()
    assert all(each["line"] > 1 for each in of_checks)


@pytest.mark.parametrize("command", ["plan", "run"])
def test_what_runs_refuses_them_too(reached: Reached, command: str) -> None:
    code, out, err = reached.said[command]

    assert code not in (0, 4), out + err
    for name, (_, line, reason) in REACHING.items():
        told = [each for each in err.splitlines() if f"gold/{name}.sql:{line}: " in each]
        assert any(reason in each for each in told), (name, err[-6000:])
    for check in CHECKS:
        assert f"check `{check}`" in err, err[-6000:]
    assert not any((reached.home / "lake" / "gold" / name).exists() for name in TABLES)


def test_the_jvm_of_a_run_has_no_canary(reached: Reached) -> None:
    sessions = [each for each in reached.of_java if "_PYSPARK_DRIVER_CONN_INFO_PATH" in each]
    assert sessions, "a session was looked at"
    assert all(each["PATH"] for each in sessions), "and what it has was seen"
    assert {name for variables in reached.of_java for name, value in variables.items() if MARK in value} == set()


def test_no_canary_is_anywhere_afterwards(reached: Reached) -> None:
    said = ((command, f"{out}{err}".encode()) for command, (_, out, err) in reached.said.items())
    assert [command for command, text in said if MARK.encode() in text] == []
    files = list(resting.files(reached.home))
    assert {"logs", "runs", "state"} <= {place.partition("/")[0] for place, _ in files}
    assert [place for place, content in files if MARK.encode() in content] == []
    assert [place for place, content in resting.objects(reached.endpoints) if MARK.encode() in content] == []
    tables = prefect_database.tables(reached.home)
    assert b"may not be loaded as it is configured" in tables["log"], "the runs are in there"
    assert [table for table, content in tables.items() if MARK.encode() in content] == []


@pytest.mark.parametrize("warehouse", ["snowflake", "redshift"])
def test_no_warehouse_has_such_a_table(reached: Reached, warehouse: str) -> None:
    listed = "SELECT lower(table_name) FROM information_schema.tables WHERE lower(table_schema) = 'gold'"
    assert {name for (name,) in warehouses.answer(reached.endpoints, warehouse, listed)}.isdisjoint(TABLES)
