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

from tidemark.aws import clients, secrets
from tidemark.aws.secrets import SecretMapping, fetch, variable_name
from tidemark.aws.settings import AwsSettings
from tidemark.config.connections import ConnectionValue
from tidemark.errors import ConfigError
from tidemark.redaction import protect, redact

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


def test_the_next_place_is_asked_where_the_one_before_has_no_such_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, '{"password": "from-the-variable"}')
    monkeypatch.setattr(clients, "parameter_value", refusing("ParameterNotFound"))
    found = fetch("tidemark/crm", ("aws", "ssm", "env"), manager=lambda: refuse("ResourceNotFoundException"))
    assert found["password"] == "from-the-variable"


@pytest.mark.parametrize("code", ["AccessDeniedException", "EndpointConnectionError", "InternalServiceError"])
@pytest.mark.parametrize("place", ["aws", "ssm"])
def test_a_place_that_does_not_answer_is_not_passed_over(
    monkeypatch: pytest.MonkeyPatch, code: str, place: str
) -> None:
    monkeypatch.setenv(VARIABLE, '{"password": "of-last-year"}')
    codes = {"aws": "ResourceNotFoundException", "ssm": "ParameterNotFound"} | {place: code}
    monkeypatch.setattr(clients, "parameter_value", refusing(codes["ssm"]))
    with pytest.raises(ConfigError, match=rf"could not be read; asked: .*\({code}\)"):
        fetch("tidemark/crm", ("aws", "ssm", "env"), manager=lambda: refuse(codes["aws"]))


def test_a_secret_that_is_nowhere_names_every_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(clients, "parameter_value", refusing("ParameterNotFound"))
    with pytest.raises(ConfigError) as missing:
        fetch(
            "tidemark/crm",
            ("aws", "ssm", "env"),
            AwsSettings(region="eu-central-1"),
            manager=lambda: refuse("ResourceNotFoundException"),
        )
    said = missing.value.summary
    places = ["Secrets Manager in eu-central-1", "the parameter /tidemark/crm in eu-central-1", VARIABLE]
    assert [said.index(place) for place in places] == sorted(said.index(place) for place in places)


def test_a_parameter_that_anyone_may_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ssm:
        def get_parameter(self, **_: object) -> object:
            return {"Parameter": {"Type": "String", "Value": CANARY}}

    monkeypatch.setattr(clients, "client", lambda *_: Ssm())
    with pytest.raises(ConfigError, match="NotSecureString") as refused:
        fetch("tidemark/crm", "ssm")
    assert "SecureString" in str(refused.value.next_step)
    assert CANARY not in str(refused.value)


def test_an_arn_names_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:tidemark/crm-AbCdEf"
    with pytest.raises(ConfigError, match="not asked: the name is an ARN"):
        fetch(arn, ("aws", "ssm"), manager=lambda: refuse("ResourceNotFoundException"))


@pytest.mark.parametrize(("name", "parameter"), [("plain", "plain"), ("a/b", "/a/b"), ("/a/b", "/a/b")])
def test_parameters_with_a_path_begin_with_a_slash(name: str, parameter: str) -> None:
    assert secrets.parameter_name(name) == parameter


def test_the_lines_of_a_private_key_are_not_logged() -> None:
    line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"
    protect({"private_key": f"-----BEGIN PRIVATE KEY-----\n{line}\n-----END PRIVATE KEY-----\n"})
    assert line not in redact(f"it said \\n{line}\\n and more")


def refuse(code: str) -> str:
    raise clients.AwsError(f"refused: {code}", code)


def refusing(code: str) -> Callable[..., str]:
    return lambda *_: refuse(code)
