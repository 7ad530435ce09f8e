"""Flows that drivers on the Spark cluster run in the tests of EMR Serverless."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from prefect import flow
from pyspark import SparkContext

from tidemark.spark.session import start

_PATIENCE = 60.0


@flow
def counted(folder: str, rows: int, executors: int) -> None:
    """Writes `rows` as a Delta table with this many executors, and beside it a note of who it was."""
    spark = start("counted", None, {})
    context = spark.sparkContext
    deadline = time.monotonic() + _PATIENCE
    while _executors(context) < executors and time.monotonic() < deadline:
        time.sleep(0.2)
    spark.range(rows).repartition(4).write.format("delta").save(f"{folder}/table")
    note = {
        "master": context.master,
        "name": context.appName,
        "executors": _executors(context),
        "rows": spark.read.format("delta").load(f"{folder}/table").count(),
        "key": os.environ.get("SHOP_KEY"),
    }
    Path(folder, "note.json").write_text(json.dumps(note))


@flow
def stays(folder: str) -> None:
    """Runs for minutes, and tidies up when it is told to end."""
    start("stays", None, {})
    Path(folder, "began").touch()
    try:
        time.sleep(300)
    finally:
        Path(folder, "tidied").touch()


@flow
def dies(folder: str) -> None:
    """Ends without a word, as a process that ran out of memory does."""
    os.abort()


def _executors(context: SparkContext) -> int:
    """Executors that have registered; the driver counts among the memory stores."""
    return int(context._jsc.sc().getExecutorMemoryStatus().size()) - 1
