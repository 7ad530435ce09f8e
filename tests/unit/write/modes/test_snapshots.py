"""Snapshots become a history: what was there, when it was missing, and what came back, in one batch or in many."""

from __future__ import annotations

import dataclasses
import os
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from pyspark.sql import functions as F

from tests.support.lakes.lake import Lake, at
from tidemark import steps
from tidemark.config.connections import ConnectionValue
from tidemark.errors import CommitError, ConfigError, SourceError

pytestmark = pytest.mark.usefixtures("planned_anew")

KEYS, DAYS = 40, 6
UNREADABLE = "not a number"
LOG = "id! int\nprice decimal(9,2)\nseen_at timestamp\nis_deleted boolean"
HISTORY = "sk! string\nid! int\nprice decimal(9,2)\nvalid_from! timestamp\nvalid_to timestamp\nis_current! boolean"
SOURCE = {"connection": "shop", "object": "prices/", "format": "csv", "mode": "full", "taken_at": "seen_at"}
TO_LOG = {"mode": "append", "keys": ["id"], "deletes": {"missing": "soft", "flag": "is_deleted"}}
TO_HISTORY = {
    "mode": "scd2",
    "keys": ["id"],
    "effective_from": "seen_at",
    "surrogate_key": "sk",
    "track": "all",
    "deletes": {"flag": "is_deleted"},
}
Snapshots = Mapping[int, Mapping[int, str]]
"""By day, and by key, the price as it is written."""


def describe(lake: Lake, **source: Any) -> None:
    lake.table("bronze.prices", LOG, {"source": SOURCE | source, "write": TO_LOG}, keys=["id"])
    load = {"inputs": {"bronze.prices": {"on": ["id"]}}, "write": TO_HISTORY}
    lake.table("silver.prices", HISTORY, load, keys=["id", "valid_from"])


def land(lake: Lake, name: str, rows: Mapping[int, str], *more: str) -> None:
    path = lake.root / "landing" / "prices" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{key},{price}" for key, price in rows.items()]
    path.write_text("\n".join(["id,price", *lines, *more, ""]), "utf-8")


def receive(lake: Lake) -> Any:
    """What a run does: it reads what is due, and builds the history; gives the books of the log's batch."""
    landing = ConnectionValue("shop", "files", {"uri": str(lake.root / "landing")})
    engine = dataclasses.replace(lake.engine(at(28).date()), connect=lambda _: landing)
    extracted = steps.extract(engine, "bronze.prices")
    books = None
    if not steps.has_nothing(engine, "bronze.prices", extracted):
        checked = steps.validate(engine, "bronze.prices", extracted)
        loaded = lake.finish(engine, "bronze.prices", *lake.prepare(engine, "bronze.prices", checked))
        assert loaded.prepared is not None
        books = loaded.prepared.books
    lake.build("silver.prices")
    return books


def history(lake: Lake) -> list[tuple[Any, ...]]:
    rows = lake.read("silver.prices", "id", "price", "valid_from", "valid_to", "is_current")
    return sorted((key, str(price), *span) for key, price, *span in rows)


def drawn(seed: int) -> Snapshots:
    chance = random.Random(seed)
    prices = ["1.00", "1.00", "2.00", None, None, UNREADABLE]
    return {
        day: {key: price for key in range(KEYS) if (price := chance.choice(prices)) is not None}
        for day in range(1, DAYS + 1)
    }


def expected(snapshots: Snapshots, broken: Sequence[int] = ()) -> list[tuple[Any, ...]]:
    """A row that could not be read says that its key is there; a broken snapshot does not say what is missing."""
    found = []
    for key in range(KEYS):
        price: str | None = None
        since: datetime | None = None
        for day in sorted(snapshots):
            seen = snapshots[day].get(key)
            if seen in (UNREADABLE, price) or (seen is None and day in broken):
                continue
            if price is not None:
                found.append((key, price, since, at(day), False))
            price, since = seen, at(day)
        if price is not None:
            found.append((key, price, since, None, True))
    return sorted(found)


@pytest.mark.parametrize("delivery", ["at once", pytest.param("day by day", marks=pytest.mark.slow), "in no order"])
def test_snapshots_make_the_same_history_however_they_are_delivered(lake: Lake, delivery: str) -> None:
    snapshots, broken = drawn(7), (4,)
    describe(lake)
    days = sorted(snapshots)
    if delivery == "in no order":
        days = [3, 1, 6, 2, 5, 4]

    for day in days:
        land(lake, f"dt={at(day):%Y-%m-%d}/all.csv", snapshots[day], *([",9.00"] if day in broken else []))
        if delivery != "at once":
            receive(lake)
    receive(lake)

    assert history(lake) == expected(snapshots, broken)
    assert receive(lake) is None, "nothing is read twice"


