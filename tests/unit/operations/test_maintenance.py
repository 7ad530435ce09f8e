"""Housekeeping: no row changes, and whatever a kept release or a prepared batch needs stays where it is."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest
from deltalake import DeltaTable

from tests.support.lakes.lake import ENVIRONMENT, Lake, at
from tests.support.lakes.plans import apply, plan
from tests.support.lakes.saved import Beginnings
from tests.support.lakes.shop_tables import CUSTOMER_SCHEMA, LINE_SCHEMA, TABLES, receive
from tidemark.aws.folder import open_folder
from tidemark.config.environment import load_environment
from tidemark.control import commits, release
from tidemark.control.release import Release
from tidemark.control.runs import FilesSummary, Run, RunStore, RunSummary
from tidemark.control.state import SqliteState
from tidemark.delta.table import read_state
from tidemark.errors import CommitError
from tidemark.operations import maintenance
from tidemark.operations import restore as restoring

TABLE = "bronze.cities"
SOURCE = "id string, city string"
DAY = timedelta(days=1)


def now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def tidy(lake: Lake, table: str, out_of_use: timedelta = 7 * DAY) -> FilesSummary:
    """Maintains one table as the flow does; gives what it says of the files."""
    engine, moment = lake.engine(), now()
    engine.leases.acquire(table)
    tidied = maintenance.tidy(engine, table, moment - out_of_use, moment)
    engine.leases.release(table)
    assert tidied is not None
    assert tidied.version == read_state(lake.spark, lake.path(table)).version
    return tidied.files


def released(lake: Lake) -> Release:
    engine = lake.engine()
    return release.record(engine.state, engine.run, {})[0]


@pytest.fixture(params=["append", "upsert"])
def cities(request: pytest.FixtureRequest, beginnings: Beginnings) -> Lake:
    """Three batches of a table, each a file of its own."""
    return beginnings.of(three_batches, request.param)[0]


def three_batches(lake: Lake, mode: str) -> None:
    write: dict[str, Any] = {"mode": mode, "keys": ["id"]}
    source = {"source": {"connection": "shop", "object": "cities"}}
    lake.table(TABLE, "id! string\ncity string", source | {"write": write}, keys=["id"])
    for number, city in enumerate(("Ulm", "Bonn", "Kiel")):
        window = {"column": "id", "low": None, "high": number}
        lake.load(TABLE, lake.frame(SOURCE, [(str(number), city)]), watermark=window)


def test_small_files_become_one_and_nothing_else_changes(cities: Lake) -> None:
    rows, before = cities.read(TABLE), read_state(cities.spark, cities.path(TABLE))

    assert (tidy(cities, TABLE).before, tidy(cities, TABLE).after) == (3, 1)

    after = read_state(cities.spark, cities.path(TABLE))
    assert cities.read(TABLE) == rows
    assert after.version == (before.version or 0) + 1, "the second time there was nothing to do"
    assert (after.batch_id, after.watermark, after.epoch) == (before.batch_id, before.watermark, before.epoch)
    assert cities.engine().state.get("table", TABLE).value["version"] == after.version
    done = cities.load(TABLE, cities.frame(SOURCE, [("2", "Kiel"), ("3", "Jena")]))
    assert done.prepared is not None
    assert (done.prepared.books.inserted, done.prepared.books.unchanged) == (1, 1)


def test_the_bookkeeping_stands_in_the_commit_that_compacts(cities: Lake) -> None:
    tidy(cities, TABLE)

    last = max(Path(cities.path(TABLE), "_delta_log").glob("*.json"))
    told = json.loads(last.read_text().splitlines()[0])["commitInfo"]
    assert told["operation"] == "OPTIMIZE"
    assert json.loads(told["userMetadata"])["watermark"]["high"] == 2


def lying(lake: Lake) -> set[str]:
    """The files of rows in the table's folder."""
    root = Path(lake.path(TABLE))
    return {str(path.relative_to(root)) for path in root.rglob("*.parquet") if "_delta_log" not in path.parts}


def test_no_file_stays_that_no_kept_version_has(cities: Lake) -> None:
    """What a rewrite has left behind, the rows that a batch rejected, feeds of changes: wherever it was staged."""
    cities.load(TABLE, cities.frame(SOURCE, [("1", "Bonn am Rhein"), ("9", None), (None, "nowhere")]))
    cities.load(TABLE, cities.frame(SOURCE, [("2", "Kiel-Nord"), (None, "nowhere")]))

    tidy(cities, TABLE, timedelta(0))

    assert lying(cities) == {
        unquote(urlparse(uri).path).removeprefix(f"{cities.path(TABLE)}/")
        for uri in DeltaTable(cities.path(TABLE)).file_uris()
    }


def test_what_earlier_versions_staged_where_vacuum_does_not_look_goes_when_it_is_old(cities: Lake) -> None:
    old, young = (
        Path(cities.path(TABLE), f"kept-batch-{age}", "__tidemark_lane=feed", "part-0.parquet") for age in "ab"
    )
    for file in (old, young):
        file.parent.mkdir(parents=True)
        file.touch()
    os.utime(old, (1_700_000_000, 1_700_000_000))
    rows = cities.read(TABLE)

    tidy(cities, TABLE)

    assert (old.exists(), young.exists()) == (False, True)
    assert cities.read(TABLE) == rows


