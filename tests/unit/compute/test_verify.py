"""A table is computed anew from what its last commit read: what somebody changed by hand is found, and nothing else."""

from __future__ import annotations

import math

import pytest

from tests.support.lakes.lake import Lake, at
from tests.support.lakes.shop_tables import TABLES, receive
from tidemark.compute.verify import Sample, Verified, verify
from tidemark.errors import ConfigError


def verified(lake: Lake, table: str, sample: str | None = None, turn: str = "") -> Verified:
    return verify(lake.engine(), table, Sample.parse(sample, turn) if sample else None)


def found(lake: Lake, table: str) -> tuple[int, int, int]:
    each = verified(lake, table)
    return each.differing, each.missing, each.extra


def by_hand(lake: Lake, table: str, statement: str) -> None:
    lake.spark.sql(statement.format(table=f"delta.`{lake.path(table)}`"))


def test_tables_that_were_computed_in_parts_are_what_a_whole_computation_gives(shop: Lake) -> None:
    receive(shop, lines=[("o1", 2, "ann", 70, at(3), False)], customers=[("bob", "Kiel", at(2), False)])
    shop.build_together(*TABLES)
    receive(shop, lines=[("o2", 1, "bob", 1, at(4), True)], customers=[("eve", "Kiel", at(1), False)])
    shop.build_together(*TABLES)

    for table in TABLES:
        each = verified(shop, table)
        assert (each.outcome, each.reason) == ("equal", None), each
        assert each.compared == shop.delta(table).count()


@pytest.mark.parametrize(
    ("table", "statement", "expected"),
    [
        ("gold.totals", "UPDATE {table} SET amount = amount + 1 WHERE city = 'Ulm'", (1, 0, 0)),
        ("gold.totals", "DELETE FROM {table} WHERE city = 'Ulm'", (0, 1, 0)),
        ("gold.totals", "INSERT INTO {table} (city, amount) VALUES ('Rome', 5)", (0, 0, 1)),
        ("gold.sales", "INSERT INTO {table} SELECT * FROM {table} WHERE order_id = 'o1' AND line = 1", (0, 0, 1)),
        ("gold.customers", "UPDATE {table} SET city = 'Rome' WHERE is_current AND customer = 'ann'", (1, 0, 0)),
        ("silver.lines", "UPDATE {table} SET amount = NULL WHERE order_id = 'o1' AND line = 1", (1, 0, 0)),
        ("silver.lines", "DELETE FROM {table} WHERE order_id = 'o1'", (0, 2, 0)),
    ],
)
def test_rows_that_were_changed_by_hand_are_found(
    shop: Lake, table: str, statement: str, expected: tuple[int, int, int]
) -> None:
    by_hand(shop, table, statement)

    assert found(shop, table) == expected
    assert verified(shop, table).outcome == "differs"


def test_what_differs_is_named(shop: Lake) -> None:
    by_hand(shop, "gold.totals", "UPDATE {table} SET amount = -1 WHERE city = 'Ulm'")
    each = verified(shop, "gold.totals")
    assert each.columns == {"amount": 1}
    assert each.keys == ("differing: city=Ulm",)


EXCEPTION = "customProperties: [{property: personalException, value: {reason: r, approvedBy: a}}]"


def test_keys_that_are_personal_are_not_named(shop: Lake) -> None:
    path = shop.root / "config" / "gold" / "totals.contract.yaml"
    path.write_text(
        path.read_text("utf-8").replace("- name: city", f"- classification: personal\n    {EXCEPTION}\n    name: city"),
        "utf-8",
    )
    shop.build("gold.totals")
    by_hand(shop, "gold.totals", "UPDATE {table} SET amount = -1 WHERE city = 'Ulm'")
    each = verified(shop, "gold.totals")
    assert (each.differing, each.keys) == (1, ())


def test_a_full_refresh_mends_what_was_changed_by_hand(shop: Lake) -> None:
    by_hand(shop, "gold.totals", "UPDATE {table} SET amount = -1 WHERE city = 'Ulm'")
    by_hand(shop, "silver.lines", "UPDATE {table} SET amount = 999 WHERE order_id = 'o1' AND line = 1")

    shop.build_together("silver.lines", full=True)
    shop.build_together("gold.totals", full=True)

    assert found(shop, "silver.lines") == (0, 0, 0)
    shop.build_together(*TABLES)
    assert {table: verified(shop, table).outcome for table in TABLES} == dict.fromkeys(TABLES, "equal")
    assert ("Ulm", 12) in shop.read("gold.totals", "city", "amount")


