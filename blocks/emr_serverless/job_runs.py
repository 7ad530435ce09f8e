"""Job runs on EMR Serverless: started once for each attempt of a flow run, found again, looked at, cancelled."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

from blocks.emr_serverless.configuration import EMRServerlessConfiguration
from tidemark.aws.clients import AWS_FAILURES, client, refusal
from tidemark.errors import TidemarkError

SUCCESS, FAILED, CANCELLED, CANCELLING, RUNNING = "SUCCESS", "FAILED", "CANCELLED", "CANCELLING", "RUNNING"
ENDED = frozenset({SUCCESS, FAILED, CANCELLED})

_CONFLICT = "ConflictException"
_STANDING_STILL = frozenset({"CREATED", "STOPPED"})
_NO_CAPACITY = frozenset(
    {
        _CONFLICT,  # the application is just being stopped or updated
        "InsufficientCapacityException",
        "InternalServerException",
        "LimitExceededException",
        "RequestLimitExceeded",
        "ServiceQuotaExceededException",
        "ServiceUnavailableException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_UNKNOWN = "ResourceNotFoundException"
_CAPACITY_WORDS = ("capacity", "quota", "throttl", "limit exceeded")
_CLOCKS_DIFFER_BY = timedelta(minutes=15)


class JobRunError(TidemarkError):
    """A job run could not be started."""


@dataclass(frozen=True)
class JobRun:
    """A job run as EMR last told it; `seconds` is how long it ran, once it has ended."""

    application_id: str
    id: str
    state: str
    details: str = ""
    seconds: int = 0
    created: datetime | None = None

    @property
    def pid(self) -> str:
        """How Prefect keeps it: as the infrastructure's id of a flow run."""
        return f"{self.application_id}:{self.id}"

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def lacked_capacity(self) -> bool:
        """Whether it failed because AWS had no room for it."""
        return self.state == FAILED and any(word in self.details.lower() for word in _CAPACITY_WORDS)

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Self:
        """From an answer of GetJobRun or ListJobRuns."""
        id_ = answer.get("jobRunId") or answer["id"]
        seconds = answer.get("totalExecutionDurationSeconds") or 0
        details = answer.get("stateDetails") or ""
        return cls(answer["applicationId"], id_, answer["state"], details, seconds, answer["createdAt"])


def name_of(flow_run_id: UUID) -> str:
    """The name of the job runs of a flow run."""
    return f"tidemark-{flow_run_id}"


def is_passing(failure: BaseException) -> bool:
    """Whether asking again later may help: AWS is short of capacity, limits requests, or cannot be reached."""
    code = refusal(failure)
    return code in _NO_CAPACITY if code else isinstance(failure, AWS_FAILURES)


class JobRuns:
    """The job runs of one application. Its methods block; they raise what boto3 raises."""

    def __init__(self, configuration: EMRServerlessConfiguration) -> None:
        self._configuration = configuration
        self._application = configuration.application_id
        self._emr = client("emr-serverless", configuration.aws)

    def of_flow_run(self, flow_run_id: UUID, created: datetime | None) -> list[JobRun]:
        """All job runs of a flow run that EMR still knows, the oldest first; `created` is when the flow run was."""
        return [JobRun.of(entry) for entry in sorted(self._listed(flow_run_id, created), key=_created)]

    def _listed(self, flow_run_id: UUID, created: datetime | None) -> Iterator[Mapping[str, Any]]:
        since = {"createdAtAfter": created - _CLOCKS_DIFFER_BY} if created else {}
        pages = self._emr.get_paginator("list_job_runs").paginate(applicationId=self._application, **since)
        name = name_of(flow_run_id)
        yield from (entry for page in pages for entry in page["jobRuns"] if entry.get("name") == name)

    def unknown(self) -> JobRun:
        """What stands for the job run of a flow run that EMR knows none of."""
        return JobRun(self._application, "unknown", FAILED, "EMR Serverless knows no job run of this flow run")

    def start(self, flow_run_id: UUID, attempt: int) -> JobRun:
        """Starts an attempt of a flow run; whoever asks for the same one again, gets the same job run."""
        self._start_application()
        token = uuid.uuid5(flow_run_id, f"attempt {attempt}")
        try:
            answer = self._emr.start_job_run(**self._configuration.request(name_of(flow_run_id), str(token)))
        except AWS_FAILURES as failure:
            # Another worker was first: its request has the same token, and its own name in it.
            if refusal(failure) != _CONFLICT or (other := self._living(flow_run_id)) is None:
                raise
            return other
        return JobRun(answer["applicationId"], answer["jobRunId"], "SUBMITTED")

    def get(self, pid: str) -> JobRun | None:
        """A job run by what `JobRun.pid` gave; None when EMR knows none such."""
        application, _, job_run = pid.partition(":")
        try:
            return JobRun.of(self._emr.get_job_run(applicationId=application, jobRunId=job_run)["jobRun"])
        except AWS_FAILURES as failure:
            if refusal(failure) == _UNKNOWN:
                return None
            raise

    def cancel(self, job_run: JobRun, grace_seconds: int) -> None:
        """Asks EMR to end a job run; its driver gets a signal and the grace."""
        self._emr.cancel_job_run(
            applicationId=job_run.application_id,
            jobRunId=job_run.id,
            shutdownGracePeriodInSeconds=grace_seconds,
        )

    def _living(self, flow_run_id: UUID) -> JobRun | None:
        living = (job_run for job_run in self.of_flow_run(flow_run_id, None) if not job_run.ended)
        return next(living, None)

    def _start_application(self) -> None:
        application = self._emr.get_application(applicationId=self._application)["application"]
        if application["state"] == "TERMINATED":
            raise JobRunError(
                f"the EMR Serverless application {self._application} is terminated",
                next_step="create one anew, and name it in application_id of the work pool",
            )
        self._check_image(application)
        if application["state"] in _STANDING_STILL:
            self._emr.start_application(applicationId=self._application)

    def _check_image(self, application: Mapping[str, Any]) -> None:
        """Code of another commit would run: StartJobRun knows no image, the application has one for all jobs."""
        wanted = self._configuration.image
        if wanted is None:
            return
        by_worker: Mapping[str, Any] = application.get("workerTypeSpecifications") or {}
        places = {"": application, **{f" of its {worker.lower()}s": entry for worker, entry in by_worker.items()}}
        images = {place: (entry.get("imageConfiguration") or {}).get("imageUri") for place, entry in places.items()}
        for place, image in images.items():
            if image != wanted and (image or not place):
                raise JobRunError(
                    f"the image{place} of the EMR Serverless application {self._application} is {image or 'Amazon’s'}, "
                    f"the deployment is of {wanted}",
                    next_step=f"stop the application and let it have {wanted} (Terraform: image_tag of "
                    "compute_emr_serverless), or run a deployment of the application's commit",
                )


def _created(entry: Mapping[str, Any]) -> datetime:
    created: datetime = entry["createdAt"]
    return created
