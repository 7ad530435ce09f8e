"""The flow that checks promises: no Spark, each breach told once, ages as metrics, a page with problems first."""

from __future__ import annotations

import json
import logging
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from flows.sla import ARTIFACT, markdown, sla
from tests.support.lakes.config_folder import ConfigFolder
from tidemark.control.release import NEWEST, TABLE
from tidemark.control.runs import RunSummary
from tidemark.control.state import SqliteState
from tidemark.observe import sla as promised
from tidemark.observe.sla import Judged, Promise
from tidemark.spark import session

PEOPLE = "bronze.people"


def now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ConfigFolder:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("Spark is started")

    monkeypatch.setattr(session, "build_session", refuse)
    monkeypatch.setenv("FOLDER_HOME", str(tmp_path / "home"))
    made = ConfigFolder(tmp_path / "config")
    path = made.root / "env" / "local.yaml"
    document: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    document |= {"alerts": [{"channel": "log"}], "sla": {"jobs": {"daily": {"runtime": "1h"}}}}
    path.write_text(yaml.safe_dump(document), "utf-8")
    return made


def aged(state: SqliteState, hours: float) -> None:
    state.put(TABLE, PEOPLE, {"version": 1, "batch_id": "b"})
    at = (now() - timedelta(hours=hours)).isoformat()
    state.put(NEWEST, PEOPLE, {"version": 1, "batch_id": "b", "column": "updated_at", "at": at})


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage().splitlines()[0] for record in caplog.records if "tidemark local" in record.getMessage()]


@pytest.mark.usefixtures("prefect_server")
def test_a_late_table_and_a_slow_job_are_told_once_and_their_recovery_once(
    folder: ConfigFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture, prefect_server: str
) -> None:
    caplog.set_level(logging.INFO, "tidemark")
    where = {"env": "local", "config": str(folder.root)}
    assert sla(**where) == 0, "nothing is known yet"
    artifact = httpx.get(f"{prefect_server}/artifacts/{ARTIFACT}/latest").json()
    assert artifact["description"] == "2 promises are not known yet"
    state = SqliteState(tmp_path / "home" / "state" / "state.db")
    aged(state, 30)
    slow = RunSummary("r1", "daily", "local", date(2025, 3, 1), now() - timedelta(hours=2), "done", now(), job="daily")
    promised.note_ended(state, [Promise("job daily", "runtime", 3600)], slow, done=True)

    caplog.clear()
    assert [sla(**where), sla(**where)] == [2, 2]
    assert len(told(caplog)) == 2
    assert any(f"warning: {PEOPLE} newest updated_at 30 h" in line for line in told(caplog))
    assert any("error: job daily: took 2 h" in line for line in told(caplog))
    artifact = httpx.get(f"{prefect_server}/artifacts/{ARTIFACT}/latest").json()
    assert artifact["description"] == "2 of 2 promises are broken"
    (document, table) = map(json.loads, (tmp_path / "home" / "runs" / "sla.metrics.jsonl").read_text().splitlines())
    assert (document["Job"], table["Table"]) == ("sla", PEOPLE)
    assert table["freshness_seconds"] == pytest.approx(30 * 3600, abs=600)

    aged(state, 1)
    caplog.clear()
    assert [sla(**where), sla(**where)] == [1, 1]
    assert [line.partition(":")[0] for line in told(caplog)] == ["tidemark local recovered"]


def test_the_page_shows_every_promise_and_what_was_seen() -> None:
    late = Judged(Promise(PEOPLE, "freshness", 3600, column="updated_at"), 7200)
    text = markdown([late, Judged(Promise("job daily", "runtime", 3600))])
    assert f"| {PEOPLE} | freshness | **broken** | newest updated_at 2 h 00 m ago, promised 1 h 00 m at most |" in text
    assert "| job daily | runtime | not known yet |  |" in text
    assert "Nothing is promised" in markdown([])
