"""EMR Serverless whose job runs really run, on top of moto, which only notes them.

A job run goes SUBMITTED → PENDING → SCHEDULED → RUNNING → SUCCESS, FAILED or CANCELLED as its process does; a client
token that was seen before gives the same job run; logs go to the S3 monitoring location. Tags of an application make it
as AWS is on a bad day:

- `sandbox:refuse` lists errors by name: StartJobRun answers with one after the other, and then as it should
- `sandbox:no-room`: so many job runs fail for want of capacity
- `sandbox:pending`: seconds that a job run waits for its workers
- `sandbox:minute`: seconds that a minute of a job run's time-out has
"""

from __future__ import annotations

import atexit
import re
import subprocess
import threading
import time
from datetime import UTC, datetime
from functools import cache
from typing import Any

import moto.emrserverless.models as models
from moto.core.base_backend import BackendDict
from moto.core.exceptions import JsonRESTError
from moto.core.utils import utcnow
from moto.emrserverless.exceptions import ValidationException

from sandbox.services.cloud.emr_jobs import DriverProcess, Submission

REFUSE, NO_ROOM, PENDING, MINUTE = (f"sandbox:{name}" for name in ("refuse", "no-room", "pending", "minute"))
ENDED = frozenset({"SUCCESS", "FAILED", "CANCELLED"})
_PAUSE = 0.05
_RELEASE = re.compile(r"emr-spark-\d+\.\d+\.\d+(-\d{8}|-latest)?")
_KNOWN_TO_MOTO = "emr-7.0.0-20240101"


class Backend(models.EMRServerlessBackend):
    """moto's backend of one account and region, with job runs that run."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self._lock = threading.RLock()
        self._drivers: dict[str, DriverProcess] = {}
        atexit.register(self._end_all)

    def create_application(
        self, name: str, release_label: str, application_type: str, *args: Any, **asked: Any
    ) -> models.Application:
        """As moto does, which knows no releases that are of Spark alone, and engines in capitals only."""
        engine = application_type.upper()
        if not _RELEASE.fullmatch(release_label):
            return super().create_application(name, release_label, engine, *args, **asked)
        created = super().create_application(name, _KNOWN_TO_MOTO, engine, *args, **asked)
        created.release_label = release_label
        return created

    def start_job_run(self, application_id: str, client_token: str, *args: Any, **asked: Any) -> models.JobRun:
        application = self.get_application(application_id)
        with self._lock:
            known = self.job_runs.setdefault(application_id, [])
            for job_run in known:
                if job_run.client_token == client_token:
                    return _the_same(job_run, asked)
            tags: dict[str, str] = application.tags or {}
            if refusals := tags.get(REFUSE, "").split():
                tags[REFUSE] = " ".join(refusals[1:])
                raise JsonRESTError(refusals[0], "as the application's tag says")
            _refuse_when_still(application)
            job_run = super().start_job_run(application_id, client_token, *args, **asked)
            job_run.created_at = utcnow()
            lacks_room = int(tags.get(NO_ROOM, 0))
            if lacks_room:
                tags[NO_ROOM] = str(lacks_room - 1)
        arguments = (job_run, tags, lacks_room > 0)
        threading.Thread(target=self._run, args=arguments, name=job_run.id, daemon=True).start()
        return job_run

    def cancel_job_run(self, application_id: str, job_run_id: str) -> tuple[str, str]:
        job_run = self.get_job_run(application_id, job_run_id)
        with self._lock:
            if job_run.state not in ENDED:
                job_run.state = "CANCELLING"
        return application_id, job_run_id

    def list_job_runs(
        self, application_id: str, created_at_after: Any, created_at_before: Any, states: list[str] | None
    ) -> list[models.JobRun]:
        self.get_application(application_id)
        self.job_runs.setdefault(application_id, [])
        after, before = _naive(created_at_after), _naive(created_at_before)
        return super().list_job_runs(application_id, after, before, states)

    def _run(self, job_run: models.JobRun, tags: dict[str, str], lacks_room: bool) -> None:
        application = self.get_application(job_run.application_id)
        self._move(job_run, "PENDING")
        waiting_until = time.monotonic() + float(tags.get(PENDING, 0))
        while time.monotonic() < waiting_until and job_run.state != "CANCELLING":
            time.sleep(_PAUSE)
        application.state = "STARTED"
        self._move(job_run, "SCHEDULED")
        if lacks_room:
            self._end(job_run, "FAILED", "Insufficient capacity: the workers of this job run could not be provisioned")
        elif job_run.state == "CANCELLING":
            self._end(job_run, "CANCELLED")
        else:
            self._drive(job_run, float(tags.get(MINUTE, 60)))

    def _drive(self, job_run: models.JobRun, minute: float) -> None:
        try:
            driver = DriverProcess(Submission.of(job_run.job_driver))
        except (KeyError, ValueError, OSError) as failure:
            self._end(job_run, "FAILED", f"The job could not be submitted: {type(failure).__name__}: {failure}")
            return
        self._drivers[job_run.id] = driver
        self._move(job_run, "RUNNING")
        began = time.monotonic()
        exit_code = self._watched(job_run, driver, began + job_run.execution_timeout_minutes * minute)
        job_run.total_execution_duration_seconds = round((time.monotonic() - began) * 60 / minute)
        if log_uri := _log_uri(job_run):
            driver.put_logs(log_uri, f"applications/{job_run.application_id}/jobs/{job_run.id}")
        driver.clean()
        del self._drivers[job_run.id]
        if exit_code is None:
            self._end(job_run, "CANCELLED")
        elif exit_code:
            self._end(job_run, "FAILED", f"Job failed, please check complete logs. ExitCode: {exit_code}")
        else:
            self._end(job_run, "SUCCESS")

    def _watched(self, job_run: models.JobRun, driver: DriverProcess, deadline: float) -> int | None:
        """The driver's exit code; None when it was ended, because somebody wanted it or its time was over."""
        while job_run.state != "CANCELLING" and time.monotonic() < deadline:
            try:
                return driver.wait(_PAUSE)
            except subprocess.TimeoutExpired:
                continue
        driver.end()
        return None

    def _move(self, job_run: models.JobRun, state: str) -> None:
        with self._lock:
            if job_run.state != "CANCELLING":
                job_run.state = state

    def _end(self, job_run: models.JobRun, state: str, details: str = "") -> None:
        with self._lock:
            job_run.state, job_run.state_details, job_run.updated_at = state, details, utcnow()

    def _end_all(self) -> None:
        for driver in list(self._drivers.values()):
            driver.end(grace=1)


