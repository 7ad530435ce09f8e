"""Run summaries are stored as JSON and come back equal."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemark.aws.folder import open_folder
from tidemark.books import Books
from tidemark.control.processes import this_process
from tidemark.control.runs import (
    GateSummary,
    Publication,
    RunStore,
    RunSummary,
    TableResult,
    TableStatus,
    Warned,
)
from tidemark.errors import ConfigError, TidemarkError

START = datetime(2025, 3, 30, 6, 0, 0)

counts = st.integers(0, 10**9)
texts = st.text(max_size=20)
books = st.builds(Books, counts, counts, counts, counts, counts, counts, counts, counts, counts)
gates = st.builds(
    GateSummary, counts, counts, st.lists(texts).map(tuple), st.lists(texts).map(tuple), st.none() | texts
)
results = st.builds(
    TableResult,
    table=st.sampled_from(["bronze.a", "silver.b"]),
    status=st.sampled_from(["committed", "failed"]),
    seconds=st.floats(0, 1e6),
    books=st.none() | books,
    version=st.none() | counts,
    gate=st.none() | gates,
    rejected=st.dictionaries(texts, counts),
    error=st.none() | texts,
)
summaries = st.builds(
    RunSummary,
    run_id=st.uuids().map(str),
    flow=texts,
    environment=texts,
    date=st.dates(),
    started_at=st.datetimes(),
    finished_at=st.none() | st.datetimes(),
    release=st.none() | texts,
    released=st.booleans(),
    tables=st.lists(results, max_size=3).map(tuple),
    published=st.lists(st.builds(Publication, texts, texts, counts, counts, st.none() | counts)).map(tuple),
    warnings=st.lists(st.builds(Warned, st.none() | texts, texts, st.none() | texts)).map(tuple),
    error=st.none() | texts,
)


def summary(run_id: str, minutes: int = 0) -> RunSummary:
    return RunSummary(run_id, "daily", "local", date(2025, 3, 30), START + timedelta(minutes=minutes))


@given(summaries)
def test_a_summary_survives_its_stored_form(original: RunSummary) -> None:
    assert RunSummary.from_json(json.loads(json.dumps(original.to_json()))) == original


@pytest.mark.parametrize(
    ("flow", "loads"),
    [
        ("daily", True),
        ("ingest", True),
        ("build-layer", True),
        ("apply", True),
        ("backfill", False),
        ("erase", False),
        ("maintain", False),
        ("plan", False),
        ("publish", False),
        ("quality-gate", False),
        ("reconcile", False),
        ("recover", False),
        ("replay", False),
        ("restore", False),
        ("snapshot", False),
        ("verify", False),
    ],
)
def test_only_what_takes_in_the_new_rows_of_today_loads(flow: str, loads: bool) -> None:
    assert replace(summary("r1"), flow=flow).loads is loads


@pytest.mark.parametrize(
    ("status", "chunk", "wrote"),
    [
        ("committed", None, True),
        ("unchanged", None, True),
        ("prepared", None, False),
        ("taken back", None, False),
        ("gate failed", None, False),
        ("failed", None, False),
        ("failed", "2025-03-02", True),
        ("gate failed", "2025-03-02", True),
    ],
)
def test_what_a_table_has_of_the_books(status: TableStatus, chunk: str | None, wrote: bool) -> None:
    assert TableResult("bronze.a", status, books=Books(), chunk=chunk).wrote is wrote


def test_what_a_later_version_stored_is_left_out() -> None:
    stored = summary("r1").to_json() | {"invented_later": 1}
    assert RunSummary.from_json(stored) == summary("r1")


def test_runs_are_listed_newest_first_and_found_by_the_start_of_their_id(tmp_path: Path) -> None:
    store = RunStore(open_folder(str(tmp_path / "runs")))
    for minutes, run_id in enumerate(["aaaa-1", "bbbb-2", "bbcc-3"]):
        store.save(summary(run_id, minutes))
    (tmp_path / "runs" / "aaaa-1.alerts.jsonl").write_text("{}\n")

    assert [run.run_id for run in store.latest()] == ["bbcc-3", "bbbb-2", "aaaa-1"]
    assert [run.run_id for run in store.latest(limit=1)] == ["bbcc-3"]
    assert store.load("bbb").run_id == "bbbb-2"


@pytest.mark.parametrize(("asked", "seen"), [("b", "2 runs begin with 'b'"), ("x", "there is no run 'x'")])
def test_a_run_that_is_not_one_is_refused(tmp_path: Path, asked: str, seen: str) -> None:
    store = RunStore(open_folder(str(tmp_path)))
    for run_id in ("b1", "b2"):
        store.save(summary(run_id))
    with pytest.raises(ConfigError, match=seen):
        store.load(asked)


def test_a_folder_that_does_not_exist_holds_no_runs(tmp_path: Path) -> None:
    assert RunStore(open_folder(str(tmp_path / "none"))).latest() == ()


def test_a_damaged_summary_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "r1.json").write_text('{"run_id": "r1"')
    with pytest.raises(TidemarkError, match=r"r1\.json cannot be read"):
        RunStore(open_folder(str(tmp_path))).latest()


def test_saving_again_replaces(tmp_path: Path) -> None:
    store = RunStore(open_folder(str(tmp_path)))
    store.save(summary("r1"))
    store.save(summary("r1", minutes=5))
    assert store.load("r1").started_at == START + timedelta(minutes=5)


def test_a_run_whose_process_is_gone_was_killed(tmp_path: Path) -> None:
    store = RunStore(open_folder(str(tmp_path)))
    name = "from tidemark.control.processes import this_process; print(this_process(), end='')"
    ended = subprocess.run([sys.executable, "-c", name], capture_output=True, check=True, text=True).stdout
    store.save(replace(summary("gone"), process=ended))
    store.save(replace(summary("here"), process=this_process()))
    store.save(replace(summary("elsewhere"), process="another-host:1"))
    store.save(replace(summary("over"), process=ended, status="done"))
    assert {run.run_id: run.status for run in store.latest()} == {
        "gone": "killed",
        "here": "running",
        "elsewhere": "running",
        "over": "done",
    }


def test_rules_are_summed_over_tables_most_frequent_first() -> None:
    tables = (
        TableResult("bronze.a", "committed", rejected={"status.enum": 1, "email.format": 4}),
        TableResult("bronze.b", "committed", rejected={"status.enum": 11}),
    )
    run = RunSummary("r1", "daily", "local", date(2025, 3, 30), START, tables=tables)
    assert list(run.rejected_by_rule.items()) == [("status.enum", 12), ("email.format", 4)]
