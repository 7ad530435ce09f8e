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


MISSING = "SELECT count(*) FROM {{object}} AS one LEFT ANTI JOIN {other} AS other ON other.id = one.person"


@pytest.fixture
def orders(lake: Lake) -> Lake:
    """Orders are held against people of the same layer, and against a table of people that is built later."""
    others = {"people are known": "bronze.people", "people were released": "silver.people"}
    checks = [
        {"type": "sql", "name": name, "query": MISSING.format(other=other), "mustBe": 0}
        for name, other in others.items()
    ]
    lake.table("bronze.people", "id! int\nname string", LOAD, keys=["id"])
    lake.table("bronze.orders", "id! int\nperson int", LOAD, keys=["id"], quality=checks)
    build = {"inputs": {"bronze.people": {"on": ["id"]}}, "write": LOAD["write"]}
    lake.table("silver.people", "id! int\nname string", build, keys=["id"], sql="SELECT id, name FROM bronze.people")
    lake.load("bronze.people", lake.frame("id int, name string", [(1, "Ada")]))
    lake.build("silver.people")
    lake.load("bronze.orders", lake.frame("id int, person int", [(1, 1)]))
    return lake


def outcomes(result: steps.GateResult | None) -> dict[str, str]:
    """Of the checks that read another table."""
    return {check.name: check.outcome for check in result.checks if "people" in check.name} if result else {}


def test_checks_see_what_the_run_makes_of_tables_before_and_what_is_committed_of_later_ones(orders: Lake) -> None:
    engine = orders.engine()
    orders.receive(engine, "bronze.people", orders.frame("id int, name string", [(2, "Bob")]))
    steps.prepare(engine, "silver.people", steps.build(engine, "silver.people"))
    orders.receive(engine, "bronze.orders", orders.frame("id int, person int", [(2, 2)]))

    result = steps.gate(engine, "bronze.orders")

    assert outcomes(result) == {"people are known": "pass", "people were released": "fail"}


def test_a_table_that_stays_passes_its_checks_again_when_what_they_read_changes(orders: Lake) -> None:
    assert steps.stay(orders.engine(), "bronze.orders") is None

    orders.table("bronze.people", "id! int\nname string", {**LOAD, "write": {"mode": "replace"}})
    engine = orders.engine()
    orders.receive(engine, "bronze.people", orders.frame("id int, name string", [(2, "Bob")]))

    assert outcomes(steps.stay(engine, "bronze.orders"))["people are known"] == "fail"


def test_the_value_of_a_check_that_measures_somebody_is_neither_stored_nor_told(lake: Lake) -> None:
    phones = "SELECT max(CAST(replace(phone, '+', '') AS BIGINT)) FROM {object} WHERE id = 1"
    checks = [
        {"type": "sql", "name": "phones", "query": phones, "mustBeGreaterThan": 0},
        {"type": "sql", "name": "no phones", "query": phones, "mustBeLessThan": 0, "severity": "warning"},
        {"type": "custom", "name": "short", "engine": "soda", "implementation": "max_length(phone) < 3"},
        {"type": "sql", "name": "known", "query": "SELECT count(phone) FROM {object}", "mustBe": 1},
    ]
    lake.table("bronze.items", "id! int\nphone string {classification: personal}", LOAD, keys=["id"], quality=checks)
    engine = lake.engine()
    frame = lake.frame("id int, phone string, _origin string", [(1, "+4917012345", "test")])
    extract = Extract("bronze.items", frame, {}, {"run": engine.run.run_id}, False, "test")
    steps.prepare(engine, "bronze.items", steps.validate(engine, "bronze.items", extract))

    result = steps.gate(engine, "bronze.items")

    told = {check.name: (check.outcome, check.value) for check in result.checks}
    assert told["phones"] == ("pass", "hidden")
    assert told["no phones"] == ("warn", "hidden")
    assert told["short"] == ("fail", "hidden")
    assert told["known"] == ("pass", "1.0")
    stored = Path(result.path).read_text("utf-8")
    assert "4917012345" not in stored
    assert {each["name"]: each["value"] for each in json.loads(stored)["checks"]}["phones"] == "hidden"


def test_the_age_of_the_newest_personal_date_is_not_told(lake: Lake) -> None:
    lake.table("bronze.visits", "id! int\nborn timestamp {classification: personal}", LOAD, keys=["id"])
    lake.promise_freshness("bronze.visits", "born", hours=26)
    lake.load("bronze.visits", lake.frame("id int, born timestamp", [(1, datetime(2025, 3, 1, tzinfo=UTC))]))
    assert aged(lake) == "hidden"
