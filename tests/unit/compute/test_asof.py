"""A row takes the latest rate on or before its day: a change of a rate reaches the rows that take it, and no others."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from pyspark.sql import SparkSession

from tests.support.lakes.lake import Lake, at
from tests.support.lakes.saved import Beginnings
from tidemark.write.manifest import Prepared

ORDERS = "id string, day date, currency string, amount int, updated_at timestamp"
RATES = "currency string, day date, rate int, published_at timestamp, withdrawn boolean"
CURRENCIES = ("EUR", "GBP", "JPY")


def on_day(number: int) -> date:
    return date(2025, 1, 1) + timedelta(days=number)


@dataclass
class Desk:
    """Orders and rates of a lake, and what plain Python makes of the same."""

    lake: Lake
    orders: dict[str, tuple[date, str, int]] = field(default_factory=dict)
    rates: dict[tuple[str, date], int] = field(default_factory=dict)
    clock: int = 0

    def describe(self) -> None:
        lake = self.lake
        received = {"source": {"connection": "shop", "object": "x"}, "write": {"mode": "append"}}
        lake.table(
            "bronze.orders",
            "id string\nday date\ncurrency string\namount int\nupdated_at timestamp",
            received | {"cluster_by": ["updated_at"]},
        )
        lake.table("bronze.rates", RATES.replace(", ", "\n"), received)
        lake.table(
            "silver.rates",
            "currency string\nday date\nrate int",
            {
                "inputs": {"bronze.rates": {"on": ["currency", "day"]}},
                "write": {
                    "mode": "upsert",
                    "keys": ["currency", "day"],
                    "order_by": ["published_at"],
                    "deletes": {"flag": "withdrawn"},
                },
            },
            keys=["currency", "day"],
            sql="SELECT * FROM bronze.rates",
        )
        lake.table(
            "silver.orders",
            "id string\norder_day date\ncurrency string\nvalue int {required: true}",
            {
                "inputs": {
                    "bronze.orders": {"on": ["id"]},
                    "silver.rates": {"on": ["currency"], "as_of": {"day": "day"}},
                },
                "write": {"mode": "upsert", "keys": ["id"], "order_by": ["updated_at"]},
            },
            keys=["id"],
            sql="""
            WITH in_use AS (SELECT DISTINCT currency, day FROM bronze.orders),
            valued AS (
              SELECT u.currency, u.day, max_by(r.rate, r.day) AS rate FROM in_use AS u
              JOIN silver.rates AS r ON r.currency = u.currency AND r.day <= u.day GROUP BY u.currency, u.day
            )
            SELECT o.id, o.day AS order_day, o.currency, o.amount * v.rate AS value, o.updated_at
            FROM bronze.orders AS o LEFT JOIN valued AS v ON v.currency = o.currency AND v.day = o.day""",
        )

    def tick(self) -> Any:
        self.clock += 1
        return at(1) + timedelta(minutes=self.clock)

    def order(self, *rows: tuple[str, int, str, int]) -> None:
        self.orders |= {id_: (on_day(day), currency, amount) for id_, day, currency, amount in rows}
        values = [(id_, on_day(day), currency, amount, self.tick()) for id_, day, currency, amount in rows]
        self.lake.load("bronze.orders", self.lake.frame(ORDERS, values))

    def publish(self, *rows: tuple[str, int, int | None]) -> None:
        """Rates of days; without a rate that of the day is withdrawn."""
        values = []
        for currency, day, rate in rows:
            values.append((currency, on_day(day), rate, self.tick(), rate is None))
            if rate is None:
                self.rates.pop((currency, on_day(day)), None)
            else:
                self.rates[currency, on_day(day)] = rate
        self.lake.load("bronze.rates", self.lake.frame(RATES, values))

    def build(self) -> Prepared | None:
        return self.lake.build_together("silver.rates", "silver.orders")["silver.orders"].prepared

    def expected(self) -> list[tuple[Any, ...]]:
        rows = []
        for id_, (day, currency, amount) in self.orders.items():
            before = [(on, rate) for (of, on), rate in self.rates.items() if of == currency and on <= day]
            if before:
                rows.append((id_, day, currency, amount * max(before)[1]))
        return sorted(rows, key=repr)

    def held(self) -> list[tuple[Any, ...]]:
        return self.lake.read("silver.orders")


@pytest.fixture
def desk(beginnings: Beginnings) -> Desk:
    lake, begun = beginnings.of(first_days)
    return replace(begun, lake=lake, orders=dict(begun.orders), rates=dict(begun.rates))


def first_days(lake: Lake) -> Desk:
    desk = Desk(lake)
    desk.describe()
    desk.order(*[(f"{currency}{day}", day, currency, 1 + day) for currency in CURRENCIES for day in range(0, 12, 2)])
    desk.publish(*[(currency, day, 10 + day) for currency in CURRENCIES for day in (0, 4, 8)])
    desk.build()
    assert desk.held() == desk.expected()
    return desk


def computed(batch: Prepared | None) -> int:
    return batch.books.extracted if batch else 0


def test_a_new_rate_reaches_the_rows_from_its_day_on(desk: Desk) -> None:
    desk.publish(("EUR", 9, 99))
    assert computed(desk.build()) == 1, "that of day 10"
    assert desk.held() == desk.expected()


def test_a_late_a_corrected_and_a_withdrawn_rate_reach_the_rows_up_to_the_next(desk: Desk) -> None:
    desk.publish(("GBP", 5, 50))
    assert computed(desk.build()) == 1, "that of day 6"
    desk.publish(("GBP", 4, 41))
    assert computed(desk.build()) == 1, "that of day 4: the next rate is of day 5 now"
    desk.publish(("GBP", 5, None))
    assert computed(desk.build()) == 1
    assert desk.held() == desk.expected()


def test_rates_and_orders_of_one_batch_and_rows_that_had_no_rate(desk: Desk) -> None:
    desk.order(("chf", 3, "CHF", 7), ("eur", 11, "EUR", 2))
    desk.build()
    assert desk.held() == desk.expected()
    desk.publish(("CHF", 2, 5), ("EUR", 11, 77))
    assert computed(desk.build()) == 2
    assert ("chf", on_day(3), "CHF", 35) in desk.held()
    assert desk.held() == desk.expected()


def test_a_new_day_of_rates_computes_the_batch_whatever_the_history(desk: Desk) -> None:
    spark = desk.lake.spark
    for first in range(20, 220, 20):
        desk.order(*[(f"h{number}", first + number % 20, "EUR", 1) for number in range(first * 50, first * 50 + 1000)])
    desk.publish(*[("EUR", day, day) for day in range(12, 220)])
    desk.build()
    fresh = [(f"new{number}", 221, "EUR", 1) for number in range(200)]
    desk.order(*fresh)
    desk.publish(("EUR", 221, 500))
    desk.lake.build("silver.rates")
    before = last_stage(spark)

    batch = desk.lake.build("silver.orders").prepared

    assert computed(batch) <= 1.5 * len(fresh)
    assert rows_read(spark, before) < 10_000 / 4, (
        "in all that is looked up, compared and staged; most files are not opened"
    )
    assert desk.held() == desk.expected()


@pytest.mark.parametrize("seed", [3, pytest.param(7, marks=pytest.mark.slow)])
def test_any_order_of_events_gives_what_a_whole_computation_would(desk: Desk, seed: int) -> None:
    draw = Random(seed)
    for step in range(6):
        desk.publish(
            *[
                (draw.choice(CURRENCIES), draw.randrange(14), draw.choice((None, draw.randrange(100))))
                for _ in range(draw.randint(1, 3))
            ]
        )
        if draw.random() < 0.6:
            desk.order((draw.choice(("EUR2", f"n{step}")), draw.randrange(14), draw.choice(CURRENCIES), step))
        desk.build()
        kept = {row[0]: row for row in desk.held()}
        wanted = {row[0]: row for row in desk.expected()}
        assert {id_: kept.get(id_) for id_ in wanted} == wanted, step


def last_stage(spark: SparkSession) -> int:
    return max(stage.stageId() for stage in stages(spark))


def rows_read(spark: SparkSession, since: int) -> int:
    """Rows that the stages after `since` have read from files, as Spark counts them."""
    kept = stages(spark)
    assert min(stage.stageId() for stage in kept) <= since + 1, "Spark has forgotten some"
    return sum(int(stage.inputRecords()) for stage in kept if stage.stageId() > since)


def stages(spark: SparkSession) -> list[Any]:
    internal: Any = spark
    gateway = spark.sparkContext._gateway
    assert gateway is not None
    no_quantiles = gateway.new_array(gateway.jvm.double, 0)
    store = internal._jsparkSession.sparkContext().statusStore()
    found = store.stageList(None, False, False, no_quantiles, None)
    return [found.apply(number) for number in range(found.size())]
