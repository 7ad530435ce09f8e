"""A backfill computes what rows received in a period lead to, through every table on the way, and signs what it did."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.support.lakes.lake import Lake, Loaded, at
from tests.support.lakes.saved import Beginnings
from tests.support.lakes.shop_tables import TABLES, describe, held, receive
from tidemark import steps
from tidemark.compute.incremental import Scope
from tidemark.compute.received import Received, scope
from tidemark.compute.verify import verify
from tidemark.config.definition import fingerprint, is_by, is_mixed
from tidemark.delta.table import read_state
from tidemark.sources.watermark import Period

FIRST, SECOND = date(2025, 3, 1), date(2025, 3, 5)


def on(day: date, *, forward_only: bool = False) -> Received:
    return Received(Period.of_days(day, day), forward_only)


@pytest.fixture
def two_days(beginnings: Beginnings, first_day: Path) -> Lake:
    """The shop, with a line and a customer that were received four days after the others."""
    lake, lake.day = beginnings.of(second_day, first_day)
    return lake


def second_day(lake: Lake, first_day: Path) -> date:
    lake.begin_with(first_day)
    lake.day = SECOND
    receive(lake, lines=[("o4", 1, "zoe", 2, at(5), False)], customers=[("zoe", "Kiel", at(4), False)])
    lake.build_together(*TABLES)
    return lake.day


def edit(lake: Lake, table: str, old: str, new: str) -> None:
    path = lake.root / "config" / Path(*table.split(".")).with_suffix(".sql")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def definition(lake: Lake, table: str) -> Any:
    return read_state(lake.spark, lake.path(table)).metadata["definition"]


def of(lake: Lake, table: str, received: Received) -> Scope:
    engine = lake.engine()
    loaded = engine.table(table)
    return scope(engine, engine.session(table), loaded, fingerprint(loaded), received)


def keys(found: Scope) -> list[tuple[Any, ...]]:
    assert found.affected is not None
    return sorted(tuple(row) for row in found.affected.keys.collect())


def changed(done: dict[str, Loaded]) -> dict[str, int]:
    return {table: loaded.prepared.books.changes for table, loaded in done.items() if loaded.prepared}


def test_the_period_leads_through_tables_that_are_not_built(two_days: Lake) -> None:
    assert keys(of(two_days, "silver.lines", on(SECOND))) == [("o4", 1)]
    assert keys(of(two_days, "gold.customers", on(SECOND))) == [("zoe",)]
    assert keys(of(two_days, "gold.sales", on(SECOND))) == [("o4", 1)]
    assert keys(of(two_days, "gold.totals", on(SECOND))) == [("Kiel",)]
    assert keys(of(two_days, "gold.totals", on(date(2025, 3, 3)))) == []


def test_a_dimension_of_the_period_leads_to_all_its_facts(two_days: Lake) -> None:
    two_days.day = date(2025, 3, 7)
    receive(two_days, customers=[("ann", "Kiel", at(7), False)])

    assert keys(of(two_days, "gold.sales", on(two_days.day))) == [("o1", 1), ("o1", 2)]


def test_rows_belong_to_a_period_by_their_change_time_where_there_is_one(two_days: Lake) -> None:
    path = two_days.root / "config" / "bronze" / "lines.load.yaml"
    path.write_text(path.read_text() + "watermark: {column: updated_at}\n")

    assert keys(of(two_days, "silver.lines", on(date(2025, 3, 2)))) == [("o1", 1), ("o1", 2), ("o2", 1), ("o3", 1)]
    assert keys(of(two_days, "silver.lines", on(FIRST))) == []


def test_what_is_as_it_should_be_is_computed_and_not_written(two_days: Lake) -> None:
    before = {table: read_state(two_days.spark, two_days.path(table)).version for table in TABLES}

    done = two_days.build_together(*TABLES, received=on(SECOND))

    assert {table: loaded.prepared.books.extracted for table, loaded in done.items() if loaded.prepared} == {
        "silver.lines": 1,
        "gold.customers": 1,
        "gold.sales": 1,
        "gold.totals": 1,
    }
    assert {table: read_state(two_days.spark, two_days.path(table)).version for table in TABLES} == before


def test_new_logic_reaches_the_period_and_the_table_says_that_it_is_of_two_kinds(two_days: Lake) -> None:
    edit(two_days, "silver.lines", "amount,", "amount * 100 AS amount,")
    old = definition(two_days, "silver.lines")

    done = two_days.build_together(*TABLES, received=on(SECOND))

    assert changed(done) == {"silver.lines": 1, "gold.customers": 0, "gold.sales": 1, "gold.totals": 1}
    assert two_days.read("gold.totals", "city", "amount") == [("Bonn", 1), ("Kiel", 200), ("Ulm", 12)]
    new = fingerprint(two_days.engine().table("silver.lines"))
    assert definition(two_days, "silver.lines") == f"{old}+{new}"
    assert not is_mixed(definition(two_days, "gold.totals"))


@pytest.mark.parametrize("then", [pytest.param("as it is", marks=pytest.mark.slow), "taken back"])
def test_the_next_run_builds_a_table_of_two_kinds_anew_whatever_its_query_says_then(two_days: Lake, then: str) -> None:
    edit(two_days, "silver.lines", "amount,", "amount * 100 AS amount,")
    two_days.build_together(*TABLES, received=on(SECOND))
    if then == "taken back":
        edit(two_days, "silver.lines", "amount * 100 AS amount,", "amount,")

    checked = steps.build(two_days.engine(), "silver.lines")
    assert checked is not None
    assert checked.notices == (
        "is built anew: a backfill computed a part of it by a changed query, load file or contract",
    )
    two_days.build_together(*TABLES)

    factor = 100 if then == "as it is" else 1
    assert two_days.read("gold.totals", "city", "amount") == [
        ("Bonn", factor),
        ("Kiel", 2 * factor),
        ("Ulm", 12 * factor),
    ]
    assert not is_mixed(definition(two_days, "silver.lines"))


def test_a_second_backfill_does_not_make_one_kind_of_three(two_days: Lake) -> None:
    edit(two_days, "silver.lines", "amount,", "amount * 100 AS amount,")
    two_days.build_together("silver.lines", received=on(SECOND))
    once = definition(two_days, "silver.lines")
    edit(two_days, "silver.lines", "amount * 100 AS amount,", "amount * 10 AS amount,")

    two_days.build_together("silver.lines", received=on(SECOND))

    assert definition(two_days, "silver.lines") == f"{once}+{fingerprint(two_days.engine().table('silver.lines'))}"


def test_forward_only_signs_the_new_logic_and_warns(two_days: Lake) -> None:
    edit(two_days, "silver.lines", "amount,", "amount * 100 AS amount,")

    checked = steps.build(two_days.engine(), "silver.lines", received=on(SECOND, forward_only=True))
    assert checked is not None
    assert checked.notices == (
        "only rows that 2025-03-05 to 2025-03-05 lead to are computed by the changed query, load file or contract; "
        "the others stay as they were made (forward only)",
    )
    two_days.build_together(*TABLES, received=on(SECOND, forward_only=True))

    assert is_by(definition(two_days, "silver.lines"), fingerprint(two_days.engine().table("silver.lines")))
    assert all(loaded.prepared is None for loaded in two_days.build_together(*TABLES).values())
    assert two_days.read("gold.totals", "city", "amount") == [("Bonn", 1), ("Kiel", 200), ("Ulm", 12)]


@pytest.mark.slow
def test_a_table_with_rows_that_stay_by_an_earlier_query_is_not_verified_until_it_is_built_whole(
    two_days: Lake,
) -> None:
    edit(two_days, "silver.lines", "amount,", "amount * 100 AS amount,")
    two_days.build_together(*TABLES, received=on(SECOND, forward_only=True))
    receive(two_days, lines=[("o5", 1, "zoe", 3, at(6), False)])
    two_days.build_together(*TABLES)

    assert ("o5", 300) in two_days.read("silver.lines", "order_id", "amount")
    found = verify(two_days.engine(), "silver.lines")
    assert (found.outcome, found.reason) == (
        "not compared",
        "rows stay as an earlier query, load file or contract made them (forward only)",
    )
    assert verify(two_days.engine(), "gold.totals").outcome == "equal"

    two_days.build_together(*TABLES, full=True)
    assert verify(two_days.engine(), "silver.lines").outcome == "equal"
    assert definition(two_days, "silver.lines") == fingerprint(two_days.engine().table("silver.lines"))


@pytest.mark.slow
def test_a_backfill_of_everything_after_a_change_of_every_query_is_a_rebuild(two_days: Lake, tmp_path: Path) -> None:
    def change(lake: Lake) -> None:
        edit(lake, "silver.lines", "amount,", "amount + line AS amount,")
        edit(lake, "gold.customers", "SELECT customer, city,", "SELECT customer, upper(city) AS city,")
        edit(lake, "gold.sales", "c.city, l.amount", "c.city, l.amount * 2 AS amount")
        edit(lake, "gold.totals", "GROUP BY city", "AND city <> 'BONN' GROUP BY city")

    scratch = Lake(two_days.spark, tmp_path / "scratch")
    describe(scratch)
    change(scratch)
    receive(scratch, customers=[("ann", "Ulm", at(1), False), ("bob", "Bonn", at(1), False)])
    receive(scratch, lines=[("o1", 1, "ann", 5, at(2), False), ("o1", 2, "ann", 7, at(2), False)])
    receive(scratch, lines=[("o2", 1, "bob", 1, at(2), False), ("o3", 1, "eve", 3, at(2), False)])
    receive(scratch, lines=[("o4", 1, "zoe", 2, at(5), False)], customers=[("zoe", "Kiel", at(4), False)])
    scratch.build_together(*TABLES)
    change(two_days)

    two_days.build_together(*TABLES, received=Received(Period.of_days(FIRST, SECOND)))

    assert held(two_days) == held(scratch)
    assert held(scratch)["gold.totals"] == [("KIEL", 6), ("ULM", 30)]


def test_what_changed_besides_is_computed_too(two_days: Lake) -> None:
    receive(two_days, lines=[("o1", 1, "ann", 50, at(6), False)])
    two_days.day = date(2025, 3, 8)

    two_days.build_together(*TABLES, received=on(date(2025, 3, 3)))

    assert two_days.read("gold.totals", "city", "amount") == [("Bonn", 1), ("Kiel", 2), ("Ulm", 57)]
    assert all(loaded.prepared is None for loaded in two_days.build_together(*TABLES).values())


def test_tables_without_on_are_built_as_a_whole_or_left(two_days: Lake) -> None:
    write = {"mode": "replace", "keys": ["city"]}
    sql = "SELECT DISTINCT city FROM gold.customers"
    two_days.table("gold.cities", "city string", {"inputs": {"gold.customers": {}}, "write": write}, sql=sql)
    two_days.table(
        "gold.lengths",
        "city string\nletters int",
        {"inputs": {"gold.cities": {"on": ["city"]}}, "write": {"mode": "upsert", "keys": ["city"]}},
        keys=["city"],
        sql="SELECT city, length(city) AS letters FROM gold.cities WHERE city IS NOT NULL",
    )
    two_days.build_together("gold.cities", "gold.lengths")

    assert of(two_days, "gold.cities", on(SECOND)).nothing
    assert of(two_days, "gold.lengths", on(SECOND)).nothing
    edit(two_days, "gold.lengths", "length(city)", "length(city) + 1")
    found = of(two_days, "gold.lengths", on(SECOND))
    assert (found.affected, found.reason, found.others_by) == (None, "its inputs are computed as a whole", None)


def test_what_an_attempt_had_staged_is_taken_over_by_the_next(two_days: Lake) -> None:
    edit(two_days, "silver.lines", "amount,", "amount * 100 AS amount,")
    died, later = two_days.engine(), two_days.engine()
    staged, _ = two_days.prepare(died, "silver.lines", steps.build(died, "silver.lines", received=on(SECOND)))
    later.attempts.append(died.run.run_id)

    taken, _ = two_days.prepare(later, "silver.lines", steps.build(later, "silver.lines", received=on(SECOND)))

    assert (taken.batch_id, taken.data, taken.run_id) == (staged.batch_id, staged.data, later.run.run_id)
    assert two_days.finish(later, "silver.lines", taken, 0).committed.changed
    assert (died.run.started_at, 200) in two_days.read("silver.lines", "_ingest_ts", "amount")
    other = two_days.engine()
    other.attempts.append(died.run.run_id)
    checked = steps.build(other, "silver.lines", received=on(date(2025, 3, 1)))
    assert two_days.prepare(other, "silver.lines", checked)[0].run_id == other.run.run_id
    assert two_days.prepare(other, "silver.lines", checked)[0].data != staged.data, "other work is done"
