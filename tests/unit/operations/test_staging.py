"""What runs have staged goes when it is no longer needed, and not before."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from tidemark.aws.folder import open_folder
from tidemark.control import commits
from tidemark.control.processes import this_process
from tidemark.control.runs import Run, RunStore, RunSummary
from tidemark.control.state import SqliteState
from tidemark.operations import staging

NOW = datetime.now(UTC).replace(tzinfo=None)
LONG_AGO = NOW - timedelta(days=30)


def summary(run_id: str, status: Any, started: datetime = NOW) -> RunSummary:
    return RunSummary(run_id, "daily", "test", date(2025, 3, 1), started, status, process=this_process())


def test_only_what_nobody_needs_is_removed(tmp_path: Path) -> None:
    state, runs = SqliteState(tmp_path / "state.db"), RunStore(open_folder(str(tmp_path / "runs")))
    folder = open_folder(str(tmp_path / "staging"))
    stored = {
        "done": summary("done", "done"),
        "failed": summary("failed", "failed"),
        "failed-long-ago": summary("failed-long-ago", "failed", LONG_AGO),
        "living": summary("living", "running", LONG_AGO),
        "died-committing": summary("died-committing", "killed", LONG_AGO),
        "died-replaying": summary("died-replaying", "failed", LONG_AGO),
    }
    for run_id, each in stored.items():
        runs.save(each)
        folder.write_text(f"run_id={run_id}/silver.orders/manifest.json", "{}")
    folder.write_text("run_id=of-nobody-known/silver.orders/manifest.json", "{}")
    folder.write_text("other/file", "")
    died = Run("died-committing", date(2025, 3, 1), LONG_AGO, LONG_AGO)
    commits.begin(state, died, "daily", {"silver.orders": "b1"})
    state.put("replay", "bronze.orders", {"run_id": "died-replaying", "batch_id": "b2"})

    assert staging.clean(folder, runs, state) == ("done", "failed-long-ago")
    assert folder.folders() == [
        "other",
        "run_id=died-committing",
        "run_id=died-replaying",
        "run_id=failed",
        "run_id=living",
        "run_id=of-nobody-known",
    ]


def test_where_nothing_was_staged_there_is_nothing_to_clean(tmp_path: Path) -> None:
    state, runs = SqliteState(tmp_path / "state.db"), RunStore(open_folder(str(tmp_path / "runs")))
    assert staging.clean(open_folder(str(tmp_path / "staging")), runs, state) == ()


def test_what_was_exchanged_goes_with_the_run_that_is_over(tmp_path: Path) -> None:
    state, runs = SqliteState(tmp_path / "state.db"), RunStore(open_folder(str(tmp_path / "runs")))
    exchange = open_folder(str(tmp_path / "exchange"))
    stored = (summary("done", "done"), summary("failed", "failed"), summary("of-yesterday", "failed", LONG_AGO))
    for each in stored:
        runs.save(each)
        for kind in ("extract", "publish", "of-somebody-else"):
            exchange.write_text(f"{kind}/run_id={each.run_id}/bronze.orders/part-0.parquet", "rows")

    removed = staging.clean_exchange(exchange, runs, state, timedelta(days=1))

    assert sorted(removed) == ["done", "done", "of-yesterday", "of-yesterday"]
    assert exchange.below("extract").folders() == exchange.below("publish").folders() == ["run_id=failed"]
    assert len(exchange.below("of-somebody-else").folders()) == len(stored)
