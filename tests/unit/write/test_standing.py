"""What a table asks of its writers is asked before anything commits, and whose it is, and whether it has moved."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from delta.tables import DeltaTable, IdentityGenerator
from pyspark.sql import functions as F

from tests.support.lakes.lake import Lake, Loaded
from tests.support.lakes.saved import Beginnings
from tidemark import steps
from tidemark.compute.tables import state_of
from tidemark.control.release import TABLE as INDEX
from tidemark.delta import deltalog
from tidemark.delta.table import read_state
from tidemark.errors import CommitError
from tidemark.spark.jvm import java_class
from tidemark.write import rewrite

TABLE = "bronze.counts"
SOURCE = {"connection": "shop", "object": "counts"}
GIVEN = "id string, n int"


def described(lake: Lake, write: dict[str, Any], columns: str = "id! string\nn int", **load: Any) -> Lake:
    keys = write.get("keys", [])
    lake.table(TABLE, columns, {"source": SOURCE, "write": write, **load}, keys=keys)
    return lake


@pytest.fixture(params=["append", "upsert", "upsert of a large table"])
def counts(request: pytest.FixtureRequest, beginnings: Beginnings, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A table of two rows, of each mode and of both ways to write an upsert."""
    if request.param.endswith("large table"):
        monkeypatch.setattr(rewrite, "fits", lambda *_: False)
    return beginnings.of(two_counts, request.param)[0]


def two_counts(lake: Lake, way: str) -> None:
    mode = way.split()[0]
    described(lake, {"mode": mode} | ({"keys": ["id"]} if mode == "upsert" else {}))
    lake.load(TABLE, lake.frame(GIVEN, [("a", 1), ("b", 2)]))


def sql(lake: Lake, text: str) -> None:
    lake.spark.sql(text.format(table=f"delta.`{lake.path(TABLE)}`"))


def give(lake: Lake, *rows: tuple[str, int | None], **extract: Any) -> Loaded:
    return lake.load(TABLE, lake.frame(GIVEN, rows), **extract)


def advised(refusal: CommitError) -> str:
    found = re.search(r"((?:ALTER|RESTORE) TABLE delta\.`[^`]+`[^;]*);", refusal.next_step or "")
    assert found, refusal
    return found[1]


def test_rows_that_break_a_constraint_are_refused_before_anything_commits(counts: Lake) -> None:
    sql(counts, "ALTER TABLE {table} ADD CONSTRAINT positive CHECK (n > 0)")
    give(counts, ("c", 3))
    engine = counts.engine()

    with pytest.raises(CommitError, match=re.escape("positive (n > 0): 2 rows")) as refused:
        counts.receive(engine, TABLE, counts.frame(GIVEN, [("d", -4), ("e", None), ("f", 6)]))

    assert counts.read(TABLE) == [("a", 1), ("b", 2), ("c", 3)]
    counts.spark.sql(advised(refused.value))
    give(counts, ("d", -4))
    assert counts.read(TABLE) == [("a", 1), ("b", 2), ("c", 3), ("d", -4)]


@pytest.mark.parametrize("write", [{"mode": "append"}, {"mode": "upsert", "keys": ["id"]}], ids=["append", "upsert"])
def test_a_column_that_is_never_null_in_the_table_takes_no_null(lake: Lake, write: dict[str, Any]) -> None:
    described(lake, write)
    give(lake, ("a", 1))
    columns = lake.delta(TABLE).schema.fields
    shutil.rmtree(lake.path(TABLE))
    made = DeltaTable.create(lake.spark).location(lake.path(TABLE))
    for each in columns:
        made = made.addColumn(each.name, each.dataType, nullable=each.name != "n")
    made.execute()

    give(lake, ("a", 1))
    with pytest.raises(CommitError, match=r"n NOT NULL .*: 1 rows") as refused:
        give(lake, ("b", None), ("c", 3))

    lake.spark.sql(advised(refused.value))
    give(lake, ("b", None), ("c", 3))
    assert lake.read(TABLE) == [("a", 1), ("b", None), ("c", 3)]


