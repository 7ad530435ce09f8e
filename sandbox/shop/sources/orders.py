"""Orders as they happen: who buys what, and what becomes of each line over the following days."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from random import Random
from typing import NamedTuple

from sandbox.shop.chance import Weighted, Zipf, rounded, stream
from sandbox.shop.clock import DAY, HOUR, LONGEST_DELAY, MINUTE, SECOND, Clock, busy_moment, day_of, delay
from sandbox.shop.names import COUNTRIES
from sandbox.shop.rates import nominal
from sandbox.shop.sources.catalogue import Catalogue
from sandbox.shop.sources.customers import Customers, customer_id

_ORDERS_PER_DAY = 470.0
_LATE_SHARE = 0.03
_GUEST_SHARE = 0.004
_RANK_STEP = 7919  # spreads the busy customers over the ids

# The longest life of an order: shipping, a split, delivery, return, deletion and reappearance, a late row.
_SHIPPING = (4 * HOUR, 2 * DAY)
_SPLIT = (2 * HOUR, DAY // 2)
_TRANSPORT = (20 * HOUR, 5 * DAY // 2)
_KEEPING = (DAY, 3 * DAY)
_CLEARING = (HOUR, DAY)
LONGEST_LIFE = sum(longest for _, longest in (_SHIPPING, _SPLIT, _TRANSPORT, _KEEPING, _CLEARING)) + LONGEST_DELAY
"""Nothing is heard of an order that was placed longer ago than this."""

_CHANNELS = Weighted({"web": 38, "app": 20, "store": 30, "phone": 12})
ONLINE = ("web", "app")
"""Channels whose orders leave events and sessions behind."""

_LINE_COUNTS = Weighted({"1": 42, "2": 28, "3": 15, "4": 8, "5": 4, "7": 2, "9": 1})
_QUANTITIES = Weighted({"1": 70, "2": 17, "3": 6, "4": 4, "6": 2, "12": 1})
_DISCOUNTS = Weighted(
    {"0": 68, "0.05": 8, "0.1": 9, "0.15": 4, "0.2": 4, "0.125": 3, "0.3333": 2, "0.5": 1.5, "1": 0.5}
)
_CURRENCY_OF = {country.code: country.currency for country in COUNTRIES}


class LineVersion(NamedTuple):
    """A line from the moment `at` on; its row reaches the source on shop day `arrives`."""

    at: int
    arrives: int
    status: str
    quantity: int
    deleted: bool


class Line(NamedTuple):
    """An order line; the price is in the order's currency."""

    number: int
    product_id: str
    unit_price: Decimal
    discount: Decimal
    versions: tuple[LineVersion, ...]


class OrderEvent(NamedTuple):
    """Something that the order systems announce at the moment `at`; it is seen on shop day `arrives`."""

    number: int
    kind: str
    at: int
    arrives: int


@dataclass(frozen=True, slots=True)
class Order:
    """An order of shop day `day`, the `sequence`-th of that day."""

    day: int
    sequence: int
    order_id: str
    customer_id: str
    currency: str
    ordered: int
    channel: str
    lines: tuple[Line, ...]
    events: tuple[OrderEvent, ...]


class _Fate(NamedTuple):
    """When what becomes of an order; None: never."""

    amended: int | None
    cancelled: int | None
    shipped: int | None
    delivered: int | None


@cache
def _share(text: str) -> Decimal:
    return Decimal(text).quantize(Decimal("0.0001"))


