"""A source whose shape changes: what becomes of its columns, and who hears of it how often."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.lakes.lake import Lake, at
from tests.support.lakes.replays import replayed
from tests.unit.errorlane.test_replay import DiedError
from tidemark.books import Books
from tidemark.engine import Engine
from tidemark.errors import CommitError
from tidemark.observe import drift
from tidemark.rows.alignment import column_name
from tidemark.sources import Change, Extract

TABLE = "bronze.orders"
COLUMNS = "id! string\namount decimal(9,2)\nupdated_at! timestamp"
SOURCE = "ID string, AMOUNT double, UPDATED_AT timestamp"
ROW = ("1", 1.5, at(1))
SHAPE = {"ID": "string", "AMOUNT": "double", "UPDATED_AT": "timestamp"}


def describe(lake: Lake, **load: Any) -> Lake:
    source = {"connection": "shop", "object": "x", "format": "parquet"}
    lake.table(TABLE, COLUMNS, {"source": source, "write": {"mode": "append"}} | load)
    return lake


def observe(lake: Lake, schema: str, row: tuple[Any, ...], engine: Engine | None = None) -> list[str]:
    engine = engine or lake.engine()
    frame = lake.frame(schema, [row])
    extract = Extract(table=TABLE, given=frame, watermark={}, identity={}, full=False, source_system="test")
    return [str(each) for each in drift.observe(engine, engine.table(TABLE), extract)]


def logged(lake: Lake) -> list[tuple[Any, ...]]:
    frame = lake.spark.read.format("delta").load(str(lake.root / "home" / "lake" / "_drift"))
    return sorted((row.column_name, row.change, row.before, row.after, row.action) for row in frame.collect())


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (SHAPE, []),
        (SHAPE | {"TIER": "string"}, [Change("TIER", "added", None, "string", "evolve")]),
        (SHAPE | {"Debug_1": "int"}, [Change("Debug_1", "added", None, "int", "discard_value")]),
        (SHAPE | {"secret": "int"}, [Change("secret", "added", None, "int", "discard_row")]),
        (SHAPE | {"AMOUNT": "string"}, [Change("AMOUNT", "retyped", "double", "string", "cast")]),
        (SHAPE | {"AMOUNT": "void"}, []),
        (
            {"id": "string", "AMOUNT": "double", "UPDATED_AT": "timestamp"},
            [Change("id", "recased", "ID", "id", "known")],
        ),
        ({"ID": "string", "UPDATED_AT": "timestamp"}, [Change("AMOUNT", "removed", "double", None, "null")]),
    ],
)
def test_each_difference_is_told_with_what_is_done_about_it(
    lake: Lake, now: dict[str, str], expected: list[Change]
) -> None:
    describe(lake, drift={"DEBUG_*": "discard_value", "Secret": "discard_row"})

    assert list(drift.changes(SHAPE, now, lake.engine().table(TABLE), may_lack=False)) == expected


def test_a_text_format_may_leave_columns_out(lake: Lake) -> None:
    describe(lake)
    assert drift.changes(SHAPE, {"ID": "string"}, lake.engine().table(TABLE), may_lack=True) == ()


def test_a_column_that_the_source_never_had_is_not_gone(lake: Lake) -> None:
    describe(lake)
    assert observe(lake, "ID string, UPDATED_AT timestamp", ("1", at(1))) == []


def test_a_change_is_logged_and_told_once(lake: Lake) -> None:
    describe(lake)
    assert observe(lake, SOURCE, ROW) == []

    wider = f"{SOURCE}, TIER string", (*ROW, "gold")
    assert observe(lake, *wider) == ["source column TIER (string) is new: added to the table"]
    assert observe(lake, *wider) == []
    assert observe(lake, SOURCE, ROW) == ["source column TIER (string) is gone: null from now on"]

    assert logged(lake) == [
        ("TIER", "added", None, "string", "evolve"),
        ("TIER", "removed", "string", None, "null"),
    ]


def test_a_run_that_dies_after_the_log_does_not_log_twice(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    describe(lake)
    wider = f"{SOURCE}, TIER string", (*ROW, "gold")
    engine = lake.engine()

    def dies(*_: Any, **__: Any) -> None:
        raise DiedError

    monkeypatch.setattr(type(engine.state), "put", dies)
    with pytest.raises(DiedError):
        observe(lake, *wider, engine)
    monkeypatch.undo()

    assert observe(lake, *wider) == ["source column TIER (string) is new: added to the table"]
    assert logged(lake) == [("TIER", "added", None, "string", "evolve")]


def test_a_value_can_be_left_out_and_the_rest_of_the_row_stays(lake: Lake) -> None:
    describe(lake, drift={"debug*": "discard_value"})

    loaded = lake.load(TABLE, lake.frame(f"{SOURCE}, DEBUG_INFO string", [(*ROW, "x")]))

    assert (loaded.prepared.books.inserted, loaded.new_errors) == (1, 0)
    assert "debug_info" not in lake.delta(TABLE).columns


def test_one_column_can_be_frozen_where_others_are_let_in(lake: Lake) -> None:
    describe(lake, drift={"salary": "freeze"})
    lake.load(TABLE, lake.frame(f"{SOURCE}, TIER string", [(*ROW, "gold")]))

    with pytest.raises(CommitError, match=r"(?s)its shape is frozen.*SALARY int"):
        lake.load(TABLE, lake.frame(f"{SOURCE}, TIER string, SALARY int", [(*ROW, "gold", 9)]))

    assert lake.read(TABLE, "tier") == [("gold",)]


def test_rows_with_a_value_that_nobody_may_have_are_rejected_until_the_load_file_lets_them_in(lake: Lake) -> None:
    describe(lake, drift={"secret": "discard_row"})
    rows = [(*ROW, None), ("2", 2.0, at(2), "psst")]

    loaded = lake.load(TABLE, lake.frame(f"{SOURCE}, SECRET string", rows))

    assert (loaded.prepared.books.inserted, loaded.prepared.books.quarantined) == (1, 1)
    (error,) = lake.errors(TABLE)
    assert [(each["column"], each["rule"], each["value"]) for each in error["reasons"]] == [
        ("SECRET", "unknown_column", "psst")
    ]
    assert "secret" not in lake.delta(TABLE).columns

    assert replayed(lake, TABLE) == Books(extracted=1, quarantined=1), "the load file still refuses it"
    describe(lake)
    assert replayed(lake, TABLE) == Books(extracted=1, accepted=1, inserted=1)
    assert lake.read(TABLE, "id", "secret") == [("1", None), ("2", "psst")]


def test_a_replayed_row_brings_a_column_that_the_table_gained_in_its_type(lake: Lake) -> None:
    describe(lake)
    frame = lake.frame(f"{SOURCE}, `Loyalty Points` int", [(*ROW, 7), (None, 2.0, at(2), 8)])
    lake.load(TABLE, frame)
    lake.table(
        TABLE,
        COLUMNS.replace("id!", "id"),
        {"source": {"connection": "shop", "object": "x"}, "write": {"mode": "append"}},
    )

    assert replayed(lake, TABLE) == Books(extracted=1, accepted=1, inserted=1)

    assert lake.read(TABLE, "id", column_name("Loyalty Points")) == [("1", 7), (None, 8)]


@pytest.mark.parametrize(("now", "action"), [("bigint", "widen"), ("smallint", "keep"), ("string", "beside")])
def test_a_column_that_the_contract_does_not_know_and_whose_type_grows_is_told_so(
    lake: Lake, now: str, action: str
) -> None:
    describe(lake)
    before, after = SHAPE | {"RANK": "int"}, SHAPE | {"RANK": now}
    found = drift.changes(before, after, lake.engine().table(TABLE), may_lack=False)
    assert found == (Change("RANK", "retyped", "int", now, action),)
    assert ("the table's column grows with it" in str(found[0])) == (action == "widen")
