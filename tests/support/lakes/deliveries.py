"""Files that land in a folder and are received by the engine's own file source, run by run."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tests.support.lakes.lake import Lake, Loaded
from tidemark import steps
from tidemark.config.connections import ConnectionValue


@dataclass(frozen=True)
class Deliveries:
    """A landing place for the tables of a lake; a table reads the folder that its load file names."""

    lake: Lake

    def put(self, name: str, content: str | bytes, written: datetime) -> None:
        """Puts a file there that was written at that time (UTC)."""
        path = self.lake.root / "landing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        seconds = written.replace(tzinfo=UTC).timestamp()
        os.utime(path, (seconds, seconds))

    def receive(self, table: str) -> Loaded | None:
        """One run of the table; None where nothing is new."""
        place = ConnectionValue("shop", "files", {"uri": str(self.lake.root / "landing")})
        engine = replace(self.lake.engine(), connect=lambda _: place)
        extract = steps.extract(engine, table)
        if steps.has_nothing(engine, table, extract):
            steps.stay(engine, table)
            return None
        checked = steps.validate(engine, table, extract)
        return self.lake.finish(engine, table, *self.lake.prepare(engine, table, checked))
