"""Follows one job run: its states go to the flow run's log, its end to the flow run's state."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import anyio
from anyio.to_thread import run_sync
from prefect.client.schemas.objects import State, StateType
from prefect.states import Cancelled, Crashed

from blocks.emr_serverless import driver_log
from blocks.emr_serverless.job_runs import CANCELLED, CANCELLING, RUNNING, SUCCESS, JobRun, JobRuns, is_passing
from tidemark.redaction import redact

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun
    from prefect.logging.loggers import PrefectLogAdapter

    from blocks.emr_serverless.configuration import EMRServerlessConfiguration

_TIMED_OUT = "TimedOut"
_LONGEST_WAIT = 60.0  # seconds
_BEFORE_RUNNING = frozenset({"SUBMITTED", "PENDING", "SCHEDULED", "QUEUED"})


class Watch:
    """Follows a job run of a flow run, from wherever it stands."""

    def __init__(
        self,
        client: PrefectClient,
        flow_run_id: UUID,
        configuration: EMRServerlessConfiguration,
        runs: JobRuns,
        log: PrefectLogAdapter,
    ) -> None:
        self._client = client
        self._id = flow_run_id
        self._configuration = configuration
        self._runs = runs
        self._log = log
        self._began = time.monotonic()
        self._cancelling_since: float | None = None
        self._start_timed_out = False

    async def to_the_end(self, job_run: JobRun) -> JobRun:
        """The job run when it has ended: by itself, for it took too long to start, or because somebody cancelled it."""
        while not job_run.ended:
            await anyio.sleep(self._configuration.poll_seconds)
            before, job_run = job_run, await self._seen(job_run)
            if job_run.state != before.state:
                self._log.info("Job run %s: %s → %s%s", job_run.id, before.state, job_run.state, _told(job_run))
            if not job_run.ended and job_run.state != CANCELLING:
                await self._cancel_when_due(job_run)
        return job_run

    async def is_to_be_started_again(self, ended: JobRun) -> bool:
        """Whether the job run found no room, its flow run has not begun, and patience has not run out.

        If so, this comes back after a wait: as long as it has waited already, but no longer than a minute.
        """
        if not ended.lacked_capacity or self._waited() > self._configuration.capacity_wait_minutes * 60:
            return False
        flow_run = await self._flow_run()
        if flow_run.state is None or not flow_run.state.is_pending():
            return False
        pause = min(self._waited(), _LONGEST_WAIT)
        self._log.warning("Job run %s found no capacity, started again in %.0f s%s", ended.id, pause, _told(ended))
        await anyio.sleep(pause)
        return True

    async def conclude(self, ended: JobRun) -> int:
        """Gives the flow run a final state where its own process did not; 1 when that was a failure, else 0.

        A process that EMR ended for its time-out only knows that it was ended.
        """
        flow_run = await self._flow_run()
        state = flow_run.state
        if state is None or not (_is_open(state) or (state.is_crashed() and self._ran_too_long(ended))):
            return 0
        message = await self._what_happened(ended)
        if state.is_cancelling():
            await self._client.set_flow_run_state(self._id, Cancelled(message=message), force=True)
            return 0
        self._log.error(message)
        final: State[Any] = Crashed(message=message)
        if self._start_timed_out or self._ran_too_long(ended):
            final = State(type=StateType.FAILED, name=_TIMED_OUT, message=message)
        # By force: Prefect would leave the retry of a failed run to its process, which is gone.
        await self._client.set_flow_run_state(self._id, final, force=True)
        return 1

    async def _seen(self, job_run: JobRun) -> JobRun:
        """The job run as it is now; as it was, when AWS cannot say."""
        try:
            return await run_sync(self._runs.get, job_run.pid) or self._runs.unknown()
        except Exception as failure:
            if not is_passing(failure):
                raise
            self._log.warning("Job run %s could not be looked at: %s", job_run.id, redact(str(failure)))
            return job_run

    async def _cancel_when_due(self, job_run: JobRun) -> None:
        if job_run.state in _BEFORE_RUNNING and self._waited() > self._configuration.start_timeout_minutes * 60:
            self._start_timed_out = True
            self._log.error("Job run %s did not start in time and is cancelled", job_run.id)
            await self._cancel(job_run)
            return
        flow_run = await self._flow_run()
        if flow_run.state is None or not (flow_run.state.is_cancelling() or flow_run.state.is_cancelled()):
            return
        if self._cancelling_since is None:
            self._cancelling_since = time.monotonic()
        patience = self._configuration.cancel_grace_seconds if job_run.state == RUNNING and flow_run.start_time else 0
        if time.monotonic() - self._cancelling_since >= patience:
            self._log.info("The flow run is cancelled: so is job run %s", job_run.id)
            await self._cancel(job_run)

    async def _cancel(self, job_run: JobRun) -> None:
        try:
            await run_sync(self._runs.cancel, job_run, self._configuration.cancel_grace_seconds)
        except Exception as failure:
            if not is_passing(failure):
                raise
            self._log.warning("Job run %s could not be cancelled yet: %s", job_run.id, redact(str(failure)))

    async def _what_happened(self, ended: JobRun) -> str:
        """One line on how the job run ended, and the last ones of its driver."""
        lines = [f"Job run {ended.id} of application {ended.application_id} {self._end_of(ended)}{_told(ended)}"]
        if self._configuration.log_uri:
            last = await run_sync(driver_log.tail, self._configuration.log_uri, ended, self._configuration.aws)
            lines += [f"  {line}" for line in last]
            lines.append(f"  evidence  {driver_log.folder(self._configuration.log_uri, ended)}")
        return "\n".join(lines)

    def _end_of(self, ended: JobRun) -> str:
        limits = self._configuration
        if self._start_timed_out:
            return f"waited {limits.start_timeout_minutes:g} minutes for its driver to start, and was cancelled"
        if self._ran_too_long(ended):
            return f"was ended by EMR: it ran longer than {limits.timeout_minutes} minutes"
        if ended.state == CANCELLED and self._cancelling_since is None:
            return "was cancelled in EMR, not in Prefect"
        if ended.state == SUCCESS:
            return "ended without a word of the flow run's end"
        return f"ended as {ended.state}"

    def _ran_too_long(self, ended: JobRun) -> bool:
        return ended.state == CANCELLED and ended.seconds >= self._configuration.timeout_minutes * 60

    async def _flow_run(self) -> FlowRun:
        return await self._client.read_flow_run(self._id)

    def _waited(self) -> float:
        return time.monotonic() - self._began


def _is_open(state: State[Any]) -> bool:
    return state.is_running() or state.is_pending() or state.is_cancelling()


def _told(job_run: JobRun) -> str:
    return f": {redact(job_run.details)}" if job_run.details else ""
