"""The jobs of work pools: what a type's template is in this version, with what a team has given it as defaults.

A pool is compared with it whenever it is set up, so that a new version's template reaches pools that are there. What
Tidemark itself gave a variable as its default is noted in the template: what a pool has instead came from people, and
stays.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from prefect.workers.process import ProcessWorker

from blocks import ecs
from blocks.changes import FieldChange
from blocks.emr_serverless import EMRServerlessWorker
from tidemark.errors import ConfigError, choose

NOTED = "x-tidemark-defaults"
"""Beside the variables: the defaults that Tidemark has given them, by its template or an environment's file."""


def template(kind: str, given: Mapping[str, Any], there: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The template of a type of work pools, with defaults that the environment has `given`.

    `there` is what the pool has now: defaults that people gave it in Prefect stay, where the environment gives none.
    Raises `ConfigError` when a default is given to a variable that there is not.
    """
    made = copy.deepcopy(_shipped(kind))
    properties: dict[str, dict[str, Any]] = made["variables"].setdefault("properties", {})
    unknown = [name for name in given if name not in properties]
    if unknown:
        raise ConfigError(
            f"prefect.work_pool.variables names {', '.join(unknown)}, which jobs of the type {kind} do not have",
            next_step=choose(unknown[0], properties),
        )
    for name, value in given.items():
        properties[name]["default"] = value
    ours = {name: entry["default"] for name, entry in properties.items() if entry.get("default") is not None}
    for name, value in _of_people(there, ours):
        if name in properties and name not in given:
            properties[name]["default"] = value
    made["variables"][NOTED] = ours
    return made


def differences(there: Mapping[str, Any], wanted: Mapping[str, Any], path: str = "template") -> Iterator[FieldChange]:
    """What a pool's template has otherwise than it should."""
    for name in sorted({*there, *wanted}):
        before, after = there.get(name), wanted.get(name)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from differences(before, after, f"{path}.{name}")
        elif before != after:
            yield FieldChange(f"{path}.{name}", _short(before), _short(after))


def _shipped(kind: str) -> dict[str, Any]:
    if kind == "ecs":
        return ecs.base_job_template()
    worker = EMRServerlessWorker if kind == EMRServerlessWorker.type else ProcessWorker
    return worker.get_default_base_job_template()


def _of_people(there: Mapping[str, Any] | None, ours: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Defaults of a pool that neither Tidemark nor an environment's file has given it.

    A pool that notes nothing was set up by an earlier version: what differs from ours there came from people.
    """
    variables = (there or {}).get("variables") or {}
    noted = variables.get(NOTED) or ours
    for name, entry in (variables.get("properties") or {}).items():
        default = entry.get("default")
        if default is not None and default != noted.get(name):
            yield name, default


def _short(value: Any) -> Any:
    return "{…}" if isinstance(value, Mapping) else value
