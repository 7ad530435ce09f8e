"""Tells lineage of a run's jobs as they begin and end: who watches the run hears of all of them."""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from prefect.context import FlowRunContext

from tidemark.aws.folder import open_folder
from tidemark.control import commits
from tidemark.control.processes import this_process
from tidemark.observe.lineage.courier import Courier
from tidemark.observe.lineage.jobs import Begun, Checked, Ended, Job, Parents, State, of_batch

if TYPE_CHECKING:
    from flows.running.telling.collector import Collector
    from tidemark.compute.gate.quality import GateResult
    from tidemark.config.environment import Environment
    from tidemark.config.project import Project
    from tidemark.control.commits import Interrupted
    from tidemark.control.runs import LineageSummary, Publication, Run, RunStatus, RunSummary, TableResult
    from tidemark.engine import Engine
    from tidemark.observe.lineage.events import Event, Events
    from tidemark.observe.lineage.transports import Transport

_TRACEPARENT, _TRACEPARENT_LABEL = "TRACEPARENT", "__OTEL_TRACEPARENT"
_TRACEPARENT_FORM = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
FILE = "file"
OFF = "off"
# The steps that only a load has: what checks, verifies or maintains a table is no load of it.
_OF_A_LOAD = frozenset({"extract", "build", "read errors", "write errors", "prepare", "commit"})
_OTHER_WRITES: dict[str, Callable[[str], Job]] = {"restore": Job.restore, "erase": Job.erase}
_ENDS: dict[str, State] = {
    "committed": "COMPLETE",
    "unchanged": "COMPLETE",
    "failed": "FAIL",
    "gate failed": "FAIL",
    "stopped": "ABORT",
}
_NOT_COMMITTED = "was prepared, and not committed: the run ended before"


log = logging.getLogger("tidemark.lineage")


class LineageWatcher:
    """Hears what happens in a run, and tells it as OpenLineage events; `engine` is there once the run works.

    A run that plans loads nothing: of it only is told what it ends for runs that died.
    """

    def __init__(self, project: Project, run: Run, parents: Parents, courier: Courier) -> None:
        self.engine: Engine | None = None
        self._told_of = (project, run, parents)
        self._courier = courier
        self._run_id, self._plans = run.run_id, run.plans
        self._open: dict[str, Begun] = {}
        self._times: dict[str, int] = {}
        self._lock = threading.Lock()
        self._run = Begun(Job("RUN", parents.flow), run.run_id, run.started_at)
        if not self._plans:
            courier.take(lambda: self._events.began(self._run))

    @cached_property
    def _events(self) -> Events:
        """Asked for by the courier's thread alone: the client takes a second to import."""
        from tidemark.observe.lineage.events import Events

        return Events(*self._told_of)

    # As `progress.Watcher`

    def stage_began(self, stage: str, tables: Sequence[str]) -> None:
        """Stages are none of lineage's jobs."""

    def step_began(self, table: str, step: str) -> None:
        """The first step of a load begins it."""
        if step in _OF_A_LOAD:
            self._begin(Job.load(table))
        elif step in _OTHER_WRITES:
            self._begin(_OTHER_WRITES[step](table))

    def gate_ended(self, result: GateResult) -> None:
        """A gate has been passed, or not: it tells so as a job of its own, that reads the table."""
        checks = [Checked(each.name, each.outcome, each.value, each.limit, each.bypass) for each in result.checks]
        failed = [each.name for each in checks if each.outcome in ("fail", "error")]
        self._begin(Job.gate(result.table))
        error = f"{len(failed)} of {len(checks)} checks failed: {'; '.join(failed)}" if failed else None
        self._end(Job.gate(result.table), "FAIL" if failed else "COMPLETE", checks=checks, error=error)

    def table_ended(self, result: TableResult) -> None:
        """A load has ended, unless it was only prepared; so has what restores a table or erases somebody from it."""
        if result.status == "taken back":
            self._end(Job.restore(result.table), "COMPLETE", version=result.version)
            return
        state = _ENDS.get(result.status)
        if state is None:
            return
        told = {"books": result.books, "version": result.version} | self._of_batch(result)
        if result.error is not None:
            told["error"] = result.error
        for job in (Job.load, *_OTHER_WRITES.values()):
            self._end(job(result.table), state, **told)

    def publication_began(self, table: str, target: str) -> None:
        """A table is being brought to a warehouse."""
        self._begin(Job.publish(table, target))

    def publication_ended(self, published: Publication) -> None:
        """A table was brought to a warehouse, or could not be."""
        state: State = "COMPLETE" if published.error is None else "FAIL"
        rows = published.inserted if published.error is None else None
        job = Job.publish(published.table, published.target)
        self._end(job, state, rows=rows, version=published.version, error=published.error)

    def waits(self, told: str) -> None:
        """It is in the log."""

    def run_ended(self, summary: RunSummary, path: str) -> None:
        """It was told by `finish`, which the summary counts."""

    # What only the run's own end says

    def finished_for(self, died: Interrupted, table: str, version: int | None) -> None:
        """A load of a run that died while it committed was brought to its end."""
        job, at = Job.load(table), _now()
        begun = Begun(job, job.run_id(died.run_id), at, died.run_id)
        batch = self.engine.batches.get(table) if self.engine else None
        told: dict[str, Any] = of_batch(batch.prepared) if batch else {}
        self._courier.settle(begun.run_id)
        self._tell_end(begun, Ended("COMPLETE", at, version=version, **told))

    def finish(self, status: str, error: str | None, release: str | None) -> LineageSummary:
        """The run has ended: so have all of its jobs. Gives what became of the events."""
        with self._lock:
            left = list(self._open.values())
        why = error or f"the run ended: {status}"
        for begun in left:
            told = f"{begun.job.table} {_NOT_COMMITTED}: {why}" if begun.job.kind == "LOAD" else why
            self._end(begun.job, "ABORT", error=told)
        state: State = "COMPLETE" if status == "done" else "ABORT" if status == "interrupted" else "FAIL"
        ended = Ended(state, _now(), error, tags={"status": status, "release": release})
        if not self._plans:
            self._tell_end(self._run, ended)
        return self._courier.finish(self._held())

    def _held(self) -> Collection[str] | None:
        """The runs that died while they committed, which somebody still has to end; None where nobody can say."""
        if self.engine is None:
            return ()
        try:
            return {each.run_id for each in commits.interrupted(self.engine.state)}
        except Exception:  # the store does not answer: the run's own end is told nevertheless
            log.exception("lineage is not told which runs died")
            return None

    def _begin(self, job: Job) -> None:
        with self._lock:
            if self._plans or job.name in self._open:
                return
            number = self._times[job.name] = self._times.get(job.name, 0) + 1
            begun = self._open[job.name] = Begun(job, job.run_id(self._run_id, number), _now())
        self._courier.take(lambda: self._events.began(begun))

    def _end(self, job: Job, state: State, **told: Any) -> None:
        with self._lock:
            begun = self._open.pop(job.name, None)
        if begun is not None:
            self._tell_end(begun, Ended(state, _now(), **told))

    def _tell_end(self, begun: Begun, ended: Ended) -> None:
        self._courier.take(lambda: self._events.ended(begun, ended))

    def _of_batch(self, result: TableResult) -> dict[str, Any]:
        """What the batch of a table says of its load: the one that was committed, or the one that was prepared.

        An earlier one of the same run says nothing of a load that committed none.
        """
        if self.engine is None:
            return {}
        done = self.engine.batches.get(result.table) if result.status == "committed" else None
        batch = done.prepared if done else self.engine.prepared.get(result.table)
        if batch is not None:
            return of_batch(batch)
        return {"inputs": {name: self.engine.pinned.get(name) for name in self.engine.table(result.table).inputs}}


