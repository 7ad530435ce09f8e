"""Kinds of systems are found by name, and what is missing comes with how to get it."""

from __future__ import annotations

import sys
from inspect import signature

import pytest

from tidemark.config.connections import load_plugin
from tidemark.errors import ConfigError
from tidemark.lint.loads import READ_KINDS
from tidemark.sources import SOURCES, source_for
from tidemark.targets import TARGETS, target_for


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_can_be_had_and_extracts(kind: str) -> None:
    assert list(signature(source_for(kind).extract).parameters) == ["request"]


def test_what_validate_lets_tables_be_read_from_is_what_there_are_sources_for() -> None:
    assert sorted(READ_KINDS) == sorted(SOURCES)


@pytest.mark.parametrize("kind", TARGETS)
def test_every_target_can_be_had(kind: str) -> None:
    assert {"publish", "published_versions"} <= set(dir(target_for(kind)))


def test_an_unknown_kind_is_told_with_a_close_match() -> None:
    with pytest.raises(ConfigError, match="no source of the kind `snowflakes`") as unknown:
        source_for("snowflakes")
    assert "did you mean `snowflake`?" in str(unknown.value)
    with pytest.raises(ConfigError, match="no target of the kind `kafka`"):
        target_for("kafka")


@pytest.mark.parametrize(("kind", "client"), [("snowflake", "snowflake.connector"), ("redshift", "redshift_connector")])
def test_a_client_that_is_not_installed_comes_with_its_extra(
    kind: str, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [
        name for name in sys.modules if name.startswith(("tidemark.warehouses.", "tidemark.sources.", client))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, client, None)
    with pytest.raises(ConfigError, match="is not installed") as missing:
        source_for(kind)
    assert f"pip install 'tidemark[{kind}]'" in str(missing.value)


def test_a_mistake_of_our_own_is_no_missing_package() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"tidemark\.nowhere"):
        load_plugin("source", "snowflake", {"snowflake": "tidemark.nowhere:Thing"})
