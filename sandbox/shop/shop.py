"""The shop as a whole: one seed, nine sources, day by day."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Literal, get_args

from sandbox.shop.clock import Clock
from sandbox.shop.feed import Feed
from sandbox.shop.files import csv_lines, json_array
from sandbox.shop.model import Batch, Day
from sandbox.shop.schema import BEHAVIOR, CUSTOMERS, ORDERS
from sandbox.shop.sources import behavior, customers, sales
from sandbox.shop.sources.behavior import Behavior
from sandbox.shop.sources.catalogue import LAST_DAY, Catalogue
from sandbox.shop.sources.crm import CrmObject
from sandbox.shop.sources.crm_records import open_crm
from sandbox.shop.sources.customers import Customers
from sandbox.shop.sources.fx import FxDesk
from sandbox.shop.sources.order_events import OrderEvents
from sandbox.shop.sources.orders import OrderBook
from sandbox.shop.sources.sales import Sales

Poison = Literal["unit_prices_times_100", "fx_rates_times_100"]
"""What can go wrong on a day in a way that no row rule sees, only a look at the whole."""

LARGEST_SCALE = 50.0
"""Ids have a fixed number of digits."""


@dataclass(frozen=True)
class Shop:
    """The shop: the same seed, scale, start and poison give the same bytes; day n does not depend on later days.

    `scale` multiplies the number of rows (1.0: about 250,000 in 30 days), `start` is the date of day 1. `poison` maps
    a shop day to what goes wrong on it: `unit_prices_times_100` (of the orders placed that day), or
    `fx_rates_times_100` (of that day's rate file: it must be a business day).
    Raises ValueError for a scale, or a poison, that cannot be.
    """

    seed: int = 7
    scale: float = 1.0
    start: date = date(2025, 3, 1)
    poison: Mapping[int, Poison] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.scale <= LARGEST_SCALE:
            raise ValueError(f"scale must be above 0 and at most {LARGEST_SCALE:g}, not {self.scale!r}")
        for day, poison in self.poison.items():
            if poison not in get_args(Poison):
                raise ValueError(f"no such poison: {poison!r}")
            if poison == "fx_rates_times_100" and not Clock(self.start).is_business_day(day):
                raise ValueError(f"no rates are published on day {day}: it is a weekend")

    def day(self, number: int) -> Day:
        """What becomes visible on shop day `number` (1 to 900); ValueError for any other day."""
        if not 1 <= number <= LAST_DAY:
            raise ValueError(f"the shop has days 1 to {LAST_DAY}, not {number}")
        with _collector_paused():
            return self._draw(number)

    def _draw(self, number: int) -> Day:
        files = {**self._parts.fx.files(number), **self._parts.order_events.files(number)}
        return Day(
            number=number,
            date=self._parts.clock.date(number),
            inserts={batch.source: batch for batch in self._inserts(number)},
            products=self._parts.catalogue.table(number),
            crm={name: records.changed(number) for name, records in self._parts.crm.items()},
            files={path: _written(path, batch) for path, batch in files.items()},
            file_rows=files,
        )

    def _inserts(self, number: int) -> Iterator[Batch]:
        parts = self._parts
        for feed, source in (
            (parts.customer_feed, parts.customers),
            (parts.order_feed, parts.sales),
            (parts.behavior_feed, parts.behavior),
        ):
            yield feed.batch(number, source.arriving(number), source.arriving(number - 1) if number > 1 else [])

    @cached_property
    def _parts(self) -> _Parts:
        clock = Clock(self.start)
        people = Customers(self.seed, self.scale, clock)
        catalogue = Catalogue(self.seed, self.scale, clock)
        fx = FxDesk(self.seed, clock, self._factors("fx_rates"))
        first_day = fx.first_day()
        book = OrderBook(self.seed, self.scale, clock, people, catalogue, self._factors("unit_prices"))
        sold = Sales(book, clock, first_day)
        return _Parts(
            clock=clock,
            customers=people,
            catalogue=catalogue,
            fx=fx,
            sales=sold,
            order_events=OrderEvents(self.seed, clock, sold),
            behavior=Behavior(self.seed, self.scale, clock, book, sold),
            crm=open_crm(self.seed, self.scale, clock, people, first_day),
            customer_feed=Feed(self.seed, clock, CUSTOMERS, "UPDATED_AT", customers.SPOILER),
            order_feed=Feed(self.seed, clock, ORDERS, "UPDATED_AT", sales.SPOILER),
            behavior_feed=Feed(self.seed, clock, BEHAVIOR, "loaded_at", behavior.SPOILER),
        )

    def _factors(self, what: str) -> dict[int, int]:
        """Shop day → by how much `what` is too high on it."""
        poisons = ((day, poison.partition("_times_")) for day, poison in self.poison.items())
        return {day: int(factor) for day, (poisoned, _, factor) in poisons if poisoned == what}


@dataclass(frozen=True)
class _Parts:
    """Everything that draws; it remembers what it has drawn."""

    clock: Clock
    customers: Customers
    catalogue: Catalogue
    fx: FxDesk
    sales: Sales
    order_events: OrderEvents
    behavior: Behavior
    crm: Mapping[str, CrmObject]
    customer_feed: Feed
    order_feed: Feed
    behavior_feed: Feed


@contextmanager
def _collector_paused() -> Iterator[None]:
    """No garbage collection meanwhile: drawing makes no cycles, and each collection would walk every row again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _written(path: str, batch: Batch) -> bytes:
    return json_array(batch) if path.endswith(".json") else csv_lines(batch)
