"""What the things of an environment are called in Prefect.

Each name carries the environment's, so that several environments can share a server: what one of them registers,
deploys or leaves behind is never found by another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidemark.config.environment import SPARK

if TYPE_CHECKING:
    from tidemark.config.environment import ConnectionSpec, Environment

PREFIX = "tidemark"


def environment_tag(environment: str) -> str:
    """The tag of every deployment of an environment, and of their runs: `tidemark.prod`."""
    return f"{PREFIX}.{environment}"


def limit_tag(environment: str, name: str) -> str:
    """The tag of a limit in an environment's file: `tidemark.prod.spark`, or `tidemark.prod.system.<connection>`.

    Tasks with the tag count towards the limit, over all runs.
    """
    return f"{environment_tag(environment)}.{SPARK if name == SPARK else f'system.{name}'}"


def variable_name(environment: str, name: str) -> str:
    """A Prefect variable: `tidemark_prod_work_pool`."""
    return f"{PREFIX}_{environment}_{name}"


def deployment_name(environment: str, name: str) -> str:
    """A deployment: `daily.prod`. No environment's name has a dot: what follows the last one is the environment."""
    return f"{name}.{environment}"


def block_name(environment: str, name: str) -> str:
    """A block: `tidemark-prod-snowflake`. Prefect takes letters, digits and dashes."""
    return f"{PREFIX}-{environment}-{name}".replace("_", "-")


def connection_block(environment: Environment, name: str, spec: ConnectionSpec) -> str:
    """The block of a connection: the one that the environment's file names, else the usual one."""
    return spec.block or block_name(environment.name, name)


def alert_blocks(environment: Environment) -> tuple[str, ...]:
    """The blocks of an environment's alert channels, in the order of its file."""
    return tuple(
        block_name(environment.name, f"alerts-{number}") for number, _ in enumerate(environment.alerts, start=1)
    )
