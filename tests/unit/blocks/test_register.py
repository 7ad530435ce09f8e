"""Blocks follow the environment's file, and registering twice changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from blocks.changes import Change, FieldChange
from blocks.compute import ComputeProfile
from blocks.logins.connections import BLOCKS
from blocks.register import alert_channels, connect, register, register_connections
from tidemark.aws import secrets
from tidemark.config.environment import AlertSpec, ComputeSettings, ConnectionSpec, Environment, SizeSpec
from tidemark.errors import ConfigError

pytestmark = pytest.mark.usefixtures("prefect_server")


def environment(tmp_path: Path, **connections: dict[str, object]) -> Environment:
    return Environment.model_validate(
        {
            "name": "test",
            "home": str(tmp_path),
            "exchange": str(tmp_path / "exchange"),
            "secrets": "env",
            "connections": connections,
        }
    )


def snowflake(**settings: object) -> dict[str, object]:
    return {
        "kind": "snowflake",
        "block": "register-snowflake",
        "secret": "register/snowflake",
        "settings": {"account": "acme", "database": "SHOP", **settings},
    }


def test_blocks_are_created_kept_and_updated(tmp_path: Path) -> None:
    landing: dict[str, object] = {"kind": "s3", "settings": {"uri": "s3a://landing/"}}
    first = environment(tmp_path, snowflake=snowflake(), landing=landing)
    created = (
        Change("snowflake", "register-snowflake", "created"),
        Change("s3", "tidemark-test-landing", "created"),
    )
    assert register(first, dry_run=True)[:2] == created
    assert register_connections(first) == created
    assert {change.outcome for change in register_connections(first)} == {"unchanged"}

    moved = environment(tmp_path, snowflake=snowflake(warehouse="BIG", login_timeout=5), landing=landing)
    fields = (FieldChange("options", {}, {"login_timeout": 5}), FieldChange("warehouse", None, "BIG"))
    changed, kept = (
        Change("snowflake", "register-snowflake", "updated", fields),
        Change("s3", "tidemark-test-landing", "unchanged"),
    )
    assert str(changed.fields[1]) == "warehouse: None → BIG"
    assert register_connections(first)[0].outcome == "unchanged"
    assert register(moved, dry_run=True)[:2] == (changed, kept) == register_connections(moved)
    assert register_connections(moved)[0].outcome == "unchanged"


def test_alert_channels_and_sizes_are_blocks_too(tmp_path: Path) -> None:
    where = environment(tmp_path).model_copy(
        update={
            "alerts": (AlertSpec(channel="slack", target="tidemark/slack", on=("error",)), AlertSpec(channel="log")),
            "compute": ComputeSettings(sizes={"small": SizeSpec(cores=2, memory_gb=8), "large": SizeSpec()}),
        }
    )
    assert [(change.kind, change.name) for change in register(where)] == [
        ("alert channel", "tidemark-test-alerts-1"),
        ("alert channel", "tidemark-test-alerts-2"),
        ("compute profile", "tidemark-test-small"),
        ("compute profile", "tidemark-test-large"),
    ]
    assert {change.outcome for change in register(where)} == {"unchanged"}
    assert alert_channels(where) == where.alerts
    small = ComputeProfile.load("tidemark-test-small")
    assert isinstance(small, ComputeProfile)
    assert (small.cpu, small.memory, small.driver_cores, small.driver_memory_gb) == (2048, 8192, 2, 7)

    more = where.model_copy(update={"alerts": (*where.alerts, AlertSpec(channel="log"))})
    with pytest.raises(ConfigError, match=r"tidemark-test-alerts-3 of an alert channel is not registered"):
        alert_channels(more)


def test_a_webhooks_address_is_no_target_for_a_block(tmp_path: Path) -> None:
    slack = AlertSpec(channel="slack", target="https://hooks.example/T0/B0/x")
    with pytest.raises(ConfigError, match="name a secret that holds it") as raised:
        register(environment(tmp_path).model_copy(update={"alerts": (slack,)}))
    assert raised.value.next_step == "correct alerts in env/test.yaml"


def test_a_connection_is_its_block_with_the_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEMARK_SECRET_REGISTER_SNOWFLAKE", json.dumps({"user": "u", "password": "p"}))
    secrets.forget()
    where = environment(tmp_path, snowflake=snowflake(role="LOADER"))
    register_connections(where)
    value = connect(where, "snowflake")
    assert (value.kind, value.settings["role"], value.secret["password"]) == ("snowflake", "LOADER", "p")


def test_a_block_that_is_not_registered_says_how_to(tmp_path: Path) -> None:
    where = environment(tmp_path, crm={"kind": "rest", "block": "never-saved", "settings": {"base_url": "https://x"}})
    with pytest.raises(ConfigError, match=r"never-saved .* is not registered") as raised:
        connect(where, "crm")
    assert raised.value.next_step == "tidemark blocks register --env test"


def test_a_connection_that_the_environment_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no connection 'crm' \(it has snowflake\)"):
        connect(environment(tmp_path, snowflake=snowflake()), "crm")


def test_settings_that_do_not_fit_save_nothing(tmp_path: Path) -> None:
    where = environment(
        tmp_path,
        good={"kind": "s3", "block": "register-good", "settings": {"uri": "s3a://x/"}},
        bad={"kind": "redshift", "block": "register-bad", "settings": {"host": "h", "port": 0}},
    )
    with pytest.raises(ConfigError, match="connection 'bad' do not fit") as raised:
        register(where)
    assert "port" in raised.value.summary
    assert "database" in raised.value.summary
    with pytest.raises(ConfigError, match=r"register-good .* is not registered"):
        connect(where, "good")


def test_every_kind_of_connection_has_a_block() -> None:
    assert set(BLOCKS) == set(get_args(ConnectionSpec.model_fields["kind"].annotation))
