"""A lake for readers: tables written by delta-rs, released by hand, without a run and without Spark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import yaml
from deltalake import DeltaTable, write_deltalake

from tests.support.lakes.lake import ENVIRONMENT
from tests.support.lakes.tables import SPARK_TO_LOGICAL
from tidemark.config.project import Project, load_project
from tidemark.control.release import TABLE, record
from tidemark.control.runs import Run
from tidemark.control.state import open_state
from tidemark.serving.lake import ReleasedLake, open_lake


@dataclass
class ReaderLake:
    """A configuration folder and its tables under one temporary folder."""

    root: Path
    environment: str = "test"

    def __post_init__(self) -> None:
        self._write("env/test.yaml", ENVIRONMENT | {"home": str(self.root / "home")})
        self.table("bronze.given", "id: int")

    def table(self, name: str, *columns: str, personal: tuple[str, ...] = ()) -> None:
        """Writes a table's contract and load file; a column is `name: type`."""
        layer, table = name.split(".")
        properties = [
            {"name": each, "logicalType": SPARK_TO_LOGICAL.get(type_, "string"), "physicalType": type_}
            | ({"classification": "personal"} if each in personal else {})
            for each, type_ in (column.split(": ") for column in columns)
        ]
        contract = {
            "apiVersion": "v3.2.0",
            "kind": "DataContract",
            "id": name,
            "version": "1.0.0",
            "status": "active",
            "schema": [{"name": table, "logicalType": "object", "properties": properties}],
        }
        self._write(f"{layer}/{table}.contract.yaml", contract)
        load = {"transform": "a.module:function", "write": {"mode": "replace"}, "inputs": {"bronze.given": {}}}
        if layer == "bronze":
            load = {"source": {"connection": "shop", "object": table}, "write": {"mode": "append"}}
        self._write(f"{layer}/{table}.load.yaml", load)

    @property
    def project(self) -> Project:
        return load_project(self.root / "config", self.environment)

    def path(self, name: str) -> str:
        return f"{self.project.environment.roots.lake}/{name.replace('.', '/')}"

    def write(self, name: str, rows: pa.Table) -> None:
        write_deltalake(self.path(name), rows, mode="append")

    def release(self, versions: Mapping[str, int] | None = None) -> None:
        """Releases the newest version of every table that there is, or those that are given."""
        if versions is None:
            there = (name for name in self.project.tables if Path(self.path(name)).exists())
            versions = {name: DeltaTable(self.path(name)).version() for name in there}
        state = open_state(self.project.environment)
        for name, version in versions.items():
            known = DeltaTable(self.path(name)).metadata().id
            state.put(TABLE, name, {"version": version, "table_id": str(known)})
        record(state, Run.start(date(2025, 3, 1)), versions)

    def open(self, as_of: str | None = None) -> ReleasedLake:
        project = self.project
        return open_lake(project, open_state(project.environment), as_of)

    def _write(self, name: str, document: object) -> None:
        path = self.root / "config" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
