"""Automations as code: created, kept, changed; what they need is asked for by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.automations import Automation, Posture
from prefect.blocks.notifications import SlackWebhook
from prefect.client.orchestration import get_client
from prefect.settings import get_current_settings
from pydantic import SecretStr

from blocks.automations import HEARTBEAT_SECONDS, automations, set_up_automations
from flows.notify import notify
from tidemark.config.environment import Environment
from tidemark.errors import ConfigError

pytestmark = pytest.mark.usefixtures("prefect_server")
DEPLOYMENT = UUID(int=1)


def environment(tmp_path: Path, name: str = "test", **prefect: Any) -> Environment:
    document = {"name": name, "home": str(tmp_path), "exchange": str(tmp_path / "exchange")}
    return Environment.model_validate(document | {"prefect": {"api_url": "http://127.0.0.1:1/api"} | prefect})


def test_they_are_created_once_and_follow_changes(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the deployment notify/alert\.test, which tells of trouble, is not there"):
        set_up_automations(environment(tmp_path))
    with get_client(sync_client=True) as client:
        client.create_deployment(client.create_flow(notify), "alert.test")

    planned = set_up_automations(environment(tmp_path), dry_run=True)
    assert {change.outcome for change in planned} == {"created"}
    assert set_up_automations(environment(tmp_path)) == planned
    assert {change.outcome for change in set_up_automations(environment(tmp_path))} == {"unchanged"}

    with pytest.raises(ConfigError, match="there is no block slack-webhook/on-call"):
        set_up_automations(environment(tmp_path, notify="slack-webhook/on-call"))
    SlackWebhook(url=SecretStr("https://hooks.example/x")).save("on-call")
    changed = set_up_automations(environment(tmp_path, notify="slack-webhook/on-call"))
    assert [change.outcome for change in changed] == ["updated"] * 3 + ["unchanged"]


def test_whoever_is_on_call_may_pause_one(tmp_path: Path) -> None:
    with get_client(sync_client=True) as client:
        client.create_deployment(client.create_flow(notify), "alert.paused")
    name = set_up_automations(environment(tmp_path, "paused"))[0].name
    stored = Automation.read(name=name)
    assert isinstance(stored, Automation)
    stored.enabled = False
    stored.description = "changed by hand"
    stored.update()
    set_up_automations(environment(tmp_path, "paused"))
    mended = Automation.read(name=name)
    assert isinstance(mended, Automation)
    assert (mended.enabled, mended.description == "changed by hand") == (False, False)


def test_a_run_is_dead_after_several_heartbeats_that_did_not_come(tmp_path: Path) -> None:
    *told, dead = automations(environment(tmp_path), DEPLOYMENT, None)
    trigger: Any = dead.trigger
    assert trigger.posture is Posture.Proactive
    assert trigger.within.total_seconds() >= 3 * HEARTBEAT_SECONDS
    assert trigger.expect > {"prefect.flow-run.heartbeat", "prefect.flow-run.Completed", "prefect.flow-run.Failed"}
    assert get_current_settings().flows.heartbeat_frequency != HEARTBEAT_SECONDS, "then nobody needs to set it"
    triggers: list[Any] = [each.trigger for each in told]
    assert [event for each in triggers for event in sorted(each.expect)] == [
        "prefect.flow-run.Failed",
        "prefect.flow-run.TimedOut",
        "prefect.flow-run.Crashed",
        "prefect.flow-run.Late",
    ]
