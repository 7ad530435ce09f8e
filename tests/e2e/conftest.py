"""The main job runs once for all end-to-end tests; it takes minutes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import lifecycle
from sandbox.home import Endpoints
from tests.support.worlds.world import DAYS, EVENTS, SCALE, Poisoned, World

ROOT = Path(__file__).parents[2]


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


@pytest.fixture(scope="session")
def poisoned(world: World) -> Poisoned:
    """One day on, with prices a hundred times too high, run while Spark writes down its plans."""
    config = world.home / "config"
    shutil.copytree(ROOT / "config", config)
    local = config / "env" / "local.yaml"
    events = world.home / EVENTS
    events.mkdir()
    settings = {"enabled": "true", "dir": events.as_uri(), "rolling.enabled": "false", "compress": "false"}
    reporting = "  conf:\n" + "".join(f"    spark.eventLog.{name}: {value}\n" for name, value in settings.items())
    local.write_text(local.read_text("utf-8").replace("  conf:\n", reporting), encoding="utf-8")
    before, published = world.table_versions(), world.published_rows()
    day = lifecycle.advance(world.home, poison="unit_prices_times_100")
    answer = world.tidemark("run", "--date", day.isoformat(), "--config", str(config), "--json")
    return Poisoned(answer, before, world.table_versions(), published, world.published_rows())
