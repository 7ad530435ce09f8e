"""What prefect-snowflake gives to Snowflake's connector, for each way in."""

from __future__ import annotations

from typing import Any

import pytest
import snowflake.connector

from blocks.logins.connections import SnowflakeConnection
from blocks.logins.snowflake_login import authenticator, open_session
from tidemark.aws.secrets import SecretMapping
from tidemark.config.connections import ConnectionValue
from tidemark.warehouses import Trouble, WarehouseError
from tidemark.warehouses.snowflake import Snowflake

PLACE = {"account": "acme", "database": "SHOP", "warehouse": "WH", "role": "LOADER"}
CANARY = "c4nary-token-12ab"


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the connector was called with."""
    given: dict[str, Any] = {}
    monkeypatch.setattr(snowflake.connector, "connect", lambda **words: given.update(words) or "session")
    return given


def connection(secret: dict[str, str] | None = None, **settings: Any) -> ConnectionValue:
    return ConnectionValue(
        "snowflake", "snowflake", PLACE | settings, SecretMapping(secret or {}, "t/sf"), login=open_session
    )


def test_workload_identity_needs_neither_user_nor_secret(connected: dict[str, Any]) -> None:
    assert Snowflake(connection()).connect() == "session"
    assert connected["authenticator"] == "workload_identity"
    assert connected["workload_identity_provider"] == "aws"
    assert not {"user", "password", "token", "private_key"} & connected.keys()
    assert (connected["account"], connected["database"], connected["role"]) == ("acme", "SHOP", "LOADER")
    assert connected["session_parameters"]["QUERY_TAG"] == "tidemark"
    assert connected["session_parameters"]["ENABLE_UNLOAD_PHYSICAL_TYPE_OPTIMIZATION"] is False
    assert connected["application"] == "tidemark"


def test_workload_identity_by_oidc_brings_its_token(connected: dict[str, Any]) -> None:
    way = {"authenticator": "workload_identity", "workload_identity_provider": "oidc"}
    Snowflake(connection({"token": CANARY}, **way)).connect()
    assert (connected["workload_identity_provider"], connected["token"]) == ("oidc", CANARY)


def test_oauth_brings_user_and_token(connected: dict[str, Any]) -> None:
    Snowflake(connection({"user": "ETL", "token": CANARY})).connect()
    assert (connected["authenticator"], connected["user"], connected["token"]) == ("oauth", "ETL", CANARY)


def test_the_user_may_stand_with_the_connection(connected: dict[str, Any]) -> None:
    Snowflake(connection({"token": CANARY}, user="FROM_FILE")).connect()
    assert connected["user"] == "FROM_FILE"


def test_without_a_warehouse_the_users_own_is_taken(connected: dict[str, Any]) -> None:
    Snowflake(connection({"user": "ETL", "token": CANARY}, warehouse=None)).connect()
    assert "warehouse" not in connected


def test_where_the_stand_in_is_is_handed_on(connected: dict[str, Any]) -> None:
    Snowflake(connection({"user": "U", "password": CANARY}, host="127.0.0.1", port=1, protocol="http")).connect()
    assert (connected["host"], connected["port"], connected["protocol"]) == ("127.0.0.1", 1, "http")
    assert (connected["user"], connected["password"]) == ("U", CANARY)


@pytest.mark.parametrize(
    ("secret", "settings", "way"),
    [
        ({"private_key": "k", "password": "p", "token": "t"}, {}, "key_pair"),
        ({"token": "t", "password": "p"}, {}, "oauth"),
        ({"password": "p"}, {}, "password"),
        ({"user": "u"}, {}, "workload_identity"),
        ({"private_key": "k", "token": "t"}, {"authenticator": "oauth"}, "oauth"),
    ],
)
def test_the_way_in_follows_from_the_secret_unless_it_is_said(
    secret: dict[str, str], settings: dict[str, Any], way: str
) -> None:
    assert authenticator(connection(secret, **settings)) == way


@pytest.mark.parametrize(
    ("secret", "settings", "why"),
    [
        ({"user": "u", "password": CANARY}, {}, "lets no service user in"),
        ({"user": "u", "password": CANARY}, {"protocol": "https"}, "lets no service user in"),
        ({"user": "u", "private_key": CANARY}, {}, "not in PEM"),
        ({"token": CANARY}, {}, "has no field 'user'"),
        ({"user": "u"}, {"authenticator": "key_pair"}, "has no field 'private_key'"),
        ({"user": "", "token": CANARY}, {}, "`user` must be provided"),
    ],
)
def test_what_lets_nobody_in_is_said_without_the_secret(
    connected: dict[str, Any], secret: dict[str, str], settings: dict[str, Any], why: str
) -> None:
    with pytest.raises(WarehouseError, match=why) as refused:
        Snowflake(connection(secret, **settings)).open()
    assert CANARY not in str(refused.value)
    assert connected == {}


def test_a_refused_login_is_one_of_credentials() -> None:
    with pytest.raises(WarehouseError) as refused:
        Snowflake(connection({"user": "u", "private_key": "x"})).open()
    assert refused.value.trouble is Trouble.CREDENTIALS


def test_the_block_logs_in_by_it() -> None:
    block = SnowflakeConnection.from_settings(PLACE, environment="test", secret=None, provider="aws")
    assert block.value("snowflake", None).login is open_session
