"""A key that an extract lacks is deleted only where the extract is known to be whole."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.lakes.lake import Lake
from tidemark import steps
from tidemark.compute.gate.quality import gate
from tidemark.write.manifest import Prepared

pytestmark = pytest.mark.usefixtures("planned_anew")

TABLE = "bronze.people"
COLUMNS = "id! int\nname! string\ncountry string\ngone boolean"
SCHEMA = "id string, name string, country string, _corrupt_record string"
WAYS = ["soft", "hard", "log"]
ALL = [("1", "Ann", "de"), ("2", "Bob", "de"), ("3", "Cid", "fr"), ("4", "Dan", "fr"), ("5", "Eve", None)]


def describe(
    lake: Lake,
    way: str,
    *,
    keys: tuple[str, ...] = ("id",),
    within: tuple[str, ...] = (),
    form: str | None = "csv",
    **load: Any,
) -> None:
    deletes = {"missing": "hard"} if way == "hard" else {"missing": "soft", "flag": "gone"}
    deletes |= {"within": list(within)} if within else {}
    write = {"mode": "append" if way == "log" else "upsert", "keys": list(keys), "deletes": deletes}
    source = {"connection": "shop", "object": "x", "mode": "full"} | ({"format": form} if form else {})
    lake.table(TABLE, COLUMNS, {"source": source, "write": write} | load, keys=list(keys))


def receive(lake: Lake, rows: list[tuple[Any, ...]], **extract: Any) -> Prepared:
    frame = lake.frame(SCHEMA, [(*row, *[None] * (4 - len(row))) for row in rows])
    prepared = lake.load(TABLE, frame, **{"full": True} | extract).prepared
    assert prepared is not None
    return prepared


def alive(lake: Lake) -> set[int]:
    """The keys that are there, by their newest row."""
    newest: dict[int, Any] = {}
    for row in lake.delta(TABLE).orderBy("_ingest_ts").collect():
        newest[row.id] = row.gone
    return {key for key, gone in newest.items() if not gone}


def broken(text: str) -> tuple[Any, ...]:
    return (None, None, None, text)


KEYLESS = {
    "ragged": broken("2,Bob, the builder,de"),
    "cut off": broken('2,"Bo'),
    "without a key": (None, "Bob", "de"),
    "a key that is no number": ("two", "Bob", "de"),
}


@pytest.mark.parametrize("way", [way if way == "soft" else pytest.param(way, marks=pytest.mark.slow) for way in WAYS])
def test_no_key_is_deleted_while_a_record_has_none(lake: Lake, way: str) -> None:
    describe(lake, way)
    receive(lake, ALL)
    for what, record in KEYLESS.items():
        prepared = receive(lake, [("1", f"Anne, {what}", "de"), record])
        assert alive(lake) == {1, 2, 3, 4, 5}, what
        assert (prepared.books.quarantined, prepared.books.vanished) == (1, 0), what
        assert [notice.partition(":")[0] for notice in prepared.notices] == ["deletes no key"], what
        assert f"Anne, {what}" in {row.name for row in lake.delta(TABLE).collect()}
    later = receive(lake, [("1", "Anne", "de"), ("2", "Bob", "de")])
    assert (alive(lake), later.books.vanished, later.notices) == ({1, 2}, 3, ())


@pytest.mark.parametrize("way", WAYS)
def test_a_rejected_row_whose_key_is_read_is_no_deletion_and_hides_none(lake: Lake, way: str) -> None:
    describe(lake, way)
    receive(lake, ALL)
    prepared = receive(lake, [("1", "Ann", "de"), ("2", None, "de"), ("3", "Cid", "fr"), ("5", "Eve", None)])
    assert (prepared.books.quarantined, prepared.books.vanished, prepared.notices) == (1, 1, ())
    assert alive(lake) == {1, 2, 3, 5}


def test_a_key_of_two_columns_is_not_known_by_one_of_them(lake: Lake) -> None:
    describe(lake, "hard", keys=("id", "country"))
    receive(lake, [("1", "Ann", "de"), ("1", "Ann", "fr"), ("2", "Bob", "de")])
    assert receive(lake, [("1", "Ann", "de"), ("2", "Bob", None)]).books.vanished == 0
    assert receive(lake, [("1", "Ann", "de")]).books.vanished == 2


@pytest.mark.parametrize("form", [None, "parquet"])
def test_a_record_that_has_no_key_in_its_source_is_nobodys(lake: Lake, form: str | None) -> None:
    describe(lake, "hard", form=form)
    receive(lake, ALL)
    rows = [("1", "Ann", "de"), (None, "Bob", "de"), ("3", "Cid", "fr")]
    assert receive(lake, [*rows, ("4x", "Dan", "fr")]).books.vanished == 0
    assert receive(lake, [*rows, broken("no Parquet file")]).books.vanished == 0
    assert receive(lake, rows).books.vanished == 3
    assert alive(lake) == {1, 3}
    nameless = lake.frame("name string, country string", [("Ann", "de")])
    assert lake.load(TABLE, nameless, full=True).prepared.books.vanished == 0
    assert alive(lake) == {1, 3}


@pytest.mark.parametrize("way", WAYS)
def test_a_part_of_the_source_deletes_nothing_and_says_so(lake: Lake, way: str) -> None:
    describe(lake, way)
    receive(lake, ALL)
    prepared = receive(lake, ALL[:1], full=False)
    assert (alive(lake), prepared.books.vanished) == ({1, 2, 3, 4, 5}, 0)
    assert prepared.notices == ("deletes no key: the extract is not known to hold all of its source",)


@pytest.mark.parametrize("way", WAYS)
def test_only_keys_of_what_the_extract_covers_can_be_missing(lake: Lake, way: str) -> None:
    describe(lake, way, within=("country",), limits={"deleted": "50%"})
    receive(lake, ALL)
    prepared = receive(lake, [("1", "Ann", "de"), ("6", "Fay", "it"), ("7", None, "fr")])
    assert (prepared.books.vanished, prepared.at_stake) == (1, 2)
    assert alive(lake) == {1, 3, 4, 5, 6}  # the row of fr is rejected: nobody knows how much of fr came
    moved = receive(lake, [("1", "Ann", "it"), ("5", "Eve", None)])
    assert (moved.books.vanished, alive(lake)) == (1, {1, 3, 4, 5})


@pytest.mark.parametrize("way", WAYS)
def test_a_share_is_one_of_the_keys_that_live(lake: Lake, way: str) -> None:
    describe(lake, way, limits={"deleted": "30%"})
    receive(lake, ALL)
    receive(lake, [("1", "Ann", "de"), ("2", "Bob", "de"), ("3", "Cid", "fr"), ("4", "Dana", "fr")])
    back = receive(lake, [("1", "Anne", "de"), ("3", "Cid", "fr"), ("4", "Dana", "fr"), ("5", "Eve", None)])
    assert (back.books.vanished, back.at_stake) == (1, 4)  # 5 had gone, and is no key that could go
    again = receive(lake, [("1", "Anne", "de"), ("3", "Cid", "fr"), ("4", "Dana", "fr")])
    assert (again.books.vanished, again.at_stake) == (1, 4)


def test_a_source_that_broke_leaves_the_table_as_it_was_until_somebody_lets_it_pass(lake: Lake) -> None:
    describe(lake, "hard")
    people = [(str(number), "x", "de") for number in range(40)]
    receive(lake, people)

    def outcome(rows: list[tuple[Any, ...]], *allows: str) -> list[tuple[str | None, str, str | None]]:
        engine = lake.engine(allows=allows)
        lake.receive(engine, TABLE, lake.frame(SCHEMA, [(*row, None) for row in rows]), full=True)
        found = [(check.limit, check.outcome, check.value) for check in gate(engine, TABLE).checks if check.limit]
        engine.leases.release(TABLE)
        return found

    assert outcome(people[:32]) == []
    assert outcome(people[:31]) == []  # nine rows are not many, whatever their share
    assert outcome(people[:30]) == [("deleted", "fail", "10 of 40 (25.0%)")]
    assert outcome(people[:20], "deleted") == [("deleted", "warn", "20 of 40 (50.0%), let pass by --allow deleted")]
    assert outcome([]) == [("empty", "fail", "0 rows came, 40 rows of the table would go")]
    assert outcome([], "deleted")[0][:2] == ("empty", "fail")
    assert outcome([], "empty")[0][:2] == ("empty", "warn")
    assert alive(lake) == set(range(40))


def test_an_empty_extract_fills_no_empty_table(lake: Lake) -> None:
    describe(lake, "soft")
    engine = lake.engine()
    prepared, errors = lake.receive(engine, TABLE, lake.frame(SCHEMA, []), full=True, empty=True)
    assert gate(engine, TABLE).passed
    lake.finish(engine, TABLE, prepared, errors)
    assert lake.read(TABLE) == []


def test_a_computed_table_is_held_against_the_limits_that_it_sets(lake: Lake) -> None:
    describe(lake, "hard")
    load = {"inputs": {TABLE: {"on": ["id"]}}, "write": {"mode": "upsert", "keys": ["id"]}}
    lake.table("silver.p", "id! int", load | {"limits": {"deleted": "20%"}}, keys=["id"], sql=f"SELECT id FROM {TABLE}")
    receive(lake, ALL)
    lake.build("silver.p")
    receive(lake, ALL[:2])
    engine = lake.engine()
    checked = steps.build(engine, "silver.p")
    assert checked is not None
    steps.prepare(engine, "silver.p", checked)
    (check,) = [each for each in gate(engine, "silver.p").checks if each.limit]
    assert (check.outcome, check.value) == ("fail", "3 of 5 (60.0%)")
