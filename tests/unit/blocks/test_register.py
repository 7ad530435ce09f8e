"""Blocks follow the environment's file, and registering twice changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from blocks.register import BlockChange, connect, register
from tidemark import secrets
from tidemark.environment import Environment
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
    assert register(first) == (
        BlockChange("snowflake", "register-snowflake", "snowflake", "created"),
        BlockChange("landing", "tidemark-landing", "s3", "created"),
    )
    assert {change.outcome for change in register(first)} == {"unchanged"}

    moved = environment(tmp_path, snowflake=snowflake(warehouse="BIG", login_timeout=5), landing=landing)
    changed, kept = register(moved)
    assert (changed.outcome, set(changed.fields)) == ("updated", {"warehouse", "options"})
    assert kept.outcome == "unchanged"


def test_a_connection_is_its_block_with_the_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEMARK_SECRET_REGISTER_SNOWFLAKE", json.dumps({"user": "u", "password": "p"}))
    secrets.forget()
    where = environment(tmp_path, snowflake=snowflake(role="LOADER"))
    register(where)
    value = connect(where, "snowflake")
    assert (value.kind, value.settings["role"], value.secret["password"]) == ("snowflake", "LOADER", "p")


def test_a_block_that_is_not_registered_says_how_to(tmp_path: Path) -> None:
    where = environment(tmp_path, crm={"kind": "rest", "block": "never-saved", "settings": {"base_url": "http://x"}})
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


def test_a_kind_without_a_block_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="for which there is no block"):
        register(environment(tmp_path, events={"kind": "kafka"}))
