"""Tables that get other keys: what is computed is computed anew, and received rows are not merged by what they lack."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import pytest

from tests.support.lakes.lake import Lake, at
from tests.support.lakes.sizes import everything_is_large
from tidemark import steps
from tidemark.books import Books
from tidemark.compute.candidate import candidate
from tidemark.errors import CommitError

T, MADE = "bronze.things", "silver.made"
SOURCE = {"connection": "shop", "object": "x"}
Size = Callable[[], AbstractContextManager[None]]


def described(lake: Lake, columns: str, keys: list[str], query: str) -> None:
    load = {"write": {"mode": "upsert", "keys": keys}, "inputs": {T: {"on": ["id"]}}}
    lake.table(MADE, columns, load, keys=keys, sql=query)


def received(lake: Lake) -> None:
    lake.table(
        T, "id! string\nr string\nv int", {"source": SOURCE, "write": {"mode": "upsert", "keys": ["id"]}}, keys=["id"]
    )
    lake.load(T, lake.frame("id string, r string, v int", [("1", None, 1), ("2", "x", 2)]))


TWICE = "LATERAL VIEW explode(array(1, 2)) AS k"
BEFORE: dict[str, tuple[str, list[str], str]] = {
    "a column of the key was null": ("id! string\nr string\nv int", ["id"], f"SELECT id, r, v FROM {T}"),
    "a column of the key is new": ("id! string\nv int", ["id"], f"SELECT id, v FROM {T}"),
    "the key had more columns": (
        "id! string\nr string\nk! int\nv int", ["id", "k"], f"SELECT id, r, k, v FROM {T} {TWICE}"
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("case", "size"),
    [
        ("a column of the key is new", nullcontext),
        pytest.param("a column of the key was null", nullcontext, marks=pytest.mark.slow),
        pytest.param("a column of the key was null", everything_is_large, marks=pytest.mark.slow),
        pytest.param("the key had more columns", everything_is_large, marks=pytest.mark.slow),
    ],
)
def test_a_computed_table_with_other_keys_holds_what_its_query_gives(lake: Lake, case: str, size: Size) -> None:
    with size():
        received(lake)
        described(lake, *BEFORE[case])
        lake.build(MADE)
        there = lake.delta(MADE).count()
        keys = ["id"] if case == "the key had more columns" else ["id", "r"]
        described(lake, "id! string\nr! string\nv int", keys, f"SELECT id, coalesce(r, '-') AS r, v FROM {T}")

        prepared = lake.build(MADE).prepared

        assert prepared is not None
        assert prepared.books == Books(extracted=2, accepted=2, inserted=2, vanished=there)
        assert lake.read(MADE, "id", "r", "v") == [("1", "-", 1), ("2", "x", 2)]
        again = lake.build(MADE, full=True).prepared
        assert again is not None
        assert again.books == Books(extracted=2, accepted=2, unchanged=2)


@pytest.mark.slow
def test_a_history_with_other_keys_is_made_anew(lake: Lake) -> None:
    log = {"source": SOURCE, "write": {"mode": "append", "keys": ["id", "at"]}}
    lake.table(T, "id! string\nr! string\nv int\nat! timestamp", log)
    versions = [("1", "x", 1, at(1)), ("1", "x", 2, at(2)), ("1", "y", 3, at(3))]
    lake.load(T, lake.frame("id string, r string, v int, at timestamp", versions))
    columns = "sk! string\nid! string\n{}v int\nvalid_from! timestamp\nvalid_to timestamp\nis_current boolean"
    for keys, more in ((["id"], ""), (["id", "r"], "r! string\n")):
        write = {"mode": "scd2", "keys": keys, "effective_from": "at", "surrogate_key": "sk", "track": ["v"]}
        load = {"write": write, "inputs": {T: {"on": ["id"]}}}
        lake.table("gold.d", columns.format(more), load, keys=["sk"], sql=f"SELECT {', '.join(keys)}, v, at FROM {T}")
        lake.build("gold.d")

    assert lake.read("gold.d", "r", "v", "valid_from", "valid_to") == [
        ("x", 1, at(1), at(2)),
        ("x", 2, at(2), None),
        ("y", 3, at(3), None),
    ]


def test_received_rows_of_which_several_have_one_key_are_not_merged_by_it(lake: Lake) -> None:
    columns, schema = "id! string\nv! int", "id string, v int"
    log = {"source": SOURCE, "write": {"mode": "append", "keys": ["id"]}}
    lake.table(T, columns, log)
    lake.load(T, lake.frame(schema, [("1", 1), ("1", 2)]))
    upsert = {"source": SOURCE, "write": {"mode": "upsert", "keys": ["id"], "order_by": ["v"]}}
    lake.table(T, columns, upsert)
    with pytest.raises(CommitError, match="other keys") as refused:
        lake.load(T, lake.frame(schema, [("3", 1)]))
    assert refused.value.seen == ("several rows have the same values in id",)

    lake.table(T, columns + "\nr! string", upsert | {"write": {"mode": "upsert", "keys": ["id", "r"]}})
    with pytest.raises(CommitError, match="other keys") as refused:
        lake.load(T, lake.frame(f"{schema}, r string", [("3", 1, "x")]))
    assert refused.value.seen == ("`r` is no column of the table",)

    lake.table(T, columns, log)
    lake.load(T, lake.frame(schema, [("3", 1)]))
    assert lake.read(T) == [("1", 1), ("1", 2), ("3", 1)], "by what it was before it goes on"


@pytest.mark.parametrize("size", [everything_is_large, pytest.param(nullcontext, marks=pytest.mark.slow)])
def test_a_row_without_a_key_that_others_have_put_into_a_computed_table_goes(lake: Lake, size: Size) -> None:
    with size():
        received(lake)
        described(lake, "id! string\nv int", ["id"], f"SELECT id, v FROM {T}")
        lake.build(MADE)
        lake.spark.sql(f"INSERT INTO delta.`{lake.path(MADE)}` (id, v) VALUES (NULL, 9)")
        lake.load(T, lake.frame("id string, r string, v int", [("3", "y", 3)]))
        engine = lake.engine()
        checked = steps.build(engine, MADE, full=True)
        assert checked is not None
        prepared, _ = lake.prepare(engine, MADE, checked)
        seen = sorted(tuple(row) for row in candidate(engine, engine.session(MADE), MADE).select("id", "v").collect())
        lake.finish(engine, MADE, prepared, 0)

        assert lake.read(MADE) == seen == [("1", 1), ("2", 2), ("3", 3)]
        assert (prepared.books.inserted, prepared.books.unchanged, prepared.books.vanished) == (1, 2, 1)
