"""Later wins, whatever the batch: ties are broken by where rows stand at their source."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from delta.tables import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from tests.support.lakes.deliveries import Deliveries
from tests.support.lakes.lake import Lake, at
from tidemark.books import Books
from tidemark.delta.table import read_state
from tidemark.errors import CommitError

T = "bronze.states"
NOON = datetime(2025, 3, 1, 12)
ORDER = "`__tidemark_source_order` string"
COLUMNS = "id! int\nvalue string\nseen int\ngone boolean"
FRAME = f"id int, value string, seen int, gone boolean, {ORDER}"
Row = tuple[int, str, int]


def place(number: int, position: int | None = None) -> str:
    """An order as sources give it: that of a file's row, or without a position that of a system that was asked."""
    return f"2025-03-01 {number:011d} in/{number}.csv" + ("" if position is None else f"#{position:018X}")


def describe(lake: Lake, write: Mapping[str, Any], table: str = T, **load: Any) -> None:
    source = {"connection": "shop", "object": "in/", "format": "csv"}
    lake.table(table, COLUMNS, {"source": source, "write": dict(write)} | load, keys=["id"])


def load(lake: Lake, *rows: tuple[str, int, str | None], table: str = T, full: bool = False) -> Books:
    """Loads rows of key 1: their value, the time they say, and their order."""
    frame = lake.frame(FRAME, [(1, value, seen, False, order) for value, seen, order in rows])
    return lake.load(table, frame, full=full).prepared.books


def values(lake: Lake, table: str = T) -> list[str]:
    """The values of the table in the order that it keeps with them."""
    return [value for _, value in sorted(lake.read(table, "_source_order", "value"))]


# Upserts


def test_of_one_batch_and_of_two_the_later_row_stays(lake: Lake) -> None:
    describe(lake, {"mode": "upsert", "keys": ["id"]})
    load(lake, ("b", 0, place(2, 1)), ("a", 0, place(1, 9)), ("c", 0, place(2, 0)))
    assert values(lake) == ["b"]

    late = load(lake, ("z", 0, place(1, 7)))
    assert (values(lake), late.superseded) == (["b"], 1)

    load(lake, ("a", 0, place(3, 0)))
    assert values(lake) == ["a"]


def test_the_time_that_rows_say_comes_before_the_order_and_the_order_before_the_hash(lake: Lake) -> None:
    describe(lake, {"mode": "upsert", "keys": ["id"], "order_by": ["seen"]})
    for number, value in enumerate("abcdefgh", start=2):
        load(lake, (value, 5, place(number)))
        assert values(lake) == [value]

    assert load(lake, ("older", 4, place(90))).superseded == 1
    assert load(lake, ("earlier", 5, place(1))).superseded == 1
    load(lake, ("newer", 6, place(1)))
    assert values(lake) == ["newer"]


@pytest.mark.parametrize("delete_first", [True, False])
def test_a_delete_wins_over_a_version_of_its_instant_wherever_it_stands(lake: Lake, delete_first: bool) -> None:
    describe(lake, {"mode": "upsert", "keys": ["id"], "order_by": ["seen"], "deletes": {"flag": "gone"}})
    load(lake, ("old", 1, place(1)))
    rows = [(1, "new", 5, False, place(2, int(delete_first))), (1, "new", 5, True, place(2, int(not delete_first)))]

    lake.load(T, lake.frame(FRAME, rows))

    assert lake.read(T) == []


def test_without_a_time_of_its_own_a_row_after_a_delete_brings_the_key_back(lake: Lake) -> None:
    describe(lake, {"mode": "upsert", "keys": ["id"], "deletes": {"flag": "gone"}})

    lake.load(
        T, lake.frame(FRAME, [(1, "a", 0, True, place(2)), (1, "b", 0, False, place(3)), (1, "c", 0, False, place(1))])
    )

    assert values(lake) == ["b"]


def test_a_row_that_came_again_after_others_is_told_to_the_table(lake: Lake) -> None:
    describe(lake, {"mode": "upsert", "keys": ["id"]})
    load(lake, ("a", 0, place(1, 0)))
    assert load(lake, ("a", 0, place(2, 0))).unchanged == 1

    load(lake, ("b", 0, place(3, 0)), ("a", 0, place(4, 0)))

    assert load(lake, ("b", 0, place(3, 0))).superseded == 1
    assert values(lake) == ["a"]


# Logs