def install() -> None:
    """Puts this in the place of moto's own, before its server looks for it."""
    models.APPLICATION_STATUS, models.JOB_STATUS = "CREATED", "SUBMITTED"
    models.emrserverless_backends = BackendDict(Backend, "emr-serverless")
    _remember_images()


@cache
def _remember_images() -> None:
    """Applications say which image their jobs run in, which moto forgets."""
    from moto.emrserverless.responses import EMRServerlessResponse  # with it, moto's server has found the backend

    created: Any = EMRServerlessResponse.create_application

    def create_application(self: Any) -> Any:
        answer = created(self)
        application = self.emrserverless_backend.get_application(answer.result["applicationId"])
        application.image_configuration = self._get_param("imageConfiguration")
        return answer

    answers: Any = EMRServerlessResponse
    answers.create_application = create_application


def _the_same(job_run: models.JobRun, asked: dict[str, Any]) -> models.JobRun:
    if (job_run.job_driver, job_run.tags) != (asked["job_driver"], asked["tags"]):
        raise JsonRESTError("ConflictException", f"The client token of job run {job_run.id} is that of another request")
    return job_run


def _refuse_when_still(application: models.Application) -> None:
    automatic: Any = application.auto_start_configuration or {}
    starts_by_itself = automatic.get("enabled", True)
    if application.state in ("CREATED", "STOPPED") and not starts_by_itself:
        raise ValidationException(f"Application {application.id} is {application.state}: start it first")


def _log_uri(job_run: models.JobRun) -> str | None:
    overrides: dict[str, Any] = job_run.configuration_overrides or {}
    monitoring = overrides.get("monitoringConfiguration") or {}
    location: str | None = (monitoring.get("s3MonitoringConfiguration") or {}).get("logUri")
    return location


def _naive(instant: Any) -> datetime | None:
    if instant is None:
        return None
    parsed = instant if isinstance(instant, datetime) else datetime.fromtimestamp(float(instant), UTC)
    return parsed.astimezone(UTC).replace(tzinfo=None) if parsed.tzinfo else parsed
