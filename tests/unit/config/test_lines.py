"""Off this machine everything goes by TLS, and certificates are looked at; stand-ins on it need neither."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tidemark.config.environment import Environment
from tidemark.config.environment.lines import is_here, is_open


def environment(home: Path, **sections: Any) -> Environment:
    document = {"name": "test", "home": str(home), "exchange": str(home), "secrets": "env"}
    return Environment.model_validate(document | sections)


def connection(kind: str, **settings: Any) -> dict[str, Any]:
    return {"connections": {"it": {"kind": kind, "secret": "s", "settings": settings}}}


HERE = [
    connection("rest", base_url="http://127.0.0.1:8000"),
    connection("rest", base_url="http://localhost:8000/x"),
    connection("rest", base_url="http://[::1]:8000"),
    connection("rest", base_url="https://crm.example"),
    connection("snowflake", account="a", database="d", protocol="http", host="127.0.0.1"),
    connection("snowflake", account="a", database="d"),
    connection("redshift", host="127.0.0.1", database="d", ssl=False),
    connection("redshift", host="c.eu.redshift.amazonaws.com", database="d", sslmode="verify-ca"),
    connection("kafka", bootstrap_servers="localhost:9092,127.0.0.1:9093", security_protocol="PLAINTEXT"),
    connection("kafka", bootstrap_servers="b:9092", security_protocol="SASL_SSL"),
    {"aws": {"region": "r", "endpoint_url": "http://127.0.0.1:18400"}},
    {"prefect": {"api_url": "http://127.0.0.1:4200/api"}},
    {"lineage": {"transport": "http", "url": "http://marquez:5000"}},
    {"alerts": [{"channel": "slack", "target": "https://hooks.slack.com/services/x"}]},
    {"alerts": [{"channel": "slack", "target": "name/of/secret"}]},
]
ELSEWHERE = [
    connection("rest", base_url="http://crm.example"),
    connection("rest", base_url="HTTP://crm.example"),
    connection("rest", base_url=" http://crm.example"),
    connection("rest", base_url="http://127.0.0.1.evil.example"),
    connection("rest", base_url="http://localhost@evil.example"),
    connection("rest", base_url="http://10.0.0.1"),
    connection("rest", base_url="http://[fe80::1"),
    connection("rest", base_url="https://crm.example", verify=False),
    connection("snowflake", account="a", database="d", protocol="http", host="acme.snowflakecomputing.com"),
    connection("snowflake", account="a", database="d", protocol="http"),
    connection("snowflake", account="a", database="d", insecure_mode=True),
    connection("redshift", host="c.eu.redshift.amazonaws.com", database="d", ssl=False),
    connection("redshift", host="c.eu.redshift.amazonaws.com", database="d", sslmode="require"),
    connection("kafka", bootstrap_servers="localhost:9092,b:9092", security_protocol="PLAINTEXT"),
    connection("kafka", bootstrap_servers="b:9092", security_protocol="SASL_PLAINTEXT"),
    {"aws": {"region": "r", "endpoint_url": "http://s3.example"}},
    {"prefect": {"api_url": "http://prefect.internal:4200/api"}},
    {"lineage": {"transport": "http", "url": "http://marquez:5000", "secret": "s"}},
    {"alerts": [{"channel": "slack", "target": "http://hooks.slack.com/services/x"}]},
]


@pytest.mark.parametrize("sections", HERE)
def test_what_is_here_or_closed_is_taken(tmp_path: Path, sections: dict[str, Any]) -> None:
    assert environment(tmp_path, **sections).name == "test"


@pytest.mark.parametrize("sections", ELSEWHERE)
def test_what_is_open_and_elsewhere_is_refused(tmp_path: Path, sections: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"off this machine everything goes by TLS"):
        environment(tmp_path, **sections)


def test_everything_that_is_open_is_named(tmp_path: Path) -> None:
    sections = connection("rest", base_url="http://crm.example", verify=False) | {
        "prefect": {"api_url": "http://prefect.internal/api"}
    }
    with pytest.raises(ValidationError) as refused:
        environment(tmp_path, **sections)
    told = str(refused.value)
    assert "connection it has the base_url http://crm.example" in told
    assert "connection it has `verify: false`" in told
    assert "prefect.api_url is http://prefect.internal/api" in told


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "[::1]", "localhost", "LOCALHOST.", "a.localhost"])
def test_this_machine(host: str) -> None:
    assert is_here(host)


@pytest.mark.parametrize(
    "host", [None, "", "example", "127.0.0.1.example", "localhost.example", "0.0.0.1", "192.168.0.1"]
)
def test_another_machine(host: str | None) -> None:
    assert not is_here(host)


def test_only_addresses_are_open() -> None:
    assert not is_open(None)
    assert not is_open("tidemark/prod/slack")
    assert not is_open("arn:aws:sns:eu-central-1:1:topic")
