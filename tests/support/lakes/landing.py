"""A landing folder on disk and a table that reads it, for tests of the file sources."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.support.lakes.lake import Lake
from tidemark import steps
from tidemark.config.connections import ConnectionValue
from tidemark.config.project import Table
from tidemark.rows import ORDER, ORIGIN
from tidemark.sources import Extract, ExtractRequest
from tidemark.sources.landing.files import FilesSource

AS_OF = datetime(2025, 3, 31, 23, 59, 59)


@dataclass
class LandingFolder:
    """Files that a test writes, and the extraction of `bronze.events` from them."""

    lake: Lake
    form: str | None = "csv"
    columns: str = "id int\nname string"
    options: Mapping[str, Any] | None = None
    pattern: str = "events/"
    place: str = "landing"
    mode: str = "append"
    also: Mapping[str, Any] | None = None
    """What else the load file says of the source."""

    @property
    def folder(self) -> Path:
        return self.lake.root / self.place / "events"

    def put(self, name: str, content: str | bytes, modified: datetime | None = None) -> Path:
        """Writes a file; `modified` (UTC) dates it back."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        if modified is not None:
            seconds = modified.replace(tzinfo=UTC).timestamp()
            os.utime(path, (seconds, seconds))
        return path

    def extract(self, bookkeeping: Mapping[str, Any] | None = None, **request: Any) -> Extract:
        """What the source gives now."""
        return FilesSource().extract(self.request(bookkeeping, **request))

    def request(self, bookkeeping: Mapping[str, Any] | None = None, **request: Any) -> ExtractRequest:
        """What the source is asked for."""
        settings = {
            "low": None,
            "since": None,
            "as_of": AS_OF,
            "bookkeeping": bookkeeping or {},
            "staging": "s3a://exchange/none",
            "local_staging": str(self.lake.root / "staging"),
            "full": False,
        }
        table, engine = self.table(), self.lake.engine()
        return ExtractRequest(
            table=table,
            connection=self._connection,
            spark=self.lake.spark,
            environment=engine.environment,
            **settings | request,
        )

    def step(self) -> Extract:
        """What the step of a run makes of it, which reads the files."""
        self.table()
        engine = replace(self.lake.engine(), connect=lambda _: self._connection)
        return steps.extract(engine, "bronze.events")

    @property
    def _connection(self) -> ConnectionValue:
        return ConnectionValue("landing", "files", {"uri": str(self.lake.root / self.place)})

    def rows(self, extract: Extract | None = None) -> list[dict[str, Any]]:
        """The rows of an extract (default: a first one) without what the engine adds, null columns left out, sorted."""
        frame = (extract or self.extract()).frame
        rows = [{name: value for name, value in row.asDict().items() if value is not None} for row in frame.collect()]
        return sorted(({key: row[key] for key in sorted(row) if key not in (ORIGIN, ORDER)} for row in rows), key=repr)

    def table(self) -> Table:
        source = {
            "connection": "shop",
            "object": self.pattern,
            "format": self.form,
            "options": dict(self.options or {}),
            **(self.also or {}),
        }
        self.lake.table("bronze.events", self.columns, {"source": source, "write": {"mode": self.mode}})
        return self.lake.engine().table("bronze.events")