def test_a_log_keeps_what_returns_and_not_what_comes_again(lake: Lake) -> None:
    describe(lake, {"mode": "append", "keys": ["id"]})
    first = load(lake, ("a", 0, place(1, 0)), ("a", 0, place(1, 1)), ("b", 0, place(3, 0)), ("a", 0, place(5, 0)))
    assert first == Books(extracted=4, accepted=3, superseded=1, inserted=3)

    assert load(lake, ("a", 0, place(7, 0))).unchanged == 1
    again = load(lake, ("a", 0, place(1, 4)), ("a", 0, place(1, 5)), ("b", 0, place(3, 9)), ("a", 0, place(5, 2)))
    assert again == Books(extracted=4, accepted=3, superseded=1, unchanged=3)
    assert values(lake) == ["a", "b", "a"]

    load(lake, ("b", 0, place(8, 0)))
    assert values(lake) == ["a", "b", "a", "b"]


def test_without_keys_a_file_that_is_read_again_adds_what_it_did_not_have(lake: Lake) -> None:
    describe(lake, {"mode": "append"})
    files = Deliveries(lake)

    def rows_after(minute: int, **contents: str) -> list[str]:
        for name, values in contents.items():
            lines = "".join(f"1,{value}\n" for value in values)
            files.put(f"in/{name}.csv", f"id,value\n{lines}", at(1, 1, minute))
        files.receive(T)
        return sorted(value for (value,) in lake.read(T, "value"))

    assert rows_after(1, a="xxy", b="x") == ["x", "x", "x", "y"]
    assert rows_after(2, a="yxxxz") == ["x", "x", "x", "x", "y", "z"]
    assert rows_after(3, b="x", a="zx", c="xz") == ["x", "x", "x", "x", "x", "y", "z", "z"]


def test_files_of_one_name_and_folder_are_files_of_their_own(lake: Lake) -> None:
    """What every system that writes by day calls `2025-03-01/part-0.csv`, below folders of two countries."""
    describe(lake, {"mode": "append"})
    files = Deliveries(lake)

    def received(minute: int, **contents: str) -> list[str]:
        for country, found in contents.items():
            lines = "".join(f"1,{value}\n" for value in found)
            files.put(f"in/{country}/2025-03-01/part 0.csv", f"id,value\n{lines}", at(1, 1, minute))
        files.receive(T)
        return sorted(value for (value,) in lake.read(T, "value"))

    assert received(1, eu="x") == ["x"]
    assert received(2, eu="xy", us="xx") == ["x", "x", "x", "y"], "what is new in one is not known from the other"
    assert received(3, eu="xyy", us="xxxy") == ["x", "x", "x", "x", "y", "y", "y"]
    places = {order.rpartition("#")[0].split(" ", 2)[2] for (order,) in lake.read(T, "_source_order")}
    assert len({place.rpartition(" ")[0] for place in places}) == 1
    assert len({place.rpartition(" ")[2] for place in places}) == 2


def test_what_a_table_of_before_has_of_a_file_is_known(lake: Lake) -> None:
    """Its orders do not say where a file lies: rows of every file of that name and folder may be it."""
    describe(lake, {"mode": "append"})
    files = Deliveries(lake)
    files.put("in/a.csv", "id,value\n1,x\n1,y\n", at(1, 1, 1))
    files.receive(T)
    of_before = F.regexp_replace("_source_order", " [0-9a-f]{16}#", "#")
    DeltaTable.forPath(lake.spark, lake.path(T)).update(set={"_source_order": of_before})
    assert all(len(order.split(" ")) == 3 for (order,) in lake.read(T, "_source_order"))

    files.put("in/a.csv", "id,value\n1,x\n1,y\n1,y\n", at(1, 1, 2))
    files.receive(T)

    assert sorted(value for (value,) in lake.read(T, "value")) == ["x", "y", "y"]


def test_a_log_takes_late_files_where_they_belong(lake: Lake) -> None:
    describe(lake, {"mode": "append", "keys": ["id"]})
    load(lake, ("a", 0, place(5, 0)))

    assert load(lake, ("a", 0, place(4, 0))).unchanged == 1
    assert load(lake, ("b", 0, place(3, 0))).inserted == 1
    assert load(lake, ("c", 0, place(6, 0))).inserted == 1
    assert load(lake, ("a", 0, place(7, 0))).inserted == 1
    assert values(lake) == ["b", "a", "c", "a"]


