"""The program of a driver: what its environment names is fetched, with the role of the job."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from blocks.emr_serverless import driver
from blocks.emr_serverless.driver import SECRETS_VARIABLE, fetched, references
from sandbox.credentials import AWS, REGION
from tests.support.deployments.emr import client
from tidemark.aws import clients

CANARY = "c4nary-key-9a07"


def test_references_are_read_as_they_are_written() -> None:
    assert references("A=tidemark/a,B=arn:aws:secretsmanager:eu-central-1:1:secret:b=c") == {
        "A": "tidemark/a",
        "B": "arn:aws:secretsmanager:eu-central-1:1:secret:b=c",
    }
    assert references("") == {}


@pytest.mark.parametrize("text", ["A", "=b", "A=", "A=b,C"])
def test_what_is_no_reference_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is not VARIABLE=name-of-a-secret"):
        references(text)


def test_nothing_is_asked_for_without_references() -> None:
    assert fetched({"PREFECT_API_URL": "http://x"}) == {}


def test_it_becomes_prefects_command() -> None:
    program = Path(driver.__file__)
    asked = subprocess.run(
        [sys.executable, program, "flow-run", "--help"], capture_output=True, text=True, timeout=120, check=False
    )
    assert asked.returncode == 0, asked.stderr
    assert "prefect flow-run" in asked.stdout
    assert "execute" in asked.stdout


@pytest.fixture
def secrets(stand_in: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Secrets Manager, which this process reaches as a driver does: by variables alone."""
    _, address = stand_in
    variables = {"AWS_ACCESS_KEY_ID": AWS.user, "AWS_SECRET_ACCESS_KEY": AWS.password, "AWS_DEFAULT_REGION": REGION}
    for name, value in (variables | {"AWS_ENDPOINT_URL": address}).items():
        monkeypatch.setenv(name, value)
    clients.client.cache_clear()
    yield client("secretsmanager", address)
    clients.client.cache_clear()


def test_secrets_are_fetched_by_their_names(secrets: Any) -> None:
    secrets.create_secret(Name="tidemark/one", SecretString=CANARY)
    assert fetched({SECRETS_VARIABLE: "PREFECT_API_KEY=tidemark/one"}) == {"PREFECT_API_KEY": CANARY}


def test_a_secret_that_cannot_be_had_ends_the_driver(secrets: Any) -> None:
    with pytest.raises(clients.AwsError, match="tidemark/none"):
        fetched({SECRETS_VARIABLE: "PREFECT_API_KEY=tidemark/none"})
