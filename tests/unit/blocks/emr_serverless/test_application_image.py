"""Code of another commit is not run: EMR Serverless has one image for all jobs of an application."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from blocks.emr_serverless import job_runs
from blocks.emr_serverless.configuration import EMRServerlessConfiguration
from blocks.emr_serverless.job_runs import JobRunError, JobRuns

REQUIRED = {"application_id": "00f1abc", "execution_role_arn": "arn:aws:iam::111122223333:role/tidemark-job"}
REPOSITORY = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/tidemark-emr"


class Emr:
    """An EMR Serverless that knows one application, and notes what is started."""

    def __init__(self, application: dict[str, Any]) -> None:
        self.application = {"state": "STARTED", **application}
        self.started: list[dict[str, Any]] = []

    def get_application(self, **_: Any) -> dict[str, Any]:
        return {"application": self.application}

    def start_job_run(self, **request: Any) -> dict[str, Any]:
        self.started.append(request)
        return {"applicationId": request["applicationId"], "jobRunId": "00r1"}


def image(uri: str) -> dict[str, Any]:
    return {"imageConfiguration": {"imageUri": uri}}


def start(monkeypatch: pytest.MonkeyPatch, application: dict[str, Any], wanted: str | None) -> Emr:
    emr = Emr(application)
    monkeypatch.setattr(job_runs, "client", lambda *_: emr)
    JobRuns(EMRServerlessConfiguration(**REQUIRED, image=wanted)).start(uuid4(), 1)
    return emr


@pytest.mark.parametrize(
    "application",
    [
        image(f"{REPOSITORY}:a1"),
        image(f"{REPOSITORY}:a1") | {"workerTypeSpecifications": {"DRIVER": image(f"{REPOSITORY}:a1"), "EXECUTOR": {}}},
    ],
)
def test_a_job_of_the_same_image_is_started(monkeypatch: pytest.MonkeyPatch, application: dict[str, Any]) -> None:
    assert len(start(monkeypatch, application, f"{REPOSITORY}:a1").started) == 1


@pytest.mark.parametrize("wanted", [None, "", ":a1"])
def test_a_deployment_without_an_image_takes_what_is_there(monkeypatch: pytest.MonkeyPatch, wanted: str | None) -> None:
    assert len(start(monkeypatch, image(f"{REPOSITORY}:b2"), wanted).started) == 1


@pytest.mark.parametrize(
    ("application", "message"),
    [
        (image(f"{REPOSITORY}:b2"), "the image of the EMR Serverless application 00f1abc is .*:b2, .* is of .*:a1"),
        (image(f"{REPOSITORY}@sha256:00"), "@sha256:00"),
        ({}, "is Amazon’s"),
        (image(f"{REPOSITORY}:a1") | {"workerTypeSpecifications": {"EXECUTOR": image("x:b2")}}, "of its executors"),
    ],
)
def test_a_job_of_another_image_is_refused_and_both_are_named(
    monkeypatch: pytest.MonkeyPatch, application: dict[str, Any], message: str
) -> None:
    with pytest.raises(JobRunError, match=message) as raised:
        start(monkeypatch, application, f"{REPOSITORY}:a1")
    assert f"{REPOSITORY}:a1" in str(raised.value.next_step)