def test_what_a_system_shows_again_is_known_and_a_correction_taken_back_is_a_return(lake: Lake) -> None:
    lake.table(
        T,
        f"{COLUMNS}\nday timestamp",
        {
            "source": {"connection": "shop", "object": "in/"},
            "watermark": {"column": "day", "lookback": "3d"},
            "write": {"mode": "append", "keys": ["id"]},
        },
        keys=["id"],
    )
    window = {"column": "day", "low": at(1).isoformat(), "high": at(9).isoformat()}

    def asked(number: int, *rows: tuple[str, datetime | None]) -> int:
        frame = lake.frame(f"{FRAME}, day timestamp", [(1, value, 0, False, place(number), day) for value, day in rows])
        return lake.load(T, frame, watermark=window).prepared.books.inserted

    assert asked(1, ("a", at(2))) == 1
    assert asked(2, ("a", at(2)), ("b", at(1)), ("x", None)) == 2  # b is older, and was committed later
    assert asked(3, ("a", at(2)), ("x", None)) == 0
    assert asked(4, ("b", at(1))) == 0
    assert asked(5, ("c", at(2))) == 1  # a correction that says no new time
    assert asked(6, ("a", at(2))) == 1
    assert asked(7, ("a", at(2))) == 0
    assert asked(8, ("a", at(2)), ("c", at(2))) == 0  # the source shows both: it is a log itself
    assert asked(9, ("a", at(2)), ("c", at(2))) == 0


@pytest.mark.parametrize("known", [True, False], ids=["ordered", "of unknown order"])
def test_a_full_extract_that_returns_to_a_former_state_is_logged(lake: Lake, known: bool) -> None:
    source = {"connection": "shop", "object": "in/", "mode": "full"}
    lake.table(T, COLUMNS, {"source": source, "write": {"mode": "append", "keys": ["id"]}}, keys=["id"])

    inserted = [
        load(lake, (value, 0, place(number) if known else None), full=True).inserted
        for number, value in enumerate("aabbaab")
    ]

    assert inserted == [1, 0, 1, 0, 1, 0, 1]


def test_a_full_extract_with_two_versions_of_a_key_is_not_logged_again_and_again(lake: Lake) -> None:
    source = {"connection": "shop", "object": "in/", "mode": "full"}
    lake.table(T, COLUMNS, {"source": source, "write": {"mode": "append", "keys": ["id"]}}, keys=["id"])

    assert [load(lake, ("a", 0, None), ("b", 0, None), full=True).inserted for _ in range(3)] == [2, 0, 0]


# A correction without a new time


def test_a_correction_without_a_new_time_arrives_as_a_whole(lake: Lake) -> None:
    describe(lake, {"mode": "append", "keys": ["id", "seen"]})
    query = f"SELECT id, value, seen, _source_order FROM {T}"
    silver = {"inputs": {T: {"on": ["id"]}}, "write": {"mode": "upsert", "keys": ["id"], "order_by": ["seen"]}}
    lake.table("silver.states", "id! int\nvalue string\nseen int", silver, keys=["id"], sql=query)
    for number, value in enumerate(("first", "corrected", "first", "third")):
        lake.load(T, lake.frame(FRAME, [(key, f"{value} {key}", 7, False, place(number)) for key in range(10)]))
        lake.build("silver.states")
        assert lake.read("silver.states", "value") == sorted((f"{value} {key}",) for key in range(10))
    assert lake.read("silver.states", "_source_order") == [(place(3),)] * 10


def test_histories_take_the_delete_of_an_instant_and_else_the_later_version(lake: Lake) -> None:
    columns = "sk! string\nid int\nvalue string\nvalid_from timestamp\nvalid_to timestamp\nis_current boolean"
    lake.table(
        T, f"{COLUMNS}\nday timestamp", {"source": {"connection": "shop", "object": "x"}, "write": {"mode": "append"}}
    )
    write = {"mode": "scd2", "keys": ["id"], "effective_from": "day", "surrogate_key": "sk", "track": ["value"]}
    history = {"inputs": {T: {"on": ["id"]}}, "write": write | {"deletes": {"flag": "gone"}}}
    lake.table(
        "gold.history", columns, history, keys=["sk"], sql=f"SELECT id, value, day, gone, _source_order FROM {T}"
    )
    versions = [
        version
        for key in range(20)
        for version in (
            (key, "a", 0, False, place(1, key), at(1)),
            (key, "b", 0, False, place(2, key), at(2)),
            (key, "b", 0, True, place(1 + key % 3, key + 100), at(2)),
            (100 + key, f"{key} first", 0, False, place(3, key), at(3)),
            (100 + key, "second", 0, False, place(3, key + 100), at(3)),
        )
    ]
    random.Random(7).shuffle(versions)
    for half in (versions[:50], versions[50:]):
        lake.load(T, lake.frame(f"{FRAME}, day timestamp", half))
        lake.build("gold.history")

    assert lake.read("gold.history", "id", "value", "valid_from", "valid_to") == sorted(
        [(key, "a", at(1), at(2)) for key in range(20)] + [(100 + key, "second", at(3), None) for key in range(20)],
        key=repr,
    )


