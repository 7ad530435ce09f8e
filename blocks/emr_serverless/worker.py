"""Prefect's worker for EMR Serverless: starts a job run for each flow run, follows it, and takes up what others left.

The flow run's own process reports its states, and ends it when somebody cancels it in Prefect. The worker does what
that process cannot: it starts the job, says what became of one whose driver died, and ends one that does not react.
It keeps nothing: whoever polls the work pool after it finds the job runs by the names of their flow runs.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import anyio
from anyio.to_thread import run_sync
from prefect.exceptions import InfrastructureNotAvailable, InfrastructureNotFound
from prefect.workers.base import BaseWorker, BaseWorkerResult
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_delay, wait_random_exponential

from blocks.emr_serverless.configuration import EMRServerlessConfiguration
from blocks.emr_serverless.job_runs import JobRun, JobRuns, is_passing
from blocks.emr_serverless.orphans import orphans_of
from blocks.emr_serverless.watch import Watch
from tidemark.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import anyio.abc
    from prefect.client.schemas.objects import FlowRun
    from prefect.logging.loggers import PrefectLogAdapter

_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0  # seconds

Answer = TypeVar("Answer")


class EMRServerlessResult(BaseWorkerResult):
    """What became of a job run: 0 for one that needs no more said, 1 for one that failed."""


class EMRServerlessWorker(BaseWorker[EMRServerlessConfiguration, Any, EMRServerlessResult]):
    """Runs flow runs as drivers of Spark jobs on EMR Serverless."""

    type: str = "emr-serverless"
    job_configuration = EMRServerlessConfiguration
    _description = "Run flows as Spark drivers on Amazon EMR Serverless, in the image that the application names."
    _documentation_url = "https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/emr-serverless.html"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._followed: set[UUID] = set()

    async def run(
        self,
        flow_run: FlowRun,
        configuration: EMRServerlessConfiguration,
        task_status: anyio.abc.TaskStatus[Any] | None = None,
    ) -> EMRServerlessResult:
        """Starts the flow run's job run, or takes up the one it has, and follows it to its end.

        When the worker stops, the job run goes on: nothing here ends it but a time-out or a cancelled flow run.
        """
        log = self.get_flow_run_logger(flow_run)
        runs = await run_sync(JobRuns, configuration)
        self._followed.add(flow_run.id)
        try:
            patience = configuration.capacity_wait_minutes
            watch = Watch(self.client, flow_run.id, configuration, runs, log)
            known = await _patiently(patience, log, partial(runs.of_flow_run, flow_run.id, flow_run.created))
            attempt = len(known) + 1
            job_run = _current(flow_run, known, runs)
            if job_run is None:
                job_run = await _patiently(patience, log, partial(runs.start, flow_run.id, attempt))
            log.info("Job run %s of application %s: %s", job_run.id, job_run.application_id, job_run.state)
            if task_status is not None:
                task_status.started(job_run.pid)
            ended = await watch.to_the_end(job_run)
            while await watch.is_to_be_started_again(ended):
                attempt += 1
                job_run = await _patiently(patience, log, partial(runs.start, flow_run.id, attempt))
                await self.client.update_flow_run(flow_run.id, infrastructure_pid=job_run.pid)
                ended = await watch.to_the_end(job_run)
            return EMRServerlessResult(identifier=ended.pid, status_code=await watch.conclude(ended))
        finally:
            self._followed.discard(flow_run.id)

    async def sync_with_backend(self) -> None:
        """What every worker does from time to time; and flow runs that nobody follows any more are taken up."""
        await super().sync_with_backend()
        if self._work_pool is None or self._runs_task_group is None:
            return
        for flow_run in await orphans_of(self.client, self.work_pool.name, self.name):
            if flow_run.id not in self._followed | self._submitting_flow_run_ids:
                self.get_flow_run_logger(flow_run).info("Worker '%s' takes up this flow run", self.name)
                self._submitting_flow_run_ids.add(flow_run.id)
                self._runs_task_group.start_soon(self._take_up, flow_run, self._runs_task_group)

    async def kill_infrastructure(
        self, infrastructure_pid: str, configuration: EMRServerlessConfiguration, grace_seconds: int = 30
    ) -> None:
        """Ends a job run; raises `InfrastructureNotFound` when there is none, or it has ended."""
        runs = await run_sync(JobRuns, configuration)
        if not infrastructure_pid.startswith(f"{configuration.application_id}:"):
            raise InfrastructureNotAvailable(
                f"the job run {infrastructure_pid} is not of the application {configuration.application_id}"
            )
        job_run = await run_sync(runs.get, infrastructure_pid)
        if job_run is None or job_run.ended:
            raise InfrastructureNotFound(f"there is no job run {infrastructure_pid} that could be cancelled")
        await run_sync(runs.cancel, job_run, max(grace_seconds, 15))

    async def _take_up(self, flow_run: FlowRun, group: anyio.abc.TaskGroup) -> None:
        try:
            pid = await group.start(self._submit_run_and_capture_errors, flow_run)
            if isinstance(pid, str):
                await self.client.update_flow_run(flow_run.id, infrastructure_pid=pid)
        finally:
            self._submitting_flow_run_ids.discard(flow_run.id)


def _current(flow_run: FlowRun, known: Sequence[JobRun], runs: JobRuns) -> JobRun | None:
    """The job run that the flow run has already, of those that are known; None when it is to get one."""
    living = [job_run for job_run in known if not job_run.ended]
    if living:
        return living[-1]
    state = flow_run.state
    if state is not None and (state.is_running() or state.is_cancelling()):
        return known[-1] if known else runs.unknown()
    if state is not None and state.is_pending():
        since = [job_run for job_run in known if job_run.created and job_run.created > state.timestamp]
        return since[-1] if since else None
    return None


async def _patiently(minutes: float, log: PrefectLogAdapter, action: Callable[[], Answer]) -> Answer:
    """What `action` returns; while AWS has no capacity or does not answer, it is tried again, for some minutes."""

    def tell(state: RetryCallState) -> None:
        failure = state.outcome.exception() if state.outcome else None
        pause = state.next_action.sleep if state.next_action else 0.0
        log.warning("AWS cannot take it now, next attempt in %.0f s: %s", pause, redact(str(failure)))

    retrying = AsyncRetrying(
        stop=stop_after_delay(minutes * 60),
        wait=wait_random_exponential(multiplier=_FIRST_WAIT, max=_LONGEST_WAIT),
        retry=retry_if_exception(is_passing),
        before_sleep=tell,
        sleep=anyio.sleep,
        reraise=True,
    )
    return await retrying(run_sync, action)
