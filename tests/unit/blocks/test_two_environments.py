"""Two environments on one Prefect server: side by side, and no way from one into the other's systems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.automations import EventTrigger
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow_sync
from prefect.variables import Variable

from blocks.automations import automations
from blocks.deployments import deployments, variables_in
from blocks.logins.connections import SnowflakeConnection
from blocks.register import alert_channels, connect, register
from blocks.workspace import set_up
from flows.notify import notify
from tidemark.config.environment import Environment, load_environment
from tidemark.control import sealing
from tidemark.control.state import open_state
from tidemark.errors import ConfigError

DEV, PROD = "twodev", "twoprod"
BOTH = (DEV, PROD)


def document(root: Path, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "home": str(root / name),
        "exchange": str(root / name / "exchange"),
        "secrets": "env",
        "alerts": [{"channel": "log"}],
        "prefect": {
            "api_url": "http://127.0.0.1:1/api",
            "work_pool": {"name": f"pool-{name}", "type": "process"},
            "limits": {"spark": 1, "shop": 2},
        },
        "connections": {
            "shop": {
                "kind": "snowflake",
                "secret": f"tidemark/{name}/shop",
                "settings": {"account": f"acme-{name}", "database": "SHOP", "role": "LOADER"},
            }
        },
    }


def written(root: Path, name: str, **changes: Any) -> Environment:
    path = root / "config" / "env" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document(root, name) | changes), encoding="utf-8")
    return load_environment(root / "config", name)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("environments")


@pytest.fixture(scope="module")
def both(root: Path, prefect_server: str) -> Iterator[Mapping[str, Environment]]:
    """Set up and registered, one after the other, as `tidemark prefect setup` does."""
    found = {name: written(root, name) for name in BOTH}
    with pytest.MonkeyPatch.context() as patch:
        for name, environment in found.items():
            patch.setenv(f"TIDEMARK_SECRET_TIDEMARK_{name.upper()}_SHOP", f'{{"user": "{name}"}}')
            set_up(environment, str(root / "config"))
            register(environment)
        yield found


def deployed(environment: Environment, config: Path, name: str | None = None, **other: Any) -> Any:
    """The environment's deployment `alert`, with what somebody may have made of it."""
    own = {"env": environment.name, "config": str(config)}
    pool = environment.prefect.work_pool.name if environment.prefect else ""
    given = {"parameters": own, "work_pool_name": pool} | other
    with get_client(sync_client=True) as client:
        return client.create_deployment(client.create_flow(notify), name or f"alert.{environment.name}", **given)


def run(deployment: Any, **asked: Any) -> Any:
    """What a worker runs when a person has filled in the deployment's form."""
    with get_client(sync_client=True) as client:
        asked_for = client.create_flow_run_from_deployment(deployment, parameters={"message": "late"} | asked)
    return run_flow_sync(notify, flow_run=asked_for, parameters=asked_for.parameters, return_type="result")


def test_what_both_have_stands_side_by_side(both: Mapping[str, Environment], root: Path) -> None:
    for name, environment in both.items():
        assert {change.outcome for change in (*set_up(environment, str(root / "config")), *register(environment))} == {
            "unchanged"
        }
        value = connect(environment, "shop")
        assert (value.settings["account"], dict(value.secret)) == (f"acme-{name}", {"user": name})
        assert alert_channels(environment) == environment.alerts
        assert Variable.get(f"tidemark_{name}_env") == name
        assert run(deployed(environment, root / "config")) == 1
    names = [{each["name"] for each in deployments(name)["deployments"]} for name in BOTH]
    assert names[0].isdisjoint(names[1])


def test_automations_look_at_the_runs_of_their_own_environment(both: Mapping[str, Environment]) -> None:
    for name, environment in both.items():
        for automation in automations(environment, deployment=deployed(environment, Path("config")), notification=None):
            assert isinstance(automation.trigger, EventTrigger)
            related = automation.trigger.model_dump(mode="json")["match_related"]
            tags = [each["prefect.resource.id"] for each in (related if isinstance(related, list) else [related])
                    if each.get("prefect.resource.role") == "tag"]  # fmt: skip
            assert tags == [f"prefect.tag.tidemark.{name}"]


@pytest.mark.parametrize("target", BOTH)
def test_a_form_that_names_another_environment_is_refused(
    both: Mapping[str, Environment], root: Path, tmp_path: Path, target: str
) -> None:
    other = DEV if target == PROD else PROD
    own = deployed(both[other], root / "config")
    with pytest.raises(ConfigError, match=f"would work on the environment {target} from outside"):
        run(own, env=target)
    written(tmp_path, other, connections=document(root, target)["connections"])
    with pytest.raises(ConfigError, match="would work on") as raised:
        run(own, config=str(tmp_path / "config"))
    assert str(tmp_path) in str(raised.value.seen)
    assert run(own) == 1