# Tables of files


def lines(rows: Iterable[Row]) -> str:
    return "".join(
        f"{line}\n" for line in ("id,value,seen,gone", *(f"{key},{value},{seen},false" for key, value, seen in rows))
    )


def test_of_two_files_in_one_batch_the_later_one_is_the_table(lake: Lake) -> None:
    describe(lake, {"mode": "upsert", "keys": ["id"]})
    files = Deliveries(lake)
    files.put("in/2025-03-02.csv", lines([(key, f"new {key}", 0) for key in range(10)]), NOON)
    files.put("in/2025-03-01.csv", lines([(key, "old", 0) for key in range(10)]), NOON)

    files.receive(T)

    assert lake.read(T, "id", "value") == [(key, f"new {key}") for key in range(10)]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 4))])
def test_in_whatever_batches_and_order_files_come_tables_are_the_same(
    spark: SparkSession, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    lake = Lake(spark, tmp_path, date(2025, 3, 31))
    describe(lake, {"mode": "upsert", "keys": ["id"]}, "bronze.newest")
    describe(lake, {"mode": "upsert", "keys": ["id"], "order_by": ["seen"]}, "bronze.timed")
    describe(lake, {"mode": "append", "keys": ["id"]}, "bronze.log")
    files = {
        (day, number): [(chance.randrange(60), chance.choice("ab"), chance.randrange(2)) for _ in range(80)]
        for day in (1, 2, 3)
        for number in (1, 2)
    }
    arriving = list(files)
    chance.shuffle(arriving)
    deliveries = Deliveries(lake)
    while arriving:
        for day, number in (arriving.pop() for _ in range(min(len(arriving), chance.choice((1, 2, 3))))):
            written = NOON + timedelta(days=9 - day, minutes=number)
            deliveries.put(f"in/dt=2025-03-0{day}/{number}.csv", lines(files[day, number]), written)
        for table in ("bronze.newest", "bronze.timed", "bronze.log"):
            deliveries.receive(table)

    in_order = [row for name in sorted(files) for row in files[name]]
    newest = {row[0]: row for row in in_order}
    timed: dict[int, Row] = {}
    for row in in_order:
        if row[0] not in timed or timed[row[0]][2] <= row[2]:
            timed[row[0]] = row
    assert lake.read("bronze.newest", "id", "value", "seen") == sorted(newest.values(), key=repr)
    assert lake.read("bronze.timed", "id", "value", "seen") == sorted(timed.values(), key=repr)
    logged = sequences(
        (key, (value, seen))
        for key, _, value, seen in sorted(lake.read("bronze.log", "id", "_source_order", "value", "seen"))
    )
    complete = sequences((key, (value, seen)) for key, value, seen in in_order)
    assert {key: (found[-1], set(found)) for key, found in logged.items()} == {
        key: (all_of[-1], set(all_of)) for key, all_of in complete.items()
    }


def sequences(rows: Iterable[tuple[int, Any]]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for key, value in rows:
        found.setdefault(key, []).append(value)
    return found


def test_of_snapshots_that_are_due_at_once_the_newest_is_the_table(lake: Lake) -> None:
    source = {"connection": "shop", "object": "in/", "format": "csv", "snapshot": "file"}
    lake.table(T, COLUMNS, {"source": source, "write": {"mode": "replace", "keys": ["id"]}}, keys=["id"])
    files = Deliveries(lake)
    files.put("in/2025-03-01.csv", lines([(1, "Ann", 0), (2, "Bob", 0)]), NOON)
    files.receive(T)
    files.put("in/2025-03-03.csv", lines([(1, "Ann", 0), (3, "Cid M.", 0)]), NOON)
    files.put("in/2025-03-02.csv", lines([(1, "Ann", 0), (2, "Bob", 0), (3, "Cid", 0)]), NOON)
    files.receive(T)
    assert lake.read(T, "id", "value") == [(1, "Ann"), (3, "Cid M.")]

    files.put("in/2025-02-28.csv", lines([(9, "late", 0)]), NOON - timedelta(days=1))
    files.receive(T)
    assert lake.read(T, "id", "value") == [(1, "Ann"), (3, "Cid M.")]


BY_DAY = {"partition_by": ["value"], "write": {"mode": "replace", "partition_by": ["value"]}}


def by_day(lake: Lake, snapshot: str | None = None) -> Deliveries:
    source = {"connection": "shop", "object": "in/", "format": "csv"} | ({"snapshot": snapshot} if snapshot else {})
    lake.table(T, COLUMNS, {"source": source, **BY_DAY})
    return Deliveries(lake)


def test_a_partition_is_that_of_the_newest_file_that_has_it(lake: Lake) -> None:
    files = by_day(lake, "file")
    files.put("in/1.csv", lines([(1, "mon", 0), (2, "tue", 0), (3, "", 0)]), NOON)
    files.put("in/2.csv", lines([(4, "tue", 0), (5, "wed", 0)]), NOON)
    loaded = files.receive(T)

    assert loaded is not None
    assert loaded.prepared.books == Books(extracted=5, accepted=4, superseded=1, inserted=4)
    assert lake.read(T, "id", "value") == [(1, "mon"), (3, None), (4, "tue"), (5, "wed")]

    files.put("in/3.csv", lines([(6, "", 0), (7, "mon", 0)]), NOON)
    files.receive(T)
    assert lake.read(T, "id", "value") == [(4, "tue"), (5, "wed"), (6, None), (7, "mon")]


def test_files_that_share_a_partition_are_refused_where_nothing_says_what_a_snapshot_is(lake: Lake) -> None:
    files = by_day(lake)
    files.put("in/1.csv", lines([(1, "mon", 0)]), NOON)
    files.put("in/2.csv", lines([(2, "tue", 0)]), NOON)
    files.receive(T)
    files.put("in/3.csv", lines([(3, "mon", 0)]), NOON)
    files.put("in/4.csv", lines([(4, "mon", 0)]), NOON)

    with pytest.raises(CommitError, match=r"several files have the same partition"):
        files.receive(T)

    assert lake.read(T, "id", "value") == [(1, "mon"), (2, "tue")]


def test_the_newest_of_several_extracts_says_what_is_missing(lake: Lake) -> None:
    source = {"connection": "shop", "object": "in/", "format": "csv", "mode": "full", "snapshot": "file"}
    deletes = {"missing": "soft", "flag": "gone"}
    for table, mode in (("bronze.now", "upsert"), ("bronze.log", "append")):
        write = {"mode": mode, "keys": ["id"], "deletes": deletes}
        lake.table(table, COLUMNS, {"source": source, "write": write}, keys=["id"])
    files = Deliveries(lake)
    files.put("in/1.csv", lines([(1, "a", 0), (2, "a", 0)]), NOON)
    for table in ("bronze.now", "bronze.log"):
        files.receive(table)
    files.put("in/2.csv", lines([(1, "b", 0), (2, "a", 0)]), NOON)
    files.put("in/3.csv", lines([(1, "a", 0)]), NOON)
    for _ in range(2):
        for table in ("bronze.now", "bronze.log"):
            files.receive(table)

    assert lake.read("bronze.now", "id", "value", "gone") == [(1, "a", False), (2, "a", True)]
    log = sorted(lake.read("bronze.log", "id", "_source_order", "gone", "value"))
    assert [(row[0], row[3], row[2]) for row in log] == [
        (1, "a", False),
        (1, "b", False),
        (1, "a", False),
        (2, "a", False),
        (2, "a", True),
    ]


def test_an_older_table_gains_the_column_with_its_next_rows(lake: Lake) -> None:
    describe(lake, {"mode": "upsert", "keys": ["id"]})
    load(lake, ("a", 0, None))
    old = lake.delta(T).drop("_source_order")
    kept: Sequence[Any] = old.collect()
    signed = json.dumps(read_state(lake.spark, lake.path(T)).metadata)  # as the batch of an older version
    older = lake.spark.createDataFrame(kept, old.schema).write.format("delta").option("userMetadata", signed)
    older.mode("overwrite").option("overwriteSchema", "true").save(lake.path(T))

    assert load(lake, ("a", 0, place(1, 0))).unchanged == 1
    load(lake, ("b", 0, place(2, 0)))
    assert load(lake, ("c", 0, place(1, 0))).superseded == 1
    assert lake.read(T, "value", "_source_order") == [("b", place(2, 0))]
    assert date(2025, 3, 1) in {row[0] for row in lake.read(T, "_run_date")}
