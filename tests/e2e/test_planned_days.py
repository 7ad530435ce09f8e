"""The plan is the run: for days of the shop, what is predicted of every table and warehouse is what then happens."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import lifecycle
from sandbox.home import Endpoints
from tests.support.worlds.world import BUILT, World

pytestmark = pytest.mark.timeout(1800)

DAYS = 10
SCALE = 0.05


@pytest.fixture(scope="module")
def days() -> Iterator[list[dict[str, Any]]]:
    """Ten days of a small shop: each one planned, and then applied or run."""
    home = Path(tempfile.mkdtemp(prefix="tidemark-plan-"))  # as for `world`
    try:
        up = World(home, Endpoints({})).tidemark("sandbox", "up", "--scale", str(SCALE))
        assert up.returncode == 0, up.stderr[-4000:]
        environment = os.environ | {"TIDEMARK_HOME": str(home)} | lifecycle.up(home, scale=SCALE).variables()
        command = [sys.executable, "-m", "tests.support.worlds.planned_days", str(DAYS)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1500, check=False)
        assert done.returncode == 0, done.stderr[-4000:]
        yield json.loads(done.stdout.splitlines()[-1])
    finally:
        lifecycle.down(home)
        shutil.rmtree(home, ignore_errors=True)


def test_books_and_rejected_rows_are_those_that_were_predicted(days: list[dict[str, Any]]) -> None:
    assert len(days) == DAYS
    for day in days:
        assert day["happened"]["tables"] == day["predicted"]["tables"], day["day"]
        assert set(day["predicted"]["tables"]) >= set(BUILT)


def test_warehouses_get_the_rows_that_were_predicted(days: list[dict[str, Any]]) -> None:
    for day in days:
        assert day["predicted"]["published"], day["day"]
        assert day["happened"]["published"] == day["predicted"]["published"], day["day"]


def test_both_ways_to_run_a_planned_day_were_taken(days: list[dict[str, Any]]) -> None:
    assert [day["flow"] for day in days] == ["apply", "daily"] * (DAYS // 2)
