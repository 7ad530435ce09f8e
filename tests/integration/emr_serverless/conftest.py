"""EMR Serverless on a Spark cluster of two workers: job runs are submitted with spark-submit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.services.cloud.emr_jobs import MASTER
from sandbox.services.spark_cluster import cluster
from tests.support.deployments.emr import Application, application, emulator


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the cluster."""
    with cluster(tmp_path_factory.mktemp("cluster")) as address:
        yield address


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory, master: str) -> Iterator[tuple[Path, str]]:
    """The folder of a stand-in whose job runs go to the cluster, and its address."""
    folder = tmp_path_factory.mktemp("emr")
    with emulator(folder, **{MASTER: master, "SPARK_LOCAL_IP": "127.0.0.1"}) as address:
        yield folder, address


@pytest.fixture
def make(stand_in: tuple[Path, str], prefect_server: str) -> Callable[..., Application]:
    """Makes an application, with the tags that are given."""
    return lambda **tags: application(*stand_in, **tags)
