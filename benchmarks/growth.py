"""`python -m benchmarks.growth`: what a batch costs in a table ten times as large, and what a batch ten times as large.

python -m benchmarks.growth table     the same batch into a table, and into the one with ten times its partitions
python -m benchmarks.growth batch     an append and an upsert, and those of ten times the rows, with a heap of 1 GB
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import psutil
from pyspark.sql import DataFrame, SparkSession

from benchmarks.loads import restore, version_of
from benchmarks.support import data, lake
from benchmarks.support.measure import compare, tell
from tidemark.spark.jvm import java_class

ORDERS, TENFOLD, EVENTS = "bronze.orders", "bronze.orders_tenfold", "bronze.events"
TIMES = 10
HEAPS = {"table": "6g", "batch": "1g"}
_KINDS = ("events", "accounts")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("what", choices=list(HEAPS))
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the small table, or of the small append")
    parser.add_argument("--a-day", type=int, default=50_000, help="rows of a partition")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--only", choices=_KINDS, help="of the batches: appended events, or upserted accounts")
    parser.add_argument("--home", type=Path, default=Path(".tidemark/bench"))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--fill", action="store_true", help="make the tables, and measure nothing")
    options = parser.parse_args()
    home = options.home.absolute()
    spark = lake.session(home, HEAPS[options.what])
    is_table = options.what == "table"
    tell(_larger_table(spark, options) if is_table else _larger_batch(spark, home, options), options.out)
    spark.stop()
    return 0


def _larger_table(spark: SparkSession, options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Half a partition's rows, all in the last one: four updates to one new order."""
    project, a_day = lake.project(), options.a_day
    sizes = {ORDERS: options.rows, TENFOLD: options.rows * TIMES}
    for table, rows in sizes.items():
        if not Path(lake.table_path(project, table), "_delta_log").exists():
            lake.load(spark, project, table, data.orders(spark, 0, rows - a_day // 10, a_day, 0))
    if options.fill:
        return
    batch = a_day // 2
    base = [(path, version_of(spark, path)) for path in (lake.table_path(project, table) for table in sizes)]

    def load(table: str) -> None:
        last = sizes[table] - batch
        raw = str(options.home.absolute() / f"raw-{table}")
        if not Path(raw).exists():
            data.orders(spark, last, batch, a_day, 1).coalesce(2).write.parquet(raw)
        books = lake.load(spark, project, table, spark.read.parquet(raw))
        if (books.updated, books.inserted) != (batch - a_day // 10, a_day // 10):
            raise AssertionError(f"wrong books: {books}")

    name = f"{batch:,} rows of one partition into {sizes[TENFOLD]:,} rows against {sizes[ORDERS]:,}"
    reset = partial(restore, spark, base)
    yield compare(name, partial(load, TENFOLD), partial(load, ORDERS), reset=reset, pairs=options.pairs).to_json()


def _larger_batch(spark: SparkSession, home: Path, options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """The loads of `benchmarks.loads` with a tenth of their rows and with all of them, in a heap of 1 GB."""
    project, small = lake.project(), options.rows
    sizes = {"events": (small, small * TIMES), "accounts": (small // 4, small // 4 * TIMES)}
    makers: dict[str, Callable[[int], DataFrame]] = {
        "events": lambda rows: data.events(spark, rows),
        "accounts": lambda rows: data.increment(spark, small * TIMES, rows, 1),
    }
    for kind, counts in sizes.items():
        for rows in counts:
            if not Path(raw := f"{home}/raw-{kind}-{rows}").exists():
                makers[kind](rows).repartition(8).write.parquet(raw)
    held = {"bronze.events": data.events(spark, 1000), "bronze.accounts": data.accounts(spark, 0, small * TIMES, 0)}
    for table, first in held.items():
        if not Path(lake.table_path(project, table), "_delta_log").exists():
            lake.load(spark, project, table, first)
    if options.fill:
        return
    paths = [lake.table_path(project, f"bronze.{kind}") for kind in sizes]
    base = [(path, version_of(spark, path)) for path in paths]
    for kind, (few, many) in sizes.items():
        if options.only not in (None, kind):
            continue
        loaded: list[int] = []
        memory: dict[int, list[_Memory]] = {few: [], many: []}

        def load(rows: int, kind: str = kind, loaded: list[int] = loaded) -> None:
            books = lake.load(spark, project, f"bronze.{kind}", spark.read.parquet(f"{home}/raw-{kind}-{rows}"))
            if books.inserted + books.updated + books.quarantined != rows:
                raise AssertionError(f"wrong books: {books}")
            loaded.append(rows)

        def reset(loaded: list[int] = loaded, memory: dict[int, list[_Memory]] = memory) -> None:
            if loaded:
                memory[loaded.pop()].append(_Memory.now(spark))
            restore(spark, base)

        name = f"{kind}: {many:,} rows against {few:,}, heap of {HEAPS['batch']}"
        found = compare(name, partial(load, many), partial(load, few), reset=reset, pairs=options.pairs).to_json()
        told = {f"memory_{rows}": asdict(_Memory.most(seen)) for rows, seen in memory.items()}
        yield found | told


@dataclass(frozen=True)
class _Memory:
    """Megabytes that a load leaves behind: the heap in use after a collection, and the Python process."""

    heap: int
    python: int

    @classmethod
    def now(cls, spark: SparkSession) -> _Memory:
        runtime = java_class(spark, "java.lang.Runtime").getRuntime()
        runtime.gc()
        time.sleep(1)  # Spark lets go of broadcasts and shuffles that this collection found to be out of use
        runtime.gc()
        used = int(runtime.totalMemory()) - int(runtime.freeMemory())
        return cls(used // 1_000_000, psutil.Process().memory_info().rss // 1_000_000)

    @classmethod
    def most(cls, seen: Sequence[_Memory]) -> _Memory:
        return cls(max(each.heap for each in seen), max(each.python for each in seen))


if __name__ == "__main__":
    sys.exit(main())
