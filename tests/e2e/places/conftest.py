"""One shop, and the lake that the laptop's Spark makes of its 30th day; other places have to come to the same."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from sandbox import lifecycle
from sandbox.home import Endpoints
from tests.support.deployments.image import Image, built
from tests.support.worlds.world import DAYS, SCALE, World


@pytest.fixture(scope="session")
def homes() -> Iterator[Path]:
    """A folder for homes. Not below pytest's own, which other users may not enter."""
    folder = Path(tempfile.mkdtemp(prefix="tidemark-places-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def laptop(homes: Path) -> Iterator[World]:
    """The shop's home, with the lake of local[*]."""
    world = World(homes / "laptop", Endpoints({}))
    try:
        up = world.tidemark("sandbox", "up", "--scale", str(SCALE))
        assert up.returncode == 0, up.stderr[-4000:]
        world.endpoints = lifecycle.up(world.home, scale=SCALE)
        world.run("day 30", DAYS[30])
        yield world
    finally:
        lifecycle.down(world.home)


@pytest.fixture
def prefect(laptop: World) -> Iterator[None]:
    """The shop's Prefect server is the one that workers and tests ask."""
    with temporary_settings({PREFECT_API_URL: f"{laptop.endpoints.url('prefect')}/api"}):
        yield


@pytest.fixture(scope="session")
def image() -> Iterator[Image]:
    """The image of this checkout."""
    with built() as image:
        yield image
