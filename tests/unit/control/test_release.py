"""Releases are numbered without gaps, and the same versions are the same release."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tidemark.control import commits, release
from tidemark.control.runs import Run
from tidemark.control.state import Record, SqliteState


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
    recorded, _ = release.record(state, RUN, {"gold.a": 2})
    assert dict(recorded.tables) == {"bronze.x": 7, "gold.a": 2}


def test_what_another_run_has_committed_since_is_in_the_release(state: SqliteState) -> None:
    state.put("table", "gold.a", {"version": 6})
    recorded, _ = release.record(state, RUN, {"gold.a": 5})
    assert dict(recorded.tables) == {"gold.a": 6}


def test_the_same_versions_of_another_table_are_another_release(state: SqliteState) -> None:
    state.put("table", "gold.a", {"version": 1, "table_id": "first"})
    first, _ = release.record(state, RUN, {"gold.a": 1})
    assert dict(first.ids) == {"gold.a": "first"}
    assert release.record(state, RUN, {"gold.a": 1}) == (first, False)

    state.put("table", "gold.a", {"version": 1, "table_id": "made anew"})
    second, new = release.record(state, RUN, {"gold.a": 1})

    assert (second.number, new, dict(second.ids)) == (2, True, {"gold.a": "made anew"})
    assert release.find(state, "r2") == second


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


class Counted(SqliteState):
    """A store that counts what it is asked, by kind."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.gets, self.listed = 0, 0

    def get(self, kind: str, key: str) -> Record | None:
        self.gets += 1
        return super().get(kind, key)

    def list(self, kind: str) -> tuple[Record, ...]:
        found = super().list(kind)
        self.listed += len(found)
        return found


def make(state: SqliteState, numbers: range, made: datetime, apart: timedelta) -> None:
    for number in numbers:
        entry = release.Release(number, f"run-{number}", date(2025, 3, 1), made + number * apart, {"gold.a": number})
        state.put(release.KIND, entry.name, entry.to_json())


@pytest.mark.parametrize("made", [3, 30])
def test_a_release_costs_the_same_however_many_there_were(tmp_path: Path, made: int) -> None:
    state = Counted(tmp_path / "state.db")
    for version in range(made):
        release.record(state, RUN, {"gold.a": version})
    state.gets = state.listed = 0
    recorded, _ = release.record(state, RUN, {"gold.a": made})
    assert recorded.name == f"r{made + 1}"
    assert (state.gets, state.listed) == (3, 0)


def test_a_store_of_an_older_version_goes_on_with_its_releases(state: SqliteState) -> None:
    make(state, range(1, 12), datetime(2025, 3, 1), timedelta(days=1))
    newest = release.latest(state)
    assert newest is not None
    assert newest.name == "r11"
    assert release.record(state, RUN, {"gold.a": 99})[0].name == "r12"
    assert release.latest(state) == release.find(state, "r12")


def test_a_note_that_lags_behind_hides_no_release(state: SqliteState) -> None:
    """Who dies after the release and before the note, or is passed by another, leaves such a note."""
    for version in range(5):
        release.record(state, RUN, {"gold.a": version})
    notes = {record.key: record.value for record in state.list("release numbers")}
    state.put("release numbers", "newest", {"number": 2})
    newest = release.latest(state)
    assert newest is not None
    assert newest.name == "r5"
    assert release.record(state, RUN, {"gold.a": 9})[0].name == "r6"
    assert notes == {"newest": {"number": 5}}


def test_old_releases_are_forgotten_and_where_they_were_published(
    state: SqliteState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One a day from March 2nd on; what was current on the 11th at noon is r10."""
    monkeypatch.setattr(release, "LAST_KEPT", 5)
    make(state, range(1, 21), datetime(2025, 3, 1), timedelta(days=1))
    for number in (3, 9, 10, 18):
        entry = release.find(state, f"r{number}")
        assert entry is not None
        release.note_published(state, entry, "snowflake", "run")
    assert release.retire(state, datetime(2025, 3, 11, 12)) == 9
    assert [each.number for each in release.every(state)] == list(range(10, 21))
    assert {record.key for record in state.list(release.PUBLISHED)} == {"r10/snowflake", "r18/snowflake"}
    assert release.retire(state, datetime(2025, 3, 11, 12)) == 0
    assert release.retire(state, datetime(2026, 1, 1)) == 6
    assert [each.number for each in release.every(state)] == list(range(16, 21))
    assert release.record(state, RUN, {"gold.a": 99})[0].name == "r21"


def test_few_releases_are_kept_however_old(state: SqliteState) -> None:
    make(state, range(1, 4), datetime(2020, 3, 1), timedelta(days=1))
    assert release.retire(state, datetime(2025, 3, 11)) == 0
    assert len(release.every(state)) == 3


def test_the_newest_release_that_a_warehouse_has_is_known(state: SqliteState) -> None:
    made: Mapping[int, Any] = {version: release.record(state, RUN, {"gold.a": version})[0] for version in range(12)}
    for number in (1, 8, 9):
        release.note_published(state, made[number], "snowflake", "run")
    release.note_published(state, made[11], "redshift", "run")
    assert release.last_published(state, "snowflake") == made[9]
    assert release.last_published(state, "elsewhere") is None


def test_what_another_run_has_half_committed_stays_as_it_was_released(state: SqliteState) -> None:
    state.put("table", "silver.a", {"version": 3, "table_id": "of a"})
    state.put("table", "gold.b", {"version": 1, "table_id": "of b"})
    before, _ = release.record(state, RUN, {})
    died = Run.start(date(2025, 3, 30))
    commits.begin(state, died, "daily", {"silver.a": "1", "gold.new": "2"})
    state.put("table", "silver.a", {"version": 4, "table_id": "of a"})
    state.put("table", "gold.new", {"version": 0, "table_id": "of new"})

    state.put("table", "gold.b", {"version": 2, "table_id": "of b"})
    recorded, new = release.record(state, RUN, {"gold.b": 2})
    assert new
    assert dict(recorded.tables) == {"silver.a": 3, "gold.b": 2}
    assert dict(recorded.ids) == dict(before.ids) == {"silver.a": "of a", "gold.b": "of b"}

    ended, _ = release.record(state, died, {})
    assert dict(ended.tables) == {"silver.a": 4, "gold.b": 2, "gold.new": 0}
