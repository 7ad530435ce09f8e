"""What the steps of one run share: the project, the session, the control store, the connections and the run itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tidemark.control.leases import Leases
from tidemark.control.processes import lives, this_process
from tidemark.control.release import indexed_versions
from tidemark.control.runs import Run
from tidemark.targets.exports import Exports, Once

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tidemark.config.connections import ConnectionValue
    from tidemark.config.environment import Environment
    from tidemark.config.project import Project, Table
    from tidemark.control.state import StateStore
    from tidemark.targets import OpenTarget, PublishRequest
    from tidemark.write.manifest import Prepared


Standing = tuple[str | None, str | None, int]
"""What a table is to whoever works on it: its Delta id, its last batch and its epoch."""


@dataclass(frozen=True)
class DoneBatch:
    """A batch that this run has committed, and the version that it made."""

    version: int
    prepared: Prepared


@dataclass(frozen=True)
class Engine:
    """The context of one run. Frozen, but for what the run has opened, prepared, committed and exported.

    `pinned`: the versions of the tables that it reads (see `compute.tables`), and `ids` the Delta ids of these tables:
    a version says nothing where another table may stand by now.
    `begun`: what tables were when the work on them began.
    `disturbed`: tables of which others have changed rows while this run committed to them.
    `attempts` are runs that did not come to the end of the same work: what they have staged is taken over.
    `flow_run` is what orchestrates this run calls it; `waits` is told for whom it waits.
    """

    project: Project
    spark: SparkSession
    state: StateStore
    connect: Callable[[str], ConnectionValue]
    run: Run
    prepared: dict[str, Prepared] = field(default_factory=dict)
    committed: dict[str, int] = field(default_factory=dict)
    pinned: dict[str, int | None] = field(default_factory=dict)
    ids: dict[str, str | None] = field(default_factory=dict)
    begun: dict[str, Standing] = field(default_factory=dict)
    disturbed: set[str] = field(default_factory=set)
    exports: Exports = field(default_factory=Exports)
    batches: dict[str, DoneBatch] = field(default_factory=dict)
    targets: Once[OpenTarget] = field(default_factory=Once)
    requests: Once[PublishRequest] = field(default_factory=Once)
    attempts: list[str] = field(default_factory=list)
    flow_run: str = ""
    waits: Callable[[str], None] | None = None
    _sessions: dict[str, SparkSession] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def environment(self) -> Environment:
        return self.project.environment

    @cached_property
    def leases(self) -> Leases:
        """The tables that this run may write."""
        settings = self.environment.state
        return Leases(
            self.state,
            self.run.run_id,
            this_process(),
            lasts=settings.lease,
            wait=settings.lease_wait,
            lives=lives,
            flow_run=self.flow_run,
            waits=self.waits,
        )

    @cached_property
    def indexed(self) -> dict[str, int | None]:
        """The versions of the tables by the index, when the run first asked: they may have moved on."""
        return indexed_versions(self.state)

    def session(self, table: str) -> SparkSession:
        """The table's own session of the run: commit settings are session-wide, and tables run side by side."""
        with self._lock:
            if table not in self._sessions:
                self._sessions[table] = self.spark.newSession()
            return self._sessions[table]

    def table(self, name: str) -> Table:
        return self.project.table(name)

    def table_path(self, name: str) -> str:
        """Where the table's Delta files lie."""
        layer, table = name.split(".", 1)
        return f"{self.environment.roots.lake}/{layer}/{table}"

    def staging_path(self, name: str, run_id: str | None = None) -> str:
        """Where this run, or that of `run_id`, stages the table's batch."""
        return f"{self.environment.roots.staging}/run_id={run_id or self.run.run_id}/{name}"

    def errors_path(self, name: str) -> str:
        """The root of the table's error lane."""
        layer, table = name.split(".", 1)
        return f"{self.environment.roots.errors}/{layer}/{table}"


def metadata_values(run: Run, batch_id: str, source_system: str) -> Mapping[str, Any]:
    """The values of the metadata columns that are the same for every row of a batch."""
    return {
        "_ingest_ts": run.started_at,
        "_batch_id": batch_id,
        "_source_system": source_system,
        "_run_date": run.date,
    }
