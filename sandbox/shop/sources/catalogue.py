"""The product table: what is listed on a day, at what price; what vanishes from it, and what is wrong in it."""

from __future__ import annotations

import calendar
from bisect import bisect_right
from datetime import timedelta
from random import Random
from typing import NamedTuple

from sandbox.shop.chance import Population, Weighted, Zipf, stream
from sandbox.shop.clock import Clock
from sandbox.shop.dirt import Flaw, Spoiler, becomes, turns
from sandbox.shop.model import DUPLICATE, GOOD, Batch, Note, Row
from sandbox.shop.names import ADJECTIVES, CATEGORIES
from sandbox.shop.rates import nominal
from sandbox.shop.schema import PRODUCTS

LAST_DAY = 900
"""The shop is drawn up to this day."""

_OPENING = 765
_NEW_PER_DAY = 1.2
_BROKEN_LISTINGS = 9
_CURRENCIES = Weighted({"EUR": 72, "USD": 10, "GBP": 8, "CHF": 3, "SEK": 3, "JPY": 2, "PLN": 2})
_RANK_STEP = 7919  # spreads the popular products over the table
_ENDINGS = (0, 49, 50, 90, 95, 99, 99)


class _State(NamedTuple):
    """A product from shop day `day` on; `cents` is its price in euro cents."""

    day: int
    name: str
    cents: int
    active: bool
    listed: bool
    broken_price: bool


class Product:
    """One product's life. A `sample` is listed but never for sale."""

    def __init__(self, seed: int, index: int, born: int, clock: Clock) -> None:
        rng = stream(seed, "product", index)
        self.product_id = f"PRD-{index + 1:05d}"
        self.sample = rng.random() < 0.04
        self._category = rng.choice(tuple(CATEGORIES))
        self._currency = _CURRENCIES.pick(rng)
        name = f"{rng.choice(ADJECTIVES)} {rng.choice(CATEGORIES[self._category])} {index + 1}"
        cents = min(60_000, max(150, int(2_400 * rng.lognormvariate(0, 0.75)))) // 100 * 100 + rng.choice(_ENDINGS)
        state = _State(born, name, cents, True, True, born > 1 and rng.random() < 0.15)
        self.states = [state]
        happenings = [(born + rng.randint(2, 4), "repaired")] if state.broken_price else []
        day = float(born)
        while (day := day + rng.expovariate(1 / 45)) < LAST_DAY:
            happenings.append((int(day) + 1, "repriced" if rng.random() < 0.9 else "renamed"))
        happenings += self._end(rng.expovariate(1 / 500), rng.randint(3, 60), rng.randint(2, 5), born, clock)
        for when, what in sorted(happenings):
            self.states.append(_after(self.states[-1], when, what, rng.uniform(0.9, 1.12)))

    def _end(self, lifetime: float, withdrawn: int, absence: int, born: int, clock: Clock) -> list[tuple[int, str]]:
        """How it leaves the table: a sample any day (often for a few days only); what was sold at a month's end."""
        if self.sample:
            gone = max(born, 1) + withdrawn
            return [(gone, "gone"), (gone + absence, "back")] if absence % 2 else [(gone, "gone")]
        ended = born + max(1, int(lifetime))
        return [(ended, "ended"), (_month_end(clock, ended + 10), "gone")]

    def on(self, day: int) -> _State | None:
        """Its state on a day, None when it is not in the table."""
        after = bisect_right(self.states, day, key=lambda state: state.day)
        state = self.states[after - 1] if after else None
        return state if state and state.listed else None

    def row(self, state: _State) -> Row:
        """Its row in SALES.PRODUCTS."""
        price = f"{state.cents / 100 * nominal(self._currency):.2f}"
        shown = "tbd" if state.broken_price else price
        return (self.product_id, state.name, self._category, shown, self._currency, state.active)


def _after(state: _State, day: int, what: str, factor: float) -> _State:
    state = state._replace(day=day)
    if what == "repriced":
        return state._replace(cents=max(100, int(state.cents * factor)))
    if what == "renamed":
        return state._replace(name=f"{state.name} II")
    if what == "repaired":
        return state._replace(broken_price=False)
    if what == "ended":
        return state._replace(active=False)
    return state._replace(listed=what == "back")


