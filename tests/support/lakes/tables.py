"""The files of a small configuration, in a few lines, and where a lake of it keeps tables and rejected rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

SPARK_TO_LOGICAL = {
    **dict.fromkeys(("tinyint", "smallint", "int", "bigint"), "integer"),
    **dict.fromkeys(("float", "double"), "number"),
    "date": "date",
    "timestamp": "timestamp",
}


class TableFiles:
    """A folder with a configuration, and the lake of its runs beside it."""

    root: Path

    def write(self, name: str, document: object) -> Path:
        path = self.root / "config" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
        path.write_text(text, encoding="utf-8")
        return path

    def table(
        self,
        name: str,
        columns: str,
        load: Mapping[str, Any],
        *,
        keys: Sequence[str] = (),
        sql: str | None = None,
        **extra: Any,
    ) -> None:
        """Writes a table's files. `columns` is one a line: `name type {odcs options as YAML}`; a `!` means required."""
        layer, table = name.split(".")
        properties = [_property(line, keys) for line in columns.strip().splitlines()]
        schema = {"name": table, "logicalType": "object", "properties": properties} | extra
        contract = {
            "apiVersion": "v3.2.0",
            "kind": "DataContract",
            "id": name,
            "version": "1.0.0",
            "status": "active",
            "schema": [schema],
        }
        self.write(f"{layer}/{table}.contract.yaml", contract)
        self.write(f"{layer}/{table}.load.yaml", dict(load))
        if sql:
            self.write(f"{layer}/{table}.sql", sql)

    def promise_freshness(self, table: str, column: str, hours: int) -> None:
        """Makes the table's contract promise that its newest row, by the column, is at most so old."""
        path = self.root / "config" / Path(*table.split(".")).with_suffix(".contract.yaml")
        promise = {"property": "freshness", "value": hours, "unit": "h", "element": column}
        contract = yaml.safe_load(path.read_text("utf-8")) | {"slaProperties": [promise]}
        self.write(str(path.relative_to(self.root / "config")), contract)

    def path(self, table: str) -> str:
        return str(self.root / "home" / "lake" / Path(*table.split(".")))

    def errors(self, table: str) -> list[dict[str, Any]]:
        """The error lane of a table, read without the engine's code."""
        lane = self.root / "home" / "lake" / "_errors" / Path(*table.split("."))
        files = [file for file in sorted(lane.rglob("*.json")) if "_ledger" not in file.parts]
        lines = [line for file in files for line in file.read_text("utf-8").split("\n") if line]
        return [json.loads(line) for line in lines]


def _property(line: str, keys: Sequence[str]) -> dict[str, Any]:
    name, type_, *rest = line.strip().split(" ", 2)
    required = name.endswith("!")
    name = name.rstrip("!")
    logical = "number" if type_.startswith("decimal") else SPARK_TO_LOGICAL.get(type_, type_)
    options: dict[str, Any] = yaml.safe_load(rest[0]) if rest else {}
    described = {"name": name, "logicalType": logical, "physicalType": type_, "required": required or name in keys}
    if name in keys:
        described |= {"primaryKey": True, "primaryKeyPosition": list(keys).index(name) + 1}
    return described | options
