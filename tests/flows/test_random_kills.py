"""Runs that are killed at any time, again and again, while the source goes on, leave what one whole run leaves.

`TIDEMARK_TEST_KILLS` and `TIDEMARK_TEST_SEED` ask for more kills, and for other ones.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Mapping, Sequence

import pytest

from flows.daily import daily
from tests.flows.conftest import Pipeline, begun, make_pipeline
from tests.flows.test_crashes import DAY, left
from tests.support.lakes.lake import Lake

KILLS = int(os.environ.get("TIDEMARK_TEST_KILLS", "8"))
SEED = int(os.environ.get("TIDEMARK_TEST_SEED", "0"))
RECEIVED = ("bronze.orders", "bronze.items")
SHORTEST, LONGEST = 3.0, 30.0  # seconds: some runs come to nothing, some to their end


def new_files(pipeline: Pipeline, day: int) -> None:
    """A day of the source: orders of old customers and of a new one, a bad one, and an item."""
    rows = (f"{day}1,ann,{day}", f"{day}2,new{day},1", f"{day}3,bob,-1")
    pipeline.land(f"orders/day{day}.csv", "id,customer,qty", *rows)
    pipeline.land(f"items/day{day}.csv", "id,name", f"{day},item {day}")


@pytest.mark.timeout(300 + 60 * KILLS)
def test_kills_at_random_times_leave_no_trace(
    pipeline: Pipeline, prefect_server: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    chance = random.Random(SEED)
    whole = make_pipeline(Lake(pipeline.lake.spark, tmp_path_factory.mktemp("whole")))

    for number in range(KILLS):
        if number and chance.random() < 0.5:
            new_files(pipeline, number + 1)
            new_files(whole, number + 1)
        process = begun(pipeline, prefect_server, "run", "--date", DAY.isoformat())
        time.sleep(chance.uniform(SHORTEST, LONGEST))
        process.kill()
        process.communicate()
    daily(**pipeline.where, date=DAY)
    daily(**whole.where, date=DAY)

    kept, expected = left(pipeline), left(whole)
    assert kept.tables == expected.tables
    assert kept.errors == expected.errors
    for table, books in kept.books.items():
        assert all(each["extracted"] == each["accepted"] + each["quarantined"] + each["superseded"] for each in books)
        held = sum(each["inserted"] - each["deleted"] - each["vanished"] for each in books)
        assert held == len(kept.tables[table]), f"the books of {table} say how many rows there are"
    for table in RECEIVED:  # however many batches it took, each row came once
        assert _sums(kept.books[table]) == _sums(expected.books[table])


def _sums(books: Sequence[Mapping[str, int]]) -> dict[str, int]:
    names = ("extracted", "accepted", "quarantined", "inserted")
    return {name: sum(each[name] for each in books) for name in names}
