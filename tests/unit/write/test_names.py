"""Columns of users may have any name that a contract takes: those of helpers the engine once had, and SQL's words."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlglot
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StringType, StructField, StructType
from sqlglot import exp

from tests.support.lakes.lake import Lake, at
from tests.support.lakes.replays import replayed
from tidemark import steps
from tidemark.compile import ddl
from tidemark.config.project import load_project
from tidemark.errorlane.replay import Which
from tidemark.errors import CommitError
from tidemark.write import rewrite

NAMES = [
    "_label",
    "_bad",
    "_error",
    "_position",
    "_matched",
    "_present",
    "_key",
    "_old_id",
    "_old_x",
    "_place_id",
    "_wanted_id",
    "_raw_id",
    "_given_id",
    "_change",
    "_refused_x",
    "_last",
    "_state",
    "_before",
    "_first",
    "_tie",
    "_again",
    "_fields",
    "_codes",
    "_lane",
    "_query",
    "_values",
    "_closes",
    "lane",
    "rows",
    "new",
    "old",
    "value",
    "target",
    "batch",
    "c0",
    "error_id",
    "payload",
    "reasons",
    "origin",
    "count",
    "rule",
    "column",
    "message",
    "low_id",
    "high_id",
    "kept",
    "feed",
    "labels",
    "order",
    "group",
    "select",
    "timestamp",
    "table",
    "from",
    "where",
    "index",
    "user",
    "end",
    "primary",
    "default",
    "case",
    "null",
]
COLUMNS = "\n".join(["id! int", "seen! timestamp", "gone boolean", *(f"{name} string" for name in NAMES)])
SCHEMA = ", ".join(["id string", "seen timestamp", "gone boolean", *(f"`{name}` string" for name in NAMES)])
SOURCE = {"connection": "shop", "object": "x"}
TABLE = "bronze.odd"


def row(key: int | str, day: int, text: str, *, gone: bool = False) -> tuple[Any, ...]:
    return (str(key), at(day), gone, *(f"{text} {name}" for name in NAMES))


def stored(key: int, day: int, text: str, *, gone: bool = False) -> tuple[Any, ...]:
    return (key, *row(key, day, text, gone=gone)[1:])


def describe(lake: Lake, load: dict[str, Any], table: str = TABLE, **extra: Any) -> None:
    lake.table(table, COLUMNS, load, **extra)


def read(lake: Lake, table: str = TABLE) -> list[tuple[Any, ...]]:
    return lake.read(table, "id", "seen", "gone", *(f"`{name}`" for name in NAMES))


def test_an_append_without_keys(lake: Lake) -> None:
    describe(lake, {"source": SOURCE, "write": {"mode": "append"}})
    lake.load(TABLE, lake.frame(SCHEMA, [row(1, 1, "a"), row("x", 1, "b")]))
    assert read(lake) == [stored(1, 1, "a")]
    (error,) = lake.errors(TABLE)
    assert [(reason["column"], reason["rule"], reason["value"]) for reason in error["reasons"]] == [("id", "type", "x")]
    assert json.loads(error["payload"]) == {
        "id": "x", "seen": "2025-03-01T00:00:00.000000Z", "gone": False, **{name: f"b {name}" for name in NAMES},
    }  # fmt: skip


def test_an_append_with_keys_and_tombstones(lake: Lake) -> None:
    write = {"mode": "append", "keys": ["id"], "deletes": {"missing": "soft", "flag": "gone"}}
    describe(lake, {"source": SOURCE | {"mode": "full"}, "write": write}, keys=["id"])
    lake.load(TABLE, lake.frame(SCHEMA, [row(1, 1, "a"), row(2, 1, "b")]), full=True)
    lake.load(TABLE, lake.frame(SCHEMA, [row(1, 1, "a"), row(3, 2, "c")]), full=True)
    assert read(lake) == [stored(1, 1, "a"), stored(2, 1, "b"), stored(2, 1, "b", gone=True), stored(3, 2, "c")]


@pytest.mark.parametrize("by", ["rewrite", "merge"])
def test_an_upsert(lake: Lake, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    if by == "merge":
        monkeypatch.setattr(rewrite, "fits", lambda *_: False)
    write = {"mode": "upsert", "keys": ["id"], "order_by": ["seen", "_position", "value"], "deletes": {"flag": "gone"}}
    describe(lake, {"source": SOURCE, "write": write}, keys=["id"])
    lake.load(TABLE, lake.frame(SCHEMA, [row(1, 1, "a"), row(1, 2, "b"), row(2, 1, "c"), row(3, 1, "d")]))
    engine = lake.engine()
    received = lake.frame(SCHEMA, [row(1, 3, "e"), row(2, 2, "", gone=True), row(3, 1, "d"), row(4, 1, "f")])
    prepared, new = lake.receive(engine, TABLE, received)
    assert steps.gate(engine, TABLE).passed
    lake.finish(engine, TABLE, prepared, new)
    assert read(lake) == [stored(1, 3, "e"), stored(3, 1, "d"), stored(4, 1, "f")]
    assert (prepared.books.updated, prepared.books.deleted, prepared.books.unchanged) == (1, 1, 1)


def test_a_replace_of_partitions(lake: Lake) -> None:
    load = {"source": SOURCE, "write": {"mode": "replace", "partition_by": ["order"]}, "partition_by": ["order"]}
    describe(lake, load)
    lake.load(TABLE, lake.frame(SCHEMA, [row(1, 1, "a"), row(2, 1, "b")]))
    lake.load(TABLE, lake.frame(SCHEMA, [row(3, 2, "a")]))
    assert read(lake) == [stored(2, 1, "b"), stored(3, 2, "a")]


def test_a_history_built_from_a_log(lake: Lake) -> None:
    describe(lake, {"source": SOURCE, "write": {"mode": "append"}})
    history = f"{COLUMNS}\nodd_sk! string\nvalid_from! timestamp\nvalid_to timestamp\nis_current boolean"
    track = ["_label", "value", "order", "lane"]
    write = {"mode": "scd2", "keys": ["id"], "effective_from": "seen", "surrogate_key": "odd_sk", "track": track}
    load = {"inputs": {TABLE: {"on": ["id"]}}, "write": write}
    lake.table("gold.odd", history, load, keys=["odd_sk"], sql=f"SELECT * FROM {TABLE}")
    for day, text in ((1, "a"), (2, "a"), (3, "b")):
        lake.load(TABLE, lake.frame(SCHEMA, [row(1, day, text), row(2, 1, "c")]))
        lake.build("gold.odd")
    assert read(lake, "gold.odd") == [stored(1, 1, "a"), stored(1, 3, "b"), stored(2, 1, "c")]
    spans = [(1, at(1), at(3)), (1, at(3), None), (2, at(1), None)]
    assert lake.read("gold.odd", "id", "valid_from", "valid_to") == spans


@pytest.mark.slow
def test_a_replay(lake: Lake) -> None:
    load = {"source": SOURCE, "write": {"mode": "append"}}
    describe(lake, load)
    lake.load(TABLE, lake.frame(SCHEMA, [row(1, 1, "a"), row("1.5", 1, "b")]))
    lake.table(TABLE, COLUMNS.replace("id! int", "id! decimal(9,1)"), load)
    lake.table(TABLE, COLUMNS.replace("id! int", "id! int") + "\nextra string", load | {"cast": {"id": "truncate"}})
    replayed(lake, TABLE, Which())
    assert read(lake) == [stored(1, 1, "a"), stored(1, 1, "b")]


def test_checks_of_columns_that_are_words_of_sql(lake: Lake) -> None:
    counted = "{quality: [{metric: nullValues, mustBe: 0}]}"
    promised = [{"metric": "duplicateValues", "mustBe": 0, "arguments": {"properties": ["group", "value"]}}]
    columns = f"order! string\ngroup! string\nselect string {counted}\ntimestamp int {{unique: true}}\nvalue string"
    load = {"inputs": {TABLE: {"on": ["order", "group"]}}, "write": {"mode": "upsert", "keys": ["order", "group"]}}
    describe(lake, {"source": SOURCE, "write": {"mode": "append"}})
    query = f"SELECT `order`, `group`, `select`, id AS `timestamp`, value FROM {TABLE}"
    lake.table("silver.words", columns, load, keys=["order", "group"], sql=query, quality=promised)
    lake.load(TABLE, lake.frame(SCHEMA, [row(1, 1, "a"), row(2, 1, "b")]))
    engine = lake.engine()
    checked = steps.build(engine, "silver.words")
    assert checked is not None
    steps.prepare(engine, "silver.words", checked)
    result = steps.gate(engine, "silver.words")
    assert {check.outcome for check in result.checks} == {"pass"}
    assert len(result.checks) == 4


@pytest.mark.parametrize("dialect", ["snowflake", "redshift"])
def test_the_table_in_a_warehouse(lake: Lake, dialect: ddl.Dialect) -> None:
    describe(lake, {"source": SOURCE, "write": {"mode": "upsert", "keys": ["id"]}}, keys=["id"])
    table = load_project(lake.root / "config", "test").table(TABLE)
    statement = sqlglot.parse_one(ddl.create_table(table.contract, table.load, dialect, "s.odd"), dialect=dialect)
    defined = [column.this for column in statement.find_all(exp.ColumnDef)]
    assert [column.name.lower() for column in defined] == [*ddl.publish_columns(table.contract)]
    assert all(column.quoted for column in defined)


ODD_SOURCE_NAMES = ['a`b.c "d"', "line\nbreak", "größe 😀", "x.y", "it's", "tab\there", "select", "[i]", "%s{0}"]


def odd_frame(spark: SparkSession, rows: list[tuple[str, ...]]) -> DataFrame:
    names = ["id", *ODD_SOURCE_NAMES]
    return spark.createDataFrame(rows, StructType([StructField(name, StringType()) for name in names]))


@pytest.mark.parametrize("mode", ["append", "upsert"])
def test_source_names_of_any_characters_are_contracted_by_fields(lake: Lake, mode: str) -> None:
    fields = {f"c{number}": name for number, name in enumerate(ODD_SOURCE_NAMES)}
    columns = "\n".join(["id! int", *(f"{name} string" for name in fields)])
    keys = ["id"] if mode == "upsert" else []
    load = {"source": SOURCE | {"fields": fields}, "write": {"mode": mode, "keys": keys}}
    lake.table(TABLE, columns, load, keys=keys)
    good, bad = ("1", *ODD_SOURCE_NAMES), ("x", *ODD_SOURCE_NAMES)
    lake.load(TABLE, odd_frame(lake.spark, [good, bad]))
    assert lake.read(TABLE, "id", *fields) == [(1, *ODD_SOURCE_NAMES)]
    (error,) = lake.errors(TABLE)
    assert json.loads(error["payload"]) == {"id": "x"} | {name: name for name in ODD_SOURCE_NAMES}


def test_source_names_of_any_characters_drift_in(lake: Lake) -> None:
    lake.table(TABLE, "id! int", {"source": SOURCE, "write": {"mode": "upsert", "keys": ["id"]}}, keys=["id"])
    lake.load(TABLE, odd_frame(lake.spark, [("1", *ODD_SOURCE_NAMES)]))
    loaded = lake.load(TABLE, odd_frame(lake.spark, [("1", *ODD_SOURCE_NAMES)]))
    drifted = [name for name in lake.delta(TABLE).columns if name != "id" and not name.startswith("_")]
    assert lake.read(TABLE, *drifted) == [tuple(sorted(ODD_SOURCE_NAMES, key=_place(drifted)))]
    assert loaded.prepared is not None
    assert loaded.prepared.books.unchanged == 1


def _place(drifted: list[str]) -> Callable[[str], int]:
    """Where a source name's column stands; what is not taken of the name is `_`, and a hash tells such names apart."""
    stems = {
        'a`b.c "d"': "a_b_c__d_", "line\nbreak": "line_break_", "größe 😀": "gr__e_", "x.y": "x_y_", "it's": "it_s_",
        "tab\there": "tab_here_", "select": "select", "[i]": "i_", "%s{0}": "s_0_",
    }  # fmt: skip
    return lambda name: next(place for place, column in enumerate(drifted) if column.startswith(stems[name]))