def test_the_log_remembers_files_for_as_long_as_they_are_kept(cities: Lake) -> None:
    before = read_state(cities.spark, cities.path(TABLE))
    tidy(cities, TABLE)
    assert "delta.logRetentionDuration" not in DeltaTable(cities.path(TABLE)).metadata().configuration
    cities.write("env/test.yaml", ENVIRONMENT | {"home": str(cities.root / "home"), "maintenance": {"keep": "40d"}})

    first, second = tidy(cities, TABLE), read_state(cities.spark, cities.path(TABLE)).version
    tidy(cities, TABLE)

    after = read_state(cities.spark, cities.path(TABLE))
    told = DeltaTable(cities.path(TABLE)).metadata().configuration
    assert told["delta.deletedFileRetentionDuration"] == told["delta.logRetentionDuration"] == "interval 960 hours"
    assert (first.after, after.version) == (1, second), "once is enough"
    assert (after.batch_id, after.watermark, after.epoch) == (before.batch_id, before.watermark, before.epoch)


def test_the_log_remembers_the_files_of_a_release_that_is_older_than_files_are_kept(cities: Lake) -> None:
    tidy(cities, TABLE, 21 * DAY)  # a release of 20 days ago is the newest; a day is added for plans
    told = DeltaTable(cities.path(TABLE)).metadata().configuration
    assert told["delta.deletedFileRetentionDuration"] == "interval 480 hours"


def test_a_table_that_is_not_there_is_left_alone(shop: Lake) -> None:
    engine = shop.engine()
    source = {"connection": "shop", "object": "x"}
    shop.table("bronze.new", "id string", {"source": source, "write": {"mode": "append"}})
    assert maintenance.tidy(shop.engine(), "bronze.new", now(), now()) is None
    assert "bronze.new" not in engine.committed


def test_what_was_staged_for_a_table_that_never_came_to_be_goes_when_nobody_can_need_it(shop: Lake) -> None:
    source = {"connection": "shop", "object": "x"}
    shop.table("bronze.new", "id string", {"source": source, "write": {"mode": "append"}})
    old, new = (Path(shop.path("bronze.new"), f"batch-{name}", "part-0.parquet") for name in ("old", "new"))
    for file in (old, new):
        file.parent.mkdir(parents=True)
        file.touch()
    os.utime(old, (1_700_000_000, 1_700_000_000))

    assert maintenance.tidy(shop.engine(), "bronze.new", now() - timedelta(days=1), now()) is None

    assert [folder.name for folder in Path(shop.path("bronze.new")).iterdir()] == ["batch-new"]


@pytest.mark.parametrize(("out_of_use", "goes"), [(timedelta(0), True), (timedelta(minutes=20), False)])
def test_what_went_out_of_use_goes_and_what_a_release_has_that_is_kept_stays(
    shop: Lake, out_of_use: timedelta, goes: bool
) -> None:
    first, rows = released(shop), shop.read("gold.totals")
    receive(shop, [("o1", 2, "ann", 70, at(3), False)])
    shop.build_together(*TABLES)
    now_there = shop.read("gold.totals")

    assert bool(tidy(shop, "gold.totals", out_of_use).freed) is goes

    assert shop.read("gold.totals") == now_there != rows
    engine = shop.engine()
    (step,) = (step for step in restoring.steps(engine, first) if step.table == "gold.totals")
    if goes:
        with pytest.raises(CommitError, match="cannot be taken back"):
            restoring.restore(engine, step, first.name)
    else:
        restoring.restore(engine, step, first.name)
        assert shop.read("gold.totals") == rows


@pytest.mark.slow
def test_an_open_plan_can_still_be_applied(shop: Lake) -> None:
    news = {
        "bronze.lines": shop.frame(LINE_SCHEMA, [("o8", 1, "ann", 5, at(3), False)]),
        "bronze.customers": shop.frame(CUSTOMER_SCHEMA, [("zoe", "Ulm", at(1), False)]),
    }
    begun = now()
    made = plan(shop, news, *TABLES)

    told = {table: tidy(shop, table, now() - begun) for table in ("bronze.lines", "gold.sales")}

    assert {files.plan for files in told.values()} == {made.plan[:8]}
    assert all(files.before == files.after for files in told.values())
    assert set(apply(shop, made).versions) == {*news, *TABLES}
    assert ("o8", 1, "ann", 5) in shop.read("gold.sales", "order_id", "line", "customer", "amount")


@pytest.fixture
def records(tmp_path: Path) -> tuple[SqliteState, RunStore]:
    return SqliteState(tmp_path / "state.db"), RunStore(open_folder(str(tmp_path / "runs")))


def since(lake: Lake, records: tuple[SqliteState, RunStore], moment: datetime) -> timedelta:
    """How far back files are needed."""
    environment = load_environment(lake.root / "config", "test")
    return moment - maintenance.needed_since(environment, *records, moment)


def test_files_are_needed_for_some_days_the_newest_release_and_all_that_is_on_its_way(
    lake: Lake, records: tuple[SqliteState, RunStore]
) -> None:
    state, runs = records
    moment = now()
    assert since(lake, records, moment) == 7 * DAY + DAY, "a day more, for plans"

    for number, age in ((1, 90), (2, 20)):
        made = Release(number, f"run-{number}", date(2025, 3, 1), moment - age * DAY, {})
        state.put(release.KIND, made.name, made.to_json())
    assert since(lake, records, moment) == 20 * DAY + DAY

    died = Run("died", date(2025, 3, 1), moment, moment - 30 * DAY)
    runs.save(RunSummary("died", "daily", "test", died.date, died.started_at))
    commits.begin(state, died, "daily", {"silver.orders": "b1"})
    assert since(lake, records, moment) == 30 * DAY + DAY
