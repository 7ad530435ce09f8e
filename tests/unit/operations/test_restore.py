"""Back to yesterday, and forward again: tables, watermarks and what follows from them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.lakes.lake import Lake, at
from tests.support.lakes.saved import Beginnings
from tests.support.lakes.shop_tables import LINE_SCHEMA, TABLES, held, receive
from tidemark.control import release
from tidemark.control.release import Release
from tidemark.delta.table import read_state
from tidemark.errors import CommitError, ConfigError
from tidemark.operations import restore as restoring
from tidemark.operations.restore import Step

LINES: list[tuple[Any, ...]] = [("o1", 2, "ann", 70, at(3), False), ("o2", 1, "bob", 1, at(3), True)]
CUSTOMERS: list[tuple[Any, ...]] = [("ann", "Kiel", at(2, 12), False), ("eve", "Ulm", at(1), False)]


def released(lake: Lake) -> Release:
    engine = lake.engine()
    return release.record(engine.state, engine.run, {})[0]


@pytest.fixture
def second(beginnings: Beginnings, first_day: Path) -> Lake:
    """The shop after its second day; of the first there is a release, r1."""
    return beginnings.of(second_day, first_day)[0]


def second_day(lake: Lake, first_day: Path) -> None:
    lake.begin_with(first_day)
    released(lake)
    next_day(lake)


def first_release(lake: Lake) -> Release:
    return restoring.wanted(lake.engine().state, "r1")


def next_day(lake: Lake) -> None:
    receive(lake, LINES, CUSTOMERS)
    lake.build_together(*TABLES)


def take_back(lake: Lake, to: Release) -> dict[str, int]:
    engine = lake.engine()
    return {step.table: restoring.restore(engine, step, to.name) for step in restoring.steps(engine, to)}


def test_a_restore_brings_back_every_row_and_the_next_run_brings_it_forward_again(shop: Lake) -> None:
    first, day_one = released(shop), held(shop)
    next_day(shop)
    second, day_two = released(shop), held(shop)
    assert day_one != day_two

    assert set(take_back(shop, first)) == {*TABLES, "bronze.lines", "bronze.customers"}
    assert held(shop) == day_one
    back = released(shop)
    assert (back.number, dict(back.tables)) == (3, {table: version + 1 for table, version in second.tables.items()})

    changed = shop.build_together(*TABLES)
    assert held(shop) == day_one, "what the inputs lost and got back changes nothing"
    assert all(done.prepared.books.changes == 0 for done in changed.values() if done.prepared)

    next_day(shop)
    assert held(shop) == day_two, "the same rows again are no batch that is known already"


def test_a_restore_takes_the_watermark_back(shop: Lake) -> None:
    frame = shop.frame("order_id string, line int, updated_at timestamp", [("o9", 1, at(4))])
    shop.load("bronze.lines", frame, watermark={"column": "updated_at", "low": None, "high": "2025-03-04T00:00:00"})
    first = released(shop)
    shop.load("bronze.lines", frame, watermark={"column": "updated_at", "low": None, "high": "2025-03-09T00:00:00"})

    take_back(shop, first)

    assert shop.engine().state.get("table", "bronze.lines").value["watermark"]["high"] == "2025-03-04T00:00:00"


def test_a_table_that_was_made_anew_since_does_not_go_back_to_a_version_of_the_old_one(shop: Lake) -> None:
    first = released(shop)
    shutil.rmtree(shop.path("silver.lines"))
    shop.build("silver.lines")
    receive(shop, LINES)
    shop.build("silver.lines")
    before = held(shop)
    engine = shop.engine()

    with pytest.raises(CommitError, match="cannot be taken back to r1; nothing was changed") as refused:
        restoring.look_first(engine, first, restoring.steps(engine, first))

    (told,) = refused.value.seen
    assert "silver.lines: it was dropped and made anew" in told

    assert held(shop) == before


@pytest.mark.slow
def test_a_restore_that_died_is_done_again(shop: Lake) -> None:
    first, day_one = released(shop), held(shop)
    next_day(shop)
    engine = shop.engine()
    for step in restoring.steps(engine, first)[:3]:
        restoring.restore(engine, step, first.name)

    take_back(shop, first)

    assert held(shop) == day_one


@pytest.mark.slow
def test_a_run_after_a_restore_that_died_comes_out_right(shop: Lake) -> None:
    first = released(shop)
    next_day(shop)
    day_two = held(shop)
    engine = shop.engine()
    for step in restoring.steps(engine, first):
        if step.table.startswith("gold."):
            restoring.restore(engine, step, first.name)

    shop.build_together(*TABLES)

    assert held(shop) == day_two, "bronze and silver were not taken back yet"


def test_a_release_is_named_by_itself_or_by_its_run(shop: Lake) -> None:
    first = released(shop)
    state = shop.engine().state

    assert restoring.wanted(state, "r1") == restoring.wanted(state, first.run_id[:8]) == first
    with pytest.raises(ConfigError, match="no release is of a run r9"):
        restoring.wanted(state, "r9")


@pytest.mark.slow
def test_a_version_whose_files_are_gone_is_refused(shop: Lake) -> None:
    first = released(shop)
    next_day(shop)
    kept = {file.name for file in map(Path, shop.delta("silver.lines").inputFiles())}
    for file in (shop.root / "home/lake/silver/lines").rglob("*.parquet"):
        if file.name not in kept:
            file.unlink()
    rows, engine = shop.read("silver.lines"), shop.engine()
    step = next(each for each in restoring.steps(engine, first) if each.table == "silver.lines")

    with pytest.raises(CommitError, match=f"cannot be taken back to version {step.then}"):
        restoring.restore(engine, step, first.name)
    assert shop.read("silver.lines") == rows


def other_files(lake: Lake, table: str, version: int) -> list[Path]:
    """The files of the table's version that are not in use now."""
    now = {file.name for file in map(Path, lake.delta(table).inputFiles())}
    then = lake.spark.read.format("delta").option("versionAsOf", version).load(lake.path(table)).inputFiles()
    return [
        path for path in Path(lake.path(table)).rglob("*.parquet") if path.name in {Path(f).name for f in then} - now
    ]


