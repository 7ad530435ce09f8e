"""What deployments need in a Prefect server or Cloud workspace: variables, the work pool, limits of concurrency."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectNotFound
from prefect.variables import Variable

from blocks.changes import Change, compared
from blocks.names import PREFIX, limit_tag, variable_name
from blocks.pool_templates import differences, template
from tidemark.aws.settings import is_uri
from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from tidemark.config.environment import Environment, PrefectSettings, WorkPoolSettings

IMAGE_DIRECTORY = "/opt/tidemark/project"
"""Where an image has `config` and `prefect.yaml`."""

VARIABLE, WORK_POOL, LIMIT = "variable", "work pool", "limit"
PROCESS = "process"
_OF_ENVIRONMENT = "Runs of the Tidemark environment "


def set_up(environment: Environment, config: str, *, dry_run: bool = False) -> tuple[Change, ...]:
    """Creates or updates what the environment's deployments refer to; a second call changes nothing.

    One with `dry_run` never does. Raises `ConfigError` when the environment has no `prefect` section, a work pool of
    that name has another type or belongs to another environment, or flow runs could not find the configuration.
    """
    settings = environment.prefect
    if settings is None:
        raise ConfigError(
            f"the environment {environment.name} says nothing of Prefect",
            next_step=f"add prefect: {{api_url: …}} to env/{environment.name}.yaml",
        )
    for pool in settings.pools:
        _config_is_found_there(config, pool)
    with get_client(sync_client=True) as client:
        return (
            *(_work_pool(client, environment.name, pool, dry_run) for pool in settings.pools),
            *_variables(client, variables(environment.name, config, settings), dry_run),
            *_limits(client, environment.name, settings.limits, dry_run),
        )


def variables(name: str, config: str, settings: PrefectSettings) -> dict[str, Any]:
    """The Prefect variables that an environment's deployments read, by their names."""
    pool = settings.work_pool
    light = settings.light_pool or pool
    values = {
        "env": name,
        "config": config,
        "directory": _directory(pool),
        "work_pool": pool.name,
        "image": pool.image or "",
        "light_pool": light.name,
        "light_image": light.image or "",
        "light_directory": _directory(light),
        "scheduled": settings.scheduled,
        "timezone": settings.timezone,
    }
    return {variable_name(name, key): value for key, value in values.items()}


def _directory(pool: WorkPoolSettings) -> str:
    """Where flow runs of a work pool start."""
    return pool.directory or (str(Path.cwd()) if pool.type == PROCESS else IMAGE_DIRECTORY)


def _config_is_found_there(config: str, pool: WorkPoolSettings) -> None:
    """A flow run in a container finds the configuration of its image, or of S3, but no folder of this machine."""
    if pool.type == PROCESS or is_uri(config):
        return
    directory = PurePosixPath(pool.directory or IMAGE_DIRECTORY)
    if not (directory / config).is_relative_to(directory) or ".." in PurePosixPath(config).parts:
        raise ConfigError(
            f"the configuration {config} is a folder of this machine; flow runs of the work pool {pool.name} start in "
            f"{directory} of their image",
            next_step="name it as it is called there (--config config), or put it on S3 (--config s3://…)",
        )


def _work_pool(client: SyncPrefectClient, environment: str, wanted: WorkPoolSettings, dry_run: bool) -> Change:
    mark = f"{_OF_ENVIRONMENT}{environment}"
    try:
        there = client.read_work_pool(wanted.name)
    except ObjectNotFound:
        jobs = template(wanted.type, wanted.variables)
        if not dry_run:
            client.create_work_pool(
                WorkPoolCreate(name=wanted.name, type=wanted.type, base_job_template=jobs, description=mark)
            )
        return compared(WORK_POOL, wanted.name, None, {})
    if there.type != wanted.type:
        raise ConfigError(
            f"the work pool {wanted.name} is of the type {there.type}, not {wanted.type}; types cannot be changed",
            next_step="name another pool under prefect.work_pool, or delete that one",
        )
    owner = there.description or ""
    if owner.startswith(_OF_ENVIRONMENT) and owner != mark:
        raise ConfigError(
            f"the work pool {wanted.name} is that of the environment {owner.removeprefix(_OF_ENVIRONMENT)}: its "
            f"workers have that one's roles and networks, and are not for {environment}",
            next_step=f"name another pool under prefect.work_pool in env/{environment}.yaml",
        )
    jobs = template(wanted.type, wanted.variables, there.base_job_template)
    changed = tuple(differences(there.base_job_template, jobs))
    if changed and not dry_run:
        client.update_work_pool(wanted.name, WorkPoolUpdate(base_job_template=jobs))
    return Change(WORK_POOL, wanted.name, "updated" if changed else "unchanged", changed)


def _variables(client: SyncPrefectClient, wanted: Mapping[str, Any], dry_run: bool) -> Iterator[Change]:
    for name, value in wanted.items():
        there = client.read_variable_by_name(name)
        change = compared(VARIABLE, name, None if there is None else {"value": there.value}, {"value": value})
        if change.outcome != "unchanged" and not dry_run:
            Variable.set(name, value, tags=[PREFIX], overwrite=True)
        yield change


def _limits(client: SyncPrefectClient, environment: str, wanted: Mapping[str, int], dry_run: bool) -> Iterator[Change]:
    for name, slots in wanted.items():
        tag = limit_tag(environment, name)
        try:
            there: dict[str, Any] | None = {"limit": client.read_concurrency_limit_by_tag(tag).concurrency_limit}
        except ObjectNotFound:
            there = None
        change = compared(LIMIT, tag, there, {"limit": slots})
        if change.outcome != "unchanged" and not dry_run:
            client.create_concurrency_limit(tag, slots)  # in place of one that is there
        yield change
