"""Silver and gold compute what changes of their inputs affect, and no more."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.lakes.lake import Lake, Loaded, at
from tests.support.lakes.shop_tables import TABLES, receive
from tidemark import steps
from tidemark.books import Books
from tidemark.compute import incremental
from tidemark.delta import entries
from tidemark.errors import CommitError
from tidemark.rows import LANE
from tidemark.write.manifest import Prepared

pytestmark = pytest.mark.usefixtures("planned_anew")

NOTHING = dict.fromkeys(TABLES)


def build(lake: Lake) -> dict[str, Loaded]:
    return lake.build_together(*TABLES)


def prepared(done: dict[str, Loaded]) -> dict[str, Prepared | None]:
    return {table: loaded.prepared for table, loaded in done.items()}


def changes(done: dict[str, Loaded]) -> dict[str, tuple[int, int, int]]:
    """Rows computed, changed (inserted, updated) and gone, of each table."""
    books = {table: loaded.prepared.books for table, loaded in done.items() if loaded.prepared}
    return {
        table: (each.extracted, each.inserted + each.updated, each.deleted + each.vanished)
        for table, each in books.items()
    }


def sales(lake: Lake) -> list[tuple[Any, ...]]:
    return lake.read("gold.sales", "order_id", "line", "city", "amount")


def test_nothing_new_computes_nothing_and_commits_nothing(shop: Lake) -> None:
    versions = {table: shop.delta(table) and shop.build(table).committed.version for table in TABLES}

    assert prepared(build(shop)) == NOTHING
    assert {table: shop.build(table).committed.version for table in TABLES} == versions


def test_a_changed_line_computes_its_key_and_what_follows_from_it(shop: Lake) -> None:
    receive(shop, lines=[("o1", 2, "ann", 70, at(3), False)])

    assert changes(build(shop)) == {"silver.lines": (2, 1, 0), "gold.sales": (1, 1, 0), "gold.totals": (1, 1, 0)}
    assert shop.read("gold.totals", "city", "amount") == [("Bonn", 1), ("Ulm", 75)]


def test_a_deleted_line_leaves_every_table_that_has_it(shop: Lake) -> None:
    receive(shop, lines=[("o2", 1, "bob", 1, at(3), True)])

    done = changes(build(shop))

    assert done["gold.sales"] == (0, 0, 1)
    assert done["gold.totals"] == (0, 0, 1), "its group has no row any more"
    assert shop.read("gold.totals", "city", "amount") == [("Ulm", 12)]


def test_a_member_that_arrives_late_corrects_the_facts_that_waited_for_it(shop: Lake) -> None:
    assert ("o3", 1, None, 3) in sales(shop)
    receive(shop, customers=[("eve", "Kiel", at(1), False)])

    assert changes(build(shop)) == {"gold.customers": (1, 1, 0), "gold.sales": (1, 1, 0), "gold.totals": (1, 1, 0)}
    assert ("o3", 1, "Kiel", 3) in sales(shop)


def test_a_history_that_moves_under_facts_moves_them_between_groups(shop: Lake) -> None:
    receive(shop, customers=[("ann", "Bonn", at(1, 12), False)])

    done = changes(build(shop))

    assert done["gold.customers"] == (2, 2, 0)
    assert done["gold.sales"] == (2, 2, 0)
    assert shop.read("gold.totals", "city", "amount") == [("Bonn", 13)], "the old group is gone with its last row"


def test_a_change_that_changes_nothing_is_looked_at_once(shop: Lake) -> None:
    receive(shop, customers=[("ann", "Ulm", at(4), False)])

    assert changes(build(shop)) == {"gold.customers": (1, 0, 0)}
    assert prepared(build(shop)) == NOTHING
    receive(shop, customers=[("ann", "Kiel", at(5), False)])
    assert changes(build(shop))["gold.customers"] == (2, 2, 0), "and no later one is missed"


def test_a_query_that_is_only_written_anew_is_run_once(shop: Lake) -> None:
    path = shop.root / "config" / "gold" / "totals.sql"
    path.write_text(f"-- By city.\n{path.read_text()}")

    assert changes(build(shop)) == {"gold.totals": (2, 0, 0)}
    assert prepared(build(shop)) == NOTHING


def test_the_unknown_member_stays_when_others_change(shop: Lake) -> None:
    receive(shop, customers=[("bob", "Kiel", at(4), False)])
    build(shop)

    assert [row for row in shop.read("gold.customers", "customer", "is_current") if row[0] == "unknown"] == [
        ("unknown", False)
    ]


def test_changes_of_several_commits_are_seen_together(shop: Lake) -> None:
    receive(shop, lines=[("o4", 1, "bob", 2, at(3), False)])
    shop.build("silver.lines")
    receive(shop, lines=[("o4", 1, "bob", 9, at(4), False), ("o2", 1, "bob", 1, at(4), True)])
    shop.build("silver.lines")

    assert changes(build(shop))["gold.sales"] == (1, 1, 1)
    assert shop.read("gold.totals", "city", "amount") == [("Bonn", 9), ("Ulm", 12)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("query", "its query, load file or contract changed"),
        ("full", "a full refresh was asked for"),
        ("lookup", "silver.lines changed, and any row may depend on it (no `on`)"),
        ("gap", "what changed in its inputs is not known any more"),
    ],
)
def test_what_cannot_be_told_by_changes_builds_everything_and_says_so(shop: Lake, change: str, reason: str) -> None:
    receive(shop, lines=[("o1", 2, "ann", 70, at(3), False)])
    shop.build("silver.lines")
    if change == "query":
        path = shop.root / "config" / "gold" / "sales.sql"
        path.write_text(path.read_text().replace("l.amount FROM", "l.amount + 0 AS amount FROM"))
    elif change == "lookup":
        path = shop.root / "config" / "gold" / "sales.load.yaml"
        path.write_text(path.read_text().replace("'on':\n    - order_id\n    - line\n", "refresh: full\n"))
        shop.build("gold.sales")
        receive(shop, lines=[("o1", 2, "ann", 71, at(4), False)])
        shop.build("silver.lines")
    elif change == "gap":
        fed = [Path(file) for file in entries.changed_files(shop.spark, shop.path("silver.lines"), 0, 1) or ()]
        for file in fed:
            if f"{LANE}=feed" in file.parts:
                file.unlink()
    engine = shop.engine()

    checked = steps.build(engine, "gold.sales", full=change == "full")

    assert checked is not None
    assert str(checked.reason).partition(": ")[0] == reason
    assert checked.affected is None
    assert bool(checked.notices) == (change in ("query", "gap")), "who looks at the run hears of what is unusual"
    assert shop.prepare(engine, "gold.sales", checked)[0].books == Books(
        extracted=4, accepted=4, updated=1, unchanged=3
    )


@pytest.mark.parametrize("full", [False, True])
def test_an_input_that_is_not_there_any_more_is_not_taken_for_an_empty_one(shop: Lake, full: bool) -> None:
    before = shop.read("gold.sales")
    shutil.rmtree(shop.path("silver.lines"))

    with pytest.raises(
        CommitError, match=r"its input silver\.lines is not there any more \(it was at version 0\)"
    ) as gone:
        steps.build(shop.engine(), "gold.sales", full=full)

    assert shop.read("gold.sales") == before
    assert "tidemark run --select silver.lines+" in gone.value.next_step
    shop.build_together("silver.lines", "gold.sales")
    assert shop.read("gold.sales") == before


def test_where_all_is_small_all_is_computed(shop: Lake) -> None:
    path = shop.root / "config" / "env" / "test.yaml"
    written = path.read_text()
    assert "incremental_from_mb: 0" in written
    path.write_text(written.replace("incremental_from_mb: 0", "incremental_from_mb: 1"))
    receive(shop, lines=[("o1", 2, "ann", 70, at(3), False)])

    assert changes(build(shop))["gold.sales"] == (4, 1, 0)
    assert prepared(build(shop)) == NOTHING


def test_a_large_dimension_is_read_where_the_affected_facts_point(shop: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incremental, "SMALL_TABLE", -1)
    receive(shop, lines=[("o1", 2, "ann", 70, at(3), False)])
    engine = shop.engine()
    shop.build("silver.lines")
    spark, table = engine.session("gold.sales"), engine.table("gold.sales")
    found = incremental.scope(engine, spark, table, steps.fingerprint(table))

    read = incremental.inputs_in(engine, spark, table, found.affected)

    assert {row.customer for row in read["gold.customers"].collect()} == {"ann"}
    assert changes(build(shop))["gold.sales"] == (1, 1, 0)


def test_a_table_that_is_replaced_as_a_whole_affects_everything(lake: Lake) -> None:
    received = {"source": {"connection": "shop", "object": "x"}, "write": {"mode": "replace", "keys": ["id"]}}
    lake.table("bronze.items", "id string\nname string", received, keys=["id"])
    load = {"inputs": {"bronze.items": {"on": ["id"]}}, "write": {"mode": "upsert", "keys": ["id"]}}
    lake.table("silver.items", "id string\nname string", load, keys=["id"], sql="SELECT id, name FROM bronze.items")
    lake.load("bronze.items", lake.frame("id string, name string", [("a", "x"), ("b", "y")]), full=True)
    lake.build("silver.items")
    lake.load("bronze.items", lake.frame("id string, name string", [("b", "z")]), full=True)

    lake.build("silver.items")

    assert lake.read("silver.items") == [("b", "z")]
