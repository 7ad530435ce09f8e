"""Records of commits that were begun: what they say, and who may add to them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tidemark.control import commits
from tidemark.control.runs import Run
from tidemark.control.state import SqliteState

RUN = Run.start(date(2025, 3, 30))


@pytest.fixture
def state(tmp_path: Path) -> SqliteState:
    return SqliteState(tmp_path / "state.db")


def test_a_record_is_read_back(state: SqliteState) -> None:
    commits.begin(state, RUN, "apply", {"silver.a": "1"}, "the-plan", {"silver.a": 4})
    (begun,) = commits.interrupted(state)
    assert begun == commits.find(state, RUN.run_id)
    assert (begun.run_id, begun.flow, begun.date, begun.staged_by) == (RUN.run_id, "apply", RUN.date, "the-plan")
    assert (dict(begun.batches), dict(begun.before)) == ({"silver.a": "1"}, {"silver.a": 4})
    assert (begun.cause, begun.undoing) == (None, False)
    assert begun.concerns(["silver.a", "gold.x"])
    assert not begun.concerns(["gold.x"])


def test_a_record_of_before_is_read_too(state: SqliteState) -> None:
    old = {"date": "2025-03-30", "started_at": "2025-03-30 01:00:00", "batches": {"silver.a": "1"}}
    state.put(commits.KIND, "x", old)
    (begun,) = commits.interrupted(state)
    assert (begun.plan, begun.flow, dict(begun.before), begun.undoing) == (None, "", {}, False)


def test_cause_and_direction_are_kept(state: SqliteState) -> None:
    commits.begin(state, RUN, "daily", {"silver.a": "1"})
    commits.note_cause(state, RUN.run_id, "the disk is full")
    commits.begin_undoing(state, RUN.run_id)
    commits.note_cause(state, RUN.run_id, "still full")
    (begun,) = commits.interrupted(state)
    assert (begun.cause, begun.undoing) == ("still full", True)


def test_what_is_ended_does_not_come_back(state: SqliteState) -> None:
    commits.begin(state, RUN, "daily", {"silver.a": "1"})
    commits.end(state, RUN.run_id)
    commits.note_cause(state, RUN.run_id, "too late")
    commits.begin_undoing(state, RUN.run_id)
    assert commits.interrupted(state) == ()
    assert commits.find(state, RUN.run_id) is None


def test_tables_of_others_are_unreleased(state: SqliteState) -> None:
    commits.begin(state, RUN, "daily", {"silver.a": "1", "gold.b": "2"})
    assert commits.unreleased(state, "another") == {"silver.a", "gold.b"}
    assert commits.unreleased(state, RUN.run_id) == frozenset()
