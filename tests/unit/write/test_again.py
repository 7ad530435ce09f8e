"""The same work again, by a run after one that died or one that was done: one batch, one commit, the same books."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import pytest

from tests.support.lakes.lake import Lake, at
from tests.support.lakes.sizes import everything_is_large
from tidemark import steps
from tidemark.engine import Engine
from tidemark.write.manifest import Prepared

T = "bronze.readings"
SCHEMA = "id string, value int, at timestamp"
HELD = [("a", 1, at(1)), ("b", 1, at(1)), ("c", 1, at(1))]
NEW = [("a", 2, at(2)), ("b", 1, at(1)), ("d", -1, at(2)), ("e", 5, at(2)), ("e", 4, at(1))]
MODES: dict[str, Mapping[str, Any]] = {
    "append": {"mode": "append"},
    "append by key": {"mode": "append", "keys": ["id", "at"]},
    "upsert": {"mode": "upsert", "keys": ["id"], "order_by": ["at"]},
    "upsert of extracts": {"mode": "upsert", "keys": ["id"], "order_by": ["at"], "deletes": {"missing": "hard"}},
    "replace": {"mode": "replace"},
}


@pytest.mark.parametrize("large", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["small", "large"])
@pytest.mark.parametrize("mode", MODES)
def test_the_same_work_is_one_batch_whoever_does_it(lake: Lake, mode: str, large: bool) -> None:
    source = {"connection": "shop", "object": "readings"} | ({"mode": "full"} if "extract" in mode else {})
    load = {"source": source, "write": dict(MODES[mode]), "limits": {"deleted": 1000, "rejected": 1000}}
    lake.table(T, "id! string\nvalue int {logicalTypeOptions: {minimum: 0}}\nat timestamp", load)
    with everything_is_large() if large else nullcontext():
        lake.load(T, lake.frame(SCHEMA, HELD), full="extract" in mode)
        engine = lake.engine()
        died = received(lake, mode, engine)
        retried = received(lake, mode, engine)
        told = (died.batch_id, died.data, died.books)
        assert (retried.batch_id, retried.data, retried.books) == told, "a task tried again finds what it has staged"
        assert len(lake.read(T)) == len(HELD), "what was prepared is not visible"

        after = received(lake, mode, lake.engine())
        assert (after.batch_id, after.books) == (died.batch_id, died.books)
        assert steps.commit(engine, T, after).changed is True
        rows = lake.read(T)

        for one in (died, retried, after):
            assert steps.commit(lake.engine(), T, one).changed is False
        assert lake.read(T) == rows


def received(lake: Lake, mode: str, engine: Engine) -> Prepared:
    """The batch of a source that gives these rows of one window, whoever asks."""
    frame = lake.frame(SCHEMA, NEW)
    identity = {"window": "2 March"}
    return lake.receive(engine, T, frame, identity=identity, full="extract" in mode)[0]


def test_a_log_that_a_query_computes_gets_what_it_does_not_have(lake: Lake) -> None:
    source = {"source": {"connection": "shop", "object": "x"}, "write": {"mode": "append"}}
    lake.table(T, "id! string\nvalue int", source)
    lake.load(T, lake.frame("id string, value int", [("a", 1), ("a", 1), ("b", 1)]))
    logged = {"write": {"mode": "append"}, "inputs": {T: {}}}
    lake.table("silver.log", "id! string\nvalue int", logged, sql=f"SELECT id, value FROM {T}")
    lake.build("silver.log")
    lake.load(T, lake.frame("id string, value int", [("a", 1), ("c", 1)]))

    built = lake.build("silver.log").prepared

    assert built is not None
    assert (built.books.inserted, built.books.unchanged) == (2, 3)
    assert lake.read("silver.log") == [("a", 1), ("a", 1), ("a", 1), ("b", 1), ("c", 1)]
