"""What has rested for its time goes, and nothing that somebody needs goes with it."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from tests.support.lakes.lake import ENVIRONMENT
from tidemark.aws.folder import open_folder
from tidemark.config.environment import Environment
from tidemark.control import commits, sealing
from tidemark.control.processes import this_process
from tidemark.control.runs import Run, RunStore, RunSummary
from tidemark.control.state import open_state
from tidemark.operations.retention import expire, expire_errors

NOW = datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def environment(root: Path, **retention: str) -> Environment:
    named = {"home": str(root / "home"), "exchange": str(root / "exchange"), "retention": retention}
    return Environment.model_validate(ENVIRONMENT | named)


def lies(path: Path, age: timedelta) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("raw")
    at = (datetime.now(UTC) - age).timestamp()
    os.utime(path, (at, at))
    return path


def test_each_place_keeps_what_it_has_for_its_own_time(tmp_path: Path) -> None:
    settings = environment(tmp_path, exchange="1d", staging="7d", logs="30d", lineage="30d")
    state, runs = open_state(settings), RunStore(open_folder(settings.roots.runs))
    lives, begun = Run.start(None), Run.start(None)
    runs.save(RunSummary(lives.run_id, "daily", "test", NOW.date(), NOW - timedelta(days=9), process=this_process()))
    commits.begin(state, begun, "daily", {"silver.x": "batch"})
    day, staging = timedelta(days=1), Path(settings.roots.staging)
    old = [
        lies(tmp_path / "exchange/publish/run_id=a/gold.x/v1/part-0.parquet", 2 * day),
        lies(tmp_path / "exchange/extract/run_id=a/bronze.x/part-0.parquet", 2 * day),
        lies(staging / "run_id=a/silver.x/manifest.json", 8 * day),
        lies(Path(settings.roots.logs) / "a.jsonl", 31 * day),
        lies(Path(settings.roots.lineage) / "2025-03-30" / "a.jsonl", 31 * day),
    ]
    kept = [
        lies(tmp_path / "exchange/publish/run_id=b/gold.x/v1/part-0.parquet", day / 2),
        lies(staging / "run_id=b/silver.x/manifest.json", 6 * day),
        lies(staging / f"run_id={lives.run_id}/silver.x/manifest.json", 8 * day),
        lies(staging / f"run_id={begun.run_id}/silver.x/manifest.json", 8 * day),
        lies(staging / "_erasing/0123456789abcdef.json", 80 * day),
        lies(Path(settings.roots.logs) / "b.jsonl", 29 * day),
        lies(Path(settings.roots.lineage) / "2025-04-01" / "b.jsonl", 29 * day),
        lies(Path(settings.roots.dq_results) / "gold/x/a.json", 400 * day),
        lies(tmp_path / "exchange/of somebody else", 80 * day),
    ]

    assert expire(settings, state, runs, NOW) == {"exchange": 2, "staging": 1, "logs": 1, "lineage": 1}

    assert [path for path in old if path.exists()] == []
    assert [path for path in kept if not path.exists()] == []
    assert expire(settings, state, runs, NOW) == {}


def test_days_of_an_error_lane_go_when_somebody_says_how_long_they_stay(tmp_path: Path) -> None:
    for day in ("2025-01-01", "2025-03-01", "2025-03-02"):
        lies(tmp_path / f"dt={day}/run_id=a/part-0.json", timedelta())
    lies(tmp_path / "_ledger/replayed-b/part-0.json", timedelta())
    lane, today = open_folder(str(tmp_path)), date(2025, 3, 31)

    assert expire_errors(lane, None, today) == 0
    assert expire_errors(lane, timedelta(days=30), today) == 1

    assert lane.folders() == ["_ledger", "dt=2025-03-01", "dt=2025-03-02"]


def test_folders_on_this_disk_are_for_their_owner_alone_but_gold(tmp_path: Path) -> None:
    settings = environment(tmp_path)
    (tmp_path / "exchange").mkdir(mode=0o755)
    sealing.claim_lake(settings)
    open_state(settings)
    roots, lake, store = settings.roots, Path(settings.roots.lake), Path(settings.state.location)
    of_runs = (roots.errors, roots.staging, roots.runs, roots.logs, roots.dq_results, roots.lineage)
    made = (lake / "bronze", lake / "silver", store.parent, *map(Path, of_runs))
    assert {path: path.stat().st_mode & 0o777 for path in made} == dict.fromkeys(made, 0o700)
    assert store.stat().st_mode & 0o777 == 0o600
    assert not (lake / "gold").exists(), "it is made by who writes it, for readers"
    assert (tmp_path / "exchange").stat().st_mode & 0o777 == 0o755, "what somebody has made stays as it is"
