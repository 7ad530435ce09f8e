"""Prefect block of a compute profile: a size, in the words of the work pools that know sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.blocks.core import Block
from pydantic import Field

if TYPE_CHECKING:
    from tidemark.config.environment import SizeSpec

_UNITS_OF_A_CORE = 1024
_MIB = 1024
_WITH_OVERHEAD = 1.1  # Spark adds a tenth to the memory that a driver is given


class ComputeProfile(Block):
    """A size that deployments name in `prefect.yaml`; a process work pool has no use for it."""

    _block_type_name = "Tidemark Compute Profile"
    _block_type_slug = "tidemark-compute-profile"

    environment: str = Field(description="Environment whose file says the rest.")
    family: str | None = Field(
        default=None,
        description="ECS: family of the task definitions. Of one that is shared by two sizes each run would register a "
        "revision of its own.",
    )
    cpu: int | None = Field(default=None, description="ECS: CPU units; 1024 are one core.")
    memory: int | None = Field(default=None, description="ECS: memory in MiB.")
    ephemeral_storage: int | None = Field(default=None, description="ECS: disk of the container in GiB.")
    driver_cores: int | None = Field(default=None, description="EMR Serverless: vCPUs of the driver.")
    driver_memory_gb: int | None = Field(default=None, description="EMR Serverless: memory of the driver in GB.")
    driver_disk_gb: int | None = Field(default=None, description="EMR Serverless: disk of the driver in GB.")
    max_executors: int | None = Field(default=None, description="EMR Serverless: executors at most.")

    @classmethod
    def from_spec(cls, environment: str, name: str, size: SizeSpec) -> ComputeProfile:
        """The profile of a size in an environment's file, by the names of both."""
        return cls(
            environment=environment,
            family=f"tidemark-{environment}-{name}",
            cpu=size.cores and size.cores * _UNITS_OF_A_CORE,
            memory=size.memory_gb and size.memory_gb * _MIB,
            ephemeral_storage=size.disk_gb,
            driver_cores=size.cores,
            driver_memory_gb=size.memory_gb and int(size.memory_gb / _WITH_OVERHEAD),
            driver_disk_gb=size.disk_gb,
            max_executors=size.executors,
        )
