"""The main job runs once for all end-to-end tests; it takes minutes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import lifecycle
from sandbox.home import Endpoints
from tests.support.world import DAYS, SCALE, World


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """The job on day 30, on day 31, and once more with nothing new.

    Not below pytest's own folder, which every test session makes private again: PostgreSQL runs as a user of its own.
    """
    home = Path(tempfile.mkdtemp(prefix="tidemark-e2e-"))
    started = World(home, Endpoints({}))
    try:
        up = started.tidemark("sandbox", "up", "--scale", str(SCALE))
        assert up.returncode == 0, up.stderr[-4000:]
        started.endpoints = lifecycle.up(home, scale=SCALE)
        started.run("day 30", DAYS[30])
        lifecycle.advance(home)
        started.run("day 31", DAYS[31])
        started.run("again", DAYS[31])
        yield started
    finally:
        lifecycle.down(home)
        shutil.rmtree(home, ignore_errors=True)
