"""The shop's own configuration with a lake made by hand: small tables, runs with books, gates, rejected rows, git.

It takes seconds, as neither Spark nor a run is needed. Every text in a row is `SECRET`: one that gets out is seen.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import yaml
from deltalake import DeltaTable, write_deltalake

from tests.support.lakes.lake import ENVIRONMENT
from tidemark.aws.folder import open_folder
from tidemark.books import Books
from tidemark.compile.soda import freshness_name
from tidemark.config.project import Project, Table, load_project
from tidemark.control.release import TABLE, record
from tidemark.control.runs import GateSummary, Run, RunStore, RunSummary, TableResult
from tidemark.control.state import open_state
from tidemark.sql.types import decimal_digits

CONFIG = Path(__file__).parents[3] / "config"
SECRET = "SECRET"
FIRST = datetime(2025, 3, 1, 6)
_ARROW = {
    "string": pa.string(),
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
}


@dataclass
class CataloguedShop:
    """`copies`: how many shops there are, each with all tables; `days`: how many runs there were, one a day."""

    root: Path
    copies: int = 1
    days: int = 3
    rows: int = 4
    runs: list[RunSummary] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._configure()
        self.project = self._load()
        names = self.project.order()
        state = open_state(self.project.environment)
        for day in range(self.days):
            self._run(day, names)
        for name in names:
            table = DeltaTable(self.path(name))
            state.put(TABLE, name, {"version": table.version(), "table_id": str(table.metadata().id)})
        record(state, Run.start(date(2025, 3, 1)), {})
        for name in names:
            if name.startswith("bronze."):
                self._reject(name)

    @property
    def config(self) -> Path:
        return self.root / "config"

    def path(self, name: str) -> str:
        return f"{self.project.environment.roots.lake}/{name.replace('.', '/')}"

    def commit(self, subject: str) -> None:
        """Everything in the configuration as a commit; the first one makes the repository."""
        if not (self.root / ".git").exists():
            self._git("init", "--quiet", "--initial-branch=main")
        self._git("add", "config")
        self._git("commit", "--quiet", "--message", subject)

    def _git(self, *words: str) -> None:
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *words], cwd=self.root, check=True, capture_output=True)

    def _load(self) -> Project:
        return load_project(self.config, "test")

    def _configure(self) -> None:
        names = [f"{path.parent.name}.{path.name.split('.')[0]}" for path in CONFIG.glob("*/*.contract.yaml")]
        stems = sorted({name.split(".")[1] for name in names}, key=len, reverse=True)
        named = re.compile(rf"\b(bronze|silver|gold)\.({'|'.join(stems)})\b")
        for copy in range(self.copies):
            end = f"_{copy}" if copy else ""
            for layer in ("bronze", "silver", "gold"):
                (self.config / layer).mkdir(parents=True, exist_ok=True)
                for path in (CONFIG / layer).iterdir():
                    stem, rest = path.name.split(".", 1)
                    text = named.sub(lambda found, end=end: f"{found[1]}.{found[2]}{end}", path.read_text("utf-8"))
                    if rest == "contract.yaml" and copy:
                        text = re.sub(rf"^  - name: {stem}$", f"  - name: {stem}{end}", text, flags=re.MULTILINE)
                        text = re.sub(r"^ *relationships: .*\n", "", text, flags=re.MULTILINE)
                    (self.config / layer / f"{stem}{end}.{rest}").write_text(text, encoding="utf-8")
        env = self.config / "env" / "test.yaml"
        env.parent.mkdir()
        env.write_text(yaml.safe_dump(ENVIRONMENT | {"home": str(self.root / "home")}), encoding="utf-8")

    def _run(self, day: int, names: tuple[str, ...]) -> None:
        began = FIRST + timedelta(days=day)
        run_id = f"{day:08d}-0000-4000-8000-000000000000"
        results = tuple(self._result(self.project.table(name), day, run_id) for name in names)
        summary = RunSummary(
            run_id,
            "daily",
            "test",
            began.date(),
            began,
            status="done",
            finished_at=began + timedelta(minutes=4, seconds=day),
            release=f"r{day + 1}",
            released=True,
            tables=results,
        )
        RunStore(open_folder(self.project.environment.roots.runs, None)).save(summary)
        self.runs.append(summary)

    def _result(self, table: Table, day: int, run_id: str) -> TableResult:
        count = self.rows * (10 if day == 0 else 1) + day * 3 % 5
        write_deltalake(self.path(table.name), _rows(table, count, FIRST + timedelta(days=day)), mode="append")
        bad = day % 3 if table.layer == "bronze" else 0
        books = Books(extracted=count + bad + 1, accepted=count + 1, quarantined=bad, inserted=count, unchanged=1)
        warned = ("few are late: was 7",) if day % 5 == 3 else ()
        total = len(table.contract.checks) + 1
        self._gate(table, run_id, warned)
        return TableResult(
            table.name,
            "committed",
            seconds=1.5,
            books=books,
            version=day,
            gate=GateSummary(total - len(warned), total, warnings=warned),
            rejected={"id.required": bad} if bad else {},
        )

    def _gate(self, table: Table, run_id: str, warned: tuple[str, ...]) -> None:
        checks = [
            {"name": check.name, "outcome": "pass", "value": "0", "limit": None} for check in table.contract.checks
        ]
        if table.contract.freshness:
            age = {"name": freshness_name(table.contract.freshness), "outcome": "pass", "limit": None}
            checks.append(age | {"value": f"{3 + int(run_id[:8]) % 4}.25"})
        checks.append({"name": "few are late", "outcome": "warn" if warned else "pass", "value": "7", "limit": None})
        checks.append({"name": "the longest word", "outcome": "pass", "value": SECRET, "limit": None})
        path = Path(self.project.environment.roots.dq_results, table.layer, table.contract.name, f"{run_id}.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"table": table.name, "run_id": run_id, "checks": checks}), encoding="utf-8")

    def _reject(self, name: str) -> None:
        folder = Path(self.project.environment.roots.errors, *name.split("."), "dt=2025-03-01", "run_id=00000001")
        folder.mkdir(parents=True)
        lines = [
            {
                "error_id": f"{name}-{number}",
                "reasons": [{"rule": rule, "column": "id", "value": SECRET, "message": f"must not be {SECRET}"}],
                "payload": json.dumps({"id": SECRET}),
            }
            for number, rule in enumerate(("required", "pattern", "pattern"))
        ]
        (folder / "part-0.json").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")


def _rows(table: Table, count: int, at: datetime) -> pa.Table:
    columns = {
        column.name: pa.array(_values(column.type, count, at), _arrow(column.type)) for column in table.contract.columns
    }
    return pa.table(columns)


def _arrow(column_type: str) -> pa.DataType:
    digits = decimal_digits(column_type)
    return pa.decimal128(*digits) if digits else _ARROW[column_type]


def _values(column_type: str, count: int, at: datetime) -> list[object]:
    return list(_made(column_type, count, at))


def _made(column_type: str, count: int, at: datetime) -> Iterator[object]:
    for number in range(count):
        if decimal_digits(column_type):
            yield Decimal(number % 3)
        elif column_type == "string":
            yield f"{SECRET} {number}" if number % 4 else None
        elif column_type == "boolean":
            yield number % 2 == 0
        elif column_type == "date":
            yield at.date()
        elif column_type == "timestamp":
            yield at.replace(tzinfo=UTC) + timedelta(seconds=number)
        else:
            yield number % 100
