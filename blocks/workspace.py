"""What deployments need in a Prefect server or Cloud workspace: variables, the work pool, limits of concurrency."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectNotFound
from prefect.variables import Variable
from prefect.workers.process import ProcessWorker

from blocks.changes import Change, compared
from blocks.emr_serverless import EMRServerlessWorker
from blocks.limits import PREFIX, limit_tag
from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from tidemark.config.environment import Environment, PrefectSettings

ECS_TEMPLATE = Path("infra/ecs/work-pool.json")
VARIABLE, WORK_POOL, LIMIT = "variable", "work pool", "limit"


def set_up(environment: Environment, config: str, *, dry_run: bool = False) -> tuple[Change, ...]:
    """Creates or updates what `prefect.yaml` refers to; a second call changes nothing, one with `dry_run` never does.

    Raises `ConfigError` when the environment has no `prefect` section, or a work pool of that name has another type.
    """
    settings = environment.prefect
    if settings is None:
        raise ConfigError(
            f"the environment {environment.name} says nothing of Prefect",
            next_step=f"add prefect: {{api_url: …}} to env/{environment.name}.yaml",
        )
    with get_client(sync_client=True) as client:
        return (
            _work_pool(client, settings, dry_run),
            *_variables(client, variables(environment.name, config, settings), dry_run),
            *_limits(client, settings.limits, dry_run),
        )


def variables(name: str, config: str, settings: PrefectSettings) -> dict[str, Any]:
    """The Prefect variables that `prefect.yaml` reads, by their names."""
    pool = settings.work_pool
    values = {
        "env": name,
        "config": config,
        "directory": pool.directory or str(Path.cwd()),
        "work_pool": pool.name,
        "image": pool.image or "",
        "scheduled": settings.scheduled,
        "timezone": settings.timezone,
    }
    return {f"{PREFIX}_{key}": value for key, value in values.items()}


def _work_pool(client: SyncPrefectClient, settings: PrefectSettings, dry_run: bool) -> Change:
    wanted = settings.work_pool
    try:
        there = client.read_work_pool(wanted.name)
    except ObjectNotFound:
        if not dry_run:
            template = _template(wanted.type)
            client.create_work_pool(WorkPoolCreate(name=wanted.name, type=wanted.type, base_job_template=template))
        return compared(WORK_POOL, wanted.name, None, {})
    if there.type != wanted.type:
        raise ConfigError(
            f"the work pool {wanted.name} is of the type {there.type}, not {wanted.type}; types cannot be changed",
            next_step="name another pool under prefect.work_pool, or delete that one",
        )
    return compared(WORK_POOL, wanted.name, {}, {})


def _template(kind: str) -> dict[str, Any]:
    """What the jobs of a new work pool are like; a worker of another type brings that of its pool along."""
    if kind == "process":
        return ProcessWorker.get_default_base_job_template()
    if kind == EMRServerlessWorker.type:
        return EMRServerlessWorker.get_default_base_job_template()
    if kind != "ecs":
        return {}
    try:
        template: dict[str, Any] = json.loads(ECS_TEMPLATE.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"the template of ECS jobs, {ECS_TEMPLATE}, is not here",
            next_step="set up from the folder of the checkout, in which prefect.yaml lies too",
        ) from None
    return template


def _variables(client: SyncPrefectClient, wanted: Mapping[str, Any], dry_run: bool) -> Iterator[Change]:
    for name, value in wanted.items():
        there = client.read_variable_by_name(name)
        change = compared(VARIABLE, name, None if there is None else {"value": there.value}, {"value": value})
        if change.outcome != "unchanged" and not dry_run:
            Variable.set(name, value, tags=[PREFIX], overwrite=True)
        yield change


def _limits(client: SyncPrefectClient, wanted: Mapping[str, int], dry_run: bool) -> Iterator[Change]:
    for name, slots in wanted.items():
        tag = limit_tag(name)
        try:
            there: dict[str, Any] | None = {"limit": client.read_concurrency_limit_by_tag(tag).concurrency_limit}
        except ObjectNotFound:
            there = None
        change = compared(LIMIT, tag, there, {"limit": slots})
        if change.outcome != "unchanged" and not dry_run:
            client.create_concurrency_limit(tag, slots)  # in place of one that is there
        yield change
