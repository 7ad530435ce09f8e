"""Whether a store keeps to the condition of a put, asked by the client that `doctor` has."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.doctor import examine
from tests.support.s3_store import S3Store, serving
from tidemark.aws.clients import honours_conditions
from tidemark.aws.settings import AwsSettings
from tidemark.config.environment import Environment
from tidemark.spark.logstore import CLASS, PROBE

SETTING = "spark.delta.logStore.s3a.impl"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> AwsSettings:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    return AwsSettings(region="eu-central-1")


def at(aws: AwsSettings, store: S3Store) -> AwsSettings:
    return aws.model_copy(update={"endpoint_url": f"http://127.0.0.1:{store.port}"})


def test_a_store_that_refuses_is_good_and_asked_with_one_request_from_then_on(aws: AwsSettings) -> None:
    with serving(S3Store()) as store:
        assert honours_conditions(at(aws, store), f"s3a://lake/tables/{PROBE}")
        assert (store.requests.pop("PUT"), list(store.objects)) == (2, [f"/lake/tables/{PROBE}"])
        assert honours_conditions(at(aws, store), f"s3a://lake/tables/{PROBE}")
        assert store.requests["PUT"] == 1


def test_a_store_that_overwrites_is_not(aws: AwsSettings) -> None:
    with serving(S3Store(deaf=True)) as store:
        assert not honours_conditions(at(aws, store), f"s3a://lake/{PROBE}")


@pytest.mark.parametrize(
    ("root", "conf", "deaf", "ok", "seen"),
    [
        ("s3a://lake/tables", {}, False, True, f"{CLASS} for s3a://lake/tables"),
        ("s3a://lake/tables", {}, True, False, "ignores the condition If-None-Match"),
        ("s3a://lake/tables", {SETTING: "their.Store"}, True, True, "their.Store for s3a://lake/tables"),
        ("/lake/tables", {}, True, True, "Delta's own store for file"),
    ],
)
def test_doctor_says_what_writes_the_logs(
    aws: AwsSettings, tmp_path: Path, root: str, conf: dict[str, str], deaf: bool, ok: bool, seen: str
) -> None:
    with serving(S3Store(deaf=deaf)) as store:
        environment = Environment.model_validate(
            {
                "name": "test",
                "home": str(tmp_path),
                "exchange": "s3a://exchange",
                "roots": {"lake": root},
                "aws": at(aws, store).model_dump(),
                "state": {"kind": "sqlite", "location": str(tmp_path / "state.db")},
                "compute": {"conf": conf},
            }
        )
        (found,) = [finding for finding in examine(environment) if finding.name == "delta log"]
    assert found.ok == ok
    assert seen in found.seen
    assert ok or SETTING in str(found.fix)
