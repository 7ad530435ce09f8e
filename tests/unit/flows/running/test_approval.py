"""Flows ask for a second person where the environment wants one, before anything is opened."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.apply import apply
from flows.backfill import backfill
from flows.build_layer import build_layer
from flows.daily import daily
from flows.erase import erase
from flows.ingest import ingest
from flows.recover import recover
from flows.restore import restore
from flows.running import approval
from flows.running.approval import Approval, allowance, approve, days_again
from tests.support.lakes.config_folder import ConfigFolder
from tidemark.aws import secrets
from tidemark.config.environment import Environment, load_environment
from tidemark.config.project import load_project
from tidemark.control import commits
from tidemark.control.approvals import Allowance, Asked, sign
from tidemark.control.runs import Run
from tidemark.control.state import open_state
from tidemark.errors import ConfigError
from tidemark.plans import store

ASKED = Asked("restore", "test", {"run": "r1", "leave": ""})
KEYS = {"ann": "a" * 40, "bob": "b" * 40}


def environment(home: Path, **approvals: Any) -> Environment:
    document = {"name": "test", "home": str(home), "exchange": str(home), "secrets": "env", "approvals": approvals}
    return Environment.model_validate(document)


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TIDEMARK_SECRET_KEYS", json.dumps(KEYS))
    monkeypatch.setattr(approval, "acting", lambda: "Ann")
    secrets.forget()
    yield
    secrets.forget()


def token(by: str, asked: Asked = ASKED) -> str:
    return sign(asked, by, KEYS[by], datetime.now(UTC).replace(tzinfo=None, microsecond=0) + timedelta(hours=1))


def answered(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Somebody writes this on the page of the flow run."""

    def paused(wait_for_input: Any, timeout: int) -> Approval:
        assert timeout > 0
        return Approval(approved_by=name)

    monkeypatch.setattr(approval, "pause_flow_run", paused)


def test_where_nobody_wants_it_nobody_is_asked(tmp_path: Path) -> None:
    assert approve(environment(tmp_path), ASKED).approved_by == ()


def test_two_tokens_are_enough(tmp_path: Path) -> None:
    found = approve(environment(tmp_path, restore=True, secret="keys"), ASKED, f"{token('ann')} {token('bob')}")
    assert (found.requested_by, found.approved_by) == ("Ann", ("ann", "bob"))


@pytest.mark.parametrize("tokens", [None, "", "one", "twice"])
def test_less_is_not(tmp_path: Path, tokens: str | None) -> None:
    given = {"one": token("bob"), "twice": f"{token('bob')} {token('bob')}"}.get(tokens or "", tokens)
    with pytest.raises(ConfigError, match="needs 2 people"):
        approve(environment(tmp_path, restore=True, secret="keys"), ASKED, given)


@pytest.mark.parametrize("name", ["ann", "ANN", " Ann "])
def test_on_the_page_nobody_approves_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    answered(monkeypatch, name)
    with pytest.raises(ConfigError, match="whoever asks for restore does not approve it"):
        approve(environment(tmp_path, restore=True), ASKED)


def test_on_the_page_somebody_else_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answered(monkeypatch, "bob")
    assert approve(environment(tmp_path, restore=True), ASKED).approved_by == ("bob",)
    answered(monkeypatch, "  ")
    with pytest.raises(ConfigError, match="approved by nobody"):
        approve(environment(tmp_path, restore=True), ASKED)