def test_a_constraint_that_comes_after_a_batch_was_prepared_holds_for_it(counts: Lake) -> None:
    engine = counts.engine()
    waiting = counts.receive(engine, TABLE, counts.frame(GIVEN, [("c", -3)]))
    sql(counts, "ALTER TABLE {table} ADD CONSTRAINT positive CHECK (n > 0)")

    with pytest.raises(CommitError, match="positive"):
        counts.finish(engine, TABLE, *waiting)

    assert counts.read(TABLE) == [("a", 1), ("b", 2)]


def test_a_log_that_takes_no_changes_takes_no_upsert(lake: Lake) -> None:
    described(lake, {"mode": "upsert", "keys": ["id"]})
    give(lake, ("a", 1))
    sql(lake, "ALTER TABLE {table} SET TBLPROPERTIES ('delta.appendOnly' = 'true')")
    give(lake, ("b", 2))

    with pytest.raises(CommitError, match="takes no changes of rows") as refused:
        give(lake, ("a", 10))

    lake.spark.sql(advised(refused.value))
    give(lake, ("a", 10))
    assert lake.read(TABLE) == [("a", 10), ("b", 2)]


@pytest.mark.parametrize("write", [{"mode": "append"}, {"mode": "upsert", "keys": ["id"]}], ids=["append", "upsert"])
def test_columns_that_delta_fills_are_filled(lake: Lake, write: dict[str, Any]) -> None:
    described(lake, write)
    give(lake, ("a", 1))
    schema = lake.delta(TABLE).schema
    shutil.rmtree(lake.path(TABLE))
    made = DeltaTable.create(lake.spark).location(lake.path(TABLE)).addColumns(schema)
    made = made.addColumn("twice", "int", generatedAlwaysAs="n * 2")
    made.addColumn("number", "bigint", generatedAlwaysAs=IdentityGenerator()).execute()

    give(lake, ("a", 1), ("b", 2))
    give(lake, ("c", 3))

    assert [row[:3] for row in lake.read(TABLE, "id", "n", "twice")] == [("a", 1, 2), ("b", 2, 4), ("c", 3, 6)]
    assert len({row[0] for row in lake.read(TABLE, "number")} - {None}) == 3


@pytest.mark.parametrize("feature", ["delta.enableRowTracking", "delta.enableInCommitTimestamps"])
def test_tables_with_features_of_deltas_own_are_written_by_delta(counts: Lake, feature: str) -> None:
    sql(counts, "ALTER TABLE {table} SET TBLPROPERTIES ('" + feature + "' = 'true')")

    give(counts, ("c", 3))
    give(counts, ("d", 4), ("e", 5))

    assert counts.read(TABLE) == [("a", 1), ("b", 2), ("c", 3), ("d", 4), ("e", 5)]
    log = Path(counts.path(TABLE), "_delta_log")
    added = [line for file in log.glob("*.json") for line in file.read_text("utf-8").split("\n") if '"add"' in line]
    assert feature != "delta.enableRowTracking" or any("baseRowId" in line for line in added)


def test_a_new_table_is_made_by_delta_where_the_session_asks_for_more(lake: Lake) -> None:
    setting = "spark.databricks.delta.properties.defaults.columnMapping.mode"
    described(lake, {"mode": "append"})
    engine = lake.engine()
    engine.session(TABLE).conf.set(setting, "name")
    lake.spark.conf.set(setting, "name")
    try:
        give(lake, ("a", 1), engine=engine)
    finally:
        lake.spark.conf.unset(setting)

    give(lake, ("b", 2))

    assert lake.read(TABLE) == [("a", 1), ("b", 2)]


def cleaned(lake: Lake) -> None:
    """The log as others leave it a month later: a checkpoint, their own entries, and none of ours."""
    for number in range(3):
        sql(lake, "ALTER TABLE {table} SET TBLPROPERTIES ('x" + str(number) + "' = '1')")
    snapshot = deltalog.snapshot(lake.spark, lake.path(TABLE))
    snapshot.deltaLog().checkpoint()
    version = int(snapshot.version())
    for file in Path(lake.path(TABLE), "_delta_log").glob("*.json"):
        if int(file.stem) < version:
            file.unlink()


WINDOW = {"column": "n", "low": None, "high": "2025-03-01T00:00:00.000000"}


