"""One run: opened by the outermost flow, shared by the flows that it calls, summed up however it ends."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

from prefect.context import FlowRunContext
from prefect.logging.handlers import APILogHandler

from blocks.register import connect
from flows.running.sealed import refuse_other_environments
from flows.running.telling.artifacts import show_markdown
from flows.running.telling.collector import Collector
from flows.running.telling.console_logs import console_logs
from flows.running.telling.glue import register_released
from flows.running.telling.lineage import LineageWatcher, tell_end, trace, watch_lineage
from flows.running.telling.progress import Watcher, Watchers, watcher
from flows.running.telling.progress_artifacts import ArtifactWatcher
from flows.running.telling.watching import compared, job_name, measured, note_began, tell
from tasks.transient import patience
from tidemark.advice import about, addressed, in_environment
from tidemark.aws.folder import Folder, open_folder
from tidemark.config.environment import Environment
from tidemark.config.project import Project, load_project
from tidemark.control import sealing
from tidemark.control.approvals import Allowance, note
from tidemark.control.processes import this_process
from tidemark.control.runs import Run, RunStatus, RunStore, RunSummary
from tidemark.control.state import StateStore, open_state
from tidemark.engine import Engine
from tidemark.errors import GateError, TidemarkError
from tidemark.observe.alerts import Alerts
from tidemark.observe.logs import LOGGER, run_log
from tidemark.observe.run_report import markdown
from tidemark.operations import staging
from tidemark.spark import logstore
from tidemark.spark.session import build_session

ARTIFACT = "tidemark-run-summary"

log = logging.getLogger("tidemark.run")


@dataclass(frozen=True)
class RunContext:
    """What the flows of one run share. `flow` is the outermost one: it commits what the others prepared.

    `at_once`: how many tables may do Spark work at the same time.
    """

    flow: str
    engine: Engine
    collector: Collector
    alerts: Alerts
    folder: Folder
    watcher: Watcher
    at_once: int
    lineage: LineageWatcher | None = None

    def cancel(self) -> None:
        """Stops what Spark is doing; the threads that wait for it then end."""
        self.engine.spark.sparkContext.cancelAllJobs()


_open: ContextVar[RunContext | None] = ContextVar("tidemark_open_run", default=None)


def is_open() -> bool:
    """Whether a flow is called by another one, whose run it shares."""
    return _open.get() is not None


@contextmanager
def open_run(
    flow: str,
    env: str,
    config: str,
    day: date | None,
    *,
    as_of: datetime | None = None,
    at_once: int | None = None,
    plans: bool = False,
    allows: Allowance | None = None,
) -> Iterator[RunContext]:
    """The run of the flow that called this one, or a new one, whose summary is stored when the block ends.

    A new one looks at nothing later than `day` and `as_of`, works on `at_once` tables at the same time (as the
    environment says when None), lets the limits of tables pass that it `allows`, with a record of who said so, and
    commits nothing when it `plans`.

    Raises `ConfigError` before anything is done when configuration or date are wrong, or lead into another environment.
    """
    outer = _open.get()
    if outer is not None:
        yield outer
        return
    project = load_project(config, env)
    environment = project.environment
    refuse_other_environments(environment, config)
    sealing.claim_lake(environment)
    allowed = allows or Allowance()
    run = Run.start(day, as_of=as_of, plans=plans, allows=allowed.limits, traced=trace())
    seen_from = about(in_environment(environment.name))
    with console_logs(environment.logs), _logged(environment, run, flow), _logs_in_prefect(), seen_from:
        folder = open_folder(environment.roots.runs, environment.aws)
        started = _started(run, flow, environment, folder)
        lineage = watch_lineage(project, run, flow)
        seen_by = watcher(otherwise=ArtifactWatcher)
        watching = Watchers(seen_by, lineage) if lineage else seen_by
        collector = Collector(started, watching)
        alerts = Alerts(environment, run.run_id, folder)
        ending = _Ending(project, run, collector, alerts, folder, watching, lineage)
        try:
            state = ending.state = open_state(environment)
            note_began(started, project, state)
            if allowed.asked is not None and allowed.approved is not None:
                note(state, allowed.asked, allowed.approved, run.started_at, run.run_id)
            spark = build_session(environment)
            logstore.verify(spark, environment.roots.lake)
            connecting = partial(connect, environment)
            engine = Engine(project, spark, state, connecting, run, flow_run=_flow_run(), waits=watching.waits)
            if lineage is not None:
                lineage.engine = engine
            room = at_once or environment.compute.concurrency
            context = RunContext(flow, engine, collector, alerts, folder, watching, room, lineage)
            token = _open.set(context)
            try:
                with engine.leases.kept(), patience(environment.retry.lasting):
                    yield context
            finally:
                _open.reset(token)
        except BaseException as error:
            ending.end(_status(error), error)
            raise
        ending.end("done")
        # The command shows a plan when its run is over; one that cannot be applied is left to the next run.
        _clean(environment, RunStore(folder), state, keep={run.run_id} if run.plans else ())


def _started(run: Run, flow: str, environment: Environment, folder: Folder) -> RunSummary:
    """What there is to say of a run that has only begun, stored for those who look."""
    started = RunSummary(
        run.run_id,
        flow,
        environment.name,
        run.date,
        run.started_at,
        process=this_process(),
        allowed=tuple(sorted(run.allows)),
        job=job_name(),
        trace_id=run.trace_id,
    )
    RunStore(folder).save(started)
    return started


def _clean(environment: Environment, runs: RunStore, state: StateStore, keep: Collection[str]) -> None:
    """Removes what nobody needs of staging and exchange; the run is done, and is not undone by what fails here."""
    try:
        kept, aws = environment.retention, environment.aws
        staging.clean(open_folder(environment.roots.staging, aws), runs, state, keep, kept.staging)
        staging.clean_exchange(open_folder(environment.exchange.rstrip("/"), aws), runs, state, kept.exchange)
    except (TidemarkError, OSError):
        log.exception("staging and exchange could not be cleaned; the next run tries again")


def _flow_run() -> str:
    """What Prefect calls this run, and where it is found there."""
    opened = FlowRunContext.get()
    return f"{opened.flow_run.name} ({opened.flow_run.id})" if opened and opened.flow_run else ""


def _status(error: BaseException) -> RunStatus:
    if isinstance(error, GateError):
        return "gate failed"
    return "failed" if isinstance(error, Exception) else "interrupted"


@dataclass
class _Ending:
    """What the end of a run needs. `state` is there once the control store is open."""

    project: Project
    run: Run
    collector: Collector
    alerts: Alerts
    folder: Folder
    watching: Watcher
    lineage: LineageWatcher | None = None
    state: StateStore | None = None

    def end(self, status: RunStatus, error: BaseException | None = None) -> None:
        """Stores and shows the summary, and tells who watches; what fails here hides no earlier error."""
        if isinstance(error, TidemarkError) and error.next_step:
            error.next_step = addressed(error.next_step)  # it is read when nobody knows any more of which run it is
        register_released(self.project, self.state, self.collector)
        tell_end(self.lineage, self.collector, status, error)
        summary = self.collector.summary(status, error)
        summary = measured(summary, self.project, self.state, self.folder, plans=self.run.plans)
        summary = compared(summary, self.project, self.folder, plans=self.run.plans)
        tell(self.alerts, summary, error, self.project, self.state)
        path = self.folder.path(f"{summary.run_id}.json")
        try:
            RunStore(self.folder).save(summary)
        except TidemarkError:
            if error is None:
                raise
            log.exception("the summary of the run could not be stored")
        description = f"{summary.flow} {summary.environment} {summary.date}: {summary.status}"
        show_markdown(ARTIFACT, markdown(summary), description)
        self.watching.run_ended(summary, path)


def _logged(environment: Environment, run: Run, flow: str) -> AbstractContextManager[str]:
    """The file of the run's log, and what every record of the run says of it."""
    folder = open_folder(environment.roots.logs, environment.aws)
    level = logging.getLevelName(environment.logs.level.upper())
    return run_log(folder, run.run_id, level, job=job_name() or flow, trace_id=run.trace_id)


@contextmanager
def _logs_in_prefect() -> Iterator[None]:
    """Sends the engine's log records to Prefect, where a run's page shows them."""
    handler = APILogHandler(level=logging.INFO)
    logger = logging.getLogger(LOGGER)
    if FlowRunContext.get() is not None:
        logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
