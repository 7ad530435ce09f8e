"""What an environment's file gives Spark fits into the smallest container that its deployments run in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidemark.config.environment import load_environment

BESIDE_SPARK_GB = 3
"""What docs/deploy.md leaves to Python and the JVM's own needs."""


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_the_drivers_memory_fits_the_smallest_task(name: str) -> None:
    environment = load_environment(Path("config"), name)
    assert environment.prefect is not None
    wanted = environment.compute.conf.get("spark.driver.memory")
    if environment.prefect.work_pool.type != "ecs":
        assert wanted is None, "the job of EMR Serverless says it, by its size"
        return
    assert wanted is not None
    smallest = min(size.memory_gb for size in environment.compute.sizes.values() if size.memory_gb)
    assert int(wanted.removesuffix("g")) + BESIDE_SPARK_GB <= smallest