@pytest.mark.slow
def test_samples_of_all_days_find_together_what_the_whole_does(shop: Lake) -> None:
    receive(shop, lines=[(f"s{number}", 1, "ann", number, at(3), False) for number in range(60)])
    shop.build_together(*TABLES)
    by_hand(shop, "silver.lines", "DELETE FROM {table} WHERE order_id = 's7'")
    by_hand(shop, "silver.lines", "UPDATE {table} SET amount = -1 WHERE order_id = 's8'")

    parts = [verified(shop, "silver.lines", "20%", turn=str(turn)) for turn in range(12)]

    assert all(part.compared < 40 for part in parts)
    assert len({part.compared for part in parts}) > 1, "every turn is another part"
    assert any(part.missing for part in parts)
    assert any(part.differing for part in parts)
    again = verified(shop, "silver.lines", "20%", turn="0")
    assert (again.compared, again.differing, again.missing) == (
        parts[0].compared,
        parts[0].differing,
        parts[0].missing,
    )


def test_inputs_are_read_as_they_were_when_the_table_was_computed(shop: Lake) -> None:
    receive(shop, lines=[("o1", 1, "ann", 1000, at(5), False)])
    shop.build("silver.lines")
    assert verified(shop, "gold.sales").outcome == "equal", "its own input has moved on since"


def test_what_cannot_be_compared_says_why(shop: Lake) -> None:
    assert verified(shop, "bronze.lines").reason == "it is received, not computed"
    path = shop.root / "config" / "gold" / "totals.sql"
    path.write_text(path.read_text("utf-8").replace("SUM(amount)", "MAX(amount)"), "utf-8")
    each = verified(shop, "gold.totals")
    assert (each.outcome, each.compared) == ("not compared", 0)
    assert "another query" in str(each.reason)


@pytest.mark.parametrize("keyed", [True, False])
def test_floating_point_numbers_are_equal_where_they_are_close_and_nowhere_else(lake: Lake, keyed: bool) -> None:
    source = {"source": {"connection": "shop", "object": "x"}, "write": {"mode": "append", "keys": ["id"]}}
    lake.table("bronze.sums", "id! string\nx double", source, keys=["id"])
    write = {"mode": "upsert", "keys": ["id"]} if keyed else {"mode": "replace"}
    inputs = {"bronze.sums": {"on": ["id"]} if keyed else None}
    sql = "SELECT id, x FROM bronze.sums"
    lake.table("silver.sums", "id! string\nx double", {"inputs": inputs, "write": write}, keys=["id"], sql=sql)
    numbers = [0.3, -0.0, math.nan, math.inf, 5.0, 6.0, math.inf, None]
    lake.load("bronze.sums", lake.frame("id string, x double", [(f"r{at}", x) for at, x in enumerate(numbers)]))
    lake.build("silver.sums")
    assert found(lake, "silver.sums") == (0, 0, 0)

    by_hand(lake, "silver.sums", "UPDATE {table} SET x = x + 1e-15 WHERE id = 'r0'")
    assert found(lake, "silver.sums") == (0, 0, 0), "a sum depends on the order of its rows"
    for row, value in ("r4", "NaN"), ("r5", "Infinity"), ("r6", "-Infinity"), ("r7", "0"):
        by_hand(lake, "silver.sums", f"UPDATE {{table}} SET x = double('{value}') WHERE id = '{row}'")
    assert found(lake, "silver.sums") == (4, 0, 0)


@pytest.mark.parametrize("text", ["", "0", "0%", "101%", "-3", "1.5", "ten", "5 %%"])
def test_a_sample_is_a_number_of_rows_or_a_part(text: str) -> None:
    with pytest.raises(ConfigError, match="a sample is"):
        Sample.parse(text)


def test_a_sample_of_rows_is_a_part_of_the_table() -> None:
    assert (Sample.parse("50").of(200), Sample.parse("50").of(10), Sample.parse("2.5%").of(10)) == (0.25, 1.0, 0.025)