@pytest.mark.parametrize(
    ("name", "other", "seen"),
    [
        ("alert", {}, "the deployment alert is none of twoprod"),
        ("alert.twodev", {}, "the deployment alert.twodev is none of twoprod"),
        ("alert.twoprod", {"work_pool_name": "pool-twodev"}, "a worker of the work pool pool-twodev runs it"),
        ("alert.twoprod", {"parameters": {}}, "has the parameter env=None"),
    ],
)
def test_a_deployment_that_was_left_over_or_changed_is_refused(
    both: Mapping[str, Environment], root: Path, name: str, other: dict[str, Any], seen: str
) -> None:
    changed = deployed(both[PROD], root / "config", name, **other)
    with pytest.raises(ConfigError, match="from outside") as raised:
        run(changed, env=PROD, config=str(root / "config"))
    assert seen in str(raised.value.seen)


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ({"account": "acme-twodev"}, "account: the block has acme-twodev, the file acme-twoprod"),
        ({"database": "OTHER"}, "database: the block has OTHER, the file SHOP"),
        ({"secret": "tidemark/twodev/shop"}, "secret: the block has tidemark/twodev/shop"),
        ({"host": "127.0.0.1"}, "host: the block has 127.0.0.1, the file None"),
        ({"options": {"insecure": True}}, "options: the block has {'insecure': True}, the file {}"),
        ({"provider": ("aws",)}, "provider: the block has ['aws'], the file ['env']"),
    ],
)
def test_a_block_that_does_not_say_what_the_file_says_is_refused(
    both: Mapping[str, Environment], change: dict[str, Any], seen: str
) -> None:
    block = SnowflakeConnection.load(f"tidemark-{PROD}-shop")
    assert isinstance(block, SnowflakeConnection)
    block.model_copy(update=change).save(f"tidemark-{PROD}-shop", overwrite=True)
    with pytest.raises(ConfigError, match=f"is not what env/{PROD}.yaml says") as raised:
        connect(both[PROD], "shop")
    assert seen in str(raised.value.seen)
    assert connect(both[DEV], "shop").settings["account"] == "acme-twodev"
    assert f"tidemark blocks register --env {PROD}" in str(raised.value.next_step)
    register(both[PROD])
    assert connect(both[PROD], "shop").settings["account"] == "acme-twoprod"


def test_a_block_of_another_environment_is_neither_used_nor_written_over(
    both: Mapping[str, Environment], tmp_path: Path
) -> None:
    shop = document(tmp_path, DEV)["connections"]["shop"] | {"block": f"tidemark-{PROD}-shop"}
    crossing = written(tmp_path, DEV, connections={"shop": shop})
    for attempt in (lambda: connect(crossing, "shop"), lambda: register(crossing)):
        with pytest.raises(ConfigError, match=f"belongs to the environment {PROD}, not to {DEV}"):
            attempt()
    assert connect(both[PROD], "shop").settings["account"] == f"acme-{PROD}"


def test_a_work_pool_serves_one_environment(both: Mapping[str, Environment], tmp_path: Path) -> None:
    settings = document(tmp_path, DEV)["prefect"] | {"work_pool": {"name": f"pool-{PROD}", "type": "process"}}
    with pytest.raises(ConfigError, match=f"the work pool pool-{PROD} is that of the environment {PROD}"):
        set_up(written(tmp_path, DEV, prefect=settings), "config")


def test_a_control_store_and_a_lake_serve_one_environment(tmp_path: Path) -> None:
    prod = written(tmp_path, PROD)
    open_state(prod).put("lease", "gold.a", {"run_id": "x"})
    sealing.claim_lake(prod)
    state = {"kind": "sqlite", "location": prod.state.location}
    with pytest.raises(ConfigError, match=f"control store .* belongs to the environment {PROD}, not to {DEV}"):
        open_state(written(tmp_path, DEV, state=state))
    with pytest.raises(ConfigError, match=f"the lake .* belongs to the environment {PROD}, not to {DEV}"):
        sealing.claim_lake(written(tmp_path, DEV, roots={"lake": prod.roots.lake}))
    sealing.claim_lake(prod)
    assert open_state(prod).get("lease", "gold.a") is not None


def test_the_variables_that_a_document_is_filled_with_are_found_in_it() -> None:
    job = {"image": "{{ $REGISTRY }}/tidemark:{{$TAG}}", "command": "echo $HOME {{ sha }}"}
    assert variables_in({"deployments": [{"work_pool": {"job_variables": job}}]}) == {"REGISTRY", "TAG"}
