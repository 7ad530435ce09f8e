"""`prefect.yaml` for one environment: its deployments, and what they refer to, under the environment's own names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from blocks.names import PREFIX, block_name, deployment_name, environment_tag, variable_name
from tidemark.errors import ConfigError

FILE = Path("prefect.yaml")

_VARIABLE = re.compile(rf"(?<=prefect\.variables\.){PREFIX}_(\w+)")
_BLOCK = re.compile(rf"(?<=prefect\.blocks\.{PREFIX}-compute-profile\.){PREFIX}-(\w+)")


def deployments(environment: str, file: Path = FILE) -> dict[str, Any]:
    """What `prefect deploy` is given: the file with the environment in the names of deployments, variables and blocks.

    Everything that has the tag `tidemark` gets the environment's tag too, by which automations know its runs. Raises
    `ConfigError` where there is no file.
    """
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"{file}, which says what there is to deploy, is not here", next_step="deploy from the checkout's folder"
        ) from None
    document: dict[str, Any] = _named(yaml.safe_load(text), environment)
    return document | {"deployments": [_deployment(each, environment) for each in document["deployments"]]}


def _deployment(deployment: Mapping[str, Any], environment: str) -> dict[str, Any]:
    tags = list(deployment["tags"])
    own = [environment_tag(environment)] if PREFIX in tags else []
    return {**deployment, "name": deployment_name(environment, deployment["name"]), "tags": [*tags, *own]}


def _named(value: Any, environment: str) -> Any:
    """The value with the environment's names in all of its texts."""
    if isinstance(value, Mapping):
        return {key: _named(each, environment) for key, each in value.items()}
    if isinstance(value, list):
        return [_named(each, environment) for each in value]
    if not isinstance(value, str):
        return value
    named = _VARIABLE.sub(lambda found: variable_name(environment, found[1]), value)
    return _BLOCK.sub(lambda found: block_name(environment, found[1]), named)
