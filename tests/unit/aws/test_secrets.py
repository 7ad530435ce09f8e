"""A secret can be used and cannot be seen."""

from __future__ import annotations

import copy
import json
import pickle
import pprint
from collections.abc import Callable
from io import StringIO

import pytest
from rich.console import Console

from tidemark.aws import secrets
from tidemark.aws.secrets import SecretMapping, fetch, variable_name
from tidemark.aws.settings import AwsSettings
from tidemark.config.connections import ConnectionValue
from tidemark.errors import ConfigError
from tidemark.redaction import redact

CANARY = "s3cr3t-canary-value"
SECRET = SecretMapping({"user": "loader", "password": CANARY}, "tidemark/crm")
VARIABLE = "TIDEMARK_SECRET_TIDEMARK_CRM"


@pytest.fixture(autouse=True)
def _fresh() -> None:
    secrets.forget()


def test_a_field_gives_its_value() -> None:
    assert SECRET["password"] == CANARY
    assert dict(SECRET) == {"user": "loader", "password": CANARY}
    assert SECRET.get("token") is None


@pytest.mark.parametrize("holder", [SECRET, ConnectionValue("crm", "rest", {"base_url": "http://crm"}, SECRET)])
def test_nothing_that_prints_shows_a_value(holder: object) -> None:
    output = StringIO()
    console = Console(file=output, width=200)
    console.print(holder)
    console.print({"nested": [holder]})
    printed = output.getvalue()
    texts = [repr(holder), str(holder), f"{holder}", f"{holder!r:>90}", pprint.pformat(holder), printed]
    assert all(CANARY not in text for text in texts)
    assert all("password" in text for text in texts)


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps])
def test_nothing_that_stores_takes_it(take: Callable[[object], object]) -> None:
    with pytest.raises(TypeError) as refused:
        take(SECRET)
    assert CANARY not in str(refused.value)
    assert CANARY not in json.dumps({"s": SECRET}, default=str)


def test_a_field_that_is_missing_is_named_with_those_that_are_there() -> None:
    with pytest.raises(ConfigError) as missing:
        SECRET["token"]
    assert "tidemark/crm has no field 'token'; it has password, user" in str(missing.value)
    assert CANARY not in str(missing.value)


def test_a_secret_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, json.dumps({"client_secret": CANARY}))
    assert fetch("tidemark/crm", "env")["client_secret"] == CANARY
    assert CANARY not in redact(f"it said {CANARY}")


def test_a_secret_is_fetched_again_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, '{"password": "first-one"}')
    assert fetch("tidemark/crm", "env")["password"] == "first-one"
    monkeypatch.setenv(VARIABLE, '{"password": "second-one"}')
    assert fetch("tidemark/crm", "env")["password"] == "first-one"
    monkeypatch.setattr(secrets, "TTL_SECONDS", 0.0)
    assert fetch("tidemark/crm", "env")["password"] == "second-one"


def test_a_secret_that_is_nowhere_names_the_variable_that_was_looked_at() -> None:
    with pytest.raises(ConfigError) as missing:
        fetch("tidemark/crm", "env")
    assert VARIABLE in str(missing.value)
    assert missing.value.exit_code == 2


def test_a_secrets_manager_that_cannot_be_reached_is_named_with_all_that_was_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tidemark.aws.clients._ATTEMPTS", 1)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANOBODY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    aws = AwsSettings(region="eu-central-1", endpoint_url="http://127.0.0.1:9")
    with pytest.raises(ConfigError) as unreachable:
        fetch("tidemark/crm", "aws", aws)
    said = str(unreachable.value)
    assert "eu-central-1" in said
    assert "http://127.0.0.1:9" in said
    assert "EndpointConnectionError" in said
    assert CANARY not in said


@pytest.mark.parametrize("text", [CANARY, f'["{CANARY}"]', f'"{CANARY}"', f"{{{CANARY}}}"])
def test_what_is_no_json_object_is_refused_without_being_shown(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(ConfigError, match="is not a JSON object") as refused:
        fetch("tidemark/crm", "env")
    assert CANARY not in f"{refused.value} {refused.value.__context__}"


@pytest.mark.parametrize(
    ("name", "variable"),
    [("tidemark/crm", VARIABLE), ("a.b-C 1", "TIDEMARK_SECRET_A_B_C_1"), ("ÄÖ", "TIDEMARK_SECRET___")],
)
def test_names_become_variables(name: str, variable: str) -> None:
    assert variable_name(name) == variable
