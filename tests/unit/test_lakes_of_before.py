"""A lake that an earlier version has written is read, continued, restored and replayed by this one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from tests.fixtures.lakes import shop
from tests.support.lakes import before as of_before
from tests.support.lakes.before import (
    ARCHIVES,
    BUILT,
    built,
    end_what_was_begun,
    held,
    in_order,
    know,
    known_members,
    receive,
    received,
    released,
    rows_in_order,
    run_of,
    told,
)
from tests.support.lakes.lake import Lake
from tests.support.lakes.replays import replayed
from tests.support.lakes.saved import Beginnings
from tidemark.aws.folder import open_folder
from tidemark.books import Books
from tidemark.control import commits, release
from tidemark.control.release import Release
from tidemark.control.runs import RunStore
from tidemark.delta.table import read_version
from tidemark.errorlane.replay import Which
from tidemark.operations import restore
from tidemark.sources import Extract

KINDS = {"r1": shop.KINDS, "r2": (*shop.KINDS, "share"), "r3": (*shop.KINDS, "share", "rate")}
"""The kinds of events that could come in until each release."""


def name_of(archive: Path) -> str:
    return archive.name.removesuffix(".tar.gz")


def unpacked(archive: Path, spark: SparkSession, root: Path) -> Lake:
    of_before.unpack(archive, root)
    return Lake(spark, root)


@pytest.fixture(params=ARCHIVES, ids=name_of)
def archive(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def before(archive: Path, spark: SparkSession, tmp_path: Path) -> Lake:
    """The lake as the version of before has left it: its last run died while it committed."""
    return unpacked(archive, spark, tmp_path)


def test_there_is_a_lake_of_before() -> None:
    assert ARCHIVES


def test_it_has_every_form_that_a_table_can_have(before: Lake) -> None:
    bronze, built_before = (
        [action for table in tables for action in of_before.log(before, table)] for tables in (shop.BRONZE, shop.BUILT)
    )
    state = before.engine().state

    assert any(action.get("add", {}).get("deletionVector") for action in built_before)
    assert any("cdc" in action for action in built_before)
    assert any(action.get("metaData", {}).get("partitionColumns") for action in built_before)
    assert any(action.get("domainMetadata", {}).get("domain") == "delta.clustering" for action in bronze)
    assert {action["commitInfo"]["operation"] for action in [*bronze, *built_before] if "commitInfo" in action} >= {
        "WRITE",
        "MERGE",
    }
    assert list(before.root.rglob("*.checkpoint.parquet"))
    assert list(before.root.rglob("_ledger/replayed-*"))
    assert state.get("replay", "bronze.events").value
    assert state.list("committing")


def test_what_it_must_hold_is_what_was_put_in(archive: Path) -> None:
    """The other reader's rows are held against the shop's, and a model of the tables, both without the engine."""
    for days, (name, tables) in enumerate(told(archive).items(), start=1):
        bronze = received(days, KINDS[name])
        expected = bronze | {table: rows for table, rows in built(bronze).items() if table in tables}
        assert in_order(known_members(tables)) == in_order(expected), name


@pytest.mark.parametrize("by_the_engine", [True, False], ids=["the engine", "Spark"])
def test_every_table_is_read_at_every_release(before: Lake, archive: Path, by_the_engine: bool) -> None:
    def read(table: str, version: int) -> DataFrame:
        if by_the_engine:
            return read_version(before.spark, before.path(table), version)
        return before.spark.read.format("delta").option("versionAsOf", version).load(before.path(table))

    for name in ("r1", "r2"):
        versions = released(before, name).tables
        found = {table: of_before.plain(read(table, version)) for table, version in versions.items()}
        assert in_order(found) == in_order(told(archive)[name])


@pytest.mark.parametrize("table", ["silver.lines", "silver.events", "gold.customers"])
def test_its_change_feed_leads_from_release_to_release(before: Lake, archive: Path, table: str) -> None:
    first, second = (released(before, name).tables[table] for name in ("r1", "r2"))
    since = before.spark.read.format("delta").option("readChangeFeed", "true").option("startingVersion", first + 1)
    feed = since.option("endingVersion", second).load(before.path(table))
    gone, come = (
        of_before.plain(feed.where(feed["_change_type"].isin(kinds)))
        for kinds in (["delete", "update_preimage"], ["insert", "update_postimage"])
    )
    was, became = (told(archive)[name][table] for name in ("r1", "r2"))

    assert gone
    assert rows_in_order([*was, *come]) == rows_in_order([*became, *gone])


def test_its_runs_its_drift_and_its_errors_are_known(before: Lake) -> None:
    engine = before.engine()
    runs = RunStore(open_folder(engine.environment.roots.runs, None)).latest(10)
    drift = before.spark.read.format("delta").load(f"{engine.environment.roots.lake}/_drift")

    assert sorted((run.flow, run.release) for run in runs if run.status == "done") == [
        ("daily", "r1"),
        ("daily", "r2"),
        ("replay_errors", None),
    ]
    assert [each.name for each in release.every(engine.state)] == ["r1", "r2"]
    assert [tuple(row) for row in drift.select("table_name", "column_name", "change", "action").collect()] == [
        ("bronze.events", "channel", "added", "evolve")
    ]
    assert rejected_events(before) == ["e2", "e3", "e6", "e7", "e9"]


@pytest.fixture
def ended(archive: Path, beginnings: Beginnings) -> tuple[Lake, list[Release]]:
    """The lake after what was begun in it is ended, and the releases that this made."""
    return beginnings.of(end_in, archive)


def end_in(lake: Lake, archive: Path) -> list[Release]:
    of_before.unpack(archive, lake.root)
    lake.describe_environment()
    return end_what_was_begun(lake)


def test_what_was_begun_is_ended(ended: tuple[Lake, list[Release]], archive: Path) -> None:
    lake, (made,) = ended

    assert made.name == "r3"
    assert in_order(held(lake)) == in_order(told(archive)["r3"])
    assert not commits.interrupted(lake.engine().state)
    assert not end_what_was_begun(lake)


@dataclass(frozen=True)
class GoneOn:
    """A lake after one more day, and what this day found in the landing folder."""

    lake: Lake
    archive: Path
    extracted: Extract


@pytest.fixture
def gone_on(archive: Path, beginnings: Beginnings) -> GoneOn:
    lake, extracted = beginnings.of(day_four, archive, after=(end_in, archive))
    return GoneOn(lake, archive, extracted)


def day_four(lake: Lake, archive: Path) -> Extract:
    engine = run_of(lake, 4)
    extracted = receive(lake, engine, 4)
    lake.build_together(*BUILT, engine=engine)
    return extracted


def test_it_goes_on(gone_on: GoneOn) -> None:
    """Known rows and files are not received twice, and a late version finds its place."""
    expected = received(4, KINDS["r3"])
    assert in_order(known_members(held(gone_on.lake))) == in_order(expected | built(expected))
    assert not gone_on.extracted.drift, "the shape of the source is the one that was noted"


def test_surrogate_keys_stay_as_they_were(gone_on: GoneOn) -> None:
    table = "gold.customers"
    before, now = (
        {(row["customer"], row["valid_from"]): row["sk"] for row in rows}
        for rows in (told(gone_on.archive)["r3"][table], held(gone_on.lake, [table])[table])
    )
    assert before.items() < now.items()


def test_a_run_with_nothing_new_commits_nothing(gone_on: GoneOn) -> None:
    assert not any(done.committed.changed for done in gone_on.lake.build_together(*BUILT).values())


def test_what_grew_over_the_days_is_what_is_built_from_nothing(gone_on: GoneOn) -> None:
    lake = gone_on.lake
    grown = in_order(held(lake, BUILT))

    lake.build_together(*BUILT, full=True)

    assert in_order(held(lake, BUILT)) == grown


@pytest.mark.slow
def test_it_is_restored_and_goes_on_from_there(before: Lake, archive: Path) -> None:
    end_what_was_begun(before)
    take_back(before, "r1")
    then = told(archive)["r1"]
    assert in_order(held(before, then)) == in_order(then)

    day_one = next(before.root.rglob("_errors/**/dt=2025-03-01/run_id=*")).name.removeprefix("run_id=")
    first_day = Which(run=day_one)
    assert replayed(before, "bronze.events", first_day) == Books(extracted=2, accepted=1, quarantined=1, inserted=1)
    assert replayed(before, "bronze.events", first_day) == Books(extracted=1, quarantined=1)
    engine = run_of(before, 3)
    receive(before, engine, 2)
    receive(before, engine, 3)  # its file and that of the day before are due again, and both are read with the first
    before.build_together(*BUILT, engine=engine)

    expected = received(3, KINDS["r3"])
    assert in_order(known_members(held(before))) == in_order(expected | built(expected))


def test_what_it_rejected_is_replayed_once(ended: tuple[Lake, list[Release]]) -> None:
    """One error was replayed in the time before; of another the row is in the table, and the ledger does not know."""
    before, _ = ended
    kinds = (*KINDS["r3"], "odd", "mail")
    know(before, *kinds)

    engine = run_of(before, 3)
    assert replayed(before, "bronze.events", engine=engine) == Books(extracted=3, accepted=2, quarantined=1, inserted=2)
    assert replayed(before, "bronze.events", engine=run_of(before, 3)) == Books(extracted=1, quarantined=1)

    before.build_together(*BUILT)
    expected = received(3, kinds)
    assert in_order(known_members(held(before))) == in_order(expected | built(expected))


def take_back(lake: Lake, name: str) -> None:
    engine, back_to = lake.engine(), released(lake, name)
    for step in restore.steps(engine, back_to):
        restore.restore(engine, step, back_to.name)


def rejected_events(lake: Lake) -> list[str]:
    """The ids of the events in the error lane."""
    return sorted(json.loads(error["payload"])["event_id"] for error in lake.errors("bronze.events"))