def watch_lineage(project: Project, run: Run, flow: str) -> LineageWatcher | None:
    """Who tells lineage of a run; None where the environment tells nothing.

    Lineage that cannot be told costs no run.
    """
    if project.environment.lineage.transport == OFF:
        return None
    try:
        return _watcher(project, run, flow)
    except Exception:
        log.exception("lineage is told nothing of this run")
        return None


def tell_end(
    lineage: LineageWatcher | None, collector: Collector, status: RunStatus, error: BaseException | None
) -> None:
    """Tells lineage that the run is over, and the summary what became of the events; it fails nothing else."""
    if lineage is None:
        return
    why = None if error is None else str(error) or type(error).__name__
    try:
        collector.lineage(lineage.finish(status, why, collector.released))
    except Exception:
        log.exception("lineage was not told how the run ended")


def trace() -> str:
    """The trace that the run is a part of: the one that Prefect or whoever started this process is in (W3C), else one
    that is called as the flow run is.
    """
    opened = FlowRunContext.get()
    flow_run = opened.flow_run if opened else None
    told = (flow_run.labels if flow_run else {}).get(_TRACEPARENT_LABEL) or os.environ.get(_TRACEPARENT, "")
    known = _TRACEPARENT_FORM.fullmatch(str(told).strip())
    if known and set(known[1]) != {"0"}:
        return known[1]
    return flow_run.id.hex if flow_run else ""


def _watcher(project: Project, run: Run, flow: str) -> LineageWatcher:
    environment = project.environment
    namespace = environment.lineage.namespace or f"tidemark-{environment.name}"
    courier = Courier(
        partial(_connected, environment, run),
        open_folder(environment.roots.lineage, environment.aws),
        run_id=run.run_id,
        process=this_process(),
        aborted=_aborted,
    )
    return LineageWatcher(project, run, _parents(namespace, flow, run), courier)


def _aborted(start: Event, at: datetime, why: str) -> Event:
    from tidemark.observe.lineage.events import aborted

    return aborted(start, at, why)


def _connected(environment: Environment, run: Run) -> Transport:
    from tidemark.observe.lineage.transports import FileTransport, HttpTransport

    if environment.lineage.transport == FILE:
        folder = open_folder(environment.roots.lineage, environment.aws)
        return FileTransport(folder, f"{run.started_at:%Y-%m-%d}", run.run_id)
    return HttpTransport(environment)


def _parents(namespace: str, flow: str, run: Run) -> Parents:
    """The flow run in Prefect is the root of what the run does."""
    opened = FlowRunContext.get()
    if opened is None or opened.flow_run is None:
        return Parents(namespace, flow, run.run_id)
    name = opened.flow.name if opened.flow else flow
    return Parents(namespace, flow, run.run_id, f"prefect.{name}", str(opened.flow_run.id))


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
