"""Whatever arrives, in whatever order and portions: tables kept up by changes are what all received rows make of them.

What they should be is worked out here in plain Python. One example holds many small worlds side by side, which share
no key: Spark then does the work of hundreds of examples in a few runs.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from tests.support.lakes.histories import spans
from tests.support.lakes.lake import Lake, at
from tests.support.lakes.properties import few_or_many
from tests.support.lakes.shop_tables import TABLES, describe, held, receive

WORLDS, DAYS = 25, 4
Line = tuple[str, int, str, int, datetime, bool]
Customer = tuple[str, str, datetime, bool]
_homes = itertools.count()

keys, instants, deletes = st.integers(1, 3), st.integers(0, 40), st.sampled_from([False, False, False, True])
days = st.sets(st.integers(0, DAYS - 1), min_size=1, max_size=2)  # some rows come twice
line_contents = st.tuples(keys, st.integers(1, 9), deletes, days)
customer_contents = st.tuples(st.sampled_from("XYZ"), deletes, days)
worlds = st.tuples(
    st.dictionaries(st.tuples(keys, instants), line_contents, max_size=8),
    st.dictionaries(st.tuples(keys, instants), customer_contents, max_size=8),
)
builds = st.lists(st.sampled_from([TABLES, TABLES[:1], TABLES[1:3], ()]), min_size=DAYS - 1, max_size=DAYS - 1)


def instant(number: int) -> datetime:
    return at(1 + number // 24, number % 24)


def arrivals(drawn: list[Any]) -> tuple[list[list[Line]], list[list[Customer]]]:
    """The rows of each day. A key has one content an instant: which of two would win is not the matter here."""
    lines: list[list[Line]] = [[] for _ in range(DAYS)]
    customers: list[list[Customer]] = [[] for _ in range(DAYS)]
    for world, (some_lines, some_customers) in enumerate(drawn):
        for (key, time), (customer, amount, deleted, when) in some_lines.items():
            for day in when:
                lines[day].append((f"w{world}-o{key}", 1, f"w{world}-c{customer}", amount, instant(time), deleted))
        for (key, time), (city, deleted, when_known) in some_customers.items():
            for day in when_known:
                customers[day].append((f"w{world}-c{key}", f"w{world}-{city}", instant(time), deleted))
    return lines, customers


def histories(customers: list[Customer]) -> dict[str, list[tuple[str, datetime, datetime | None]]]:
    """City, from and to of every customer: what a person would write down from all that is known of them."""
    found: dict[str, list[tuple[str, datetime, datetime | None]]] = {}
    by_customer: dict[str, dict[datetime, tuple[str, bool]]] = defaultdict(dict)
    for name, city, time, deleted in customers:
        by_customer[name][time] = (city, deleted)
    for name, versions in by_customer.items():
        in_time = [(time, None if gone else city, city) for time, (city, gone) in sorted(versions.items())]
        found[name] = spans(in_time)
    return found


def expected(lines: list[Line], customers: list[Customer]) -> dict[str, list[tuple[Any, ...]]]:
    newest: dict[str, Line] = {}
    for line in lines:
        if line[0] not in newest or line[4] > newest[line[0]][4]:
            newest[line[0]] = line
    kept = [line for line in newest.values() if not line[5]]
    lived = histories(customers)
    sales: list[tuple[Any, ...]] = []
    for order, number, customer, amount, time, _ in kept:
        cities = [city for city, start, end in lived.get(customer, ()) if start <= time and (end is None or time < end)]
        sales.append((order, number, customer, cities[0] if cities else None, amount))
    totals: dict[str, int] = defaultdict(int)
    for *_, city, amount in sales:
        if city is not None:
            totals[city] += amount
    dimension = [(name, *span, span[2] is None) for name, known in lived.items() for span in known]
    return {
        "silver.lines": sorted((line[:5] for line in kept), key=repr),
        "gold.customers": sorted(dimension, key=repr),
        "gold.sales": sorted(sales, key=repr),
        "gold.totals": sorted(totals.items(), key=repr),
    }


def kept_up(
    spark: SparkSession, home: Path, drawn: list[Any], built: list[tuple[str, ...]]
) -> tuple[dict[str, list[tuple[Any, ...]]], dict[str, list[tuple[Any, ...]]]]:
    """What the tables hold after all days, and what they should."""
    lake = Lake(spark, home / str(next(_homes)))
    describe(lake)
    lines, customers = arrivals(drawn)
    receive(lake, [("first", 1, "first", 1, at(1), False)], [("first", "first", at(1), False)])
    lake.build_together(*TABLES)
    for day, tables in enumerate([*built, TABLES]):
        receive(lake, lines[day], customers[day])
        lake.build_together(*tables)
    every_line: list[Line] = [("first", 1, "first", 1, at(1), False), *itertools.chain(*lines)]
    every_customer: list[Customer] = [("first", "first", at(1), False), *itertools.chain(*customers)]
    return held(lake), expected(every_line, every_customer)


@few_or_many(1)
@given(st.lists(worlds, min_size=WORLDS, max_size=WORLDS), builds)
def test_tables_kept_up_by_changes_are_those_computed_from_everything(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, drawn: list[Any], built: list[tuple[str, ...]]
) -> None:
    tables, truth = kept_up(spark, tmp_path_factory.mktemp("lake"), drawn, built)
    assert tables == truth


@pytest.mark.slow
@pytest.mark.timeout(3600)
@few_or_many(20)
@given(st.lists(worlds, min_size=WORLDS, max_size=WORLDS), builds)
def test_so_it_is_for_five_hundred_worlds(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, drawn: list[Any], built: list[tuple[str, ...]]
) -> None:
    tables, truth = kept_up(spark, tmp_path_factory.mktemp("lake"), drawn, built)
    assert tables == truth
