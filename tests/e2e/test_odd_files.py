"""Odd files of every kind at the tables of one configuration: each row is there as it came, or is accounted for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from deltalake import DeltaTable, QueryBuilder

from blocks.register import register_connections
from tests.support.lakes.tables import TableFiles
from tests.support.odd import Odd, Row, land
from tests.support.odd.columns import COLUMNS
from tests.support.odd.days import DAYS, HISTORY, TOLD
from tests.support.odd.nested import NESTED
from tests.support.odd.text import TEXT
from tidemark.config.environment import load_environment

pytestmark = pytest.mark.timeout(1800)

ODD: Mapping[str, Odd] = {**TEXT, **NESTED, **COLUMNS, **DAYS}
FIRST = datetime(2025, 3, 10, 4)
LAPTOP = Path(__file__).parents[2] / "config" / "env" / "local.yaml"


@dataclass
class Project(TableFiles):
    """A configuration with a table for each kind of files, and what its runs said and left."""

    root: Path
    api: str
    summaries: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, list[Row]]] = field(default_factory=list)

    def describe(self) -> None:
        landing = {"kind": "files", "settings": {"uri": str(self.root / "landing")}}
        environment = {
            "name": "test",
            "home": str(self.root / "home"),
            "exchange": str(self.root / "exchange"),
            "secrets": "env",
            "compute": yaml.safe_load(LAPTOP.read_text("utf-8"))["compute"],
            "connections": {"landing": landing},
        }
        self.write("env/test.yaml", environment)
        for name, odd in ODD.items():
            source = {"connection": "landing", "object": f"{name}/", **odd.source}
            self.table(f"bronze.{name}", odd.columns, {"source": source, "write": dict(odd.write)}, keys=odd.keys)
        self.table("gold.dim_member", **HISTORY)
        register_connections(load_environment(self.root / "config", "test"))

    def tidemark(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        where = ["--env", "test", "--config", str(self.root / "config")]
        environment = os.environ | {"PREFECT_API_URL": self.api}
        command = [sys.executable, "-m", "cli.main", *arguments, *where]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1500, check=False)

    def run(self, day: datetime) -> None:
        """One run over what has landed; keeps its summary and what the tables hold then."""
        answer = self.tidemark("run", "--date", f"{day:%Y-%m-%d}", "--json")
        assert answer.returncode == 0, answer.stderr[-4000:]
        self.summaries.append(json.loads(answer.stdout))
        self.rows.append({name: self.read(f"bronze.{name}", odd.wanted) for name, odd in ODD.items()})
        told = ["id", "tier", "valid_from", "valid_to", "is_current"]
        self.rows[-1]["dim_member"] = self.read("gold.dim_member", told)

    def read(self, table: str, columns: list[str]) -> list[Row]:
        """The rows by delta-rs; instants without their zone, columns that are not there yet as null."""
        delta = DeltaTable(self.path(table))
        there = {each.name for each in delta.schema().fields}
        query = ", ".join(f'"{name}"' if name in there else f'NULL AS "{name}"' for name in columns)
        answer = QueryBuilder().register("t", delta).execute(f"SELECT {query} FROM t").read_all()
        return [tuple(map(_plain, row.values())) for row in pa.table(answer).to_pylist()]

    def result(self, day: int, table: str) -> dict[str, Any]:
        """What a run did to a table."""
        (found,) = [each for each in self.summaries[day]["tables"] if each["table"] == f"bronze.{table}"]
        return dict(found)


def _plain(value: Any) -> Any:
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, prefect_server: str) -> Project:
    """The configuration after its two days."""
    made = Project(tmp_path_factory.mktemp("odd"), prefect_server)
    made.describe()
    for number in (0, 1):
        day = FIRST + timedelta(days=number)
        for name, odd in ODD.items():
            land(made.root / "landing" / name, odd.days[number], day)
        made.run(day)
    return made


@pytest.mark.parametrize("name", ODD)
def test_each_row_is_there_as_it_came(project: Project, name: str) -> None:
    for day in (0, 1):
        assert Counter(map(repr, project.rows[day][name])) == Counter(map(repr, ODD[name].after(day))), f"day {day + 1}"


@pytest.mark.parametrize("name", ODD)
def test_or_in_the_error_lane_with_what_is_wrong(project: Project, name: str) -> None:
    waiting = project.errors(f"bronze.{name}")
    assert all(f"/landing/{name}/" in row["origin"] for row in waiting)
    for rules, piece in ODD[name].lane:
        found = [row for row in waiting if _rules(row) == rules and piece in row["payload"]]
        assert found, (rules, piece, [(_rules(row), row["payload"]) for row in waiting])
        waiting.remove(found[0])
    assert not waiting


def _rules(row: Mapping[str, Any]) -> str:
    return " ".join(sorted(f"{reason['column']}.{reason['rule']}" for reason in row["reasons"]))


@pytest.mark.parametrize("name", ODD)
def test_and_the_books_are_those_of_a_count_by_hand(project: Project, name: str) -> None:
    for day, books in enumerate(ODD[name].books):
        said = project.result(day, name)["books"]
        expected = books.to_json()
        assert {count: said[count] for count in expected} == expected, f"day {day + 1}"


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_about_a_table_is_told_and_nothing_else(project: Project, name: str) -> None:
    warnings = [each for summary in project.summaries for each in summary["warnings"]]
    told = [each["message"] for each in warnings if each["table"] == f"bronze.{name}"]
    pieces = ODD[name].told
    assert [piece for piece in pieces if not any(piece in message for message in told)] == []
    assert [message for message in told if not any(piece in message for piece in pieces)] == []


def test_a_delete_at_the_instant_of_a_change_wins_in_the_history(project: Project) -> None:
    for day in (0, 1):
        assert Counter(project.rows[day]["dim_member"]) == Counter(TOLD[day]), f"day {day + 1}"


def test_a_day_with_nothing_new_changes_nothing(project: Project) -> None:
    answer = project.tidemark("run", "--date", f"{FIRST + timedelta(days=1):%Y-%m-%d}", "--json")
    assert answer.returncode == 0, answer.stderr[-4000:]
    assert {each["status"] for each in json.loads(answer.stdout)["tables"]} == {"unchanged"}