def test_nothing_goes_back_where_one_table_cannot_and_what_is_advised_can_be_done(second: Lake) -> None:
    first = first_release(second)
    before = held(second)
    engine = second.engine()
    todo = restoring.steps(engine, first)
    lines = next(step for step in todo if step.table == "silver.lines")
    assert lines.then is not None
    gone = other_files(second, "silver.lines", lines.then)
    for file in gone:
        file.unlink()

    with pytest.raises(CommitError, match="1 tables cannot be taken back to r1; nothing was changed") as refused:
        restoring.look_first(engine, first, todo)

    assert f"silver.lines: {len(gone)} files of version {lines.then} are gone: " in refused.value.seen[0]
    assert str(gone[0]) in " ".join(refused.value.seen)
    assert "tidemark restore --run r1 --leave silver.lines" in str(refused.value.next_step)
    assert held(second) == before
    restoring.look_first(engine, first, restoring.steps(engine, first, ["silver.lines"]))


def test_another_release_is_advised_only_where_it_can_be_restored(second: Lake) -> None:
    first = first_release(second)
    released(second)
    second.load("bronze.lines", second.frame(LINE_SCHEMA, [("o9", 1, "ann", 5, at(5), False)]))
    engine = second.engine()
    lines = next(step for step in restoring.steps(engine, first) if step.table == "silver.lines")
    assert lines.then is not None
    for file in other_files(second, "silver.lines", lines.then):
        file.unlink()

    with pytest.raises(CommitError) as refused:
        restoring.look_first(engine, first, restoring.steps(engine, first))

    assert str(refused.value.next_step).startswith("tidemark restore --run r2 (of 2025-03-01) can be done; or ")


def test_a_table_that_was_dropped_or_made_anew_does_not_go_back_as_another(second: Lake) -> None:
    first = first_release(second)
    shutil.rmtree(second.path("gold.totals"))
    engine = second.engine()
    found = restoring.in_the_way(engine, restoring.steps(engine, first))
    assert found == {"gold.totals": ("there is no table any more",)}

    second.build("gold.totals")
    engine = second.engine()
    (told,) = restoring.in_the_way(engine, [Step("gold.totals", 0, 0, first.ids["gold.totals"])])["gold.totals"]
    assert "it was dropped and made anew" in told


def test_a_table_can_go_back_to_before_its_first_batch(shop: Lake) -> None:
    day_one = held(shop)
    engine = shop.engine()
    assert restoring.restore(engine, Step("gold.totals", 0, None), "before run x") == 1
    state = read_state(shop.spark, shop.path("gold.totals"))
    assert (shop.read("gold.totals"), state.batch_id, state.epoch) == ([], None, 1)

    done = shop.build("gold.totals")

    assert done.committed.changed
    assert held(shop) == day_one