def _month_end(clock: Clock, day: int) -> int:
    """The last day of the month of a shop day: then the table is cleared of what is no longer sold."""
    on = clock.date(day)
    last = calendar.monthrange(on.year, on.month)[1]
    return day + (on.replace(day=last) - on) // timedelta(days=1)


class Catalogue:
    """All products there ever are, by index."""

    def __init__(self, seed: int, scale: float, clock: Clock) -> None:
        self._seed = seed
        self._clock = clock
        self._scale = scale
        self._opening = max(20, int(_OPENING * scale))
        self._population = Population(seed, "products", self._opening, lambda _: _NEW_PER_DAY * scale)
        opening_days = stream(seed, "products-opening")
        self._products = [Product(seed, index, -opening_days.randint(0, 60), clock) for index in range(self._opening)]
        self._drawn = 0
        self._popularity = Zipf(self._opening, 0.85, 6)

    def _advance(self, day: int) -> None:
        while self._drawn < day:
            self._drawn += 1
            for index in self._population.joining(self._drawn):
                self._products.append(Product(self._seed, index, self._drawn, self._clock))

    def sell(self, rng: Random, day: int) -> tuple[str, int]:
        """A product that a customer buys on `day`, by popularity: its id and its price in euro cents."""
        self._advance(day)
        for _ in range(40):
            if rng.random() < 0.06:
                index = int(rng.random() * len(self._products))
            else:
                index = self._popularity.pick(rng) * _RANK_STEP % self._opening
            product = self._products[index]
            state = product.on(day)
            if state and state.active and not state.broken_price and not product.sample:
                return product.product_id, state.cents
        raise RuntimeError(f"the shop has nothing left to sell on day {day}")

    def table(self, day: int) -> Batch:
        """The whole content of SALES.PRODUCTS on a day, a few rows listed twice and a few of them broken."""
        self._advance(day)
        labelled: list[tuple[Row, Note]] = []
        for index, product in enumerate(self._products):
            state = product.on(day)
            if state is None:
                continue
            row = product.row(state)
            note = _UNPRICED if state.broken_price else GOOD
            labelled.append((row, note))
            if index % 211 == 17 and note is GOOD:
                labelled.append((row, DUPLICATE))
        labelled += self._broken_listings(day)
        rows, notes = zip(*labelled, strict=True)
        return Batch(PRODUCTS.name, PRODUCTS.columns, rows, notes)

    def _broken_listings(self, day: int) -> list[tuple[Row, Note]]:
        """Rows that never were right, each in the table for a while."""
        broken = []
        for index in range(max(len(_FLAWS), round(_BROKEN_LISTINGS * self._scale))):
            rng = stream(self._seed, "product-broken", index)
            first = rng.choice((1, 1, 2, 9, 17, 24, 30))
            row = (f"PRD-{99_999 - index}", f"Listing {index} öß", "home", "19.90", "EUR", True)
            spoilt = SPOILER.spoil(rng, row, index)
            if first <= day <= first + rng.randint(5, 40):
                broken.append(spoilt)
        return broken


_UNPRICED = Note("bad", frozenset({"list_price.type"}))

_FLAWS = (
    Flaw("PRODUCT_ID", "product_id.pattern", turns(lambda value: value.replace("-", "_"))),
    Flaw("PRODUCT_ID", "product_id.pattern", turns(lambda value: value + "0")),
    Flaw("PRODUCT_ID", "product_id.required", becomes(None)),
    Flaw("PRODUCT_NAME", "product_name.required", becomes(None)),
    Flaw("CATEGORY", "category.required", becomes(None)),
    Flaw("LIST_PRICE", "list_price.type", becomes("12,50", "EUR 12", "", "123456789012345678.00")),
    Flaw("LIST_PRICE", "list_price.minimum", becomes("-1.00", "-0.01")),
    Flaw("LIST_PRICE", "list_price.required", becomes(None)),
    Flaw("CURRENCY", "currency.enum", becomes("XXX", "euro", "BTC")),
    Flaw("IS_ACTIVE", "is_active.required", becomes(None)),
)
SPOILER = Spoiler((column.name for column in PRODUCTS.columns), _FLAWS)
"""Breaks listings."""