class OrderBook:
    """All orders, drawn day by day in any order. `factors`: days on which every price is too high, and by how much."""

    def __init__(
        self,
        seed: int,
        scale: float,
        clock: Clock,
        customers: Customers,
        catalogue: Catalogue,
        factors: Mapping[int, int] | None = None,
    ) -> None:
        self._seed = seed
        self._expected = _ORDERS_PER_DAY * scale
        self._clock = clock
        self._customers = customers
        self._catalogue = catalogue
        self._factors = factors or {}
        self._loyalty = Zipf(customers.opening, 0.8, 8)

    def placed_on(self, day: int) -> list[Order]:
        """The orders of a shop day, in the order of their ids (not of their times)."""
        rng = stream(self._seed, "orders", day)
        count = rounded(rng, self._expected * self._clock.busyness(day))
        return [self._order(rng, day, sequence) for sequence in range(1, count + 1)]

    def anybody(self, rng: Random, moment: int) -> str:
        """The id of anyone who ever was a customer before the end of a moment's day."""
        return customer_id(int(rng.random() * self._customers.known(day_of(moment))))

    def somebody(self, rng: Random, moment: int) -> str:
        """The id of someone who is a customer at a moment, loyal ones more often."""
        return customer_id(self._pick(rng, moment))

    def _pick(self, rng: Random, moment: int) -> int:
        """The index of a customer who is there at a moment: mostly a loyal one, sometimes a recent one."""
        day = day_of(moment)
        known = self._customers.known(day)
        while True:
            if rng.random() < 0.85:
                index = self._loyalty.pick(rng) * _RANK_STEP % self._customers.opening
            else:
                index = int(rng.random() * known)
            version = self._customers.customer(index, day).at(moment)
            if version is not None and not version.deleted:
                return index

    def _buyer(self, rng: Random, day: int) -> tuple[int, int]:
        """A customer's index and when they order; a few order as guests, minutes before they become customers."""
        newcomers = self._customers.joining(day) if day >= 1 else range(0)
        if newcomers and rng.random() < _GUEST_SHARE:
            index = rng.choice(newcomers)
            ordered = self._customers.customer(index, day).versions[0].at - rng.randint(2, 25) * MINUTE
            if day_of(ordered) == day:
                return index, ordered
        ordered = busy_moment(rng, day)
        return self._pick(rng, ordered), ordered

    def _order(self, rng: Random, day: int, sequence: int) -> Order:
        index, moment = self._buyer(rng, day)
        ordered = moment // SECOND * SECOND
        customer = self._customers.customer(index, day)
        version = customer.at(ordered) or customer.versions[0]
        currency = _CURRENCY_OF[version.country]
        channel = _CHANNELS.pick(rng)
        fate = _fate(rng, ordered, channel)
        lines = self._lines(rng, day, ordered, currency, fate)
        number = (day + 10) * 100_000 + sequence
        return Order(
            day=day,
            sequence=sequence,
            order_id=f"ORD-{number:08d}",
            customer_id=customer.customer_id,
            currency=currency,
            ordered=ordered,
            channel=channel,
            lines=lines,
            events=tuple(_events(rng, ordered, fate, lines)) if channel in ONLINE else (),
        )

    def _lines(self, rng: Random, day: int, ordered: int, currency: str, fate: _Fate) -> tuple[Line, ...]:
        count = int(_LINE_COUNTS.pick(rng))
        split = count > 1 and fate.shipped is not None and rng.random() < 0.12
        rate = nominal(currency) * self._factors.get(day, 1)
        lines = []
        for number in range(1, count + 1):
            product_id, cents = self._catalogue.sell(rng, day)
            price = round(cents * rate / 100) * 100 if currency == "JPY" else round(cents * rate)
            later = rng.randint(*_SPLIT) if split and number > count // 2 else 0
            lines.append(
                Line(
                    number,
                    product_id,
                    Decimal(price).scaleb(-2),
                    _share(_DISCOUNTS.pick(rng)),
                    tuple(_line_versions(rng, ordered, fate, later)),
                )
            )
        return tuple(lines)


def _fate(rng: Random, ordered: int, channel: str) -> _Fate:
    if channel == "store":
        return _Fate(None, None, None, ordered + rng.randint(2, 40) * MINUTE)
    amended = ordered + rng.randint(10 * MINUTE, 3 * HOUR) if rng.random() < 0.04 else None
    shipped = ordered + rng.randint(*_SHIPPING)
    if rng.random() < 0.06:
        return _Fate(amended, shipped, None, None)
    return _Fate(amended, None, shipped, shipped + rng.randint(*_TRANSPORT))


def _line_versions(rng: Random, ordered: int, fate: _Fate, later: int) -> Iterator[LineVersion]:
    """A line's versions, strictly later one after the other; `later` is the delay of a split shipment."""
    quantity = int(_QUANTITIES.pick(rng))

    def version(at: int, status: str, deleted: bool = False) -> LineVersion:
        return LineVersion(at, max(1, day_of(at + delay(rng, _LATE_SHARE))), status, quantity, deleted)

    yield version(ordered, "placed")
    if fate.amended is not None:
        quantity += rng.choice((1, 1, 2))
        yield version(fate.amended, "placed")
    last, status = ordered, "placed"
    for moment, reached in ((fate.cancelled, "cancelled"), (fate.shipped, "shipped"), (fate.delivered, "delivered")):
        if moment is not None:
            last, status = moment + later, reached
            yield version(last, status)
    if status == "delivered" and rng.random() < 0.06:
        last, status = last + rng.randint(*_KEEPING), "returned"
        yield version(last, status)
    if rng.random() < 0.007:
        first, longest = _CLEARING
        last += rng.randint(first, longest // 2)
        yield version(last, status, deleted=True)
        if rng.random() < 0.3:
            yield version(last + rng.randint(first, longest // 2), status)


def _events(rng: Random, ordered: int, fate: _Fate, lines: tuple[Line, ...]) -> Iterator[OrderEvent]:
    """What the order systems announce, in the order in which it happens; times have milliseconds."""
    end = fate.cancelled or fate.shipped or ordered
    moments = [("created", ordered), ("paid", ordered + rng.randint(1, 12) * MINUTE)]
    if fate.cancelled is not None:
        moments += [("cancelled", end), ("refunded", end + 5 * MINUTE)]
    else:
        moments += [("packed", ordered + int((end - ordered) * rng.uniform(0.5, 0.95))), ("shipped", end)]
        moments += [("delivered", fate.delivered)] if fate.delivered is not None else []
        returned = [version.at for line in lines for version in line.versions if version.status == "returned"]
        moments += [("refunded", min(returned) + 5 * MINUTE)] if returned else []
    for number, (kind, moment) in enumerate(moments, start=1):
        at = moment + rng.randrange(30 * SECOND)
        yield OrderEvent(number, kind, at, day_of(at + delay(rng, _LATE_SHARE)))
