"""On a cluster of two workers, as the driver of a job on EMR Serverless, the daily run makes the laptop's lake."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from blocks.emr_serverless import driver
from flows.daily import daily
from sandbox.ledger import BRONZE_TABLES
from sandbox.services.cloud.emr_jobs import MASTER
from sandbox.services.spark_cluster import cluster
from tests.support.deployments.emr import application, emulator, run_flow
from tests.support.deployments.places import beside, config_for_jobs, rejects, unlike
from tests.support.worlds.world import BUILT, DAYS, World
from tidemark.spark.jars import jar_folder, locked_jars
from tidemark.spark.logstore import jar_name

pytestmark = pytest.mark.timeout(1800)


def test_the_lake_is_that_of_the_laptop_row_for_row(
    spark: SparkSession, laptop: World, homes: Path, prefect: None
) -> None:
    there = beside(laptop, homes / "cluster")
    names = [*(jar.file_name for jar in locked_jars()), jar_name()]
    jars = [f"local://{jar_folder() / name}" for name in names]
    with (
        cluster(homes / "workers") as master,
        emulator(homes / "emr", **{MASTER: master, "SPARK_LOCAL_IP": "127.0.0.1"}) as address,
    ):
        emr = application(homes / "emr", address)
        variables = emr.variables(
            "",
            entry_point=f"local://{driver.__file__}",
            jars=jars,
            driver_memory_gb=3,
            max_executors=2,
            env={"TIDEMARK_HOME": str(there.home)},
        )
        own = {"env": "local", "config": str(config_for_jobs(there.home, emr.pool))}
        run = run_flow(emr, daily, variables, {"date": DAYS[30]}, own, seconds=1200)

    assert run.state is not None
    assert run.state.is_completed(), run.state.message
    bronze = list(BRONZE_TABLES.values())
    assert unlike(spark, laptop, there, [*bronze, *BUILT]) == {}
    assert rejects(there, bronze) == rejects(laptop, bronze)
    assert rejects(laptop, bronze)
