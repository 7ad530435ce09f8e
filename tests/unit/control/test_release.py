"""Releases are numbered without gaps, and the same versions are the same release."""

from __future__ import annotations

import threading
from datetime import date
from pathlib import Path

import pytest

from tidemark.control import release
from tidemark.control.runs import Run
from tidemark.control.state import SqliteState


@pytest.fixture
def state(tmp_path: Path) -> SqliteState:
    return SqliteState(tmp_path / "state.db")


RUN = Run.start(date(2025, 3, 30))


def test_before_the_first_there_is_none(state: SqliteState) -> None:
    assert release.latest(state) is None
    assert release.find(state, "r1") is None


def test_a_release_is_read_back_as_recorded(state: SqliteState) -> None:
    recorded, new = release.record(state, RUN, {"gold.b": 2, "gold.a": 1})
    assert new
    assert (recorded.name, dict(recorded.tables)) == ("r1", {"gold.a": 1, "gold.b": 2})
    assert release.latest(state) == release.find(state, "r1") == recorded


def test_the_same_versions_are_the_same_release(state: SqliteState) -> None:
    first, _ = release.record(state, RUN, {"gold.a": 1})
    again, new = release.record(state, Run.start(), {"gold.a": 1})
    assert (again, new) == (first, False)


def test_tables_of_other_runs_come_from_the_index(state: SqliteState) -> None:
    state.put("table", "bronze.x", {"version": 7})
    state.put("table", "gold.a", {"version": 1})
    recorded, _ = release.record(state, RUN, {"gold.a": 2})
    assert dict(recorded.tables) == {"bronze.x": 7, "gold.a": 2}


def test_the_tenth_comes_after_the_ninth(state: SqliteState) -> None:
    for version in range(11):
        release.record(state, RUN, {"gold.a": version})
    newest = release.latest(state)
    assert newest is not None
    assert newest.name == "r11"


def test_runs_at_the_same_time_get_a_number_each(state: SqliteState) -> None:
    def record(number: int) -> None:
        release.record(state, RUN, {f"gold.t{number}": 1})

    threads = [threading.Thread(target=record, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry.value["number"] for entry in state.list("release")] == [1, 2, 3, 4]
