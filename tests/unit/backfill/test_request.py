"""What a backfill is asked for, how it is cut, and what is known of it when it starts again."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.lakes.config_folder import ConfigFolder
from tidemark.aws.folder import open_folder
from tidemark.backfill import notes as backfill_notes
from tidemark.backfill import request as backfill
from tidemark.backfill.notes import Notes
from tidemark.backfill.outline import Chunks, outline, unconfirmed
from tidemark.backfill.request import Backfill, Request, resolve
from tidemark.config.project import Project, load_project
from tidemark.control.runs import RunStore, RunSummary
from tidemark.control.state import SqliteState, StateStore
from tidemark.errors import ConfigError
from tidemark.operations import staging

DAYS = st.dates(date(2020, 1, 1), date(2024, 12, 31))
PEOPLE = "bronze.people"
MARCH = {"start": date(2025, 3, 1), "end": date(2025, 3, 4)}


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    return ConfigFolder(tmp_path / "config")


@pytest.fixture
def state(tmp_path: Path) -> SqliteState:
    return SqliteState(tmp_path / "state.db")


def project(folder: ConfigFolder) -> Project:
    return load_project(folder.root, "local")


def asked(folder: ConfigFolder, **request: Any) -> Backfill:
    return resolve(project(folder), Request(**MARCH | request))


def names(todo: Backfill, table: str = PEOPLE) -> list[str]:
    return [chunk.name for chunk in todo.chunks[table]]


@given(DAYS, st.integers(0, 200), st.sampled_from(["day", "month"]))
def test_chunks_hold_every_instant_of_the_range_once(start: date, days: int, size: Any) -> None:
    request = Request(start, start + timedelta(days=days), chunk=size)
    periods = [chunk.period for chunk in backfill.chunks_of(request)]
    assert periods[0].start == request.period.start
    assert periods[-1].end == request.period.end
    for one, following in itertools.pairwise(periods):
        assert following.start - one.end == timedelta(microseconds=1)
        assert one.start < one.end


def test_chunks_are_named_by_their_day_or_month(folder: ConfigFolder) -> None:
    assert names(asked(folder)) == ["2025-03-01", "2025-03-02", "2025-03-03", "2025-03-04"]
    assert names(asked(folder, end=date(2025, 5, 2), chunk="month")) == ["2025-03", "2025-04", "2025-05"]


def test_nothing_later_than_as_of_is_read(folder: ConfigFolder) -> None:
    chunks = asked(folder, as_of=datetime(2025, 3, 2, 12)).chunks[PEOPLE]
    assert [chunk.name for chunk in chunks] == ["2025-03-01", "2025-03-02"]
    assert chunks[-1].period is not None
    assert chunks[-1].period.end == datetime(2025, 3, 2, 12)


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"start": date(2025, 3, 5)}, "the range ends before it begins"),
        ({"end": datetime.now(UTC).date() + timedelta(days=2)}, "lies in the future"),
        ({"chunk": "weak"}, "--chunk weak does not exist"),
        ({"read_from": "silver"}, "--from silver does not exist"),
        ({"as_of": datetime(2025, 2, 1)}, "is not between the range's first instant and now"),
        ({"as_of": datetime(2999, 2, 1)}, "is not between the range's first instant and now"),
        ({"select": ("bronze.peeple",)}, "selects no table"),
        ({"select": ("gold.*",), "read_from": "source"}, "no table with a source is selected"),
        ({"select": (PEOPLE,), "read_from": "bronze"}, "there is nothing to do"),
    ],
)
def test_what_means_nothing_is_refused(folder: ConfigFolder, request_: Mapping[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        asked(folder, **request_)


def test_sources_are_asked_when_bronze_is_selected_and_not_otherwise(folder: ConfigFolder) -> None:
    assert set(asked(folder).chunks) == {PEOPLE}
    assert asked(folder).built == ("silver.person_versions", "gold.dim_person", "gold.cities")
    assert asked(folder, read_from="bronze").chunks == {}
    assert asked(folder, select=("gold.*",)).chunks == {}


def test_a_table_that_is_read_by_numbers_knows_no_days(folder: ConfigFolder) -> None:
    version = "      - {name: version, logicalType: integer, physicalType: bigint}\n    quality:"
    folder.edit("bronze/people.contract.yaml", "    quality:", version)
    folder.edit("bronze/people.load.yaml", "{column: updated_at, lookback: 1h}", "{column: version}")
    todo = asked(folder)
    assert PEOPLE not in todo.chunks
    assert "is read by `version`, a number" in todo.left[PEOPLE]
    assert f"tidemark run --select {PEOPLE} --full-refresh" in todo.left[PEOPLE]
    with pytest.raises(ConfigError, match="there is nothing to do") as refused:
        asked(folder, select=(PEOPLE,))
    assert "a number, which knows no days" in str(refused.value)


def test_a_source_that_cannot_be_cut_is_read_as_a_whole_but_not_as_of_an_instant(folder: ConfigFolder) -> None:
    folder.edit("bronze/people.load.yaml", "watermark: {column: updated_at, lookback: 1h}\n", "")
    todo = asked(folder)
    assert names(todo) == ["whole"]
    assert todo.wholes == (PEOPLE,)
    assert asked(folder, as_of=datetime(2025, 3, 2)).left == {
        PEOPLE: "has a source without change times, which does not know what it was at an instant of the past"
    }
    folder.edit("bronze/people.load.yaml", "connection: crm", "connection: landing\n  format: csv")
    assert len(names(asked(folder))) == 4, "files tell their day"


@pytest.mark.parametrize(
    ("write", "told"),
    [
        ("{mode: append}", "has no keys"),
        ("{mode: replace}", "is replaced by what a run reads"),
        ("{mode: upsert, keys: [person_id], order_by: []}", "has no `order_by`"),
        ("{mode: upsert, keys: [person_id], order_by: [updated_at], deletes: {flag: is_deleted}}", "were deleted"),
    ],
)
def test_a_table_that_older_rows_would_harm_is_left_alone(folder: ConfigFolder, write: str, told: str) -> None:
    folder.edit("bronze/people.load.yaml", "{mode: append, keys: [person_id, updated_at]}", write)
    todo = asked(folder)
    assert todo.chunks == {}
    assert told.split()[-1] in todo.left[PEOPLE]
    assert todo.left[PEOPLE].startswith(("has", "is", "does"))
    with pytest.raises(ConfigError, match="there is nothing to do"):
        asked(folder, select=(PEOPLE,))


def test_rows_without_an_order_are_ordered_by_the_cursor_and_can_come_again(folder: ConfigFolder) -> None:
    folder.edit(
        "bronze/people.load.yaml", "{mode: append, keys: [person_id, updated_at]}", "{mode: upsert, keys: [person_id]}"
    )
    assert len(names(asked(folder))) == 4


def test_the_same_request_has_the_same_id(folder: ConfigFolder) -> None:
    others: list[dict[str, Any]] = [
        {"end": date(2025, 3, 3)},
        {"select": (PEOPLE, "gold.*")},
        {"chunk": "month"},
        {"read_from": "source"},
        {"as_of": datetime(2025, 3, 4)},
        {"forward_only": True},
    ]
    ids = {asked(folder, **other).backfill_id for other in [{}, *others]}
    assert len(ids) == len(others) + 1
    assert asked(folder, select=("gold.*", PEOPLE)).backfill_id in ids, "whatever the order"


def begun(state: StateStore, todo: Backfill, run_id: str = "run-1") -> Notes:
    notes = Notes(state, todo)
    notes.begin(run_id)
    return notes


def test_what_was_done_is_not_to_be_done_again(folder: ConfigFolder, state: SqliteState) -> None:
    notes = begun(state, asked(folder))
    notes.chunk_done(PEOPLE, "2025-03-01")
    notes.chunk_done(PEOPLE, "2025-03-02")

    again = Notes(state, asked(folder))

    assert again.attempts() == ("run-1",)
    assert [chunk.name for chunk in again.rest(PEOPLE)] == ["2025-03-03", "2025-03-04"]
    assert len(Notes(state, asked(folder, chunk="month")).rest(PEOPLE)) == 1, "another backfill knows nothing of it"


def test_of_many_attempts_the_last_are_remembered(folder: ConfigFolder, state: SqliteState) -> None:
    for number in range(60):
        notes = begun(state, asked(folder), f"run-{number}")
    assert notes.attempts() == tuple(f"run-{number}" for number in range(10, 60))


def test_when_it_is_done_the_same_request_is_a_new_backfill(folder: ConfigFolder, state: SqliteState) -> None:
    notes = begun(state, asked(folder))
    notes.chunk_done(PEOPLE, "2025-03-01")

    notes.end()

    assert state.list(backfill_notes.KIND) == ()
    assert len(notes.rest(PEOPLE)) == 4


def test_a_changed_contract_or_a_restored_table_has_its_chunks_read_again(
    folder: ConfigFolder, state: SqliteState
) -> None:
    begun(state, asked(folder)).chunk_done(PEOPLE, "2025-03-01")
    other = Notes(state, asked(folder))
    other.committing({"silver.person_versions": "b1"})
    folder.edit("bronze/people.contract.yaml", "version: 1.0.0\ntags", "version: 1.0.1\ntags")
    assert len(Notes(state, asked(folder)).rest(PEOPLE)) == 4
    folder.edit("bronze/people.contract.yaml", "version: 1.0.1\ntags", "version: 1.0.0\ntags")
    assert len(other.rest(PEOPLE)) == 3

    backfill_notes.forget(state, PEOPLE)
    assert len(other.rest(PEOPLE)) == 4
    assert other.batches() == {"silver.person_versions": "b1"}
    backfill_notes.forget(state, "silver.person_versions")
    assert other.batches() == {}


def test_a_backfill_that_nobody_took_up_is_forgotten_with_its_staging(
    folder: ConfigFolder, state: SqliteState, tmp_path: Path
) -> None:
    long_ago = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=30)
    runs, lying = RunStore(open_folder(str(tmp_path / "runs"))), open_folder(str(tmp_path / "staging"))
    runs.save(RunSummary("run-1", "backfill", "local", date(2025, 3, 1), long_ago, "killed"))
    lying.write_text("run_id=run-1/silver.orders/manifest.json", "{}")
    todo = asked(folder)
    begun(state, todo).chunk_done(PEOPLE, "2025-03-01")
    assert staging.clean(lying, runs, state) == (), "somebody may take it up"

    note = state.get(backfill_notes.KIND, todo.backfill_id)
    assert note is not None
    state.put(backfill_notes.KIND, todo.backfill_id, {**note.value, "began_at": long_ago.isoformat()})

    assert len(Notes(state, todo).rest(PEOPLE)) == 4
    assert staging.clean(lying, runs, state) == ("run-1",)
    begun(state, asked(folder, chunk="month"))
    assert [record.key for record in state.list(backfill_notes.KIND)] == [asked(folder, chunk="month").backfill_id]


def test_who_has_not_said_yes_is_told_what_would_be_done(folder: ConfigFolder, state: SqliteState) -> None:
    notes = begun(state, asked(folder))
    notes.chunk_done(PEOPLE, "2025-03-01")

    outlined = outline(asked(folder), notes)
    text = str(unconfirmed(outlined))

    assert "2025-03-01 to 2025-03-04 by day" in text
    assert "read again: 3 × day (2025-03-02, 2025-03-03, 2025-03-04); 1 of 4 are done" in text
    assert "gold.cities" in text
    assert outlined.read == {
        PEOPLE: Chunks(to_do=("2025-03-02", "2025-03-03", "2025-03-04"), done=("2025-03-01",), whole=False)
    }
