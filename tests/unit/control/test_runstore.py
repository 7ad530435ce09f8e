"""The newest runs are found by their names, and what is packed away or was stored by an older version is found too."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec
import pytest

from tidemark.aws.folder import Folder, open_folder
from tidemark.control.runs import RunStore, RunSummary
from tidemark.errors import ConfigError

START = datetime(2025, 3, 30, 6, 0, 0)


def summary(run_id: str, minutes: int = 0) -> RunSummary:
    return RunSummary(run_id, "daily", "local", date(2025, 3, 30), START + timedelta(minutes=minutes))


class Counted:
    """A file system that counts what it is asked."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self._asks = fsspec.filesystem("file")

    def __getattr__(self, name: str) -> Any:
        if name in ("ls", "find", "cat_file"):
            self.asked[name] += 1
        return getattr(self._asks, name)


def test_the_newest_runs_cost_the_same_after_a_month_of_them(tmp_path: Path) -> None:
    def cost(days: int) -> tuple[list[str], dict[str, int]]:
        store = RunStore(open_folder(str(tmp_path / f"{days}")))
        for number in range(days * 6):
            store.save(summary(f"run-{number:04}", number * 240))
        counted = Counted()
        found = RunStore(Folder(str(tmp_path / f"{days}"), counted)).latest(5)
        return [run.run_id for run in found], dict(counted.asked)

    (few, on_day_two), (many, a_month_later) = cost(2), cost(30)
    assert few == [f"run-{number:04}" for number in range(11, 6, -1)]
    assert many == [f"run-{number:04}" for number in range(179, 174, -1)]
    assert a_month_later == on_day_two


@pytest.fixture
def three_days(tmp_path: Path) -> Path:
    """Two runs a day, one of them with an alert."""
    store, folder = RunStore(open_folder(str(tmp_path))), open_folder(str(tmp_path))
    for number in range(6):
        run = summary(f"{number}-run", number * 720)
        store.save(replace(run, status="done"))
        if number % 2:
            alert = json.dumps({"run_id": run.run_id, "message": "late\u2028"}, ensure_ascii=False)
            folder.write_text(f"{run.run_id}.alerts.jsonl", f"{alert}\n")
    return tmp_path


ALL = ("5-run", "4-run", "3-run", "2-run", "1-run", "0-run")


def listed(root: Path, limit: int | None = None) -> tuple[str, ...]:
    return tuple(run.run_id for run in RunStore(open_folder(str(root))).latest(limit))


def test_days_that_are_over_are_packed_and_told_as_before(three_days: Path) -> None:
    store = RunStore(open_folder(str(three_days)))
    before = store.latest()
    assert store.pack(date(2025, 4, 1)) == 4
    assert sorted(str(each.relative_to(three_days)) for each in three_days.rglob("*") if each.is_file()) == [
        "4-run.json",
        "5-run.alerts.jsonl",
        "5-run.json",
        "by_day/2025-04-01/060000.000000-4-run",
        "by_day/2025-04-01/180000.000000-5-run",
        "packed/2025-03-30.alerts.jsonl",
        "packed/2025-03-30.jsonl",
        "packed/2025-03-31.alerts.jsonl",
        "packed/2025-03-31.jsonl",
    ]
    assert store.latest() == before
    assert listed(three_days, 3) == ALL[:3]
    assert store.load("0").status == "done"
    with pytest.raises(ConfigError, match="there is no run 'x'"):
        store.load("x")
    assert store.pack(date(2025, 4, 1)) == 0


@pytest.mark.parametrize("dies_at", ["write_text", "delete"])
def test_who_dies_while_days_are_packed_loses_no_run_and_doubles_none(
    three_days: Path, monkeypatch: pytest.MonkeyPatch, dies_at: str
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(Folder, dies_at, die)
        with pytest.raises(KeyboardInterrupt):
            RunStore(open_folder(str(three_days))).pack(date(2025, 4, 2))
    assert listed(three_days) == ALL
    RunStore(open_folder(str(three_days))).pack(date(2025, 4, 2))
    assert listed(three_days) == ALL
    alerts = "".join(each.read_text() for each in three_days.rglob("*.alerts.jsonl"))
    assert alerts.count("late") == 3
    assert not list(three_days.glob("*.json*"))


def test_a_run_that_is_saved_after_its_day_was_packed_is_the_one_that_counts(three_days: Path) -> None:
    store = RunStore(open_folder(str(three_days)))
    store.pack(date(2025, 4, 2))
    store.save(replace(summary("0-run"), status="failed"))
    assert listed(three_days) == ALL
    assert store.load("0-run").status == "failed"
    store.pack(date(2025, 4, 2))
    assert store.load("0-run").status == "failed"
    assert listed(three_days) == ALL


def test_runs_of_an_older_version_are_read_and_brought_to_their_days(three_days: Path) -> None:
    for number in (7, 8):
        stored = summary(f"old-{number}", -number * 1440)
        (three_days / f"{stored.run_id}.json").write_text(json.dumps(stored.to_json()))
        (three_days / f"{stored.run_id}.alerts.jsonl").write_text('{"message": "old"}\n')
    store = RunStore(open_folder(str(three_days)))
    assert listed(three_days) == (*ALL, "old-7", "old-8")
    assert listed(three_days, 7) == (*ALL, "old-7")
    assert store.load("old-8").run_id == "old-8"
    assert store.pack(date(2025, 3, 23)) == 1
    assert listed(three_days) == (*ALL, "old-7", "old-8")
    assert (three_days / "old-7.json").exists()
    assert not (three_days / "old-8.json").exists()
    assert not (three_days / "old-8.alerts.jsonl").exists()
    assert store.load("old-8") == summary("old-8", -8 * 1440)