def test_in_a_deployment_the_second_token_may_come_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approval, "_is_deployed", lambda: True)
    where = environment(tmp_path, restore=True, secret="keys")
    answered(monkeypatch, token("bob"))
    assert approve(where, ASKED, token("ann")).approved_by == ("ann", "bob")
    answered(monkeypatch, token("ann"))
    with pytest.raises(ConfigError, match="needs 2 people"):
        approve(where, ASKED, token("ann"))
    answered(monkeypatch, "bob")  # a name is no signature
    with pytest.raises(ConfigError, match="no approval"):
        approve(where, ASKED, token("ann"))


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration whose environment wants two people for everything."""
    monkeypatch.setenv("FOLDER_HOME", str(tmp_path / "home"))
    folder = ConfigFolder(tmp_path / "config").root
    wanted = "{restore: true, erase: true, apply: true, bypass: true, backfill_days: 3, secret: keys}"
    with (folder / "env" / "local.yaml").open("a") as file:
        file.write(f"secrets: env\napprovals: {wanted}\n")
    return folder


@pytest.mark.parametrize(
    ("flow", "parameters"),
    [
        (restore, {"run": "r1"}),
        (erase, {"erasure": "0123456789abcdef"}),
        (backfill, {"start": date(2025, 1, 1), "end": date(2025, 1, 4), "confirmed": True}),
        (backfill, {"start": date(2025, 1, 1), "end": date(2025, 1, 1), "confirmed": True, "allow": ["empty"]}),
        (daily, {"select": ["bronze.people"], "allow": ["deleted"]}),
        (ingest, {"select": ["bronze.people"], "allow": ["rejected"]}),
        (build_layer, {"select": ["silver.person_versions"], "allow": ["empty"]}),
        (daily, {"since": datetime(2025, 1, 1)}),
        (ingest, {"full_refresh": True}),
    ],
)
def test_flows_do_nothing_without_a_second_person(config: Path, tmp_path: Path, flow: Any, parameters: Any) -> None:
    with pytest.raises(ConfigError, match="needs 2 people in local"):
        flow.fn(**parameters, env="local", config=str(config))
    assert not (tmp_path / "home" / "lake").exists()
    assert not (tmp_path / "home" / "runs").exists()


def test_a_plan_is_not_applied_without_a_second_person(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = store.Plan("0198f3c2", "open", date(2025, 1, 1), datetime(2099, 1, 1), {}, digest="d1")
    monkeypatch.setattr(store, "find", lambda state, name: plan)
    with pytest.raises(ConfigError, match="apply plan=0198f3c2 sha256=d1 needs 2 people"):
        apply.fn("0198f3c2", env="local", config=str(config))
    other = token("ann", Asked("apply", "local", {"plan": "0198f3c2", "sha256": "d0"}))
    with pytest.raises(ConfigError, match="is for something else"):
        apply.fn("0198f3c2", env="local", config=str(config), approvals=f"{other} {other}")


@pytest.mark.parametrize("told", [{"allows": ("empty",)}, {"days": 4}])
def test_a_plan_wants_whom_the_run_would_have_wanted(
    config: Path, monkeypatch: pytest.MonkeyPatch, told: dict[str, Any]
) -> None:
    file = config / "env" / "local.yaml"
    file.write_text(file.read_text().replace("apply: true", "apply: false"))
    plan = store.Plan("0198f3c2", "open", date(2025, 1, 1), datetime(2099, 1, 1), {}, digest="d1", **told)
    monkeypatch.setattr(store, "find", lambda state, name: plan)
    with pytest.raises(ConfigError, match="apply plan=0198f3c2 sha256=d1 needs 2 people"):
        apply.fn("0198f3c2", env="local", config=str(config))


def test_what_was_committed_is_not_taken_back_by_one(config: Path) -> None:
    run = Run.start(date(2025, 1, 1))
    commits.begin(open_state(load_environment(config, "local")), run, "daily", {"silver.person_versions": "b1"})
    with pytest.raises(ConfigError, match=f"restore over_others=yes undo={run.run_id} needs 2 people"):
        recover.fn(env="local", config=str(config), undo=True, over_others=True)


def allowed(config: Path, *tokens: str, **given: Any) -> Allowance:
    told = {"day": date(2025, 1, 10), "allow": ["deleted"], "select": ["bronze.people"]} | given
    return allowance("daily", "local", str(config), " ".join(tokens), **told)


def test_two_people_let_a_limit_pass_in_just_that_run(config: Path) -> None:
    what = {"flow": "daily", "allow": "deleted", "select": "bronze.people", "date": "2025-01-10"}
    tokens = [token(each, Asked("bypass", "local", what)) for each in ("ann", "bob")]
    found = allowed(config, *tokens)
    assert found.limits == {"deleted"}
    assert found.approved is not None
    assert (found.approved.requested_by, found.approved.approved_by) == ("Ann", ("ann", "bob"))
    others: list[dict[str, Any]] = [
        {"allow": ["deleted", "empty"]},
        {"select": ["silver.person_versions"]},
        {"day": date(2025, 1, 11)},
        {"since": datetime(2025, 1, 9)},
        {"full_refresh": True},
        {"connection": "crm"},
    ]
    for other in others:
        with pytest.raises(ConfigError, match="is for something else"):
            allowed(config, *tokens, **other)


def test_a_limit_that_one_may_let_pass_is_kept_with_who_did(config: Path) -> None:
    file = config / "env" / "local.yaml"
    file.write_text(file.read_text().replace("bypass: true", "bypass: false"))
    found = allowed(config)
    assert found.asked is not None
    assert found.asked.what["allow"] == "deleted"
    assert found.approved is not None
    assert (found.approved.requested_by, found.approved.approved_by) == ("Ann", ())


def test_a_few_days_again_are_ones_own(config: Path) -> None:
    assert allowed(config, allow=None, since=datetime(2025, 1, 8)) == Allowance()
    with pytest.raises(ConfigError, match="backfill date=2025-01-10 flow=daily"):
        allowed(config, allow=None, since=datetime(2025, 1, 7, 23))


def test_what_reads_no_source_reads_no_day_again(config: Path) -> None:
    project, day = load_project(str(config), "local"), date(2025, 1, 10)
    assert days_again(project, ["silver.*"], day, None, full_refresh=True) == 0
    assert days_again(project, None, day, None, full_refresh=True) > 10_000
    assert days_again(project, None, day, datetime(2025, 1, 10, 5), full_refresh=False) == 1
    assert days_again(project, None, day, None, full_refresh=False) == 0
