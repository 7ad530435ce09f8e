"""`prefect.yaml` for one environment: its deployments, and what they refer to, under the environment's own names.

Their forms ask for what a person may choose. Environment and configuration are none of it: a deployment has its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName

from blocks.names import PREFIX, block_name, deployment_name, environment_tag, variable_name
from tidemark.errors import ConfigError

FILE = Path("prefect.yaml")
GIVEN = ("env", "config")
"""Parameters that a deployment has and no form asks for."""

_VARIABLE = re.compile(rf"(?<=prefect\.variables\.){PREFIX}_(\w+)")
_FROM_OUTSIDE = re.compile(r"\{\{\s*\$(\w+)\s*\}\}")
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


def variables_in(document: Mapping[str, Any]) -> frozenset[str]:
    """The variables of the process that `prefect deploy` fills in: `{{ $NAME }}`."""
    return frozenset(_FROM_OUTSIDE.findall(yaml.safe_dump(document, width=float("inf"))))


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


def form(schema: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The form of a deployment, made of its flow's parameters and those that it is deployed with.

    What may be left out is an empty field of its kind, not a choice between the kind and null; lists are empty. Of what
    no form asks for a run may have nothing but what its deployment has, and the API refuses anything else.
    """
    fields = {name: _field(told) for name, told in schema.get("properties", {}).items() if name not in GIVEN}
    required = [name for name in schema.get("required", ()) if name in fields]
    own = {f"^{name}$": {"const": parameters[name]} for name in GIVEN if name in parameters}
    return {**schema, "properties": fields, "required": required, "patternProperties": own}


def _field(told: Mapping[str, Any]) -> dict[str, Any]:
    kinds = [kind for kind in told.get("anyOf", ()) if kind.get("type") != "null"]
    if len(kinds) != 1:
        return dict(told)
    plain = {name: value for name, value in told.items() if name not in ("anyOf", "default")}
    default = {"default": told["default"]} if told.get("default") is not None else {}
    if not default and kinds[0].get("type") == "array":
        default = {"default": []}
    return {**kinds[0], **plain, **default}


def show_forms(document: Mapping[str, Any]) -> int:
    """Gives the deployments of a document, which are deployed, their forms; and says how many these are.

    `prefect deploy` knows only of all parameters of a flow.
    """
    names = [each["name"] for each in document["deployments"]]
    with get_client(sync_client=True) as client:
        wanted = DeploymentFilter(name=DeploymentFilterName(any_=names))
        found = client.read_deployments(deployment_filter=wanted)
        for each in found:
            shown = form(each.parameter_openapi_schema or {}, each.parameters)
            client.update_deployment(each.id, DeploymentUpdate(parameter_openapi_schema=shown))
    return len(found)
