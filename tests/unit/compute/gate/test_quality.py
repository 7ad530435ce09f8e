from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.lakes.lake import Lake
from tidemark import steps
from tidemark.compute.gate import quality
from tidemark.control import bypasses
from tidemark.delta.table import read_state
from tidemark.sources import Extract
from tidemark.write import rewrite

LOAD = {"source": {"connection": "shop", "object": "x"}, "write": {"mode": "upsert", "keys": ["id"]}}


@pytest.fixture
def items(lake: Lake) -> Lake:
    quality = [
        {"metric": "rowCount", "mustBeGreaterThan": 1, "severity": "error", "name": "two rows at least"},
        {"type": "sql", "name": "prices stay low", "query": "SELECT max(price) FROM {object}", "mustBeLessThan": 100},
        {"metric": "rowCount", "mustBeLessThan": 4, "severity": "warning", "name": "few rows"},
    ]
    lake.table("bronze.items", "id! int\nprice int", LOAD, keys=["id"], quality=quality)
    return lake


def prepared(lake: Lake, *rows: tuple[int, int]) -> tuple[steps.GateResult, dict[str, object]]:
    engine = lake.engine()
    frame = lake.frame("id int, price int, _origin string", [(*row, "test") for row in rows])
    extract = Extract("bronze.items", frame, {}, {"run": engine.run.run_id}, False, "test")
    steps.prepare(engine, "bronze.items", steps.validate(engine, "bronze.items", extract))
    result = steps.gate(engine, "bronze.items")
    return result, json.loads(Path(result.path).read_text("utf-8"))


def test_the_gate_sees_the_table_with_the_batch_in_it_and_stores_what_it_saw(items: Lake) -> None:
    items.load("bronze.items", items.frame("id int, price int", [(1, 10), (2, 500)]))

    result, stored = prepared(items, (2, 20), (3, 30))

    assert result.passed
    assert stored["passed"] is True
    outcomes = {check.name: check.outcome for check in result.checks}
    assert outcomes["two rows at least"] == outcomes["prices stay low"] == outcomes["few rows"] == "pass"
    assert result.path.endswith(f"dq_results/bronze/items/{items.engines[-1].run.run_id}.json")


def test_a_failing_batch_is_told_by_check_and_value_and_leaves_the_table_alone(items: Lake) -> None:
    items.load("bronze.items", items.frame("id int, price int", [(1, 10), (2, 20)]))
    version = read_state(items.spark, items.path("bronze.items")).version

    result, stored = prepared(items, (3, 100), (4, 1), (5, 1))

    assert not result.passed
    assert [(check.name, check.outcome) for check in result.failures] == [("prices stay low", "fail")]
    assert [check.name for check in result.warnings] == ["few rows"]
    assert stored["passed"] is False
    assert read_state(items.spark, items.path("bronze.items")).version == version
    assert items.read("bronze.items") == [(1, 10), (2, 20)]


def aged(lake: Lake) -> str:
    """The age of bronze.visits, as its freshness check tells it."""
    told = quality.age(lake.engine(), "bronze.visits")
    assert told is not None
    return told.checks[0].value


def test_the_age_of_a_table_that_stays_is_that_of_its_newest_row(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the log where it tells, and by the rows where it does not: a file without a bound, rows marked as deleted."""
    write = {"mode": "upsert", "keys": ["id"], "deletes": {"flag": "gone"}}
    lake.table("bronze.visits", "id! int\nat timestamp", {**LOAD, "write": write}, keys=["id"])
    lake.promise_freshness("bronze.visits", "at", hours=26)
    as_of = lake.engine().run.as_of

    def load(*rows: tuple[int, datetime | None, bool]) -> None:
        lake.load("bronze.visits", lake.frame("id int, at timestamp, gone boolean", rows))

    load((1, None, False))
    assert aged(lake) == "1000000.0"
    load((2, as_of - timedelta(hours=30), False), (3, as_of - timedelta(hours=3, microseconds=5), False))
    with monkeypatch.context() as patched:
        patched.setattr(quality, "candidate", _unread)
        assert aged(lake) == "3.0"
    monkeypatch.setattr(rewrite, "SMALL_TABLE", 0)
    load((3, None, True))
    assert aged(lake) == "30.0"


def _unread(*_: object) -> None:
    raise AssertionError("the rows were read")


def test_a_check_that_somebody_lets_pass_warns_and_the_others_fail_as_ever(items: Lake) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    state = items.engine().state
    told = {"who": "ann", "why": "a sale", "until": now + timedelta(hours=1), "now": now}
    made = bypasses.add(state, "bronze.items", "prices stay low", **told)

    result, stored = prepared(items, (1, 500), (2, 1))
    assert result.passed
    assert [(check.name, check.bypass) for check in result.warnings] == [("prices stay low", made.told)]
    assert made.told in json.dumps(stored)
    assert not prepared(items, (1, 500))[0].passed, "a row alone, which nobody has let pass"
    bypasses.end(state, made.id, who="ann", now=now)
    assert not prepared(items, (1, 500), (2, 1))[0].passed
