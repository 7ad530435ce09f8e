"""A lake of which every name, description, check, run, rejected row and column of others is one text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.support.lakes.released import ReaderLake
from tidemark.aws.folder import Folder, open_folder
from tidemark.books import Books
from tidemark.config.project import Project
from tidemark.control.runs import GateSummary, Publication, RunSummary, TableResult, Warned

BEGAN = datetime(2026, 1, 31, 1)


class HostileLake(ReaderLake):
    """A bronze table for every text: it is its name, as far as a file can be called so, and all that is said of it."""

    texts: tuple[str, ...] = ()

    def fill(self, texts: Iterable[str]) -> None:
        self.texts = tuple(texts)
        for number, text in enumerate(self.texts):
            self._describe(number, text)
        roots = self.project.environment.roots
        for number, text in enumerate(self.texts):
            self._run(open_folder(roots.runs), number, text)
            self._check(Path(roots.dq_results), number, text)
            self._reject(Path(roots.errors), self.name(number), text)
        self._reject(Path(roots.errors), "bronze.gone", self.texts[0])
        # Another writer's columns; Parquet has no lone surrogates.
        rows = {storable(text) or "id": pa.array(["x"]) for text in self.texts}
        self.write("bronze.given", pa.table({"id": pa.array([1], pa.int32())} | rows))
        self.release()

    @cached_property
    def project(self) -> Project:
        return super().project

    def name(self, number: int) -> str:
        """The table of a text."""
        return f"bronze.{as_file(number, self.texts[number])}"

    def _describe(self, number: int, text: str) -> None:
        name = self.name(number)
        told = storable(text)
        column = {
            "name": "id",
            "logicalType": "string",
            "physicalType": "string",
            "description": told,
            "logicalTypeOptions": {"pattern": re.escape(told)},
        }
        document: dict[str, Any] = {
            "apiVersion": "v3.2.0",
            "kind": "DataContract",
            "id": name,
            "name": told,
            "version": "1.0.0",
            "status": told,
            "domain": told,
            "team": {"name": told},
            "tags": [told],
            "description": {"purpose": told, "usage": told, "limitations": told},
            "schema": [
                {
                    "name": name.partition(".")[2],
                    "logicalType": "object",
                    "description": told,
                    "dataGranularityDescription": told,
                    "tags": [told],
                    "properties": [column],
                    "quality": [{"name": told, "metric": "rowCount", "mustBeGreaterThan": 0, "severity": "error"}],
                }
            ],
        }
        source = {"connection": "shop", "object": told, "fields": {"id": told}}
        self._write(f"bronze/{as_file(number, text)}.contract.yaml", document)
        self._write(f"bronze/{as_file(number, text)}.load.yaml", {"source": source, "write": {"mode": "append"}})

    def _run(self, folder: Folder, number: int, text: str) -> None:
        began = BEGAN + timedelta(minutes=number)
        gate = GateSummary(0, 2, failed=(text,), warnings=(text,), evidence=text)
        books = Books(extracted=3, accepted=1, quarantined=2, inserted=1)
        results = (
            TableResult(self.name(number), "gate failed", books=books, gate=gate, rejected={text: 2}, error=text),
            TableResult(text, "failed", error=text),
        )
        summary = RunSummary(
            self.run_id(number),
            "daily",
            text,
            began.date(),
            began,
            status="failed",
            finished_at=began + timedelta(minutes=number),
            release=text,
            tables=results,
            published=(Publication(text, text, 1, 1, 2), Publication(text, text, error=text)),
            warnings=(Warned(text, text), Warned(None, text)),
            error=text,
            job=text,
        )
        folder.write_text(f"{self.run_id(number)}.json", json.dumps(summary.to_json()))

    def run_id(self, number: int) -> str:
        """The id of a text's run."""
        return as_file(number, self.texts[number])

    def _check(self, results: Path, number: int, text: str) -> None:
        name = self.name(number)
        checks = [{"name": storable(text), "outcome": "fail", "value": text, "limit": None}]
        path = results.joinpath(*name.split(".", 1), f"{self.run_id(number)}.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        found = {"table": name, "run_id": self.run_id(number), "checks": checks}
        path.write_text(json.dumps(found), encoding="utf-8")

    def _reject(self, lanes: Path, name: str, text: str) -> None:
        layer, _, table = name.partition(".")
        folder = lanes / layer / table / "dt=2026-01-31" / "run_id=1"
        folder.mkdir(parents=True)
        reasons = [{"rule": text, "column": text, "value": text, "message": text}]
        row = {"error_id": text, "reasons": reasons, "payload": json.dumps({text: text})}
        (folder / "part-0.json").write_text(json.dumps(row), encoding="utf-8")


def storable(text: str) -> str:
    """The text as YAML and Parquet take it."""
    return text.encode("utf-8", "replace").decode()


def as_file(number: int, text: str) -> str:
    """What a file can be called: the text without folders and ends."""
    return f"{number:02d} " + storable(text).translate({ord("/"): "∕", ord("."): "·", 0: "0"}).strip()