@pytest.mark.parametrize("names", [("A", "a"), ("Größe", "größe")])
def test_source_names_that_differ_by_case_alone_are_refused(lake: Lake, names: tuple[str, str]) -> None:
    lake.table(TABLE, "id! int", {"source": SOURCE, "write": {"mode": "append"}})
    schema = StructType([StructField(name, StringType()) for name in ("id", *names)])
    with pytest.raises(CommitError, match="differ by case alone"):
        lake.load(TABLE, lake.spark.createDataFrame([("1", "x", "y")], schema))


def test_a_table_of_300_columns(lake: Lake) -> None:
    names = [f"c{number}" for number in range(300)]
    columns = "\n".join(f"{name} {'int' if number % 2 else 'string'}" for number, name in enumerate(names))
    lake.table(
        TABLE, f"id! int\n{columns}", {"source": SOURCE, "write": {"mode": "upsert", "keys": ["id"]}}, keys=["id"]
    )
    schema = ", ".join(["id string", *(f"{name} string" for name in names)])
    rows = [(key, *(key for _ in names)) for key in ("1", "2", "x")]
    loaded = lake.load(TABLE, lake.frame(schema, rows))
    assert lake.read(TABLE, "id", "c0", "c299") == [(1, "1", 1), (2, "2", 2)]
    assert loaded.new_errors == 1
    (error,) = lake.errors(TABLE)
    assert len(error["reasons"]) == 151
