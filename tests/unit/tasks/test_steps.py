"""The engine's steps as Prefect tasks: named after their table, tried again when the network failed, nothing stored."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import prefect.settings
import pytest
from prefect import Task, flow, task
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext

from tasks import steps
from tasks.steps import unseen
from tests.support.deployments.prefect_runs import task_runs
from tests.support.lakes.lake import Lake
from tidemark.config.environment import SPARK, Environment
from tidemark.engine import Engine
from tidemark.errors import ConfigError, TidemarkError

CRM = {"kind": "s3", "settings": {"uri": "s3a://crm"}}
PREFECT = {"api_url": "http://127.0.0.1:4200/api"}
TASKS = [value for value in vars(steps).values() if isinstance(value, Task)]


@pytest.fixture
def shop(lake: Lake) -> Lake:
    """A lake with one received table and one that is built from it."""
    source = {"connection": "shop", "object": "orders"}
    lake.table(
        "bronze.orders",
        "id int\nqty int {logicalTypeOptions: {minimum: 1}}",
        {"source": source, "write": {"mode": "append", "keys": ["id"]}},
        keys=["id"],
    )
    lake.table(
        "silver.orders",
        "id int\nqty int",
        {"inputs": {"bronze.orders": {"on": ["id"]}}, "write": {"mode": "upsert", "keys": ["id"]}},
        keys=["id"],
        sql="SELECT id, qty FROM bronze.orders",
    )
    lake.load("bronze.orders", lake.frame("id int, qty int", [(1, 2), (2, 3), (3, 0)]))
    return lake


@pytest.mark.parametrize("each", TASKS, ids=lambda each: each.name)
def test_no_task_stores_what_it_gives(each: Task[Any, Any]) -> None:
    assert each.cache_policy is NO_CACHE
    assert each.persist_result is False
    assert each.log_prints is False


def test_tasks_count_towards_the_limits_of_their_own_environment(tmp_path: Path) -> None:
    where = {"home": str(tmp_path), "exchange": str(tmp_path), "connections": {"crm": CRM}}
    dev, prod = (
        Environment.model_validate(where | {"name": name, "prefect": PREFECT | {"limits": {SPARK: 2, "crm": 1}}})
        for name in ("dev", "prod")
    )
    assert steps.on_spark(prod, steps.commit).tags == {"tidemark.prod.spark"}
    assert steps.at(dev, "crm", steps.extract).tags == {"tidemark.dev.system.crm"}
    assert steps.commit.tags == set(), "what one run counts is not left to the next"


def test_tasks_that_no_limit_counts_ask_the_server_for_no_slot(tmp_path: Path) -> None:
    environment = Environment.model_validate({"name": "dev", "home": str(tmp_path), "exchange": str(tmp_path)})
    assert not steps.on_spark(environment, steps.commit).tags | steps.at(environment, "crm", steps.extract).tags


@pytest.mark.parametrize("each", TASKS, ids=lambda each: each.name)
def test_every_task_names_its_table_and_waits_differently_each_time(each: Task[Any, Any]) -> None:
    assert "{table}" in str(each.task_run_name)
    assert not each.tags, "for each tag a task asks the server for a slot"
    assert each.retries > 0
    assert each.retry_jitter_factor
    assert each.retry_condition_fn is not None


@pytest.mark.usefixtures("prefect_server")
def test_a_table_is_built_through_tasks(shop: Lake) -> None:
    engine = shop.engine()
    seen: dict[str, Any] = {}

    @flow(persist_result=False)
    def build_one() -> None:
        context = FlowRunContext.get()
        assert context is not None
        assert context.flow_run is not None
        seen["flow_run"] = context.flow_run.id
        checked = steps.build(unseen(engine), "silver.orders")
        prepared = steps.prepare(unseen(engine), "silver.orders", unseen(checked))
        seen["prepared"] = prepared
        seen["errors"] = steps.write_errors(unseen(engine), "silver.orders", unseen(checked), unseen(prepared))
        seen["gate"] = steps.gate(unseen(engine), "silver.orders")
        seen["committed"] = steps.commit(unseen(engine), "silver.orders", unseen(prepared))

    build_one()

    assert seen["gate"].passed
    assert seen["committed"].changed
    assert shop.read("silver.orders") == [(1, 2), (2, 3)]
    assert seen["prepared"].books.inserted == 2
    runs = task_runs(seen["flow_run"], at_least=5)
    assert {run.name for run in runs} == {
        f"{step} silver.orders" for step in ("build", "prepare", "write errors", "gate", "commit")
    }
    assert all(not run.task_inputs.get("checked") for run in runs)
    storage = Path(prefect.settings.PREFECT_LOCAL_STORAGE_PATH.value())
    assert not [path for path in storage.rglob("*") if path.is_file() and b"silver.orders" in path.read_bytes()]


def attempts(shop: Lake, failure: Exception) -> tuple[int, TidemarkError]:
    """How often a connection that fails is asked for by one extract, and what the extract raises."""
    asked: list[str] = []

    def connect(name: str) -> NoReturn:
        asked.append(name)
        raise failure

    engine: Engine = replace(shop.engine(), connect=connect)

    @flow(persist_result=False)
    def extract_one() -> None:
        steps.extract.with_options(retry_delay_seconds=0)(unseen(engine), "bronze.orders")

    with pytest.raises(TidemarkError) as raised:
        extract_one()
    return len(asked), raised.value


@pytest.mark.usefixtures("prefect_server")
def test_a_source_that_is_down_is_tried_again(shop: Lake) -> None:
    asked, error = attempts(shop, ConnectionRefusedError("connection refused"))
    assert asked == steps.extract.retries + 1
    assert (error.table, error.step) == ("bronze.orders", "extract")
    assert "connection refused" in str(error)


@pytest.mark.usefixtures("prefect_server")
def test_a_missing_secret_is_not_tried_again(shop: Lake) -> None:
    asked, error = attempts(shop, ConfigError("there is no secret tidemark/crm", next_step="create it"))
    assert asked == 1
    assert (type(error), error.exit_code, error.step) == (ConfigError, 2, "extract")


@pytest.mark.usefixtures("prefect_server")
def test_prefect_does_not_look_into_what_is_unseen() -> None:
    class Closed(dict[str, str]):
        def items(self) -> NoReturn:
            raise AssertionError("somebody looked")

    given = Closed(a=json.dumps({"b": 1}))
    received: list[object] = []

    @task(**steps.NOTHING_STORED)
    def probe(value: object) -> None:
        received.append(value)

    @flow(persist_result=False)
    def hand_over() -> None:
        probe(unseen(given))

    hand_over()
    assert received[0] is given
