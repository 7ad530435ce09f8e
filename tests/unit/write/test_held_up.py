"""A process that is held up, however long and at whatever point of its commit, while another commits in its place."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pyspark.sql import functions as F

from tests.support.lakes.lake import Lake
from tests.support.lakes.saved import Beginnings
from tidemark.delta.table import holds_batch, read_state
from tidemark.errors import CommitError
from tidemark.write import commit as module
from tidemark.write import rewrite
from tidemark.write.commit import Committed, commit
from tidemark.write.manifest import Prepared

TABLE = "bronze.cities"
SOURCE = "id string, city string, part string"
COLUMNS = "id! string\ncity string\npart string"
FIRST, LATE, MEANWHILE = ("a", "Ulm", "x"), ("b", "Bonn", "x"), ("c", "Jena", "y")

WRITES: dict[str, dict[str, Any]] = {
    "entry of our own": {"write": {"mode": "append"}},
    "append": {"write": {"mode": "append"}, "partition_by": ["part"]},
    "rewrite": {"write": {"mode": "upsert", "keys": ["id"]}, "rewritten": True},
    "merge": {"write": {"mode": "upsert", "keys": ["id"]}},
    "overwrite": {"write": {"mode": "replace"}},
    "partitions": {"write": {"mode": "replace", "partition_by": ["part"]}, "partition_by": ["part"]},
}


@pytest.fixture(params=WRITES)
def cities(request: pytest.FixtureRequest, beginnings: Beginnings, monkeypatch: pytest.MonkeyPatch) -> Lake:
    if "rewritten" not in WRITES[request.param]:
        monkeypatch.setattr(rewrite, "SMALL_TABLE", 0)
    return beginnings.of(received, request.param)[0]


def received(lake: Lake, way: str) -> None:
    load = {name: value for name, value in WRITES[way].items() if name != "rewritten"}
    source = {"connection": "shop", "object": "cities"}
    lake.table(TABLE, COLUMNS, {"source": source, **load}, keys=["id"])
    lake.load(TABLE, lake.frame(SOURCE, [FIRST]))


def attempt(lake: Lake, fence: int, *rows: tuple[str, str, str]) -> Callable[[], Committed]:
    """The commit of a batch that is prepared now, by a run whose lease has this token."""
    engine = lake.engine()
    prepared, _ = lake.receive(engine, TABLE, lake.frame(SOURCE, rows))
    held = replace(prepared, fence=fence)
    return lambda: commit(engine.session(TABLE), engine.table(TABLE), lake.path(TABLE), held)


def refused(late: Callable[[], object]) -> str:
    with pytest.raises(CommitError) as told:
        late()
    return str(told.value)


def test_one_that_was_held_up_before_it_writes_does_not_write_over_the_other(
    cities: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, other = attempt(cities, 10, LATE), attempt(cities, 11, MEANWHILE)
    done: list[Committed] = []

    def once(step: str) -> None:
        go_on = getattr(module, step)

        def first(*arguments: Any, **named: Any) -> Any:
            if not done:
                done.append(Committed("", None, "", changed=False))
                done[0] = other()
            return go_on(*arguments, **named)

        monkeypatch.setattr(module, step, first)

    once("_write")
    once("put")

    told = refused(late)

    assert done
    assert done[0].changed
    assert "another batch came first" in told or "has taken over the lease" in told
    _is_as_if_only_the_other_had_been_there(cities, done[0])
    assert "has taken over the lease" in refused(late)


@pytest.mark.slow
def test_one_that_is_held_up_while_it_writes_is_in_conflict_with_the_other(
    cities: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its transaction is open for seconds: every row that it writes takes one, as one that reads a slow disk does."""
    late, other = attempt(cities, 10, LATE), attempt(cities, 11, MEANWHILE)
    began, reads = threading.Event(), Prepared.rows

    def slowly(self: Prepared, spark: Any) -> Any:
        rows = reads(self, spark)
        if self.fence != 10:
            return rows
        began.set()
        nap = F.expr("java_method('java.lang.Thread', 'sleep', cast(6000 as bigint)) is null")
        return rows.where(nap | (F.rand() >= 0))

    monkeypatch.setattr(Prepared, "rows", slowly)
    outcome: list[str] = []
    thread = threading.Thread(target=lambda: outcome.append(refused(late)))
    thread.start()
    assert began.wait(30)
    committed = other()
    thread.join()

    assert outcome
    _is_as_if_only_the_other_had_been_there(cities, committed)


def _is_as_if_only_the_other_had_been_there(lake: Lake, committed: Committed) -> None:
    engine = lake.engine()
    spark, path = engine.session(TABLE), lake.path(TABLE)
    state = read_state(spark, path)
    assert (state.version, state.batch_id, state.fence) == (committed.version, committed.batch_id, 11)
    rows = set(lake.read(TABLE))
    assert MEANWHILE in rows
    assert LATE not in rows
    assert (FIRST in rows) == (engine.table(TABLE).load.write.mode != "replace" or "part" in str(_partitions(lake)))
    assert state.sequence == 2
    assert holds_batch(spark, path, committed.batch_id, 0)
    assert not holds_batch(spark, path, "another", 0)


def _partitions(lake: Lake) -> tuple[str, ...]:
    return tuple(lake.engine().table(TABLE).load.write.partition_by or ())


def test_a_person_who_is_deleted_between_the_last_look_and_the_write_does_not_come_back(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a change of the row in the batch, or by the batch's own word that it is deleted."""
    monkeypatch.setattr(rewrite, "SMALL_TABLE", 0)
    load = {"write": {"mode": "upsert", "keys": ["id"], "deletes": {"flag": "gone"}}}
    lake.table(TABLE, COLUMNS, {"source": {"connection": "shop", "object": "cities"}, **load}, keys=["id"])
    rows, flagged = [("a", "Ulm", "x", False), ("b", "Bonn", "x", False)], f"{SOURCE}, gone boolean"
    lake.load(TABLE, lake.frame(flagged, [*rows, ("z", "Trier", "x", False)]))
    changes = [("a", "Jena", "x", False), ("b", "Bonn", "x", True), ("c", "Köln", "x", False)]
    write = module._write

    def after_others(*arguments: Any) -> None:
        lake.spark.sql(f"DELETE FROM delta.`{lake.path(TABLE)}` WHERE id IN ('a', 'b')")
        write(*arguments)

    monkeypatch.setattr(module, "_write", after_others)
    loaded = lake.load(TABLE, lake.frame(flagged, changes))

    assert lake.read(TABLE) == [("c", "Köln", "x"), ("z", "Trier", "x")]
    assert not loaded.committed.untouched, "who reads the table next looks at all that has changed"


def test_after_it_was_taken_back_a_table_goes_on(cities: Lake) -> None:
    engine = cities.engine()
    spark, path = engine.session(TABLE), cities.path(TABLE)
    cities.load(TABLE, cities.frame(SOURCE, [LATE]))
    module.restore(spark, path, 0 if read_state(spark, path).version == 1 else 1, {})
    cities.load(TABLE, cities.frame(SOURCE, [MEANWHILE]))
    cities.load(TABLE, cities.frame(SOURCE, [LATE]))
    assert LATE in set(cities.read(TABLE))
