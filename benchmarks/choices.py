"""`python -m benchmarks.choices`: what a choice is worth that an environment, a load file or the engine makes.

python -m benchmarks.choices partition    a day's rows into a table partitioned by day, against one that is not
python -m benchmarks.choices cluster      the same for a clustered table
python -m benchmarks.choices vectors      1 % of the rows into a table with deletion vectors, against one without
python -m benchmarks.choices files        a day's rows into clustered files of 512 MB, against such of 128 MB
python -m benchmarks.choices broadcast    orders joined with a dimension that is broadcast, against one that is not
python -m benchmarks.choices skew         the join without a broadcast, one customer with 30 % of the orders, or none

Keys of the orders are hashes: by them alone nothing of a table could be left unread.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.loads import restore, version_of
from benchmarks.support import data, lake
from benchmarks.support.measure import Comparison, compare, tell
from tidemark.config.environment import ComputeSettings
from tidemark.config.project import Project, load_project
from tidemark.spark.session import sizes
from tidemark.write.commit import compact

HEAP = "6g"
ACCOUNTS = "bronze.accounts"
MEMBERS = 100_000  # of the dimension: of these are the orders that find one
_BY_DAY = "partition_by: [ordered_on]\n"
LAYOUTS = {
    "plain": "",
    "without_vectors": "",
    "by_day": _BY_DAY,
    "clustered": "cluster_by: [ordered_on]\n",
    "files_of_128": "cluster_by: [ordered_on]\n",
    "files_of_512": "cluster_by: [ordered_on]\n",
    "even": "",
    "skewed": "",
}
_NO_BROADCAST = {"spark.sql.autoBroadcastJoinThreshold": "-1", "spark.sql.shuffle.partitions": "64"}


class Bench:
    """The benchmark's configuration with a table of orders for every layout, and what is loaded into them."""

    def __init__(self, spark: SparkSession, home: Path, rows: int, a_day: int, pairs: int) -> None:
        self.spark, self.home, self.rows, self.a_day, self.pairs = spark, home, rows, a_day, pairs
        self.project = _project(home)

    def table(self, layout: str) -> str:
        """The table of orders of this layout, filled."""
        table = f"bronze.orders_{layout}"
        path = lake.table_path(self.project, table)
        if Path(path, "_delta_log").exists():
            return table
        known = data.orders(self.spark, 0, self.rows - self.a_day // 10, self.a_day, 0)
        lake.load(self.spark, self.project, table, _hashed(known, skewed=layout == "skewed"))
        if layout == "without_vectors":
            off = "SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'false')"
            self.spark.sql(f"ALTER TABLE delta.`{path}` {off}")
        megabytes = int(layout.rpartition("_")[2]) if layout.startswith("files_of_") else 256
        for name, value in sizes(ComputeSettings(file_mb=megabytes)).items():
            self.spark.conf.set(name, value)
        compact(self.spark, path, {})
        return table

    def facts(self, layout: str) -> str:
        """The orders of this layout with what the dimension says of their customers."""
        self.table(layout)
        if not Path(lake.table_path(self.project, ACCOUNTS), "_delta_log").exists():
            lake.load(self.spark, self.project, ACCOUNTS, data.accounts(self.spark, 0, MEMBERS, 0))
        facts = f"gold.order_facts_{layout}"
        if not Path(lake.table_path(self.project, facts), "_delta_log").exists():
            lake.build(self.spark, self.project, facts)
        return facts

    def of_a_day(self) -> DataFrame:
        """Half a day's rows, all of the last day: four updates to one new order."""
        batch = self.a_day // 2
        return self._kept("day", data.orders(self.spark, self.rows - batch, batch, self.a_day, 1))

    def of_all_days(self) -> DataFrame:
        """Updates of 1 % of the orders, of every day."""
        known = data.orders(self.spark, 0, self.rows - self.a_day // 10, self.a_day, 1)
        return self._kept("all", known.where(F.pmod("order_id", F.lit(100)) == 0))

    def _kept(self, name: str, frame: DataFrame) -> DataFrame:
        raw = str(self.home / f"raw-{name}")
        if not Path(raw).exists():
            _hashed(frame).coalesce(2).write.parquet(raw)
        return self.spark.read.parquet(raw)

    def upserts(self, name: str, batch: DataFrame, ours: str, other: str) -> Comparison:
        """The batch into two layouts."""
        tables = [self.table(layout) for layout in (ours, other)]
        paths = [lake.table_path(self.project, table) for table in tables]
        base = [(path, version_of(self.spark, path)) for path in paths]
        rows = batch.count()

        def load(table: str) -> None:
            books = lake.load(self.spark, self.project, table, batch)
            if books.inserted + books.updated != rows:
                raise AssertionError(f"wrong books: {books}")

        title = f"{name}: {rows:,} rows into {self.rows:,}, {ours} against {other}"
        one, two = (partial(load, table) for table in tables)
        return compare(title, one, two, reset=partial(restore, self.spark, base), pairs=self.pairs)

    def builds(
        self, name: str, ours: tuple[str, Mapping[str, str]], other: tuple[str, Mapping[str, str]]
    ) -> Comparison:
        """All facts of two layouts, each with settings of its own, computed and found to be as they were."""
        facts = {layout: self.facts(layout) for layout, _ in (ours, other)}

        def build(layout: str, conf: Mapping[str, str]) -> None:
            books = lake.build(self.spark, self.project, facts[layout], full=True, conf=conf)
            if books.unchanged != self.rows - self.a_day // 10:
                raise AssertionError(f"wrong books: {books}")

        one, two = partial(build, *ours), partial(build, *other)
        return compare(f"{name}: {self.rows:,} orders", one, two, reset=lambda: None, pairs=self.pairs)


CHOICES: Mapping[str, Callable[[Bench], Comparison]] = {
    "partition": lambda bench: bench.upserts("partitions", bench.of_a_day(), "by_day", "plain"),
    "cluster": lambda bench: bench.upserts("clusters", bench.of_a_day(), "clustered", "plain"),
    "vectors": lambda bench: bench.upserts("deletion vectors", bench.of_all_days(), "plain", "without_vectors"),
    "files": lambda bench: bench.upserts("size of files", bench.of_a_day(), "files_of_512", "files_of_128"),
    "broadcast": lambda bench: bench.builds("a broadcast dimension", ("even", {}), ("even", _NO_BROADCAST)),
    "skew": lambda bench: bench.builds("a skewed join", ("skewed", _NO_BROADCAST), ("even", _NO_BROADCAST)),
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.choices", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("choices", nargs="*", metavar="choice", help=", ".join(CHOICES))
    parser.add_argument("--rows", type=int, default=8_000_000)
    parser.add_argument("--a-day", type=int, default=50_000, help="orders of a day")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--home", type=Path, default=Path(".tidemark/bench/choices"))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    home = options.home.absolute()
    spark = lake.session(home, HEAP, sizes(ComputeSettings()))
    bench = Bench(spark, home, options.rows, options.a_day, options.pairs)
    tell((CHOICES[choice](bench).to_json() for choice in options.choices or CHOICES), options.out)
    spark.stop()
    return 0


def _hashed(orders: DataFrame, *, skewed: bool = False) -> DataFrame:
    """With hashes for keys; `skewed`: three orders in ten are of one customer of the dimension."""
    one = F.pmod("order_id", F.lit(10)) < 3
    customer = F.when(one, "C0000007").otherwise(F.col("customer_id")) if skewed else F.col("customer_id")
    return orders.withColumns({"customer_id": customer, "order_id": F.xxhash64("order_id")})


def _project(home: Path) -> Project:
    config = home / "config"
    shutil.rmtree(config, ignore_errors=True)
    shutil.copytree(lake.CONFIG, config)
    for layout, text in LAYOUTS.items():
        for table in ("bronze/orders", "gold/order_facts"):
            name = table.partition("/")[2]
            for file in sorted(config.glob(f"{table}.*")):
                told = file.read_text("utf-8").replace(_BY_DAY, text)
                for known in ("orders", "order_facts"):
                    for before in ("bronze.", "gold.", "name: "):
                        told = told.replace(f"{before}{known}", f"{before}{known}_{layout}")
                renamed = file.name.replace(name, f"{name}_{layout}", 1)
                file.with_name(renamed).write_text(told, encoding="utf-8")
    return load_project(config, "bench")


if __name__ == "__main__":
    sys.exit(main())
