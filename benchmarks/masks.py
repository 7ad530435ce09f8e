"""`python -m benchmarks.masks`: what masking a gold table and looking for personal data in it add to its load.

Two gold tables of the same rows: in one, three of six texts are masked, one of them with a key, and the gate looks
through the three others; in the other every text is shown by a written exception, and nothing is looked for. All
rows are new in each round; a load is built, prepared, audited and committed. Of some 100,000 rows one of the tables is
small enough to be loaded in one task, and the other is not: other sizes tell more.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Mapping
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import yaml
from pyspark.sql import SparkSession

from benchmarks.support import data, lake
from benchmarks.support.measure import Comparison, compare, tell
from tidemark.config.project import Project, load_project

HEAP = "4g"
KEY = "bench/masking"
SOURCE = "bronze.accounts"
MASKED, SHOWN = "gold.members", "gold.members_shown"
MASKS = {"name": "name", "email": "hmac", "note": "redact"}
_EXCEPTION = {"property": "personalException", "value": {"reason": "it is measured", "approvedBy": "the benchmark"}}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.masks", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[200_000, 1_000_000])
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--warmups", type=int, default=4)
    parser.add_argument("--home", type=Path, default=Path(".tidemark/bench/masks"))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    spark = lake.session(options.home.absolute(), HEAP)
    homes = ((rows, options.home.absolute() / str(rows)) for rows in options.rows)
    tell((masks(spark, home, rows, options.pairs, options.warmups).to_json() for rows, home in homes), options.out)
    spark.stop()
    return 0


def masks(spark: SparkSession, home: Path, rows: int, pairs: int, warmups: int) -> Comparison:
    """The load of the masked table against that of the one which shows everything; `home` is made anew."""
    shutil.rmtree(home, ignore_errors=True)
    project = _project(home)
    calls = count()

    def change_all() -> None:
        """Before each round; not between the two loads of one."""
        version, second = divmod(next(calls), 2)
        if not second:
            lake.load(spark, project, SOURCE, data.accounts(spark, 0, rows, version))

    def load(table: str) -> None:
        books = lake.build(spark, project, table, gated=True)
        if books.inserted + books.updated != rows:
            raise AssertionError(f"wrong books: {books}")

    name = f"gold, {rows:,} rows: masked and looked through, against shown"
    return compare(name, partial(load, MASKED), partial(load, SHOWN), reset=change_all, pairs=pairs, warmups=warmups)


def _project(home: Path) -> Project:
    """The benchmark's configuration, in which accounts have personal columns, with the two tables of gold."""
    config = home / "config"
    shutil.copytree(lake.CONFIG, config)
    os.environ["TIDEMARK_SECRET_BENCH_MASKING"] = json.dumps({"k1": "0123456789abcdef" * 4})
    environment = config / "env/bench.yaml"
    told = environment.read_text("utf-8") + f"secrets: env\nmasking: {{secret: {KEY}, key: k1}}\n"
    environment.write_text(told.replace("home: ", f"home: {home}\n# ", 1), encoding="utf-8")
    source = config / "bronze/accounts.contract.yaml"
    contract = yaml.safe_load(source.read_text("utf-8"))
    for column in contract["schema"][0]["properties"]:
        column |= {"classification": "personal"} if column["name"] in MASKS else {}
    source.write_text(yaml.safe_dump(contract), encoding="utf-8")
    for table in (MASKED, SHOWN):
        _describe(config, table, contract)
    return load_project(config, "bench")


def _describe(config: Path, table: str, source: Mapping[str, Any]) -> None:
    (given,) = source["schema"]
    columns = [_column(table, each) for each in given["properties"]]
    contract = {**source, "id": table, "schema": [{**given, "name": table.partition(".")[2], "properties": columns}]}
    load = {"inputs": {SOURCE: {"on": ["account_id"]}}, "write": {"mode": "upsert", "keys": ["account_id"]}}
    file = config / table.replace(".", "/")
    file.with_suffix(".contract.yaml").write_text(yaml.safe_dump(contract), encoding="utf-8")
    file.with_suffix(".load.yaml").write_text(yaml.safe_dump(load), encoding="utf-8")
    file.with_suffix(".sql").write_text(f"SELECT {', '.join(each['name'] for each in columns)} FROM {SOURCE}\n")


def _column(table: str, given: Mapping[str, Any]) -> dict[str, Any]:
    name, kept = given["name"], ("name", "logicalType", "physicalType", "primaryKey", "primaryKeyPosition", "required")
    column = {key: given[key] for key in kept if key in given}
    if table == MASKED and name in MASKS:
        column["customProperties"] = [{"property": "mask", "value": MASKS[name]}]
    elif table == SHOWN and given["logicalType"] == "string":
        column["customProperties"] = [_EXCEPTION]
    return column


if __name__ == "__main__":
    sys.exit(main())
