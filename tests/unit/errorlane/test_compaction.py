"""The error lane with few files says what it said with many, at every instant on the way there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.support.lakes.lake import Lake, at
from tests.support.lakes.replays import replayed
from tests.unit.errorlane.test_replay import COLUMNS, LOAD, SCHEMA, TABLE, dying_at, mend
from tidemark.aws.folder import Folder, open_folder
from tidemark.errorlane import compaction, replay
from tidemark.errorlane.quarantine import read_errors, still_open
from tidemark.errorlane.rejects import Filters, closed, discard, entries, rejected_rows
from tidemark.errorlane.replay import Which
from tidemark.errors import TidemarkError

LANE = "bronze/orders"
Said = list[tuple[Any, ...]]


RUNS = [(day, f"{day}{number}aa-run") for day, count in ((1, 3), (2, 3), (3, 1)) for number in range(count)]


@pytest.fixture
def orders(lake: Lake) -> Lake:
    """Two rows of each of seven runs, on three days; the first of each would do once orders can be lent."""
    lake.table(TABLE, COLUMNS, LOAD | {"write": {"mode": "append"}})
    for day, run in RUNS:
        lines = [error(day, f"{run}-{status}", status) for status in ("lent", "lost")]
        folder = f"dt=2025-03-{day:02}/run_id={run}"
        lane_of(lake).write_text(f"{folder}/part-00000-{run}.c000.json", "".join(f"{line}\n" for line in lines))
        lane_of(lake).write_text(f"{folder}/_SUCCESS", "")
    return lake


def error(day: int, name: str, status: str) -> str:
    payload = {"ID": name, "STATUS": status, "AMOUNT": 1.5, "UPDATED_AT": f"2025-03-{day:02} 00:00:00"}
    reasons = [{"rule": "enum", "column": "status", "value": status, "message": "is none of these"}]
    told = {"error_id": f"id-{name}", "table": TABLE, "reasons": reasons, "payload": json.dumps(payload)}
    return json.dumps({**told, "origin": "somewhere", "contract_version": "1.0.0", "batch_id": f"of-{name}"})


def lanes(lake: Lake) -> Folder:
    return open_folder(str(lake.root / "home/lake/_errors"))


def lane_of(lake: Lake) -> Folder:
    return lanes(lake).below(LANE)


def told(lake: Lake, **filters: Any) -> Said:
    rows = rejected_rows(lanes(lake), Filters(**filters))
    return sorted((row.error_id, row.day, row.run_id, row.payload, str(row.reasons), row.batch_id) for row in rows)


def by_spark(lake: Lake) -> Said:
    rows = read_errors(lake.spark, lane_of(lake).root).select("error_id", "dt", "run_id", "payload").collect()
    return sorted((row[0], str(row[1]), row[2], row[3]) for row in rows)


def files(lake: Lake) -> list[str]:
    return [name for name in lane_of(lake).names() if name.endswith(".json")]


def test_the_files_of_a_day_become_one_and_every_row_is_told_as_before(orders: Lake) -> None:
    before, spark_before, run = told(orders), by_spark(orders), RUNS[1][1]
    of_run = told(orders, run=run[:4])
    assert (len(before), len(of_run)) == (14, 2)
    there = len(files(orders))

    assert compaction.compact(orders.spark, lane_of(orders), TABLE, date(2025, 3, 3)) == there - len(files(orders)) > 0

    days = [name.partition("/")[0] for name in files(orders) if "compacted-" in name]
    assert days == ["dt=2025-03-01", "dt=2025-03-02"]
    assert not [name for name in files(orders) if "compacted-" not in name and not name.startswith("dt=2025-03-03")]
    assert (told(orders), by_spark(orders)) == (before, spark_before)
    assert told(orders, run=run[:4]) == of_run
    assert len(told(orders, rule="status.enum")) == len(before)
    assert compaction.compact(orders.spark, lane_of(orders), TABLE, date(2025, 3, 3)) == 0


@pytest.mark.slow
def test_a_late_run_of_a_day_that_was_put_together_comes_to_the_others(orders: Lake) -> None:
    compaction.compact(orders.spark, lane_of(orders), TABLE, date(2025, 3, 3))
    before = told(orders)
    engine = orders.engine(date(2025, 3, 1))
    rows = [("late", "lent", 1.5, at(1))]
    assert orders.load(TABLE, orders.frame(SCHEMA, rows), engine=engine).new_errors == 1
    (late,) = set(told(orders)) - set(before)
    compaction.compact(orders.spark, lane_of(orders), TABLE, date(2025, 3, 4))
    assert sum(name.startswith("dt=2025-03-01") for name in files(orders)) == 1
    again = orders.load(TABLE, orders.frame(SCHEMA, rows))
    assert again.new_errors == 0, "what was rejected before is known, wherever it lies"
    assert set(told(orders)) == {*before, late}


@pytest.mark.parametrize("point", ["being compacted", "compacted, not counted", "compacted, there twice"])
def test_who_dies_on_the_way_leaves_every_row_there_once(orders: Lake, point: str) -> None:
    before, spark_before = told(orders), by_spark(orders)
    with dying_at(f"{TABLE}: errors {point}"):
        compaction.compact(orders.spark, lane_of(orders), TABLE, date(2025, 3, 3))
    assert (told(orders), by_spark(orders)) == (before, spark_before)

    late = "dt=2025-03-02/run_id=latest"
    lane_of(orders).write_text(f"{late}/part-0.json", error(2, "new", "lent") + "\n")
    after, spark_after = told(orders), by_spark(orders)
    assert (len(after), len(spark_after)) == (15, 15)
    compaction.compact(orders.spark, lane_of(orders), TABLE, date(2025, 3, 3))
    assert (told(orders), by_spark(orders)) == (after, spark_after)
    assert [name.partition("/")[0][-2:] for name in files(orders)] == ["01", "02", "03"]
    assert not list(Path(lane_of(orders).root).rglob("_compacting.json"))


def test_who_reads_meanwhile_is_told_every_row_once(orders: Lake) -> None:
    before = told(orders)
    reading: Iterator[Any] = rejected_rows(lanes(orders), Filters())
    first = [next(reading) for _ in range(3)]
    compaction.compact(orders.spark, lane_of(orders), TABLE, date(2025, 3, 3))
    assert sorted(row.error_id for row in [*first, *reading]) == [row[0] for row in before]


def test_a_lane_with_a_line_that_is_no_error_is_left_as_it_is(orders: Lake) -> None:
    name = files(orders)[0]
    lane = lane_of(orders)
    lane.write_text(name, f"{lane.read_text(name)}cut o")
    there = files(orders)
    with pytest.raises(TidemarkError, match="not all of their lines are errors"):
        compaction.compact(orders.spark, lane, TABLE, date(2025, 3, 3))
    with pytest.raises(TidemarkError, match="a line that cannot be read"):
        told(orders)
    assert files(orders) == there


@pytest.mark.slow
def test_replayed_and_discarded_errors_stay_closed_and_a_restore_opens_them(
    orders: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "_LEDGER_FILES", 1)
    mend(orders)
    run = RUNS[0][1]
    engine = orders.engine()
    replayed(orders, TABLE, Which(run=run), engine=engine)
    (batch,) = compaction.closing_batches(lane_of(orders))
    wanted = list(rejected_rows(lanes(orders), Filters(run=RUNS[1][1])))
    discard(lanes(orders), {TABLE: [row.error_id for row in wanted]}, "somebody")
    status = closed(lanes(orders))
    assert sorted(status.values()) == ["discarded", "discarded", "replayed"]

    compaction.compact_ledger(lane_of(orders))
    assert len([name for name in lane_of(orders).names("_ledger") if name.endswith(".json")]) == 1
    assert closed(lanes(orders)) == status
    assert compaction.closing_batches(lane_of(orders)) == {batch}
    errors = read_errors(orders.spark, lane_of(orders).root)
    assert still_open(orders.spark, errors, lane_of(orders).root).count() == 11
    assert sum(entry.status == "open" for entry in entries(lanes(orders), Filters())) == 11

    replay.begin_undoing(orders.engine(), TABLE, ["another", batch])
    assert orders.engine().state.get("undoing", TABLE).value["batches"] == [batch]
    compaction.reopen(lane_of(orders), [batch])
    assert sorted(closed(lanes(orders)).values()) == ["discarded", "discarded"]


def test_a_ledger_of_few_files_is_left_alone(orders: Lake) -> None:
    discard(lanes(orders), {TABLE: ["a"]}, "somebody")
    before = lane_of(orders).names("_ledger")
    compaction.compact_ledger(lane_of(orders))
    assert lane_of(orders).names("_ledger") == before


def test_the_note_names_what_does_not_count(tmp_path: Path) -> None:
    """Of the folder that is being written nothing counts, and then the old files do not; others always do."""
    lane = open_folder(str(tmp_path)).below("bronze/orders")
    line = json.dumps({"error_id": "1", "reasons": []})
    old, new, late = (f"dt=2025-03-01/run_id={run}/part-0.json" for run in ("a", "compacted-x", "b"))
    for name, text in ((old, line), (new, line), (late, line.replace("1", "2"))):
        lane.write_text(name, text)
    for state, counts in (("writing", {"a", "b"}), ("written", {"compacted-x", "b"})):
        lane.write_text("_compacting.json", json.dumps({"state": state, "into": "compacted-x", "from": [old]}))
        found = rejected_rows(open_folder(str(tmp_path)), Filters())
        assert {row.run_id for row in found} == counts