def test_a_log_without_our_last_batch_still_knows_how_far_the_source_was_read(lake: Lake) -> None:
    described(lake, {"mode": "append"})
    give(lake, ("a", 1), watermark=WINDOW)
    cleaned(lake)

    found = read_state(lake.spark, lake.path(TABLE))
    assert (found.lost, found.sequence) == (True, 1)
    engine = lake.engine()
    assert state_of(engine, TABLE).watermark == WINDOW
    give(lake, ("b", 2), engine=engine)
    assert lake.read(TABLE) == [("a", 1), ("b", 2)]
    assert not read_state(lake.spark, lake.path(TABLE)).lost


def test_where_nobody_knows_how_far_the_source_was_read_it_is_not_read(lake: Lake) -> None:
    described(lake, {"mode": "append"})
    give(lake, ("a", 1), watermark=WINDOW)
    cleaned(lake)
    engine = lake.engine()
    engine.state.delete(INDEX, TABLE)

    with pytest.raises(CommitError, match="how far the source was read is not known") as refused:
        steps.extract(engine, TABLE)

    assert "--full-refresh" in (refused.value.next_step or "")
    assert lake.read(TABLE) == [("a", 1)]


def test_a_restore_by_hand_takes_the_watermark_along_and_what_was_undone_is_loaded_again(lake: Lake) -> None:
    described(lake, {"mode": "append"})
    first, second = WINDOW, {"column": "n", "low": WINDOW["high"], "high": "2025-03-02T00:00:00.000000"}
    identity = {"window": "of the second day"}
    give(lake, ("a", 1), watermark=first)
    give(lake, ("b", 2), watermark=second, identity=identity)
    sql(lake, "RESTORE TABLE {table} TO VERSION AS OF 0")

    taken_back = state_of(lake.engine(), TABLE)

    assert (taken_back.watermark, taken_back.epoch) == (first, 1)
    give(lake, ("b", 2), watermark=second, identity=identity)
    assert lake.read(TABLE) == [("a", 1), ("b", 2)]
    assert state_of(lake.engine(), TABLE).watermark == second


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
def test_a_restore_to_a_time_takes_the_watermark_along_wherever_it_was_made(lake: Lake, zone: str) -> None:
    described(lake, {"mode": "append"})
    days = [{"column": "n", "low": f"2025-03-0{day}T00:00", "high": f"2025-03-0{day + 1}T00:00"} for day in (1, 2, 3)]
    for number, day in enumerate(days):
        give(lake, (str(number), number), watermark=day, identity={"window": str(number)})
    sql(lake, "ALTER TABLE {table} SET TBLPROPERTIES ('of' = 'somebody')")
    give(lake, ("late", 9), watermark={**days[2], "high": "2025-03-09T00:00"}, identity={"window": "late"})

    with _in_zone(lake, zone):
        history = lake.spark.sql(f"DESCRIBE HISTORY delta.`{lake.path(TABLE)}`").where("version = 1")
        made = history.select(F.col("timestamp").cast("string")).collect()[0][0]
        sql(lake, f"RESTORE TABLE {{table}} TO TIMESTAMP AS OF '{made}'")

    assert lake.read(TABLE) == [("0", 0), ("1", 1)]
    assert state_of(lake.engine(), TABLE).watermark == days[1]


@contextmanager
def _in_zone(lake: Lake, zone: str) -> Iterator[None]:
    """Java and Spark in another zone, as they are where somebody else works."""
    zones, setting = java_class(lake.spark, "java.util.TimeZone"), "spark.sql.session.timeZone"
    before, ours = zones.getDefault(), lake.spark.conf.get(setting)
    zones.setDefault(zones.getTimeZone(zone))
    lake.spark.conf.set(setting, zone)
    try:
        yield
    finally:
        zones.setDefault(before)
        lake.spark.conf.set(setting, ours)


def test_two_rows_of_a_key_are_refused_by_the_batch_that_meets_it(lake: Lake) -> None:
    described(lake, {"mode": "upsert", "keys": ["id"]})
    give(lake, ("a", 1), ("b", 2))
    sql(lake, "INSERT INTO {table} SELECT * FROM {table} WHERE id = 'a'")

    with pytest.raises(CommitError, match="several rows of one key") as refused:
        give(lake, ("a", 10))

    assert refused.value.seen == ("id a: 2 rows",)
    sql(lake, "DELETE FROM {table} WHERE id = 'a'")
    give(lake, ("a", 10))
    assert lake.read(TABLE) == [("a", 10), ("b", 2)]
