"""Loads an upsert on executors of their own and kills one of them in the middle; prints the books of each load.

A program by itself, as a process has one Spark context: `python -m … ROOT ROUNDS SEED`.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from sandbox.services.spark_cluster import cluster
from tests.conftest import TEST_CONF
from tests.support.lakes.lake import Lake
from tidemark.delta import sizes
from tidemark.spark.jars import jar_folder
from tidemark.spark.session import start

ROWS = 60_000
PARTITIONS = 24
KEYS = 40_000  # of the rows behind them, each is an older version of one before
BAD_EACH = 30
CHANGED_EACH = 4
_SLOW = 60  # hashes of hashes that a row costs, so that there is a middle to die in
TABLE = "bronze.readings"
COLUMNS = "id! bigint\nvalue! bigint {logicalTypeOptions: {minimum: 0}}\nversion! bigint"


@dataclass(frozen=True)
class Round:
    """A load, and the executors that died in it."""

    books: dict[str, int]
    killed: int

    @property
    def line(self) -> str:
        return json.dumps({"books": self.books, "killed": self.killed})


def main(root: Path, rounds: int, seed: int) -> None:
    conf = TEST_CONF | {
        "spark.sql.warehouse.dir": str(root / "warehouse"),
        "spark.sql.shuffle.partitions": "8",
        "spark.executor.memory": "1g",
        "spark.executor.extraClassPath": f"{jar_folder()}/*",
        "spark.driver.host": "127.0.0.1",
    }
    sizes.ONE_TASK = 0  # else so few rows are one task, with nothing to lose
    with cluster(root / "workers", memory="1g") as master:
        spark = start("lost-executors", master, conf)
        play(spark, root, rounds, random.Random(seed))
        spark.stop()


def play(spark: SparkSession, root: Path, rounds: int, chance: random.Random) -> None:
    for number in range(rounds):
        lake = Lake(spark, root / str(number))
        lake.table(
            TABLE, "id! bigint\nvalue! bigint {logicalTypeOptions: {minimum: 0}}\nversion! bigint", LOAD, keys=["id"]
        )
        lake.load(TABLE, readings(spark, 0).repartition(2))
        print(killed_in(spark, lake, chance).line, flush=True)


LOAD = {
    "source": {"connection": "shop", "object": "readings"},
    "write": {"mode": "upsert", "keys": ["id"], "order_by": ["version"]},
}


def readings(spark: SparkSession, change: int) -> DataFrame:
    """`KEYS` keys, some in two versions, some bad; every `CHANGED_EACH`th differs with `change`."""
    row = F.col("id")
    costly = F.sha2(row.cast("string"), 256)
    for _ in range(_SLOW):
        costly = F.sha2(costly, 256)
    is_changed = (row % CHANGED_EACH == 0).cast("bigint")
    value = F.when(row % BAD_EACH == 1, -1).otherwise(F.length(costly) + is_changed * change)
    version = F.when(row < KEYS, 1).otherwise(0) + is_changed * 2 * change
    rows = spark.range(0, ROWS, 1, PARTITIONS)
    return rows.select((row % KEYS).alias("id"), value.cast("bigint").alias("value"), version.alias("version"))


def killed_in(spark: SparkSession, lake: Lake, chance: random.Random) -> Round:
    """Loads the changed readings, while an executor is killed once the first stage's output lies on it."""
    over = threading.Event()
    with ThreadPoolExecutor(1) as beside:
        killed = beside.submit(_kill_one, spark, chance, over)
        try:
            prepared = lake.load(TABLE, readings(spark, 1)).prepared
        finally:
            over.set()
        if prepared is None:
            raise ValueError("the load had nothing to do")
        return Round(prepared.books.to_json(), killed.result())


def _kill_one(spark: SparkSession, chance: random.Random, over: threading.Event) -> int:
    """How many executors it killed."""
    tracker = spark.sparkContext.statusTracker()
    while not over.is_set():
        stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
        if any(
            stage and stage.numTasks == PARTITIONS and stage.numCompletedTasks > PARTITIONS // 2 for stage in stages
        ):
            time.sleep(chance.uniform(0, 1.5))
            chance.choice(_executors()).kill()
            return 1
        time.sleep(0.02)
    return 0


def _executors() -> list[psutil.Process]:
    """They are below this process: its workers start them."""
    return [each for each in psutil.Process().children(recursive=True) if _is_executor(each)]


def _is_executor(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return any("CoarseGrainedExecutorBackend" in word for word in process.cmdline())
    return False


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
