"""Secrets through prefect-aws' blocks: what they hold, what is refused, and that nothing of them is a secret."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import prefect.settings
import pytest
from prefect_aws import AwsCredentials, AwsSecret

from blocks.logins.secrets import aws_credentials, aws_secret, read_text
from blocks.register import register_connections
from tidemark.aws import secrets
from tidemark.aws.clients import AwsError, secret_text
from tidemark.aws.settings import AwsSettings
from tidemark.config.environment import Environment
from tidemark.errors import ConfigError

pytestmark = pytest.mark.usefixtures("prefect_server")

CANARY = "c4nary-aws-key-0b7e"
REGION = AwsSettings(region="eu-central-1", endpoint_url="http://127.0.0.1:9")


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    secrets.forget()
    yield
    secrets.forget()


def environment(tmp_path: Path, secrets: Any, **connections: Any) -> Environment:
    return Environment.model_validate(
        {
            "name": "test",
            "home": str(tmp_path),
            "exchange": str(tmp_path / "exchange"),
            "secrets": secrets,
            "aws": {"region": "eu-central-1"},
            "connections": connections,
        }
    )


def crm(block: str, secret: str | None) -> dict[str, Any]:
    return {"kind": "rest", "block": block, "secret": secret, "settings": {"base_url": "https://x"}}


def test_each_connection_with_a_secret_has_a_block_of_its_own_and_all_the_same_credentials(tmp_path: Path) -> None:
    where = environment(tmp_path, ["aws", "env"], one=crm("secrets-one", "t/one"), two=crm("secrets-two", "t/two"))
    made = [(change.kind, change.name) for change in register_connections(where)]
    assert made == [
        ("AWS credentials", "tidemark-test-aws"),
        ("secret", "secrets-one"),
        ("secret", "secrets-two"),
        ("rest", "secrets-one"),
        ("rest", "secrets-two"),
    ]
    assert {change.outcome for change in register_connections(where)} == {"unchanged"}
    found = {name: AwsSecret.load(name) for name in ("secrets-one", "secrets-two")}
    assert {name: block.secret_name for name, block in found.items()} == {
        "secrets-one": "t/one",
        "secrets-two": "t/two",
    }

    moved = environment(tmp_path, "aws", one=crm("secrets-one", "t/moved"), two=crm("secrets-two", "t/two"))
    changed = {(change.kind, change.name) for change in register_connections(moved) if change.outcome == "updated"}
    assert {("secret", "secrets-one"), ("rest", "secrets-one"), ("rest", "secrets-two")} == changed


@pytest.mark.parametrize("places", ["env", ["ssm"], ["ssm", "env"]])
def test_without_secrets_manager_there_is_no_block_for_it(tmp_path: Path, places: Any) -> None:
    where = environment(tmp_path, places, one=crm("secrets-elsewhere", "t/one"))
    assert [change.kind for change in register_connections(where)] == ["rest"]


def test_a_connection_without_a_secret_needs_none(tmp_path: Path) -> None:
    where = environment(tmp_path, "aws", one=crm("secrets-none", None))
    assert [change.kind for change in register_connections(where)] == ["rest"]


@pytest.mark.parametrize("wrong", [[], ["env", "aws"], ["aws", "aws"], "vault", ["aws", "vault"]])
def test_the_places_of_secrets_have_one_order(tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(ValueError, match="secrets"):
        environment(tmp_path, wrong)


def test_the_blocks_say_how_aws_is_reached_and_hold_no_key() -> None:
    credentials = aws_credentials(AwsSettings(region="eu-west-1", endpoint_url="http://127.0.0.1:9", profile="p"))
    assert (credentials.region_name, credentials.profile_name) == ("eu-west-1", "p")
    parameters = credentials.aws_client_parameters
    assert parameters.endpoint_url == "http://127.0.0.1:9"
    assert parameters.config["connect_timeout"] == 10
    dumped = credentials.model_dump(context={"include_secrets": True})
    assert [dumped[key] for key in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")] == [None] * 3


def test_credentials_with_keys_are_refused_at_use() -> None:
    keys = AwsCredentials(aws_access_key_id="AKIA0", aws_secret_access_key=CANARY, region_name="eu-central-1")
    AwsSecret(aws_credentials=keys, secret_name="t/keys").save("secrets-keys")
    with pytest.raises(ConfigError, match="hold keys, which lie in Prefect's database") as raised:
        read_text("secrets-keys", "t/keys", REGION)
    assert CANARY not in str(raised.value)


def test_a_block_of_another_secret_is_refused_at_use() -> None:
    aws_secret(aws_credentials(REGION), "t/other").save("secrets-other")
    with pytest.raises(ConfigError, match="is of the secret t/other, the environment's file says t/mine"):
        read_text("secrets-other", "t/mine", REGION)


def test_a_block_of_another_region_is_refused_at_use() -> None:
    aws_secret(aws_credentials(AwsSettings(region="us-east-1")), "t/mine").save("secrets-far")
    with pytest.raises(ConfigError, match="of the region us-east-1, the environment's file says eu-central-1"):
        read_text("secrets-far", "t/mine", REGION)


def test_aws_is_reached_as_the_run_says_it_whoever_registered_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    laptop = AwsSettings(region="eu-central-1", profile="somebodys-own", endpoint_url="http://127.0.0.1:9")
    aws_secret(aws_credentials(laptop), "t/job").save("secrets-of-a-laptop")
    reached: list[tuple[str | None, str | None]] = []

    def read(self: AwsSecret, **_: object) -> str:
        credentials = self.aws_credentials
        reached.append((credentials.profile_name, credentials.aws_client_parameters.endpoint_url))
        return "{}"

    monkeypatch.setattr(AwsSecret, "read_secret", read)
    assert read_text("secrets-of-a-laptop", "t/job", AwsSettings(region="eu-central-1")) == "{}"
    assert reached == [(None, None)]


def test_a_block_that_is_not_there_says_how_to_make_it() -> None:
    with pytest.raises(ConfigError, match="aws-secret/secrets-nowhere is not registered") as raised:
        read_text("secrets-nowhere", "t/mine", REGION)
    assert "tidemark blocks register" in str(raised.value.next_step)


@pytest.mark.parametrize(("given", "text"), [("{}", "{}"), (b'{"a": "\xc3\xa4"}', '{"a": "ä"}')])
def test_a_secret_is_text_whether_it_was_written_so_or_through_prefects_block(given: Any, text: str) -> None:
    assert secret_text("t", lambda: given) == text


def test_a_secret_that_is_no_text_is_refused() -> None:
    with pytest.raises(AwsError, match="is binary"):
        secret_text("t", lambda: b"\xff\xfe")


def test_what_is_read_through_a_block_is_not_in_prefects_database(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from blocks.register import connect

    monkeypatch.setattr(AwsSecret, "read_secret", lambda self, **_: f'{{"password": "{CANARY}"}}')
    where = environment(tmp_path, "aws", one=crm("secrets-read", "t/read"))
    register_connections(where)
    assert connect(where, "one").secret["password"] == CANARY
    database = Path(urlparse(str(prefect.settings.PREFECT_SERVER_DATABASE_CONNECTION_URL.value())).path)
    stored = b"".join(path.read_bytes() for path in database.parent.glob(f"{database.name}*"))
    assert b"secrets-read" in stored
    assert f'"password": "{CANARY}"'.encode() not in stored
