"""What one run was to a table: a load or not, and which of them is the newest load."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from tidemark.aws.folder import open_folder
from tidemark.catalog.facts import RUNS, RunOfTable, TableFacts, newest_runs
from tidemark.control.runs import RunStore, RunSummary, TableResult, TableStatus

if TYPE_CHECKING:
    from tidemark.config.project import Table

FIRST = datetime(2025, 3, 1, 6)


def ran(flow: str, status: TableStatus, day: int = 0) -> RunOfTable:
    run = RunSummary(f"{flow}-{day}", flow, "test", FIRST.date(), FIRST + timedelta(days=day))
    return RunOfTable(run, TableResult("gold.sales", status))


def saved(store: RunStore, seen: RunOfTable) -> None:
    store.save(replace(seen.run, tables=(seen.result,)))


def last(*newest_first: RunOfTable) -> RunOfTable | None:
    return TableFacts(cast("Table", None), runs=newest_first).last


@pytest.mark.parametrize(
    ("seen", "loads", "failed"),
    [
        (ran("daily", "committed"), True, False),
        (ran("apply", "unchanged"), True, False),
        (ran("ingest", "gate failed"), True, True),
        (ran("daily", "unfinished"), True, True),
        (ran("maintain", "unchanged"), False, False),
        (ran("backfill", "failed"), False, True),
        (ran("plan", "prepared"), False, False),
    ],
)
def test_a_run_of_a_table_is_a_load_or_not_and_failed_or_not(seen: RunOfTable, loads: bool, failed: bool) -> None:
    assert (seen.loads, seen.failed) == (loads, failed)


def test_maintenance_and_plans_do_not_hide_a_load_that_failed() -> None:
    failed = ran("daily", "gate failed", 1)
    assert (
        last(ran("maintain", "unchanged", 3), ran("plan", "prepared", 2), failed, ran("daily", "committed")) == failed
    )


def test_a_load_before_many_other_runs_is_known(tmp_path: Path) -> None:
    store = RunStore(open_folder(str(tmp_path)))
    for day in range(3):
        saved(store, ran("daily", "committed", day))
    for day in range(3, 3 + RUNS):
        saved(store, ran("plan", "prepared", day))

    found = newest_runs(store)

    assert [run.flow for run in found] == ["plan"] * RUNS + ["daily"] * 3
    assert [run.started_at for run in found] == sorted((run.started_at for run in found), reverse=True)


def test_a_table_that_nothing_has_loaded_has_no_newest_load() -> None:
    assert last() is None
    assert last(ran("maintain", "unchanged")) is None
