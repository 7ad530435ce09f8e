"""Columns that the contract does not know: their names and types do not depend on what came with them, or before."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from tests.support.lakes.lake import Lake
from tests.support.lakes.replays import replayed
from tidemark.delta.table import read_state, stored_schema
from tidemark.rows.alignment import OLD_NAMES, beside, column_name, table_name

TABLE = "bronze.things"
SOURCE = {"connection": "shop", "object": "x"}
STATE = {"source": SOURCE, "write": {"mode": "upsert", "keys": ["id"]}}
LOG = {"source": SOURCE, "write": {"mode": "append"}}
NAMES = ["total", "Total €", "total_", "TOTAL.", "Größe", "日付", "order id", "_id", "2nd", "a" * 80, "x`y", " "]


def types(lake: Lake) -> dict[str, str]:
    fields = stored_schema(lake.spark, lake.path(TABLE)).fields
    return {field.name: field.dataType.simpleString() for field in fields if not field.name.startswith("_")}


def test_each_name_is_a_column_of_its_own_and_one_that_needs_no_change_stays() -> None:
    named = [column_name(name) for name in NAMES]
    assert len(set(named)) == len(NAMES)
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_") for name in named)
    assert (column_name("total"), column_name("TOTAL"), column_name("2nd")) == ("total", "total", "2nd")
    assert column_name("Order ID") == column_name("order id")


def test_spark_names_them_alike(spark: SparkSession) -> None:
    frame = spark.createDataFrame([(name,) for name in NAMES], "name string")
    for old in ((), ("total", "gr__e", "column")):
        found = frame.select(table_name(F.col("name"), old)).collect()
        assert [row[0] for row in found] == [column_name(name, old) for name in NAMES]


@pytest.mark.parametrize("order", list(itertools.permutations(["total", "Total €", "total_"]))[::2])
@pytest.mark.parametrize("at_once", [True, False], ids=["one batch", "three batches"])
def test_columns_whose_names_look_alike_stay_apart_in_any_order(
    lake: Lake, order: tuple[str, ...], at_once: bool
) -> None:
    values = {"total": 1, "Total €": 2, "total_": 3}
    lake.table(TABLE, "id! string", STATE, keys=["id"])
    if at_once:
        schema = ", ".join(f"`{name}` int" for name in order)
        lake.load(TABLE, lake.frame(f"id string, {schema}", [("a", *(values[name] for name in order))]))
    else:
        for name in order:
            lake.load(TABLE, lake.frame(f"id string, `{name}` int", [(name, values[name])]))
    columns = ["total", column_name("Total €"), column_name("total_")]
    expected = [(1, 2, 3)] if at_once else [(1, None, None), (None, 2, None), (None, None, 3)]
    assert sorted(lake.read(TABLE, *columns), key=repr) == sorted(expected, key=repr)
    assert set(types(lake)) == {"id", *columns}


def test_a_table_of_before_keeps_its_names(lake: Lake) -> None:
    lake.table(TABLE, "id! string", LOG)
    lake.load(TABLE, lake.frame("id string, order_id string, total int", [("a", "o1", 1)]))
    log = sorted((lake.root / "home" / "lake" / "bronze" / "things" / "_delta_log").glob("*.json"))[-1]
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    for line in lines:  # as a version wrote it that knew nothing of hashes
        if "commitInfo" in line:
            metadata = json.loads(line["commitInfo"]["userMetadata"])
            assert metadata.pop(OLD_NAMES) == []
            line["commitInfo"]["userMetadata"] = json.dumps(metadata)
    log.write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    log.with_name(f".{log.name}.crc").unlink(missing_ok=True)

    lake.load(TABLE, lake.frame("id string, `Order ID` string", [("b", "o2")]))
    lake.load(TABLE, lake.frame("id string, `Order ID` string, `New one` int", [("c", "o3", 5)]))

    new = column_name("New one")
    assert new != "new_one"
    assert lake.read(TABLE, "id", "order_id", "total", new) == [
        ("a", "o1", 1, None),
        ("b", "o2", None, None),
        ("c", "o3", None, 5),
    ]
    assert read_state(lake.spark, lake.path(TABLE)).metadata[OLD_NAMES] == ["order_id", "total"]


STEPS: list[tuple[str, Any, str]] = [
    ("smallint", 1, "extra"),
    ("int", 2**31 - 1, "extra"),
    ("tinyint", 3, "extra"),
    ("bigint", 2**62, "extra"),
    ("int", 5, "extra"),
    ("double", 0.1, beside("extra", "double")),
    ("string", "n/a", beside("extra", "string")),
    ("float", 0.5, beside("extra", "float")),
    ("bigint", 7, "extra"),
    ("double", 1e300, beside("extra", "double")),
]


@pytest.mark.parametrize("load", [pytest.param(LOG, id="log", marks=pytest.mark.slow), pytest.param(STATE, id="state")])
def test_each_value_is_there_as_it_came_whatever_type_it_has(lake: Lake, load: dict[str, Any]) -> None:
    lake.table(TABLE, "id! string", load, keys=["id"])
    expected = {}
    for number, (type_, value, column) in enumerate(STEPS):
        prepared = lake.load(TABLE, lake.frame(f"id string, Extra {type_}", [(str(number), value)])).prepared
        assert prepared.books.inserted == 1
        expected[str(number)] = (column, value)
    names = sorted({column for _, _, column in STEPS})
    found = {row[0]: dict(zip(names, row[1:], strict=True)) for row in lake.read(TABLE, "id", *names)}
    assert found == {key: dict.fromkeys(names) | {column: value} for key, (column, value) in expected.items()}
    assert (types(lake)["extra"], types(lake)[beside("extra", "double")]) == ("bigint", "double")
    # what came again, and narrower, is what it was
    again = lake.load(TABLE, lake.frame("id string, extra int", [("4", 5)])).prepared
    if load is STATE:
        assert again.books.unchanged == 1


def test_a_column_that_was_null_in_every_row_has_the_type_of_its_first_value(lake: Lake) -> None:
    lake.table(TABLE, "id! string", STATE, keys=["id"])
    lake.load(TABLE, lake.frame("id string, extra void", [("a", None)]))
    assert set(types(lake)) == {"id"}
    lake.load(TABLE, lake.frame("id string, extra int", [("b", 1)]))
    lake.load(TABLE, lake.frame("id string, extra void", [("b", None), ("c", None)]))
    assert types(lake)["extra"] == "int"
    assert lake.read(TABLE) == [("a", None), ("b", None), ("c", None)]


def test_a_contract_takes_a_column_out_and_the_source_sends_it_on_as_text(lake: Lake) -> None:
    lake.table(TABLE, "id! string\nn int", STATE, keys=["id"])
    lake.load(TABLE, lake.frame("id string, n string", [("a", "1"), ("b", "2")]))
    lake.table(TABLE, "id! string", STATE, keys=["id"])
    lake.load(TABLE, lake.frame("id string, n string", [("b", "x"), ("c", "3")]))
    text = beside("n", "string")
    assert lake.read(TABLE, "id", "n", text) == [("a", 1, None), ("b", None, "x"), ("c", None, "3")]
    lake.table(TABLE, "id! string\nn int", STATE, keys=["id"])
    lake.load(TABLE, lake.frame("id string, n string", [("c", "3")]))
    assert lake.read(TABLE, "id", "n", text) == [("a", 1, None), ("b", None, "x"), ("c", 3, None)]


def test_a_replayed_row_goes_where_a_received_one_would(lake: Lake) -> None:
    columns, schema = "id! string\nstatus string {enum: [{value: new}]}", "id string, status string, `Ex tra` bigint"
    ex_tra = column_name("Ex tra")
    lake.table(TABLE, columns, LOG)
    lake.load(TABLE, lake.frame(schema, [("a", "new", 1)]))
    lake.load(TABLE, lake.frame(schema.replace("bigint", "double"), [("b", "new", 0.5), ("c", "old", 1.5)]))
    lake.load(TABLE, lake.frame(schema, [("d", "old", 4)]))
    lake.table(TABLE, columns.replace("new", "old"), LOG)
    books = replayed(lake, TABLE)
    assert (books.inserted, books.quarantined) == (2, 0)
    assert lake.read(TABLE, "id", ex_tra, beside(ex_tra, "double")) == [
        ("a", 1, None),
        ("b", None, 0.5),
        ("c", None, 1.5),
        ("d", 4, None),
    ]
