"""`tidemark approve` prints a token that `restore` and its kin take; nothing else happens."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from tests.support.lakes.config_folder import ConfigFolder
from tidemark.control.approvals import KEY, Asked, people

KEYS = {"ann": "a" * 40}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("FOLDER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(KEY, KEYS["ann"])
    return str(ConfigFolder(tmp_path / "config").root)


def test_the_token_is_of_what_was_signed(config: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["approve", "restore", "run=r31", "--by", "ann", "--config", config]) == 0
    token = capsys.readouterr().out.strip()
    now = datetime.now(UTC).replace(tzinfo=None)
    assert people([token], Asked("restore", "local", {"run": "r31", "leave": ""}), KEYS, now) == ("ann",)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["restor", "run=r31"], "did you mean `restore`?"),
        (["restore", "r31"], "r31 is no NAME=VALUE"),
    ],
)
def test_what_cannot_be_signed_is_refused(
    config: str, capsys: pytest.CaptureFixture[str], given: list[str], message: str
) -> None:
    assert main(["approve", *given, "--by", "ann", "--config", config]) == 2
    assert message in capsys.readouterr().err


def test_without_a_key_nothing_is_signed(
    config: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEY)
    assert main(["approve", "restore", "run=r31", "--by", "ann", "--config", config]) == 2
    assert f"{KEY} is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        ["run", "--select", "bronze.people", "--allow", "deleted"],
        ["job", "daily", "--select", "bronze.people", "--allow", "deleted"],
        ["backfill", "--start", "2025-01-01", "--end", "2025-01-01", "--allow", "deleted", "--yes"],
    ],
)
def test_tokens_go_to_the_flow_that_lets_a_limit_pass(
    config: str, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (Path(config) / "jobs.yaml").write_text("jobs:\n  daily: {flow: daily}\n")
    given: list[Any] = []
    monkeypatch.setattr("cli.console.launch.launch", lambda flow, parameters, **more: given.append(parameters))
    assert main([*command, "--approvals", "one two", "--config", config]) == 0
    assert [(each["allow"], each["approvals"]) for each in given] == [(["deleted"], "one two")]
