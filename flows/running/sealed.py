"""An environment is sealed: a deployment runs for its own, whatever a form, a parameter or an older server says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectNotFound

from blocks.names import deployment_name
from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import DeploymentResponse

    from tidemark.config.environment import Environment


def refuse_other_environments(environment: Environment, config: str) -> None:
    """Raises `ConfigError` where the flow run is that of a deployment of another environment, or of a worker's.

    The name of a deployment says whose it is, which no form changes. What it runs with is its own configuration: that
    of a run may name the same environment and mean other systems.
    """
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or run.deployment_id is None:
        return
    crossing = _crossing(environment, config, run, _deployment(run))
    if crossing:
        raise ConfigError(
            f"this run would work on the environment {environment.name} from outside; nothing was read or written",
            seen=[crossing],
            next_step=f"run a deployment that tidemark prefect deploy --env {environment.name} has made, with env and "
            "config as they are there; delete those that no environment has made",
        )


def _crossing(environment: Environment, config: str, run: FlowRun, deployment: DeploymentResponse) -> str | None:
    own = deployment.parameters
    if deployment.name != deployment_name(environment.name, deployment.name.rpartition(".")[0]):
        return f"the deployment {deployment.name} is none of {environment.name}: those are called after it"
    if own.get("env") != environment.name:
        return f"the deployment {deployment.name} has the parameter env={own.get('env')}"
    if own.get("config") != config:
        return f"the deployment {deployment.name} has the configuration {own.get('config')}, and the run {config}"
    pools = [pool.name for pool in environment.prefect.pools] if environment.prefect else []
    if run.work_pool_name not in pools:
        named = " and ".join(pools) or "none"
        return f"a worker of the work pool {run.work_pool_name} runs it, and env/{environment.name}.yaml names {named}"
    return None


def _deployment(run: FlowRun) -> DeploymentResponse:
    with get_client(sync_client=True) as client:
        try:
            return client.read_deployment(str(run.deployment_id))
        except ObjectNotFound:
            raise ConfigError(
                "the deployment of this run is gone, and with it what says which environment it is for",
                next_step="run one that is there",
            ) from None
