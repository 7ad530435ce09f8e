"""Flow runs are told apart by their names."""

from __future__ import annotations

import datetime as dt
from importlib import import_module

import pytest
from prefect import flow
from prefect.runtime import flow_run

from flows.running.run_names import dated


@flow(flow_run_name=dated("build {layer}"), persist_result=False)
def named(env: str = "local", layer: str = "gold", date: dt.date | None = None, connection: str | None = None) -> str:
    return str(flow_run.name)


def test_a_name_tells_what_which_system_day_and_where(prefect_server: str) -> None:
    assert named(env="prod", date=dt.date(2025, 3, 4), connection="crm") == "build gold crm 2025-03-04 prod"


def test_a_run_without_a_date_is_one_of_today(prefect_server: str) -> None:
    before = dt.datetime.now(dt.UTC).date()
    name = named(layer="silver")
    assert name in {f"build silver {day} local" for day in (before, dt.datetime.now(dt.UTC).date())}


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("daily", "daily 2025-03-04 prod"),
        ("ingest", "ingest crm 2025-03-04 prod"),
        ("build_layer", "build gold 2025-03-04 prod"),
        ("publish", "publish snowflake 2025-03-04 prod"),
        ("plan", "plan 2025-03-04 prod"),
        ("quality_gate", "quality gate 2025-03-04 prod"),
    ],
)
def test_each_flow_says_what_it_is(monkeypatch: pytest.MonkeyPatch, module: str, name: str) -> None:
    of_some = {"ingest": {"connection": "crm"}, "build_layer": {"layer": "gold"}, "publish": {"target": "snowflake"}}
    given = {"env": "prod", "date": dt.date(2025, 3, 4)} | of_some.get(module, {})
    monkeypatch.setattr(flow_run, "parameters", given, raising=False)
    assert getattr(import_module(f"flows.{module}"), module).flow_run_name() == name
