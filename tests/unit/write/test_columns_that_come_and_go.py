"""Columns that come, go and return: every way of writing does with them what a plain model of a table does.

The model: a row is as it came last. A column that it came without is null in it; rows that no batch brings stay as they
are, and so do their values in columns that nobody brings any more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable as OtherReader
from deltalake import QueryBuilder
from pyspark.sql import DataFrame

from tests.support.lakes.lake import Lake, at
from tidemark.compute.candidate import candidate
from tidemark.delta.plainfiles import read_plain
from tidemark.delta.table import read_state
from tidemark.errors import CommitError
from tidemark.write import rewrite

TABLE = "bronze.things"
SOURCE = {"connection": "shop", "object": "x"}
FULL = {**SOURCE, "mode": "full"}
COLUMNS = "id! string\ncity string"
Row = Mapping[str, Any]
TYPES = {"id": "string", "city": "string", "extra": "string", "rank": "int", "part": "string", "gone": "boolean"}

# Each batch is the columns that it has and its rows: `extra` comes, goes, returns; `rank` comes while it is away.
EVENTS: Sequence[tuple[Sequence[str], Sequence[Sequence[Any]]]] = [
    (("id", "city"), [("a", "Ulm"), ("b", "Bonn"), ("c", "Jena"), ("d", "Trier"), ("e", "Hof")]),
    (("id", "city", "extra"), [("a", "Ulm", "x"), ("b", "Bonn", "y"), ("c", "Jena", "z")]),
    (("id", "city"), [("a", "Mainz"), ("b", "Bonn")]),
    (("id", "city", "rank"), [("d", "Trier", 4), ("e", "Hof", None)]),
    (("extra", "city", "id"), [("w", "Mainz", "a"), (None, "Bonn", "b")]),
    (("id", "city"), [("c", "Jena"), ("f", "Köln")]),
]

WAYS: dict[str, dict[str, Any]] = {
    "log": {"source": SOURCE, "write": {"mode": "append"}},
    "log with keys": {"source": SOURCE, "write": {"mode": "append", "keys": ["id"]}},
    "state": {"source": SOURCE, "write": {"mode": "upsert", "keys": ["id"]}},
    "whole": {"source": FULL, "write": {"mode": "replace"}},
    "state of all there is": {
        "source": FULL,
        "write": {"mode": "upsert", "keys": ["id"], "deletes": {"missing": "soft", "flag": "gone"}},
        "limits": {"deleted": "100%"},
    },
    "log of all there is": {
        "source": FULL,
        "write": {"mode": "append", "keys": ["id"], "deletes": {"missing": "soft", "flag": "gone"}},
        "limits": {"deleted": "100%"},
    },
}


def as_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[Row]:
    return [dict(zip(columns, row, strict=True)) for row in rows]


def model(way: str, batches: Sequence[list[Row]]) -> list[Row]:
    """The table after the batches."""
    table: list[Row] = []
    for batch in batches:
        held = {row["id"]: row for row in table}  # of a log, the last version
        if way == "log":
            table = [*table, *batch]
        elif way == "whole":
            table = batch
        elif way == "state":
            table = list((held | {row["id"]: row for row in batch}).values())
        else:
            absent = [row | {"gone": True} for key, row in held.items() if key not in {each["id"] for each in batch}]
            new = [row for row in batch if "all" not in way or not same(row, held.get(row["id"]))]
            if way == "log with keys":
                table = [*table, *(row for row in batch if not any(same(row, other) for other in table))]
            elif way == "log of all there is":
                table = [*table, *new, *(row for row in absent if not held[row["id"]].get("gone"))]
            else:
                table = [*batch, *absent]
    return table


def same(one: Row, other: Row | None) -> bool:
    return other is not None and all(one.get(name) == other.get(name) for name in TYPES)


def flat(rows: Sequence[Row], columns: Sequence[str]) -> list[tuple[Any, ...]]:
    return sorted((tuple(row.get(name) for name in columns) for row in rows), key=repr)


def describe(lake: Lake, way: str) -> None:
    columns = f"{COLUMNS}\ngone boolean" if "all there is" in way else COLUMNS
    lake.table(TABLE, columns, WAYS[way], keys=["id"])


@pytest.mark.parametrize(
    ("way", "small"),
    [
        *(pytest.param(way, True, marks=[pytest.mark.slow] if "state" in way else []) for way in WAYS),
        *((way, False) for way in WAYS if "state" in way),
    ],
    ids=[*WAYS, *(f"{way}, merged" for way in WAYS if "state" in way)],
)
def test_every_way_of_writing_does_what_the_model_does(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, way: str, small: bool
) -> None:
    if not small:
        monkeypatch.setattr(rewrite, "fits", lambda *_: False)
    describe(lake, way)
    done: list[list[Row]] = []
    for columns, rows in EVENTS:
        schema = ", ".join(f"{name} {TYPES[name]}" for name in columns)
        engine = lake.engine()
        prepared, errors = lake.receive(engine, TABLE, lake.frame(schema, rows), full="all" in way or way == "whole")
        expected = candidate(engine, engine.session(TABLE), TABLE)
        shown = [name for name in expected.columns if not name.startswith("_")]
        seen = sorted((tuple(row) for row in expected.select(*shown).collect()), key=repr)
        lake.finish(engine, TABLE, prepared, errors)
        done.append(as_rows(columns, rows))
        stored = [name for name in lake.delta(TABLE).columns if not name.startswith("_")]
        found = lake.read(TABLE)
        assert found == flat(model(way, done), stored)
        assert (shown, seen) == (stored, found), "the gate saw another table"
    plain = read_plain(lake.spark, lake.path(TABLE), read_state(lake.spark, lake.path(TABLE)).version or 0)
    if plain is not None:
        assert sorted((tuple(row) for row in plain.select(*stored).collect()), key=repr) == found


def test_partitions_that_are_not_replaced_keep_what_they_have(lake: Lake) -> None:
    load = {"source": SOURCE, "partition_by": ["part"], "write": {"mode": "replace", "partition_by": ["part"]}}
    lake.table(TABLE, "id! string\npart string", load)
    lake.load(TABLE, lake.frame("id string, part string, extra string", [("a", "p", "x"), ("b", "q", "y")]))
    lake.load(TABLE, lake.frame("id string, part string", [("c", "q")]))
    lake.load(TABLE, lake.frame("id string, extra string, part string, rank int", [("d", "z", "r", 1)]))
    assert lake.read(TABLE, "id", "part", "extra", "rank") == [
        ("a", "p", "x", None),
        ("c", "q", None, None),
        ("d", "r", "z", 1),
    ]


@pytest.mark.parametrize("small", [True, False], ids=["rewritten", "merged"])
@pytest.mark.parametrize("whole", [True, False], ids=["as a whole", "what changed"])
def test_a_column_that_a_query_drops_stays_in_rows_that_do_not_change(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, whole: bool, small: bool
) -> None:
    if not small:
        monkeypatch.setattr(rewrite, "fits", lambda *_: False)
    load = {"inputs": {TABLE: {"on": ["id"]}}, "write": {"mode": "upsert", "keys": ["id"]}}

    def says(columns: str, sql: str) -> None:
        lake.table("silver.made", columns, load, keys=["id"], sql=f"SELECT id, {sql} FROM {TABLE} WHERE city <> 'gone'")

    lake.table(TABLE, f"{COLUMNS}\nnick string", WAYS["state"], keys=["id"])
    schema = "id string, city string, nick string"
    lake.load(TABLE, lake.frame(schema, [("a", "Ulm", "n1"), ("b", "Bonn", "n2"), ("c", "Jena", "n3")]))
    says(f"{COLUMNS}\nnick string", "city, nick")
    lake.build("silver.made")

    says(COLUMNS, "city")
    built = lake.build("silver.made", full=whole).prepared
    assert (built.books.updated, built.books.unchanged) == (0, 3)
    lake.load(TABLE, lake.frame(schema, [("a", "gone", "n1"), ("b", "Mainz", "n2"), ("d", "Hof", "n4")]))
    books = lake.build("silver.made", full=whole).prepared.books
    assert (books.vanished, books.updated, books.inserted) == (1, 1, 1)
    assert lake.read("silver.made", "id", "city", "nick") == [
        ("b", "Mainz", None),
        ("c", "Jena", "n3"),
        ("d", "Hof", None),
    ]

    says(f"{COLUMNS}\nnick string", "city, nick")
    lake.build("silver.made", full=whole)
    assert lake.read("silver.made", "id", "city", "nick") == [
        ("b", "Mainz", "n2"),
        ("c", "Jena", "n3"),
        ("d", "Hof", "n4"),
    ]


def test_a_history_whose_contract_drops_a_column_keeps_what_its_versions_had(lake: Lake) -> None:
    columns = "customer_sk! string\nid! string\ncity string\nvalid_from! timestamp\nvalid_to timestamp"
    columns += "\nis_current! boolean"
    write = {
        "mode": "scd2",
        "keys": ["id"],
        "effective_from": "at",
        "surrogate_key": "customer_sk",
        "track": ["city"],
    }
    load = {"inputs": {TABLE: {"on": ["id"]}}, "write": write}
    lake.table(TABLE, f"{COLUMNS}\nnick string\nat! timestamp", WAYS["log"])
    schema = "id string, city string, nick string, at timestamp"

    lake.load(TABLE, lake.frame(schema, [("a", "Ulm", "n1", at(1)), ("b", "Bonn", "n2", at(1))]))
    lake.table("gold.h", f"{columns}\nnick string", load, sql=f"SELECT id, city, nick, at FROM {TABLE}")
    lake.build("gold.h")
    lake.table("gold.h", columns, load, sql=f"SELECT id, city, at FROM {TABLE}")
    lake.load(TABLE, lake.frame(schema, [("a", "Mainz", "n3", at(2))]))
    lake.build("gold.h")
    assert lake.read("gold.h", "id", "city", "nick", "is_current") == [
        ("a", "Mainz", None, True),
        ("a", "Ulm", None, False),  # its end changed: it was written anew
        ("b", "Bonn", "n2", True),
    ]


ByHand = Callable[[Lake], None]


def add_column(lake: Lake) -> None:
    lake.spark.sql(f"ALTER TABLE delta.`{lake.path(TABLE)}` ADD COLUMN (Note string, tags map<string, string>)")


def _with_names(lake: Lake) -> None:
    lake.spark.sql(
        f"ALTER TABLE delta.`{lake.path(TABLE)}` SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name',"
        " 'delta.minReaderVersion' = '3', 'delta.minWriterVersion' = '7')"
    )


def rename_column(lake: Lake) -> None:
    _with_names(lake)
    lake.spark.sql(f"ALTER TABLE delta.`{lake.path(TABLE)}` RENAME COLUMN city TO town")


def drop_column(lake: Lake) -> None:
    _with_names(lake)
    lake.spark.sql(f"ALTER TABLE delta.`{lake.path(TABLE)}` DROP COLUMN city")


@pytest.mark.parametrize("way", ["log", "log with keys", "state"])
@pytest.mark.parametrize("by_hand", [add_column, rename_column, drop_column])
def test_somebody_alters_the_table_and_the_next_batches_go_on_or_say_what_is_lost(
    lake: Lake, by_hand: ByHand, way: str
) -> None:
    describe(lake, way)
    batches = [
        [("a", "Ulm", "x"), ("b", "Bonn", "y"), ("c", "Jena", "z")],
        [("a", "Mainz", "x"), ("d", "Hof", "w")],
        [("d", "Trier", None), ("e", "Köln", "v")],
    ]
    schema = "id string, city string, extra string"
    lake.load(TABLE, lake.frame(schema, batches[0]))
    by_hand(lake)
    if by_hand is not add_column:
        _take_back(lake, lake.frame(schema, batches[1]))
    for batch in batches[1:]:
        lake.load(TABLE, lake.frame(schema, batch))
    rows = [as_rows(("id", "city", "extra"), batch) for batch in batches]
    assert lake.read(TABLE, "id", "city", "extra") == flat(model(way, rows), ("id", "city", "extra"))


def _take_back(lake: Lake, batch: DataFrame) -> None:
    """What was in a column that is gone nobody can tell: the batch is refused, and the error says how to mend it."""
    with pytest.raises(CommitError, match="dropped or renamed columns") as refused:
        lake.load(TABLE, batch)
    restore = re.search(r"(RESTORE TABLE [^;]+);", refused.value.next_step or "")
    assert restore
    lake.spark.sql(restore[1])


@pytest.mark.parametrize("small", [True, False], ids=["rewritten", "merged"])
def test_a_delete_in_a_batch_that_lacks_columns_and_one_that_lacks_the_flag(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, small: bool
) -> None:
    if not small:
        monkeypatch.setattr(rewrite, "fits", lambda *_: False)
    load = {"source": SOURCE, "write": {"mode": "upsert", "keys": ["id"], "deletes": {"flag": "gone"}}}
    lake.table(TABLE, COLUMNS, load, keys=["id"])
    schema = "id string, city string, gone boolean, extra string"
    rows = [("a", "Ulm", False, "x"), ("b", "Bonn", False, "y"), ("c", "Jena", False, "z")]
    lake.load(TABLE, lake.frame(schema, rows))
    add_column(lake)
    lake.load(TABLE, lake.frame("id string, city string, gone boolean", [("a", "Ulm", True)]))
    lake.load(TABLE, lake.frame("id string, city string", [("b", "Mainz"), ("d", "Hof")]))
    assert lake.read(TABLE, "id", "city", "extra", "note") == [
        ("b", "Mainz", None, None),
        ("c", "Jena", "z", None),
        ("d", "Hof", None, None),
    ]
    assert "gone" not in lake.delta(TABLE).columns


def test_what_orders_rows_stays_stored_when_the_contract_drops_it(lake: Lake) -> None:
    load = {"source": SOURCE, "write": {"mode": "upsert", "keys": ["id"], "order_by": ["seq"]}}
    lake.table(TABLE, f"{COLUMNS}\nseq int", load, keys=["id"])
    schema = "id string, city string, seq int"
    lake.load(TABLE, lake.frame(schema, [("a", "Ulm", 5), ("b", "Bonn", 5)]))
    lake.table(TABLE, COLUMNS, load, keys=["id"])
    lake.load(TABLE, lake.frame(schema, [("a", "old", 4), ("b", "Mainz", 6)]))
    assert lake.read(TABLE, "id", "city", "seq") == [("a", "Ulm", 5), ("b", "Mainz", 6)]


def test_another_reader_sees_the_columns_of_an_altered_table(lake: Lake) -> None:
    describe(lake, "state")
    lake.load(TABLE, lake.frame("id string, city string", [("a", "Ulm")]))
    add_column(lake)
    lake.load(TABLE, lake.frame("id string, city string, extra string", [("b", "Bonn", "x")]))
    lake.load(TABLE, lake.frame("id string, city string", [("c", "Jena")]))
    asked = QueryBuilder().register("t", OtherReader(lake.path(TABLE)))
    found = pa.table(asked.execute("SELECT id, city, extra FROM t ORDER BY id").read_all()).to_pylist()
    assert [tuple(row.values()) for row in found] == [("a", "Ulm", None), ("b", "Bonn", "x"), ("c", "Jena", None)]
