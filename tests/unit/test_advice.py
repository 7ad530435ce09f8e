"""Commands that are advised name the environment and the configuration that they are about."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cli.main import main
from tidemark.advice import Where, about, addressed, in_environment, name
from tidemark.errors import TidemarkError
from tidemark.observe.alerts import AlertEvent

ELSEWHERE = Where("prod", "their config")
OPTIONS = "--env prod --config 'their config'"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tidemark run", f"tidemark {OPTIONS} run"),
        (
            "tidemark ls, or tidemark plan --select a",
            f"tidemark {OPTIONS} ls, or tidemark {OPTIONS} plan --select a",
        ),
        ("`tidemark erase --list` tells", f"`tidemark {OPTIONS} erase --list` tells"),
        # It says itself which environment; the configuration is missing still.
        ("tidemark prefect setup --env dev", "tidemark --config 'their config' prefect setup --env dev"),
        # The sandbox is of this machine, whatever the environment; paths and modules are no commands.
        ("locally: tidemark sandbox up", "locally: tidemark sandbox up"),
        (
            ".venv/bin/tidemark run, python -m tidemark.spark.jars",
            ".venv/bin/tidemark run, python -m tidemark.spark.jars",
        ),
        ("the lake of Tidemark holds it", "the lake of Tidemark holds it"),
    ],
)
def test_each_command_names_where_it_works_and_only_once(text: str, told: str) -> None:
    assert addressed(text, ELSEWHERE) == told
    assert addressed(told, ELSEWHERE) == told
    assert addressed(text, Where()) == text


def test_advice_is_about_what_its_block_is_about_and_no_longer() -> None:
    error = TidemarkError("it is down", next_step="tidemark run")
    with about(Where()):
        name(config="c")
        with about(in_environment("prod")):
            assert "tidemark --env prod --config c run" in str(error)
        assert in_environment("local") == Where(config="c")
        assert "tidemark --config c run" in str(error)
    name(env="prod")
    assert str(error).endswith("tidemark run"), "nobody would take it back"


def test_an_alert_names_the_environment_since_it_is_read_elsewhere() -> None:
    def told(environment: str) -> AlertEvent:
        return AlertEvent("error", "late", "r", environment, next_step="tidemark check --select gold.sales")

    assert told("prod").next_step == "tidemark --env prod check --select gold.sales"
    assert told("prod").text.endswith("next: tidemark --env prod check --select gold.sales")
    assert told("local").next_step == "tidemark check --select gold.sales"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the configurations `config` and `other`; each has the environments `local` and `test`, unused."""
    for config in ("config", "other"):
        for env in ("local", "test"):
            path = tmp_path / config / "env" / f"{env}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{{name: {env}, home: {config}-{env}, exchange: exchange}}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TIDEMARK_ENV", raising=False)
    monkeypatch.delenv("TIDEMARK_CONFIG", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "shell", "home", "advised"),
    [
        ("runs list", {}, "config-local", "tidemark run"),
        ("runs list --env local --config config", {}, "config-local", "tidemark run"),
        ("runs list --env test", {}, "config-test", "tidemark --env test run"),
        ("--env test runs list", {}, "config-test", "tidemark --env test run"),
        ("--env local runs list --env test", {}, "config-test", "tidemark --env test run"),
        ("--env test --config other runs list", {}, "other-test", "tidemark --env test --config other run"),
        ("runs list --config other", {}, "other-local", "tidemark --config other run"),
        ("runs list", {"TIDEMARK_ENV": "test"}, "config-test", "tidemark run"),
        ("runs list --env local", {"TIDEMARK_ENV": "test"}, "config-local", "tidemark --env local run"),
        ("--env local runs list", {"TIDEMARK_ENV": "test"}, "config-local", "tidemark --env local run"),
    ],
)
def test_what_a_command_advises_works_where_the_command_did(
    typed: str,
    shell: dict[str, str],
    home: str,
    advised: str,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for variable, value in shell.items():
        monkeypatch.setenv(variable, value)
    before = dict(os.environ)
    assert main(typed.split()) == 2
    assert dict(os.environ) == before
    told = capsys.readouterr().err
    assert f"no lake at {project / home}\n" in told
    assert f"the first {advised} makes the lake" in told
