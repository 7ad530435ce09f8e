"""Flow runs are told apart by their names."""

from __future__ import annotations

import datetime as dt

import pytest
from prefect import flow
from prefect.runtime import flow_run

from flows.run_names import dated


@flow(flow_run_name=dated("build {layer}"), persist_result=False)
def named(env: str = "local", layer: str = "gold", date: dt.date | None = None, connection: str | None = None) -> str:
    return str(flow_run.name)


def test_a_name_tells_what_which_system_day_and_where(prefect_server: str) -> None:
    assert named(env="prod", date=dt.date(2025, 3, 4), connection="crm") == "build gold crm 2025-03-04 prod"


def test_a_run_without_a_date_is_one_of_today(prefect_server: str) -> None:
    before = dt.datetime.now(dt.UTC).date()
    name = named(layer="silver")
    assert name in {f"build silver {day} local" for day in (before, dt.datetime.now(dt.UTC).date())}


@pytest.mark.parametrize("name", ["daily", "ingest", "build_layer", "publish", "plan", "quality_gate"])
def test_flows_of_a_day_are_named_by_it(name: str) -> None:
    module = __import__(f"flows.{name}", fromlist=[name])
    assert callable(getattr(module, name).flow_run_name)
