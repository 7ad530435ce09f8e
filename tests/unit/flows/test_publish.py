"""Who publishes to a warehouse, and what."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from flows import publish
from tests.support.lakes.lake import Lake
from tidemark.control import release
from tidemark.control.leases import KIND
from tidemark.control.release import Release


def test_a_warehouse_has_one_publisher_at_a_time_who_brings_the_release_that_is_the_newest_by_then(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = {"connection": "shop", "object": "cities"}
    lake.table("bronze.cities", "id! string", {"source": source, "write": {"mode": "append"}})
    first, second = lake.engine(), lake.engine()
    release.record(first.state, first.run, {"gold.cities": 1})
    brought: list[str] = []

    def bring(run: Any, target: str, tables: Sequence[str], released: Release) -> None:
        assert run.engine.leases.held() == {f"target {target}"}
        brought.append(released.name)

    monkeypatch.setattr(publish, "_bring", bring)
    first.leases.acquire("target snowflake")
    run: Any = SimpleNamespace(engine=second)
    waiting = threading.Thread(target=publish._publish_to, args=(run, "snowflake", ["gold.cities"]))
    waiting.start()
    time.sleep(0.2)
    assert not brought
    release.record(first.state, first.run, {"gold.cities": 2})
    first.leases.release("target snowflake")
    waiting.join(30)
    assert (brought, second.leases.held()) == (["r2"], frozenset())
    assert [record.key for record in first.state.list(KIND)] == ["target snowflake"]
