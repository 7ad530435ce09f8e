"""A run reads one version of each table, whatever others commit meanwhile, and does not load what has not moved."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from pyspark.sql import functions as F

from tests.support.lakes.lake import Lake, at
from tests.support.lakes.shop_tables import LINE_SCHEMA, receive
from tidemark import steps
from tidemark.compute import building, tables
from tidemark.control import release
from tidemark.delta import deltalog
from tidemark.delta.table import read_state

LINES = "bronze.lines"


def loaded(*_: object) -> None:
    raise AssertionError("Delta was asked")


def test_what_others_commit_while_a_table_is_computed_is_left_to_the_next_run(
    shop: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive(shop, lines=[("o7", 1, "ann", 1, at(3), False)])
    query = building.query

    def slow_query(*arguments: object) -> object:
        monkeypatch.undo()
        receive(shop, lines=[("o8", 1, "ann", 2, at(3), False)])
        return query(*arguments)

    monkeypatch.setattr(building, "query", slow_query)
    before = len(shop.read("silver.lines"))

    shop.build("silver.lines")
    assert len(shop.read("silver.lines")) == before + 1
    shop.build("silver.lines")

    assert ("o8", 2) in shop.read("silver.lines", "order_id", "amount")


def test_a_table_that_this_run_commits_is_read_as_committed(shop: Lake) -> None:
    engine = shop.engine()
    first = tables.pinned(engine, LINES)
    receive(shop, lines=[("o8", 1, "ann", 1, at(3), False)])
    assert tables.pinned(engine, LINES) == first

    row = [("o9", 1, "ann", 1, at(3), False)]
    shop.load(LINES, shop.frame(LINE_SCHEMA, row), engine=engine)

    assert tables.pinned(engine, LINES) == read_state(shop.spark, shop.path(LINES)).version != first


def test_who_found_nothing_new_does_not_take_the_index_or_a_release_back_to_what_it_read(shop: Lake) -> None:
    slow = shop.engine()
    read = tables.pinned(slow, LINES)
    receive(shop, lines=[("o8", 1, "ann", 1, at(3), False)])
    newest = read_state(shop.spark, shop.path(LINES)).version
    assert newest != read

    steps.stay(slow, LINES)

    assert tables.pinned(shop.engine(), LINES) == newest
    recorded, _ = release.record(slow.state, slow.run, slow.committed)
    assert recorded.tables[LINES] == newest


def test_an_index_that_is_ahead_of_a_folder_that_was_put_back_comes_back_with_it(shop: Lake) -> None:
    newest = read_state(shop.spark, shop.path(LINES))
    engine = shop.engine()
    entry = engine.state.get(release.TABLE, LINES)
    assert entry is not None
    assert newest.version is not None
    engine.state.put(release.TABLE, LINES, {**entry.value, "version": newest.version + 7})

    tables.note_version(engine, LINES, newest.version)

    entry = engine.state.get(release.TABLE, LINES)
    assert entry is not None
    assert entry.value["version"] == newest.version


def test_delta_is_asked_only_where_the_hint_is_not_the_last_version(
    shop: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = read_state(shop.spark, shop.path(LINES))
    assert now.version is not None
    receive(shop, lines=[("o9", 1, "ann", 1, at(3), False)])
    later = read_state(shop.spark, shop.path(LINES))
    assert later.version == now.version + 1
    for hint in (None, now.version, later.version, later.version + 1):
        assert read_state(shop.spark, shop.path(LINES), hint=hint) == later
    assert read_state(shop.spark, shop.path("bronze.nothing"), hint=3).version is None

    monkeypatch.setattr(deltalog, "snapshot", loaded)
    assert tables.state_of(shop.engine(), LINES) == later
    assert read_state(shop.spark, shop.path(LINES), hint=later.version) == later
    with pytest.raises(AssertionError, match="Delta was asked"):
        read_state(shop.spark, shop.path(LINES), hint=now.version)


def test_the_newest_instant_is_noted_with_each_commit(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    load = {"source": {"connection": "shop", "object": "visits"}, "write": {"mode": "append"}}
    lake.table("bronze.visits", "id! int\nat timestamp", load)
    lake.promise_freshness("bronze.visits", "at", hours=26)
    for hour in (5, 3, 7):
        lake.load("bronze.visits", lake.frame("id int, at timestamp", [(hour, at(1, hour))]))

    with monkeypatch.context() as patched:
        patched.setattr(deltalog, "snapshot", loaded)
        assert _is_about(tables.newest(lake.engine(), "bronze.visits", "at"), at(1, 7))
    later = F.col("at") + F.expr("INTERVAL 1 HOUR")
    stranger = lake.delta("bronze.visits").where("id = 7").withColumn("at", later)
    stranger.write.format("delta").mode("append").save(lake.path("bronze.visits"))

    assert _is_about(tables.newest(lake.engine(), "bronze.visits", "at"), at(1, 8))


def _is_about(found: datetime | None, expected: datetime) -> bool:
    """To a millisecond, as statistics of a log are."""
    return found is not None and abs(found - expected) <= timedelta(milliseconds=1)
