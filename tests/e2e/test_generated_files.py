"""Generated files at tables: what plain readers of Python find in them is there, row for row, or in the error lane.

`TIDEMARK_TEST_EXAMPLES` asks for more files.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from tests.support.lakes.deliveries import Deliveries
from tests.support.lakes.lake import Lake
from tests.support.odd import generated, plainjson
from tests.support.odd.generated import Made
from tests.support.odd.meant import COLUMNS, MEANING
from tidemark.books import Books

pytestmark = pytest.mark.timeout(3600)

EXAMPLES = int(os.environ.get("TIDEMARK_TEST_EXAMPLES", "60"))
DAY = datetime(2025, 3, 1)
NAMES = (*MEANING, "more")
LOG, NEWEST = "bronze.log", "bronze.newest"


def deliver(lake: Lake, form: str, files: list[Made], batches: int, chance: random.Random) -> dict[str, list[Books]]:
    """Receives the files in so many batches and in any order; gives the books of each."""
    source = {"source": {"connection": "shop", "object": "files/", "format": form}}
    limits = {"limits": {"rejected": "100%"}}
    lake.table(LOG, COLUMNS, source | limits | {"write": {"mode": "append"}})
    lake.table(NEWEST, COLUMNS, source | limits | {"write": {"mode": "upsert", "keys": ["id"]}}, keys=["id"])
    deliveries = Deliveries(lake)
    arriving = list(enumerate(files))
    chance.shuffle(arriving)
    books: dict[str, list[Books]] = {LOG: [], NEWEST: []}
    for batch in range(batches):
        for number, made in arriving[batch::batches]:
            deliveries.put(f"files/{made.name}", made.content, DAY + timedelta(seconds=number))
        for table in (LOG, NEWEST):
            loaded = deliveries.receive(table)
            assert loaded is not None
            assert loaded.prepared is not None
            books[table].append(loaded.prepared.books)
    return books


def shown(values: Any) -> str:
    """A row as text: JSON inside it by its meaning, and no sign at a zero that has none."""
    return repr([_shown(value) for value in values])


def _shown(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return _shown(plainjson.parsed(value))
        except ValueError:
            return value
    if isinstance(value, dict):
        return [[key, _shown(each)] for key, each in value.items()]
    if isinstance(value, list | tuple):
        return [_shown(each) for each in value]
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value + 0)
    return value


def table_of(lake: Lake, table: str) -> Counter[str]:
    there = lake.delta(table).columns
    wanted = [name for name in NAMES if name in there]
    blank = [None] * (len(NAMES) - len(wanted))
    return Counter(shown([*row, *blank]) for row in lake.read(table, *wanted))


def waiting(lake: Lake, table: str) -> Counter[str]:
    """How many rows of each file are in the error lane."""
    return Counter(each["origin"].partition("#")[0].rpartition("/")[2] for each in lake.errors(table))


@pytest.mark.parametrize("form", generated.STRATEGIES)
def test_a_day_of_generated_files_is_one_table_whatever_the_batches(
    spark: SparkSession, tmp_path: Path, form: str
) -> None:
    files = generated.files(form, EXAMPLES // 3)
    good = [row for made in files for row in made.rows if row is not None]
    newest = {row["id"]: row for row in good}
    refused = Counter({made.name: made.rows.count(None) for made in files if None in made.rows})
    assert len(good) > len(files), "hardly a row is good: nothing is tried"

    for batches in (1, 2, 10):
        lake = Lake(spark, tmp_path / str(batches))
        books = deliver(lake, form, files, batches, random.Random(batches))

        assert table_of(lake, LOG) == Counter(shown(row[name] for name in NAMES) for row in good)
        assert table_of(lake, NEWEST) == Counter(shown(row[name] for name in NAMES) for row in newest.values())
        assert waiting(lake, LOG) == waiting(lake, NEWEST) == refused
        assert sum(each.extracted for each in books[LOG]) == len(good) + refused.total()
        assert sum(each.quarantined for each in books[LOG]) == refused.total()
        assert sum(each.inserted for each in books[LOG]) == len(good)
        assert sum(each.inserted for each in books[NEWEST]) == len(newest)
        if batches == 1:  # later ones read files again that stand behind those that come late
            (only,) = books[NEWEST]
            assert (only.extracted, only.quarantined) == (len(good) + refused.total(), refused.total())
            assert only.superseded == len(good) - len(newest)
