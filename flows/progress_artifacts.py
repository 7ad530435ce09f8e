"""Progress of a run's stages as artifacts: a bar for each stage in Prefect's UI, moved by every table that ends."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.context import FlowRunContext

from flows.progress import LoggingWatcher, publish_stage
from tidemark.runs import Publication, TableResult

log = logging.getLogger("tidemark.progress")


@dataclass
class _Stage:
    artifact: UUID
    tables: int
    waiting: set[str] = field(default_factory=set)

    @property
    def percent(self) -> float:
        return round(100 * (1 - len(self.waiting) / self.tables), 1)


class ArtifactWatcher(LoggingWatcher):
    """Logs what happens, and shows how far each stage has come. What fails to be shown is logged, and no more."""

    def __init__(self) -> None:
        self._stages: dict[str, _Stage] = {}
        self._lock = threading.Lock()

    def stage_began(self, stage: str, tables: Sequence[str]) -> None:
        super().stage_began(stage, tables)
        if not tables or FlowRunContext.get() is None:
            return
        try:
            artifact = create_progress_artifact(0.0, key=_key(stage), description=f"{stage}: {len(tables)} tables")
        except Exception:
            log.exception("the progress of %s cannot be shown in Prefect", stage)
            return
        if isinstance(artifact, UUID):
            with self._lock:
                self._stages[stage] = _Stage(artifact, len(tables), set(tables))

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
        try:
            update_progress_artifact(known.artifact, percent)
        except Exception:
            log.exception("the progress of %s cannot be shown in Prefect", stage)


def _key(stage: str) -> str:
    return f"tidemark-progress-{stage.lower().replace(' ', '-')}"
