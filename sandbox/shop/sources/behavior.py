"""analytics.behavior: what people do on the site and with the shop's mails, loaded in hourly batches."""

from __future__ import annotations

import math
from collections import defaultdict
from random import Random
from typing import NamedTuple

from sandbox.shop.chance import Weighted, rounded, stream
from sandbox.shop.clock import HOUR, MINUTE, SECOND, Clock, busy_moment, day_of, delay
from sandbox.shop.dirt import Flaw, Spoiler, becomes, turns
from sandbox.shop.model import Row
from sandbox.shop.names import CAMPAIGNS
from sandbox.shop.schema import BEHAVIOR
from sandbox.shop.sources.orders import ONLINE, OrderBook
from sandbox.shop.sources.sales import Sales

_VISITS_PER_DAY = 480.0
_MAILS_PER_DAY = 250.0
_LATE_SHARE = 0.01
_RESENT_SHARE = 0.006
_SPAN = 4
"""Days after which nothing more arrives of a day: an event may be loaded 60 h late, and once more 26 h after that."""

_PAGES = Weighted({"/": 20, "/search?q=": 10, "/p/": 50, "/c/kitchen": 8, "/c/jardin-été": 6, "/checkout": 6})
_QUERIES = ("lampe", "théière", "椅子", "50%25+off", "grün & blau", "c'est bon", "كرسي")
_CAMPAIGNS = Weighted(dict.fromkeys(CAMPAIGNS, 1.0))
_MAIL_EVENTS = Weighted({"email_open": 62, "email_click": 21, "ad_click": 17})


class _Event(NamedTuple):
    """An event of one moment; `duration` in seconds with at most three decimals."""

    customer_id: str | None
    session: int
    kind: str
    page: str | None
    campaign: str | None
    duration: float | None
    at: int


class Behavior:
    """Events by day of loading. An event that is sent again has a later `loaded_at` and the same id."""

    def __init__(self, seed: int, scale: float, clock: Clock, book: OrderBook, sales: Sales) -> None:
        self._seed = seed
        self._scale = scale
        self._clock = clock
        self._book = book
        self._sales = sales
        self._arrivals: defaultdict[int, list[Row]] = defaultdict(list)
        self._drawn: set[int] = set()

    def arriving(self, day: int) -> list[Row]:
        """The good rows that are loaded on `day`, by event id."""
        for happened in range(max(1, day - _SPAN), day + 1):
            if happened not in self._drawn:
                self._drawn.add(happened)
                self._draw(happened)
        return sorted(self._arrivals[day], key=lambda row: (row[0], row[-1]))

    def _draw(self, day: int) -> None:
        rng = stream(self._seed, "behavior", day)
        for sequence, event in enumerate(self._events(rng, day), start=1):
            event_id = f"EVT-{day:03d}{sequence:07d}"
            loaded = event.at + delay(rng, _LATE_SHARE)
            loaded = loaded // HOUR * HOUR + HOUR + rng.randrange(8 * MINUTE)
            self._load(day, event_id, event, loaded)
            if rng.random() < _RESENT_SHARE:
                longer = None if event.duration is None else round(event.duration + rng.randrange(0, 9), 3)
                again = loaded + rng.randint(5 * MINUTE, 26 * HOUR)
                self._load(day, event_id, event._replace(duration=longer), again)

    def _load(self, day: int, event_id: str, event: _Event, loaded: int) -> None:
        row = (
            event_id,
            event.customer_id,
            f"S-{day:03d}-{event.session:06d}",
            event.kind,
            event.page,
            event.campaign,
            event.duration,
            self._clock.datetime(event.at),
            self._clock.datetime(loaded),
        )
        self._arrivals[day_of(loaded)].append(row)

    def _events(self, rng: Random, day: int) -> list[_Event]:
        busy = self._scale * self._clock.busyness(day)
        events: list[_Event] = []
        session = 0
        for order in self._sales.orders(day):
            if order.channel in ONLINE:
                session += 1
                events += _purchase(rng, session, order.customer_id, order.ordered)
        for _ in range(rounded(rng, _VISITS_PER_DAY * busy)):
            session += 1
            moment = busy_moment(rng, day)
            events += _visit(rng, session, self._visitor(rng, moment, anonymous=0.35), moment)
        for _ in range(rounded(rng, _MAILS_PER_DAY * busy)):
            session += 1
            moment = busy_moment(rng, day)
            events.append(_reaction(rng, session, self._visitor(rng, moment, anonymous=0.1), moment))
        return events

    def _visitor(self, rng: Random, moment: int, anonymous: float) -> str | None:
        """A customer's id, or None; now and then one of who is no customer any more."""
        luck = rng.random()
        if luck < anonymous:
            return None
        if luck > 0.985:
            return self._book.anybody(rng, moment)
        return self._book.somebody(rng, moment)


