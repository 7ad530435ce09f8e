"""A machine that ends anywhere, and a disk that does not answer for a while, leave what one whole run leaves.

Every mode of writing, a step of the machine being the least that can go wrong: `tests/support/cuts.py`.
`TIDEMARK_TEST_CUTS` and `TIDEMARK_TEST_SEED` ask for more, and for other ones.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from flows.daily import daily
from tests.flows.conftest import Pipeline, make_pipeline
from tests.flows.test_crashes import DAY, left
from tests.support.cuts import Machine, machine
from tests.support.lakes.lake import Lake
from tidemark.control.commits import interrupted
from tidemark.control.state import SqliteState

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CUTS = int(os.environ.get("TIDEMARK_TEST_CUTS", "12"))
SEED = int(os.environ.get("TIDEMARK_TEST_SEED", "0"))
LOOKED_AT = 12  # cuts, after which two lakes are compared
PEOPLE = ("ann", "bob", "eve", "zoe")
RECEIVED = ("bronze.orders", "bronze.items", "bronze.changes", "bronze.stock")
TABLES = (
    *RECEIVED, "silver.orders", "silver.items", "silver.people", "gold.customers", "gold.history", "gold.days",
    "gold.whole",
)  # fmt: skip
SUMMED = ("extracted", "accepted", "quarantined", "inserted")


@dataclass
class Shop:
    """Two pipelines of one shop, one of which nothing happens to; and what happened to the other."""

    cut: Pipeline
    whole: Pipeline
    chance: random.Random
    day: int = 1
    seen: Counter[str] = field(default_factory=Counter)

    def goes_on(self) -> None:
        """New files, among them rows that are rejected, that change others, and that remove them."""
        self.day += 1
        pick, number = self.chance.choice, self.chance.randrange
        at = f"2025-03-01 00:{self.day // 60:02}:{self.day % 60:02}"
        gone = ("false", "false", "true")
        changes = [f"{name},{number(9)},{at},{pick(gone)}" for name in self.chance.sample(PEOPLE, 2)]
        # Every day, as gold keeps partitions that its query does not give any more; not every item.
        items = [(day, item) for day in range(3) for item in ("chair", "table") if item == "chair" or number(5)]
        stock = [f"{day},{item},{self.day + day}" for day, item in items]
        for pipeline in (self.cut, self.whole):
            pipeline.land(
                f"orders/day{self.day}.csv", "id,customer,qty", f"{self.day}1,ann,{self.day}", f"{self.day}3,bob,-1"
            )
            pipeline.land(f"changes/day{self.day}.csv", "name,level,at,gone", *changes)
            pipeline.land(f"stock/day{self.day:05}.csv", "day,item,left", *stock)


def of_every_mode(pipeline: Pipeline) -> Pipeline:
    """The pipeline with deletes, a history, a table that is replaced, and one of which partitions are."""
    lake, landing = pipeline.lake, {"connection": "landing", "format": "csv", "options": {"header": True}}
    lake.table(
        "bronze.changes",
        "name string\nlevel int\nat timestamp\ngone boolean",
        {"source": {**landing, "object": "changes"}, "write": {"mode": "append", "keys": ["name", "at"]}},
        keys=["name", "at"],
    )
    lake.table(
        "bronze.stock",
        "day int\nitem string\nleft int",
        {
            "source": {**landing, "object": "stock", "snapshot": "file", "mode": "full"},
            "write": {"mode": "replace", "keys": ["day", "item"]},
        },
        keys=["day", "item"],
    )
    changes = {"inputs": {"bronze.changes": {"on": ["name"]}}}
    lake.table(
        "silver.people",
        "name string\nlevel int\nat timestamp",
        {**changes, "write": {"mode": "upsert", "keys": ["name"], "order_by": ["at"], "deletes": {"flag": "gone"}}},
        keys=["name"],
        sql="SELECT name, level, at, gone FROM bronze.changes",
    )
    lake.table(
        "gold.history",
        "sk string\nname! string\nlevel int\nvalid_from timestamp\nvalid_to timestamp\nis_current boolean",
        {**changes, "write": {"mode": "scd2", "keys": ["name"], "effective_from": "at", "surrogate_key": "sk",
                              "track": ["level"]}},
        keys=["name", "valid_from"],
        sql="SELECT name, level, at FROM bronze.changes",
    )  # fmt: skip
    lake.table(
        "gold.days",
        "day int\nleft bigint",
        {"inputs": {"bronze.stock": {"refresh": "full"}}, "write": {"mode": "replace", "partition_by": ["day"]},
         "partition_by": ["day"]},
        sql="SELECT day, SUM(left) AS left FROM bronze.stock GROUP BY day",
    )  # fmt: skip
    lake.table(
        "gold.whole",
        "name string\nlevel int",
        {"inputs": {"silver.people": {"refresh": "full"}}, "write": {"mode": "replace", "keys": ["name"]}},
        keys=["name"],
        sql="SELECT name, level FROM silver.people",
    )
    return pipeline


@pytest.fixture
def broken(spark: SparkSession, prefect_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    with machine(spark, monkeypatch) as made:
        yield made


@pytest.mark.timeout(600 + 60 * CUTS)
def test_cuts_and_outages_at_any_step_leave_no_trace(
    broken: Machine, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = [of_every_mode(make_pipeline(Lake(spark, tmp_path_factory.mktemp(name)))) for name in ("cut", "whole")]
    shop = Shop(*made, chance=random.Random(SEED))
    shop.goes_on()
    longest = _whole_run(broken, shop.whole)

    for number in range(1, CUTS + 1):
        if shop.chance.random() < 0.6:
            shop.goes_on()
        ends = shop.chance.random() < 0.7
        broken.fails(shop.chance.randrange(longest * 5 // 4), *(() if ends else (shop.chance.choice((1, 3, 20)),)))
        shop.seen[_run(shop.cut, ends=ends)] += 1
        if ends:
            broken.starts()
        if number % LOOKED_AT == 0 or number == CUTS:
            for pipeline in (shop.cut, shop.whole):
                _whole_run(broken, pipeline)
            _compare(shop, number)
    print(f"seed {SEED}: {dict(shop.seen)}, runs of up to {longest} steps")


def _whole_run(broken: Machine, pipeline: Pipeline) -> int:
    """A run to which nothing happens; how many steps it takes."""
    broken.goes_on()
    daily(**pipeline.where, date=DAY)
    return broken.steps


def _run(pipeline: Pipeline, *, ends: bool) -> str:
    """A run to which something may happen; how it ended, in a word."""
    kind = "cut" if ends else "outage"
    try:
        daily(**pipeline.where, date=DAY)
    except Exception as failure:
        return f"{kind}: {type(failure).__name__}"
    return f"{kind}: done"


def _compare(shop: Shop, number: int) -> None:
    where = f"seed {SEED}, after {number} cuts: {dict(shop.seen)}"
    kept, expected = (left(pipeline, TABLES) for pipeline in (shop.cut, shop.whole))
    for table in TABLES:
        assert kept.tables[table] == expected.tables[table], f"{table}, {where}"
        assert kept.errors[table] == expected.errors[table], f"{table}, {where}"
        found, wanted = kept.books[table], expected.books[table]
        for each in found:
            assert each["extracted"] == each["accepted"] + each["quarantined"] + each["superseded"], where
        if table in RECEIVED and table != "bronze.stock":  # however many batches it took, each row came once
            sums = [{name: sum(each[name] for each in side) for name in SUMMED} for side in (found, wanted)]
            assert sums[0] == sums[1], f"{table}, {where}"
    assert interrupted(SqliteState(shop.cut.home / "state" / "state.db")) == (), where
