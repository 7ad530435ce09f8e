"""Who watches a run: the command line shows its steps, a worker logs them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

from tidemark.control.runs import Publication, RunSummary, TableResult
from tidemark.observe.run_report import count, duration

if TYPE_CHECKING:
    from tidemark.compute.gate.quality import GateResult

PUBLISH = "publish"

log = logging.getLogger("tidemark.progress")


class Watcher(Protocol):
    """Is told what happens in a run; called from the threads of its tables."""

    def stage_began(self, stage: str, tables: Sequence[str]) -> None:
        """A stage (`ingest`, `build`, …) begins to work on these tables."""

    def step_began(self, table: str, step: str) -> None:
        """A step of a table begins."""

    def gate_ended(self, result: GateResult) -> None:
        """The checks of a table have run."""

    def table_ended(self, result: TableResult) -> None:
        """A stage is done with a table, one way or the other."""

    def publication_began(self, table: str, target: str) -> None:
        """A table is being brought to a warehouse."""

    def publication_ended(self, published: Publication) -> None:
        """A table was brought to a warehouse, or could not be."""

    def waits(self, told: str) -> None:
        """The run waits for another one; said again and again while it does, and logged without this."""

    def run_ended(self, summary: RunSummary, path: str) -> None:
        """The run is over and its summary lies at `path`."""


class LoggingWatcher:
    """Writes what happens to the log: what a run under a worker does."""

    def stage_began(self, stage: str, tables: Sequence[str]) -> None:
        log.info("%s: %d tables", stage, len(tables))

    def step_began(self, table: str, step: str) -> None:
        log.debug("%s %s", step, table, extra={"table": table, "step": step})

    def gate_ended(self, result: GateResult) -> None:
        log.debug("checks of %s: %s", result.table, "passed" if result.passed else "failed")

    def table_ended(self, result: TableResult) -> None:
        log.info("%s", describe(result), extra={"table": result.table})

    def publication_began(self, table: str, target: str) -> None:
        log.debug("publish %s to %s", table, target, extra={"table": table})

    def publication_ended(self, published: Publication) -> None:
        log.info("%s", describe_publication(published), extra={"table": published.table})

    def waits(self, told: str) -> None:
        """It is in the log already."""

    def run_ended(self, summary: RunSummary, path: str) -> None:
        log.info("run %s %s after %s: %s", summary.run_id, summary.status, duration(summary.seconds), path)


class Watchers:
    """Several that watch one run; each is told everything, in this order."""

    def __init__(self, *watchers: Watcher) -> None:
        self._watchers = watchers

    def stage_began(self, stage: str, tables: Sequence[str]) -> None:
        for each in self._watchers:
            each.stage_began(stage, tables)

    def step_began(self, table: str, step: str) -> None:
        for each in self._watchers:
            each.step_began(table, step)

    def gate_ended(self, result: GateResult) -> None:
        for each in self._watchers:
            each.gate_ended(result)

    def table_ended(self, result: TableResult) -> None:
        for each in self._watchers:
            each.table_ended(result)

    def publication_began(self, table: str, target: str) -> None:
        for each in self._watchers:
            each.publication_began(table, target)

    def publication_ended(self, published: Publication) -> None:
        for each in self._watchers:
            each.publication_ended(published)

    def waits(self, told: str) -> None:
        for each in self._watchers:
            each.waits(told)

    def run_ended(self, summary: RunSummary, path: str) -> None:
        for each in self._watchers:
            each.run_ended(summary, path)


def publish_stage(target: str) -> str:
    """The name of the stage that publishes to a warehouse."""
    return f"{PUBLISH} to {target}"


def describe(result: TableResult) -> str:
    """One line for a table: `silver.orders committed · 4 790 in, 4 551 changed · ok 7/7 · 2.4 s`."""
    parts = [f"{result.table}{f' {result.chunk}' if result.chunk else ''} {result.status}"]
    if result.books is not None:
        parts.append(f"{count(result.books.extracted)} in, {count(result.books.changes)} changed")
        if result.books.quarantined:
            parts.append(f"{count(result.books.quarantined)} rejected")
    if result.gate is not None:
        parts.append(f"checks {result.gate.passed}/{result.gate.total}")
    parts.append(duration(result.seconds))
    return " · ".join(parts)


def describe_publication(published: Publication) -> str:
    """One line for a table in a warehouse: `gold.fact_sales published to redshift · 4 790 rows written`."""
    if published.error is not None:
        return f"{published.table} not published to {published.target}"
    removed = f", {count(published.deleted)} removed" if published.deleted else ""
    return f"{published.table} published to {published.target} · {count(published.inserted)} rows written{removed}"


_job: ContextVar[str] = ContextVar("tidemark_job", default="")
_watcher: ContextVar[Watcher | None] = ContextVar("tidemark_watcher", default=None)


def watcher(otherwise: Callable[[], Watcher] = LoggingWatcher) -> Watcher:
    """Who watches runs that begin here; `otherwise` makes one where nobody does."""
    return _watcher.get() or otherwise()


@contextmanager
def watched_by(new: Watcher) -> Iterator[None]:
    """Runs that begin inside the block are watched by `new`."""
    token = _watcher.set(new)
    try:
        yield
    finally:
        _watcher.reset(token)


def named_job() -> str:
    """What runs that begin here are called beside their flow; "" where nobody says."""
    return _job.get()


@contextmanager
def called(job: str) -> Iterator[None]:
    """Runs that begin inside the block are of this job."""
    token = _job.set(job)
    try:
        yield
    finally:
        _job.reset(token)
