"""`prefect.yaml`, and the flows of its deployments."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from prefect import Flow

FILE: Mapping[str, Any] = yaml.safe_load((Path(__file__).parents[3] / "prefect.yaml").read_text("utf-8"))
DEPLOYMENTS: Mapping[str, Mapping[str, Any]] = {each["name"]: each for each in FILE["deployments"]}


def flow_of(deployment: Mapping[str, Any]) -> Flow[..., Any]:
    """The flow that a deployment runs."""
    module, _, name = str(deployment["entrypoint"]).rpartition(".")
    flow = getattr(import_module(module), name)
    assert isinstance(flow, Flow)
    return flow