def test_the_log_has_what_changed_and_a_tombstone_dated_by_the_snapshot(lake: Lake) -> None:
    describe(lake)
    land(lake, "dt=2025-03-01/a.csv", {1: "1.00", 2: "2.00"})
    land(lake, "dt=2025-03-02/a.csv", {1: "1.00"})
    land(lake, "dt=2025-03-03/a.csv", {1: "1.00", 2: "2.00"})

    books = receive(lake)

    found = lake.read("bronze.prices", "id", "seen_at", "is_deleted")
    assert found == [(1, at(1), None), (2, at(1), None), (2, at(2), True), (2, at(3), None)]
    counts = (books.extracted, books.inserted, books.unchanged, books.vanished, books.superseded)
    assert counts == (5, 3, 2, 1, 0)


def test_a_row_that_stands_twice_in_a_snapshot_counts_once(lake: Lake) -> None:
    describe(lake)
    land(lake, "dt=2025-03-01/a.csv", {1: "1.00"}, "1,1.00", "1,1.00")

    books = receive(lake)

    assert lake.read("bronze.prices", "id", "seen_at") == [(1, at(1))]
    assert (books.extracted, books.inserted, books.superseded) == (3, 1, 2)


def test_files_outside_of_day_folders_are_dated_by_when_they_were_written(lake: Lake) -> None:
    describe(lake, snapshot="file")
    for day, rows in {5: {1: "1.00"}, 7: {1: "2.00"}}.items():
        land(lake, f"{day}.csv", rows)
        moment = at(day, 6).replace(tzinfo=UTC).timestamp()
        os.utime(lake.root / "landing" / "prices" / f"{day}.csv", (moment, moment))

    receive(lake)

    assert history(lake) == [(1, "1.00", at(5, 6), at(7, 6), False), (1, "2.00", at(7, 6), None, True)]


def test_two_snapshots_of_one_time_are_refused(lake: Lake) -> None:
    describe(lake, snapshot="folder")
    land(lake, "dt=2025-03-01/a/all.csv", {1: "1.00"})
    land(lake, "dt=2025-03-01/b/all.csv", {1: "2.00"})

    with pytest.raises(SourceError, match="taken at one time"):
        receive(lake)


def test_a_system_that_is_asked_is_dated_by_when_it_was_asked(lake: Lake) -> None:
    describe(lake)
    asked = []
    for rows in ([(1, 10), (2, 20)], [(1, 10)], [(1, 10), (2, 20)]):
        engine = lake.engine()
        asked.append(engine.run.started_at)
        frame = lake.frame("id int, price int", rows).withColumn("price", F.col("price").cast("decimal(9,2)"))
        lake.load("bronze.prices", frame, engine=engine, full=True)
        lake.build("silver.prices")

    first, second, third = asked
    assert history(lake) == [
        (1, "10.00", first, None, True),
        (2, "20.00", first, second, False),
        (2, "20.00", third, None, True),
    ]


def test_a_history_that_would_delete_from_before_a_key_was_missing_is_refused(lake: Lake) -> None:
    lake.table("bronze.prices", LOG + "\nchanged_at timestamp", {"source": SOURCE, "write": TO_LOG}, keys=["id"])
    load = {"inputs": {"bronze.prices": {"on": ["id"]}}, "write": TO_HISTORY | {"effective_from": "at"}}
    query = "SELECT id, price, changed_at AS at, is_deleted FROM bronze.prices"
    lake.table("silver.prices", HISTORY, load, keys=["id", "valid_from"], sql=query)
    lake.load("bronze.prices", lake.frame("id int, changed_at timestamp", [(1, at(1))]), full=True)

    with pytest.raises(ConfigError, match="as if it had never been") as refused:
        lake.build("silver.prices")
    assert "at: seen_at" in (refused.value.next_step or "")


def test_a_column_of_the_source_is_not_written_over(lake: Lake) -> None:
    describe(lake)
    frame = lake.frame("id int, Seen_At timestamp", [(1, at(1))])

    with pytest.raises(CommitError, match="the source has a column `seen_at`"):
        lake.load("bronze.prices", frame, full=True)


def test_a_source_with_change_times_is_dated_by_these_and_what_is_missing_by_the_snapshot(lake: Lake) -> None:
    log = LOG + "\nchanged_at timestamp"
    lake.table("bronze.prices", log, {"source": SOURCE, "write": TO_LOG}, keys=["id"])
    write = TO_HISTORY | {"effective_from": "changed_at", "deletes": {"flag": "is_deleted", "at": "seen_at"}}
    load = {"inputs": {"bronze.prices": {"on": ["id"]}}, "write": write}
    lake.table("silver.prices", HISTORY, load, keys=["id", "valid_from"])

    asked = []
    for rows in ([(1, at(1)), (2, at(2))], [(1, at(1))], [(1, at(3)), (2, at(2))]):
        engine = lake.engine()
        asked.append(engine.run.started_at)
        frame = lake.frame("id int, changed_at timestamp", rows).withColumn("price", F.day("changed_at"))
        lake.load("bronze.prices", frame, engine=engine, full=True)
        lake.build("silver.prices")

    assert history(lake) == [
        (1, "1.00", at(1), at(3), False),
        (1, "3.00", at(3), None, True),
        (2, "2.00", at(2), asked[1], False),
        (2, "2.00", asked[2], None, True),
    ]