def _page(rng: Random) -> str:
    page = _PAGES.pick(rng)
    if page == "/p/":
        return f"https://shop.example/p/{rng.randint(1, 800)}"
    return f"https://shop.example{page}{rng.choice(_QUERIES) if page.endswith('=') else ''}"


def _seconds(rng: Random) -> float | None:
    return None if rng.random() < 0.04 else round(min(rng.expovariate(1 / 45) + 0.2, 3_600), 3)


def _purchase(rng: Random, session: int, customer_id: str, ordered: int) -> list[_Event]:
    """The visit in which an order is placed."""
    moment = ordered - rng.randint(4, 20) * MINUTE
    steps = [("page_view", moment), ("add_to_cart", moment + 2 * MINUTE + rng.randrange(MINUTE)), ("purchase", ordered)]
    return [
        _Event(customer_id, session, kind, _page(rng), None, _seconds(rng), at + rng.randrange(900))
        for kind, at in steps
    ]


def _visit(rng: Random, session: int, customer_id: str | None, moment: int) -> list[_Event]:
    """A visit that ends without a purchase; some come from a campaign."""
    campaign = _CAMPAIGNS.pick(rng) if rng.random() < 0.15 else None
    events = []
    for _ in range(rng.choice((1, 1, 2, 2, 3, 3, 4, 5, 8))):
        kind = "search" if rng.random() < 0.15 else "add_to_cart" if rng.random() < 0.07 else "page_view"
        events.append(_Event(customer_id, session, kind, _page(rng), campaign, _seconds(rng), moment))
        moment += rng.randint(2 * SECOND, 4 * MINUTE)
    return events


def _reaction(rng: Random, session: int, customer_id: str | None, moment: int) -> _Event:
    """Somebody opens or clicks a mail, or clicks an advertisement."""
    kind = _MAIL_EVENTS.pick(rng)
    page = None if kind == "email_open" else _page(rng)
    return _Event(customer_id, session, kind, page, _CAMPAIGNS.pick(rng), None, moment)


SPOILER = Spoiler(
    (column.name for column in BEHAVIOR.columns),
    (
        Flaw("event_id", "event_id.required", becomes(None)),
        Flaw("event_id", "event_id.pattern", turns(str.lower)),
        Flaw("event_id", "event_id.pattern", turns(lambda value: value + "9")),
        Flaw("customer_id", "customer_id.pattern", becomes("guest", "", "CUST-0001", "42")),
        Flaw("session_id", "session_id.required", becomes(None)),
        Flaw("event_type", "event_type.enum", becomes("hover", "PAGE_VIEW", "")),
        Flaw("event_type", "event_type.required", becomes(None)),
        Flaw("duration_seconds", "duration_seconds.minimum", becomes(-1.5, -math.inf, -0.001)),
        Flaw("duration_seconds", "duration_seconds.maximum", becomes(86_400.5, 1e300, math.inf)),
        Flaw("duration_seconds", "duration_seconds.maximum", becomes(math.nan)),
        Flaw("event_at", "event_at.required", becomes(None)),
        Flaw("loaded_at", "loaded_at.required", becomes(None)),
    ),
)
"""Breaks events."""
