"""Progress of a run's stages as artifacts: a bar for each stage in Prefect's UI, moved by every table that ends."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from flows.running.telling.artifacts import Bar
from flows.running.telling.progress import LoggingWatcher, publish_stage
from tidemark.control.runs import Publication, TableResult
from tidemark.observe.pages import artifact_key


@dataclass
class _Stage:
    bar: Bar
    tables: int
    waiting: set[str] = field(default_factory=set)

    @property
    def percent(self) -> float:
        return 100 * (1 - len(self.waiting) / self.tables)


class ArtifactWatcher(LoggingWatcher):
    """Logs what happens, and shows how far each stage has come."""

    def __init__(self) -> None:
        self._stages: dict[str, _Stage] = {}
        self._lock = threading.Lock()

    def stage_began(self, stage: str, tables: Sequence[str]) -> None:
        super().stage_began(stage, tables)
        if not tables:
            return
        bar = Bar(artifact_key("tidemark-progress", stage), f"{stage}: {len(tables)} tables")
        with self._lock:
            self._stages[stage] = _Stage(bar, len(tables), set(tables))

    def table_ended(self, result: TableResult) -> None:
        super().table_ended(result)
        with self._lock:
            newest = next((name for name in reversed(self._stages) if result.table in self._stages[name].waiting), None)
        if newest is not None:
            self._move(newest, result.table)

    def publication_ended(self, published: Publication) -> None:
        super().publication_ended(published)
        self._move(publish_stage(published.target), published.table)

    def _move(self, stage: str, table: str) -> None:
        with self._lock:
            known = self._stages.get(stage)
            if known is None:
                return
            known.waiting.discard(table)
            percent = known.percent
        known.bar.move(percent)
