"""What the end of a run tells: metrics, errors, warnings, promises that turned; nothing of one that was cancelled."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.running.telling import watching
from flows.running.telling.progress import called
from tests.support.lakes.config_folder import ConfigFolder
from tidemark.aws.folder import Folder, open_folder
from tidemark.books import Books
from tidemark.config.project import Project, load_project
from tidemark.control.release import NEWEST, TABLE
from tidemark.control.runs import RunStore, RunSummary, TableResult, Warned
from tidemark.control.state import SqliteState
from tidemark.errors import SourceError, StateError
from tidemark.observe.alerts import Alerts
from tidemark.observe.sla import NOTED

PEOPLE = "bronze.people"
OLD = Warned(PEOPLE, "updated_at is at most 26 h old: was 30.0", f"tidemark check --select {PEOPLE}")
DRIFT = Warned(PEOPLE, "a column came")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("FOLDER_HOME", str(tmp_path / "home"))
    folder = ConfigFolder(tmp_path / "config")
    path = folder.root / "env" / "local.yaml"
    document: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    path.write_text(yaml.safe_dump(document | {"sla": {"jobs": {"daily": {"runtime": "1h"}}}}), "utf-8")
    return load_project(str(folder.root), "local")


@pytest.fixture
def state(tmp_path: Path) -> SqliteState:
    store = SqliteState(tmp_path / "state.db")
    store.put(TABLE, PEOPLE, {"version": 1, "batch_id": "b"})
    at = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=30)
    store.put(NEWEST, PEOPLE, {"version": 1, "batch_id": "b", "column": "updated_at", "at": at.isoformat()})
    return store


@pytest.fixture
def folder(project: Project) -> Folder:
    return open_folder(project.environment.roots.runs)


def summary(status: Any = "done", *warnings: Warned, job: str = "daily", error: str | None = None) -> RunSummary:
    ended = datetime.now(UTC).replace(tzinfo=None)
    table = TableResult(PEOPLE, "committed", 4.0, books=Books(extracted=3, accepted=3, inserted=3))
    began = ended - timedelta(hours=2)
    return RunSummary(
        "r", "daily", "local", ended.date(), began, status, ended, None, False, (table,), (), warnings, error, job=job
    )


def told(
    project: Project, folder: Folder, state: Any, run: RunSummary, error: BaseException | None = None
) -> list[str]:
    if folder.read_text("r.alerts.jsonl") is not None:
        folder.delete("r.alerts.jsonl")
    watching.tell(Alerts(project.environment, "r", folder), run, error, project, state)
    lines = (folder.read_text("r.alerts.jsonl") or "").splitlines()
    return [json.loads(line)["message"] for line in lines]


def broken(state: SqliteState) -> set[str]:
    return {record.key for record in state.list("sla") if record.value["open"]}


def test_a_run_tells_its_error_and_warnings_and_leaves_the_age_to_the_promise(
    project: Project, folder: Folder, state: SqliteState
) -> None:
    failed = summary("failed", OLD, DRIFT, error="the source is down")
    assert told(project, folder, state, failed, SourceError("the source is down")) == [
        "a column came",
        "the source is down",
    ]
    assert broken(state) == {f"{PEOPLE}/freshness", "job daily/runtime"}


def test_an_age_that_nobody_noted_is_told_by_the_run(project: Project, folder: Folder, state: SqliteState) -> None:
    state.delete(NEWEST, PEOPLE)
    assert told(project, folder, state, summary("done", OLD)) == [OLD.message]
    assert told(project, folder, None, summary("failed", OLD, error="no store"), StateError("no store")) == [
        OLD.message,
        "no store",
    ]


def test_nobody_is_told_of_a_run_that_somebody_has_cancelled(
    project: Project, folder: Folder, state: SqliteState
) -> None:
    run = summary("interrupted", OLD, DRIFT, error="cancelled")
    watching.note_began(run, project, state)
    assert told(project, folder, state, run, KeyboardInterrupt()) == []
    assert broken(state) == set()
    (noted,) = state.list(NOTED)
    assert noted.value["began_at"] is None, "it does not run any more"
    assert "seconds" not in noted.value, "how long it took until then says nothing"


def test_warnings_that_were_told_already_are_not_told_again(
    project: Project, folder: Folder, state: SqliteState
) -> None:
    assert told(project, folder, state, summary("done", Warned(None, "job daily is slow", told=True))) == []


def test_a_store_that_is_gone_changes_nothing_of_the_run(
    project: Project, folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    class Gone:
        """A control store that does not answer."""

        def __getattr__(self, name: str) -> Any:
            raise StateError("gone")

    run = summary("done", DRIFT)
    assert watching.measured(run, project, Gone(), folder, plans=False) is run
    watching.note_began(run, project, Gone())
    assert told(project, folder, Gone(), run) == ["a column came"]
    assert "the promises of the run could not be checked" in caplog.text


def test_metrics_go_into_the_summary_under_the_name_of_the_job(
    project: Project, folder: Folder, state: SqliteState
) -> None:
    found = watching.measured(summary(job="crm_to_bronze"), project, state, folder, plans=False)
    assert found.metrics["job"]["records_processed_total"] == 3
    assert found.metrics["tables"][PEOPLE]["freshness_seconds"] == pytest.approx(30 * 3600, abs=60)
    first, *_ = (folder.read_text("r.metrics.jsonl") or "").splitlines()
    assert json.loads(first)["Job"] == "crm_to_bronze"


def test_a_job_is_called_as_the_command_says_where_there_is_no_deployment() -> None:
    assert watching.job_name() == ""
    with called("crm_to_bronze"):
        assert watching.job_name() == "crm_to_bronze"


def before(folder: Folder, days: int, rows: int) -> None:
    """Summaries of a daily run on each of the days before today."""
    for day in range(1, days + 1):
        today = summary()
        table = TableResult(PEOPLE, "committed", books=Books(extracted=rows + day, accepted=rows + day))
        ago = timedelta(days=day)
        run = replace(today, run_id=f"r{day}", date=today.date - ago, started_at=today.started_at - ago)
        RunStore(folder).save(replace(run, tables=(table,)))


def test_a_run_that_is_not_like_those_before_warns_and_is_told(
    project: Project, folder: Folder, state: SqliteState
) -> None:
    before(folder, 10, 500)
    found = watching.compared(summary(), project, folder, plans=False)
    (warned,) = found.warnings
    assert warned.message.startswith("3 rows came, usual are ")
    assert told(project, folder, state, found) == [warned.message]


@pytest.mark.parametrize("plans", [True, False])
def test_a_plan_and_a_run_with_little_history_are_not_compared(
    project: Project, folder: Folder, state: SqliteState, plans: bool
) -> None:
    before(folder, 10 if plans else 5, 500)
    assert watching.compared(summary(), project, folder, plans=plans).warnings == ()


def test_a_history_that_cannot_be_read_fails_no_run(project: Project, folder: Folder) -> None:
    before(folder, 10, 500)
    folder.write_text("r3.json", "{")
    assert watching.compared(summary(), project, folder, plans=False).warnings == ()
