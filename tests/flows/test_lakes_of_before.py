"""The flows take over a lake that an earlier version has written: what died in it is ended, and then they go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from blocks.register import register_connections
from flows.daily import daily
from flows.replay import replay
from flows.restore import restore
from tests.fixtures.lakes import shop
from tests.flows.conftest import ENV, Pipeline
from tests.support.lakes.before import ARCHIVES, built, held, in_order, know, land, received, told, unpack
from tests.support.lakes.lake import Lake
from tidemark.config.environment import load_environment

SELECT = ["bronze.events", "silver.events", "gold.days"]  # other bronze tables have no source here
KINDS = (*shop.KINDS, "share", "rate")


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda path: path.name.removesuffix(".tar.gz"))
def test_a_run_a_replay_and_a_restore(archive: Path, spark: SparkSession, tmp_path: Path, prefect_server: str) -> None:
    pipeline, expected = taken_over(archive, spark, tmp_path), told(archive)
    land(tmp_path, 4)

    daily(**pipeline.where, date=shop.day(4), select=SELECT)
    assert (
        "died while it committed its 6 tables; that was finished" in pipeline.summaries()[-1]["warnings"][0]["message"]
    )
    assert selected(pipeline.lake) == expected_after(4, KINDS)
    others = [table for table in expected["r3"] if table not in SELECT]
    assert in_order(held(pipeline.lake, others)) == in_order({table: expected["r3"][table] for table in others})

    know(pipeline.lake, *KINDS, "mail")
    for new in (1, 0):
        replay(**pipeline.where, date=shop.day(4), select=["bronze.events"])
        assert pipeline.results()["bronze.events"]["books"]["inserted"] == new
    daily(**pipeline.where, date=shop.day(4), select=SELECT)
    assert selected(pipeline.lake) == expected_after(4, (*KINDS, "mail"))

    restore(**pipeline.where, date=shop.day(4), run="r1")
    first = expected["r1"]
    assert in_order(held(pipeline.lake, first)) == in_order(first)


def taken_over(archive: Path, spark: SparkSession, root: Path) -> Pipeline:
    unpack(archive, root)
    pipeline = Pipeline(Lake(spark, root))
    pipeline.lake.write(f"env/{ENV}.yaml", environment(root))
    register_connections(load_environment(root / "config", ENV))
    return pipeline


def environment(root: Path) -> dict[str, Any]:
    return {
        "name": ENV,
        "home": str(root / "home"),
        "exchange": str(root / "exchange"),
        "secrets": "env",
        "compute": {"master": "local[2]", "concurrency": 2},
        "connections": {"shop": {"kind": "files", "settings": {"uri": str(root / shop.LANDING)}}},
    }


def selected(lake: Lake) -> dict[str, Any]:
    return in_order(held(lake, SELECT))


def expected_after(days: int, kinds: tuple[str, ...]) -> dict[str, Any]:
    bronze = received(days, kinds)
    tables = bronze | built(bronze)
    return in_order({table: tables[table] for table in SELECT})
