"""`python -m benchmarks.snapshots`: a slowly changing dimension with 3 % changes, against dbt's snapshot.

Both work in processes of their own, in turn, and do the same in the same order: the first load, then in every round 3 %
changes and a run that finds nothing new. So each measured step has its like in the other process, equally warm.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.support.measure import cpu_seconds
from benchmarks.support.peers import installed

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

HEAP = "4g"
EVERY = 33  # one member in so many changes in a round: 3 %
TABLE, VERSIONS = "gold.dim_customer", "bronze.customer_versions"
# dbt works as it comes: no change feed, and the defaults of Delta and Spark where the engine has others.
_PLAIN = {
    "spark.databricks.delta.properties.defaults.enableDeletionVectors": "false",
    "spark.sql.codegen.cache.maxEntries": "100",
    "spark.databricks.delta.properties.defaults.enableChangeDataFeed": "false",
    "spark.databricks.delta.merge.materializeSource": "auto",
    "spark.sql.constraintPropagation.enabled": "true",
}
_PROJECT = """\
name: snapshots
version: "1.0"
profile: snapshots
snapshot-paths: [snapshots]
flags: {send_anonymous_usage_stats: false}
"""
_PROFILES = """\
snapshots:
  target: bench
  outputs: {bench: {type: spark, method: session, schema: gold, host: none, threads: 1}}
"""
_SNAPSHOT = """\
{% snapshot dim_customer %}
{{ config(target_schema='gold', unique_key='account_id', strategy='timestamp', updated_at='updated_at',
          file_format='delta') }}
select * from bronze.customers
{% endsnapshot %}
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.snapshots", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2, help="of each of the two")
    parser.add_argument("--home", type=Path, default=Path(".tidemark/bench"))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--inside", choices=list(_INSIDE), help=argparse.SUPPRESS)
    options = parser.parse_args()
    home = options.home.absolute()
    if options.inside:
        sys.stdout.write(json.dumps(_INSIDE[options.inside](home, options.rows, options.rounds)) + "\n")
        return 0
    measured: dict[str, list[list[tuple[float, float]]]] = {name: [] for name in _INSIDE}
    packages = installed("dbt", home)
    for number in range(options.processes):
        for name, rounds in measured.items():
            rounds.append(_in_a_process(name, home / f"snapshots-{name}-{number}", options, packages))
    results = [_told(options.rows, what, at, measured) for at, what in enumerate(("3 % changed", "nothing changed"))]
    text = json.dumps(results, indent=1)
    sys.stdout.write(f"{text}\n")
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    return 0


def _in_a_process(name: str, home: Path, options: argparse.Namespace, packages: Path) -> list[tuple[float, float]]:
    """CPU seconds of each round's two steps."""
    home.mkdir(parents=True)
    paths = {"PYTHONPATH": f"{packages}"} if name == "dbt" else {}
    sizes = ["--rows", str(options.rows), "--rounds", str(options.rounds)]
    command = [sys.executable, "-m", "benchmarks.snapshots", "--inside", name, "--home", str(home), *sizes]
    environment = {**os.environ, **paths, "TIDEMARK_BENCH_HOME": str(home)}
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
    rounds: list[tuple[float, float]] = json.loads(told.splitlines()[-1])
    sys.stderr.write(f"{name}: {rounds}\n")
    return rounds


def _told(rows: int, what: str, at: int, measured: dict[str, list[list[tuple[float, float]]]]) -> dict[str, object]:
    flat = {name: [each[at] for rounds in processes for each in rounds] for name, processes in measured.items()}
    ratios = [mine / other for mine, other in zip(flat["tidemark"], flat["dbt"], strict=True)]
    return {
        "name": f"SCD2 of {rows:,} rows, {what}, against a dbt snapshot",
        "ratio": round(statistics.median(ratios), 3),
        "ratio_min": round(min(ratios), 3),
        "ratio_max": round(max(ratios), 3),
        "ours_cpu": round(statistics.median(flat["tidemark"]), 2),
        "bare_cpu": round(statistics.median(flat["dbt"]), 2),
        "samples": flat,
    }


