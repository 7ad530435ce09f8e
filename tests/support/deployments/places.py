"""Lakes of one shop that were computed in different places: each in a home of its own, beside the shop's."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.home import Home
from tests.support.worlds.truth import error_lane
from tests.support.worlds.world import World
from tidemark.spark.java import find_java

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).parents[3]
_JOBS_OWN = re.compile(r"^  (profile|credentials_file): .*\n", re.MULTILINE)
WHEN = {"_ingest_ts": [], "_source_order": [], "received_at": ["_row_hash"]}
"""Columns that say when a row was asked for or loaded, with those that are computed of them."""


def beside(shop: World, home: Path) -> World:
    """A new home on the same stand-ins, which another user may write to."""
    there = Home(home).folder
    there.mkdir(parents=True)
    for file in (Home(shop.home).endpoints, Home(shop.home).aws_credentials):
        shutil.copy(file, there)
        (there / file.name).chmod(0o644)
    for folder in (home, there):
        folder.chmod(0o777)
    return World(home, shop.endpoints)


def config_for_jobs(home: Path, pool: str) -> Path:
    """The configuration in a folder of the home, with Spark's master and AWS's credentials left to the jobs of a pool.

    Where a job has no local[n] to tell it, Spark would cut each small shuffle into 200 tasks.
    """
    config = home / "config"
    shutil.copytree(ROOT / "config", config)
    local = config / "env" / "local.yaml"
    text, changes = _JOBS_OWN.subn("", local.read_text("utf-8"))
    assert changes == 2
    text = text.replace("master: local[*]", "master: null").replace("name: tidemark-local", f"name: {pool}")
    local.write_text(text.replace("  conf:\n", "  conf:\n    spark.sql.shuffle.partitions: 2\n"), encoding="utf-8")
    return config


def java_of_all_modules(folder: Path) -> Path:
    """This machine's Java, copied to where containers find it.

    Spark's own scripts want all modules, and Amazon's image has them; ours starts Spark without, on a smaller Java.
    """
    java: Path = shutil.copytree(find_java().path, folder, ignore_dangling_symlinks=True)
    return java


def unlike(spark: SparkSession, one: World, other: World, tables: Collection[str]) -> dict[str, int]:
    """By table, how many rows only one of two lakes has; nothing for those whose rows are the same."""
    different = {table: _rows_of_one(spark, one.path(table), other.path(table)) for table in tables}
    return {table: rows for table, rows in different.items() if rows}


def rejects(world: World, tables: Collection[str]) -> Counter[str]:
    """The errors in the lane of a lake's tables, by their ids."""
    runs = [path.name.split("=")[1] for path in world.home.glob("lake/_errors/*/*/dt=*/run_id=*")]
    return Counter(error["error_id"] for table in tables for error in error_lane(world.home, table, set(runs)))


def _rows_of_one(spark: SparkSession, one: Path, other: Path) -> int:
    left, right = (spark.read.format("delta").load(str(path)) for path in (one, other))
    assert left.schema == right.schema, f"{one} and {other} have different columns"
    when = [name for column, of_it in WHEN.items() if column in left.columns for name in (column, *of_it)]
    left, right = left.drop(*when), right.drop(*when)
    return left.exceptAll(right).unionAll(right.exceptAll(left)).count()
