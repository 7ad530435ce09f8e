"""The drill: the shop's lake is exported and destroyed, restored elsewhere, and the next day comes out as it should."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import lifecycle
from sandbox.home import Endpoints
from tests.support.lakes.elsewhere import rows_at
from tests.support.worlds.world import DAYS, SCALE, World, ledger

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.timeout(2400)


@dataclass
class Drill:
    """What there was, what came back, and how long it took: a world whose lake is gone, and the one in its place."""

    lost: World
    found: World
    rows: dict[str, list[str]]
    tables: dict[str, Any]
    seconds: dict[str, float]


def rows(world: World, versions: dict[str, int]) -> dict[str, list[str]]:
    """All rows with all of their columns, read by delta-rs."""
    return {table: rows_at(str(world.path(table)), version) for table, version in versions.items()}


def told(world: World, *words: str) -> Any:
    answer = world.tidemark(*words, "--json")
    assert answer.returncode == 0, answer.stderr[-4000:]
    return json.loads(answer.stdout)


@pytest.fixture(scope="module")
def drill() -> Iterator[Drill]:
    home = Path(tempfile.mkdtemp(prefix="tidemark-lost-"))
    other = Path(tempfile.mkdtemp(prefix="tidemark-found-"))
    lost, seconds = World(home, Endpoints({})), {}
    try:
        up = lost.tidemark("sandbox", "up", "--scale", str(SCALE))
        assert up.returncode == 0, up.stderr[-4000:]
        lost.endpoints = lifecycle.up(home, scale=SCALE)
        lost.run("day 30", DAYS[30])
        for name in ("first export", "export again"):
            began = time.monotonic()
            lost.note(name, "snapshot", "export")
            seconds[name] = time.monotonic() - began
        before = rows(lost, lost.versions["day 30"]), told(lost, "state", "show")["tables"]
        for gone in ("lake", "state", "runs", "logs"):
            shutil.rmtree(home / gone)
        found = World(other, lost.endpoints)
        (other / "sandbox").symlink_to(home / "sandbox")
        place = ("--from", str(home / "snapshots"))
        for name, words in {"verify": ("verify", *place), "restore": ("restore", *place, "--yes")}.items():
            began = time.monotonic()
            told(found, "snapshot", *words)
            seconds[name] = time.monotonic() - began
        print("seconds", json.dumps(seconds), json.dumps(lost.summaries["first export"]["snapshot"]))
        yield Drill(lost, found, *before, seconds)
    finally:
        lifecycle.down(home)
        shutil.rmtree(home, ignore_errors=True)
        shutil.rmtree(other, ignore_errors=True)


def test_every_table_and_every_watermark_is_as_it_was(drill: Drill) -> None:
    assert rows(drill.found, drill.lost.versions["day 30"]) == drill.rows
    assert told(drill.found, "state", "show")["tables"] == drill.tables
    assert drill.lost.summaries["export again"]["snapshot"]["copied"] < 10, "the reports of the runs since, at most"


def test_the_next_day_loses_and_doubles_nothing(spark: SparkSession, drill: Drill) -> None:
    lifecycle.advance(drill.lost.home)
    drill.found.run("day 31", DAYS[31])

    assert drill.found.tables_unlike(ledger(31), spark, "day 31") == {}
    assert drill.found.published_unlike(ledger(31), "day 31") == {}
    assert drill.found.summaries["day 31"]["release"] == "r2"
