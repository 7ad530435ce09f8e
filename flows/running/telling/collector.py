"""Collects what a run does while it does it, so that there is a summary however the run ends."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tidemark.books import Books
from tidemark.control.runs import (
    GateSummary,
    LineageSummary,
    Publication,
    RunStatus,
    RunSummary,
    SnapshotTaken,
    TableResult,
    TableStatus,
    Warned,
)
from tidemark.observe.fitting import measured
from tidemark.observe.run_report import newly_rejected

if TYPE_CHECKING:
    from flows.running.telling.progress import Watcher
    from tidemark.compute.gate.quality import GateResult
    from tidemark.errorlane.quarantine import Rejected

_NUMBER = re.compile(r"\d+(?:\.\d+)?")


class Collector:
    """The summary of a run in the making; tables report to it from their own threads."""

    def __init__(self, summary: RunSummary, watcher: Watcher) -> None:
        self._summary = summary
        self._watcher = watcher
        self._results: dict[str, TableResult] = {}
        self._lock = threading.Lock()

    def stage(self, name: str, tables: Sequence[str]) -> None:
        """A stage of the run begins with these tables."""
        self._watcher.stage_began(name, tables)

    @contextmanager
    def step(self, table: str, name: str) -> Iterator[None]:
        """Times a step of a table and shows it to who watches."""
        self._watcher.step_began(table, name)
        started = time.monotonic()
        try:
            yield
        finally:
            spent, known = time.monotonic() - started, self.result(table)
            steps = {**known.steps, name: round(known.steps.get(name, 0.0) + spent, 3)}
            self.note(table, seconds=known.seconds + spent, steps=steps)

    def result(self, table: str) -> TableResult:
        """What is known of a table so far."""
        with self._lock:
            return self._results.get(table, TableResult(table, "unfinished"))

    def note(self, table: str, **changes: Any) -> None:
        """Adds to what is known of a table (fields of `TableResult`)."""
        with self._lock:
            known = self._results.get(table, TableResult(table, "unfinished"))
            self._results[table] = replace(known, **changes)

    @contextmanager
    def one_of_several(self, table: str) -> Iterator[None]:
        """A batch of a table that has several: what it counts is added to what those before it counted.

        Of one that is not committed only the rows count that it has left in the error lane.
        """
        earlier = self.result(table)
        self.note(table, books=None, rejected={}, newly_rejected=None)
        try:
            yield
        except BaseException:
            left = self.result(table)
            rejected = left.books.quarantined if left.books and left.newly_rejected is not None else 0
            self.note(table, books=Books(extracted=rejected, quarantined=rejected))
            raise
        finally:
            self._add(table, earlier)

    def _add(self, table: str, earlier: TableResult) -> None:
        now = self.result(table)
        rejected = Counter(earlier.rejected)
        rejected.update(now.rejected)
        self.note(
            table,
            books=(earlier.books or Books()) + (now.books or Books()),
            rejected=dict(rejected),
            newly_rejected=newly_rejected((earlier, now)),
            status="committed" if earlier.status == "committed" else now.status,
        )

    def end(self, table: str, status: TableStatus, error: Exception | None = None) -> None:
        """A stage is done with a table."""
        self.note(table, status=status, error=str(error) if error else None)
        self._watcher.table_ended(self.result(table))

    def gate(self, table: str, gate: GateResult) -> None:
        """Notes the outcome of a table's checks; a check that only warns is a warning of the run too."""
        passed = sum(check.outcome == "pass" for check in gate.checks)
        failed, warned = (tuple(map(check_text, checks)) for checks in (gate.failures, gate.warnings))
        self.note(table, gate=GateSummary(passed, len(gate.checks), failed, warned, gate.path))
        self._watcher.gate_ended(gate)
        for text in warned:
            self.warn(Warned(table, text, f"tidemark check --select {table}"))

    def warn(self, warned: Warned) -> None:
        """Something to look at that does not stop the run."""
        with self._lock:
            self._summary = replace(self._summary, warnings=(*self._summary.warnings, warned))

    def publication(self, published: Publication) -> None:
        """A table reached a warehouse, or failed to."""
        with self._lock:
            self._summary = replace(self._summary, published=(*self._summary.published, published))
        self._watcher.publication_ended(published)

    def expired(self, files: Mapping[str, int]) -> None:
        """Files that had rested for their time were removed."""
        with self._lock:
            known = self._summary.expired
            together = {name: count + known.get(name, 0) for name, count in files.items()}
            self._summary = replace(self._summary, expired={**known, **together})

    def release(self, name: str, new: bool) -> None:
        """The release that readers see, and whether this run made it."""
        with self._lock:
            self._summary = replace(self._summary, release=name, released=new)

    def snapshot(self, taken: SnapshotTaken) -> None:
        """A snapshot of a release is there."""
        with self._lock:
            self._summary = replace(self._summary, snapshot=taken)

    @property
    def released(self) -> str | None:
        """The release that readers see, as far as the run knows."""
        with self._lock:
            return self._summary.release

    @property
    def has_released(self) -> bool:
        """Whether this run has made a release."""
        with self._lock:
            return self._summary.released

    def lineage(self, told: LineageSummary) -> None:
        """What became of the run's lineage events."""
        with self._lock:
            self._summary = replace(self._summary, lineage=told)

    def rejected(self, table: str, new: Rejected) -> None:
        """What is new in the error lane."""
        self.note(table, rejected=dict(new.by_rule), newly_rejected=new.rows)

    def summary(self, status: RunStatus, error: BaseException | None = None) -> RunSummary:
        """The summary as of now; any status but `running` ends the run."""
        with self._lock:
            finished = None if status == "running" else datetime.now(UTC).replace(tzinfo=None)
            self._summary = replace(
                self._summary,
                status=status,
                finished_at=finished,
                tables=tuple(self._results.values()),
                error=None if error is None else str(error) or type(error).__name__,
            )
            return self._summary


def check_text(check: Any) -> str:
    """A check that did not pass, with what was measured: `row count > 0: was 0`; and which values do not pass, where
    its name does not say that: `dearest order: was 25 593.3 (fails > 2 000)`.
    """
    told = check.name if check.value is None else f"{check.name}: was {measured(check.value)}"
    if check.bad and not all(bound in check.name for bound in _NUMBER.findall(check.bad)):
        verb = "warns" if check.outcome == "warn" and not check.bypass else "fails"
        told += f" ({verb} {measured(check.bad)})"
    return f"{told} ({check.bypass})" if check.bypass else told