def _session(home: Path, conf: dict[str, str]) -> SparkSession:
    from tidemark.spark.session import start

    own = {"spark.driver.memory": HEAP, "spark.driver.extraJavaOptions": f"-Xms{HEAP}"}
    return start("tidemark-bench", "local[2]", own | {"spark.sql.warehouse.dir": f"{home}/warehouse"} | conf)


def _measured(
    rounds: int, change: Callable[[int], None], snapshot: Callable[[], None], check: Callable[[int], None]
) -> list[tuple[float, float]]:
    """The steps of a process: `change` and `check` are not measured."""
    change(0)
    snapshot()
    found = []
    for number in range(1, rounds + 1):
        change(number)
        before = cpu_seconds()
        snapshot()
        between = cpu_seconds()
        snapshot()
        found.append((round(between - before, 2), round(cpu_seconds() - between, 2)))
        check(number)
    return found


def _changed(spark: SparkSession, rows: int, number: int) -> DataFrame:
    """The members that have a new version in this round; all of them at first."""
    from pyspark.sql import functions as F

    from benchmarks.support import data

    versions = data.accounts(spark, 0, rows, number)
    return versions if number == 0 else versions.where(F.pmod("account_id", F.lit(EVERY)) == number)


def _check(dimension: DataFrame, rows: int, number: int, is_open: str) -> None:
    changed = sum(len(range(each, rows, EVERY)) for each in range(1, number + 1))
    found = (dimension.count(), dimension.where(is_open).count())
    if found != (rows + changed, rows):
        raise AssertionError(f"{found} rows and open rows, not {(rows + changed, rows)}")


def _with_tidemark(home: Path, rows: int, rounds: int) -> list[tuple[float, float]]:
    from benchmarks.support import lake

    spark, project = _session(home, {}), lake.project()

    def change(number: int) -> None:
        raw = f"{home}/raw-{number}"
        _changed(spark, rows, number).write.parquet(raw)
        lake.load(spark, project, VERSIONS, spark.read.parquet(raw))

    def check(number: int) -> None:
        dimension = spark.read.format("delta").load(lake.table_path(project, TABLE))
        _check(dimension, rows, number, "is_current")

    return _measured(rounds, change, lambda: lake.build(spark, project, TABLE), check)


def _with_dbt(home: Path, rows: int, rounds: int) -> list[tuple[float, float]]:
    from delta.tables import DeltaTable

    spark = _session(home, _PLAIN)
    for schema in ("bronze", "gold"):
        spark.sql(f"CREATE SCHEMA {schema}")
    for name, text in {
        "dbt_project.yml": _PROJECT,
        "profiles.yml": _PROFILES,
        "snapshots/dim_customer.sql": _SNAPSHOT,
    }.items():
        path = home / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    runner = import_module("dbt.cli.main").dbtRunner()

    def change(number: int) -> None:
        changed = _changed(spark, rows, number)
        if number == 0:
            changed.write.format("delta").saveAsTable("bronze.customers")
            return
        merge = DeltaTable.forName(spark, "bronze.customers").alias("target")
        merge = merge.merge(changed.alias("batch"), "target.account_id = batch.account_id")
        merge.whenMatchedUpdateAll().execute()

    def snapshot() -> None:
        folder = str(home / "project")
        done = runner.invoke(["--quiet", "snapshot", "--project-dir", folder, "--profiles-dir", folder])
        if not done.success:
            raise RuntimeError(f"dbt failed: {done.exception or [str(each.message) for each in done.result]}")

    def check(number: int) -> None:
        _check(spark.table("gold.dim_customer"), rows, number, "dbt_valid_to IS NULL")

    return _measured(rounds, change, snapshot, check)


_INSIDE: dict[str, Callable[[Path, int, int], list[tuple[float, float]]]] = {
    "tidemark": _with_tidemark,
    "dbt": _with_dbt,
}


if __name__ == "__main__":
    sys.exit(main())
