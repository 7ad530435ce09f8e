"""`tidemark apply FILE` applies what was looked at: a file that was edited since is refused before anything runs."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from tests.support.lakes.config_folder import ConfigFolder
from tidemark.books import Books
from tidemark.config.environment import load_environment
from tidemark.control.state import open_state
from tidemark.plans import store
from tidemark.plans.document import PlanDocument, TablePlan

BATCH = TablePlan(table="bronze.people", status="prepared", batch_id="b1", commits=True, books=Books(3, 3, inserted=3))
PLAN = PlanDocument(
    plan="0198f3c2-0000-7000-8000-000000000000",
    environment="local",
    date=date(2026, 1, 31),
    created_at=datetime(2026, 1, 31, 6),
    expires_at=datetime(2999, 1, 1),
    tables=(BATCH,),
)


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A plan that can be applied, and the arguments that apply its file."""
    monkeypatch.setenv("FOLDER_HOME", str(tmp_path / "home"))
    config = ConfigFolder(tmp_path / "config").root
    store.note_open(open_state(load_environment(config, "local")), PLAN, "ann")
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(PLAN.to_json(), indent=1))
    return ["apply", str(file), "--config", str(config)]


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is started."""
    started: list[Any] = []
    monkeypatch.setattr("cli.console.launch.launch", lambda flow, parameters, **more: started.append(parameters))
    return started


def test_the_file_that_was_looked_at_is_applied(arguments: list[str], launched: list[Any]) -> None:
    assert main(arguments) == 0
    assert launched == [{"plan": PLAN.plan, "approvals": None}]


@pytest.mark.parametrize(
    "edit",
    [
        lambda told: told["tables"][0]["books"].update(inserted=2),
        lambda told: told["tables"][0].update(staged="0" * 64),
        lambda told: told.update(date="2026-02-01"),
        lambda told: told.update(tables=[]),
    ],
)
def test_a_file_that_was_edited_is_not(
    arguments: list[str], launched: list[Any], capsys: pytest.CaptureFixture[str], edit: Any
) -> None:
    file = Path(arguments[1])
    told = json.loads(file.read_text())
    edit(told)
    file.write_text(json.dumps(told))
    assert main(arguments) == 2
    assert "is not what plan 0198f3c2 was when it was made" in capsys.readouterr().err
    assert launched == []


def test_who_planned_it_is_known(arguments: list[str], tmp_path: Path) -> None:
    found = store.find(open_state(load_environment(Path(arguments[-1]), "local")), PLAN.plan)
    assert (found.planned_by, found.status) == ("ann", "open")
