"""Customers: born, moving, changing segment and e-mail, leaving and now and then coming back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, NamedTuple

from sandbox.shop.agenda import Agenda
from sandbox.shop.chance import Population, Weighted, stream
from sandbox.shop.clock import DAY, HOUR, MINUTE, Clock, busy_moment, day_of, delay
from sandbox.shop.dirt import Flaw, Spoiler, becomes, turns
from sandbox.shop.model import Row
from sandbox.shop.names import COUNTRIES, MAIL_DOMAINS, ODD_FIRST_NAMES, ODD_STREETS, Country
from sandbox.shop.schema import CUSTOMERS

_OPENING = 4300
_JOINING_PER_DAY = 25.0
_CHANGES_PER_DAY = 0.034
_LATE_SHARE = 0.04

_BY_CODE = {country.code: country for country in COUNTRIES}
_COUNTRY_CODES = Weighted({country.code: country.weight for country in COUNTRIES})
_SEGMENTS = Weighted({"consumer": 78, "business": 15, "vip": 7})
_CHANGES = Weighted(
    {"move": 27, "segment": 16, "email": 20, "phone": 12, "opt_in": 12, "marry": 5, "touch": 4, "leave": 4}
)


def customer_id(index: int) -> str:
    """The id of the customer at an index."""
    return f"CUST-{index + 1:06d}"


class Version(NamedTuple):
    """A customer from the moment `at` on; the row reaches the source on shop day `arrives`."""

    at: int
    arrives: int
    country: str
    deleted: bool
    row: Row


class Customer:
    """One customer's versions in order, as far as they are drawn."""

    def __init__(self, customer_id: str) -> None:
        self.customer_id = customer_id
        self.versions: list[Version] = []

    def at(self, moment: int) -> Version | None:
        """The version in force at a moment; None before the first one."""
        for version in reversed(self.versions):
            if version.at <= moment:
                return version
        return None


class Customers:
    """All customers; index 0 is CUST-000001."""

    def __init__(self, seed: int, scale: float, clock: Clock) -> None:
        self._seed = seed
        self._clock = clock
        self.opening = max(20, int(_OPENING * scale))
        self._population = Population(
            seed, "customers", self.opening, lambda day: _JOINING_PER_DAY * scale * clock.busyness(day)
        )
        self._customers: list[Customer] = []
        self._agenda: Agenda[Version] = Agenda()
        self._drawn = -1
        self._arrivals: defaultdict[int, list[tuple[int, int, Row]]] = defaultdict(list)

    def known(self, day: int) -> int:
        """How many customers there ever were by the end of `day`."""
        return self._population.known(day)

    def joining(self, day: int) -> range:
        """The indexes of those who become customers on `day`."""
        return self._population.joining(day)

    def customer(self, index: int, day: int) -> Customer:
        """A customer below `known(day)`, with everything that happens to them up to the end of `day`."""
        self._advance(max(day, 0))
        return self._customers[index]

    def arriving(self, day: int) -> list[Row]:
        """The good row versions that reach SALES.CUSTOMERS on `day`, by time of change."""
        self._advance(day)
        return [row for _, _, row in sorted(self._arrivals[day])]

    def _advance(self, day: int) -> None:
        while self._drawn < day:
            self._drawn += 1
            self._advance_to(self._drawn)

    def _advance_to(self, day: int) -> None:
        rng = stream(self._seed, "joined", day)
        for index in self._population.joining(day):
            born = -int(rng.uniform(2, 700) * DAY) if day == 0 else busy_moment(rng, day)
            story = _Story(stream(self._seed, "customer", index), self._clock, index, born)
            self._customers.append(Customer(story.customer_id))
            self._agenda.begin(index, story.versions())
        for index, version in self._agenda.take(day):
            self._customers[index].versions.append(version)
            self._arrivals[version.arrives].append((version.at, index, version.row))


class _Story:
    """What happens to one customer."""

    def __init__(self, rng: Random, clock: Clock, index: int, born: int) -> None:
        self._rng = rng
        self._clock = clock
        self._index = index
        self._born = born
        self.customer_id = customer_id(index)
        self._values: dict[str, Any] = self._newborn()

    def versions(self) -> Iterator[Version]:
        """The customer's versions, strictly later one after the other, without end unless the customer leaves.

        A `touch` is a version in which nothing but its time changes.
        """
        yield self._version(self._born, late_share=0.0)
        last = self._born
        happenings: dict[str, Callable[[], None]] = {
            "move": self._move,
            "segment": self._change_segment,
            "email": self._change_email,
            "phone": self._change_phone,
            "opt_in": self._change_mind,
            "marry": self._marry,
        }
        for moment in self._moments():
            if moment <= last:
                continue
            last = moment
            change = _CHANGES.pick(self._rng)
            if change == "leave":
                yield self._version(last, deleted=True)
                if self._rng.random() > 0.35:
                    return
                last += int(self._rng.uniform(0.8, 6) * DAY)
            elif change != "touch":
                happenings[change]()
            yield self._version(last)

    def _moments(self) -> Iterator[int]:
        rng = self._rng
        if self._born < 0:
            yield from sorted(int(rng.uniform(self._born, -HOUR)) for _ in range(rng.choice((0, 0, 0, 0, 1, 1, 2))))
        moment = max(self._born, 0)
        while True:
            days = rng.expovariate(_CHANGES_PER_DAY)
            moment = max(moment + 10 * MINUTE, busy_moment(rng, day_of(moment + int(days * DAY))))
            yield moment

    def _version(self, at: int, late_share: float = _LATE_SHARE, deleted: bool = False) -> Version:
        arrives = max(1, day_of(at + delay(self._rng, late_share)) if at >= 0 else 1)
        values = self._values
        row = (
            self.customer_id,
            values["first_name"],
            values["last_name"],
            values["email"],
            values["phone"],
            values["street"],
            values["city"],
            values["postal_code"],
            values["country"].code,
            values["segment"],
            values["date_of_birth"],
            values["opt_in"],
            self._clock.datetime(self._born),
            self._clock.datetime(at),
            deleted,
        )
        return Version(at, arrives, values["country"].code, deleted, row)

    def _newborn(self) -> dict[str, Any]:
        rng = self._rng
        country = _BY_CODE[_COUNTRY_CODES.pick(rng)]
        odd = rng.random() < 0.02
        self._values = {
            "first_name": rng.choice(ODD_FIRST_NAMES) if odd else rng.choice(country.first_names),
            "last_name": rng.choice(country.last_names),
            "segment": _SEGMENTS.pick(rng),
            "date_of_birth": self._birthday(),
            "opt_in": None if rng.random() < 0.05 else rng.random() < 0.6,
        }
        self._settle(country)
        self._change_email()
        self._change_phone()
        return self._values

    def _birthday(self) -> str | None:
        rng = self._rng
        luck = rng.random()
        if luck < 0.15:
            return None
        if luck < 0.155:
            return rng.choice(("0001-01-01", "9999-12-31", "1900-02-28"))
        return f"{rng.randint(1938, 2006)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"

    def _settle(self, country: Country) -> None:
        rng = self._rng
        street = f"{rng.choice(country.streets)} {rng.randint(1, 180)}"
        luck = rng.random()
        if luck < 0.05:
            street = rng.choice(ODD_STREETS)
        self._values |= {
            "country": country,
            "city": None if luck > 0.985 else rng.choice(country.cities),
            "street": None if luck > 0.97 else street,
            "postal_code": "".join(_digit_or_letter(rng, sign) for sign in country.postal) or None,
        }

    def _move(self) -> None:
        country = self._values["country"]
        if self._rng.random() < 0.12:
            country = _BY_CODE[_COUNTRY_CODES.pick(self._rng)]
        self._settle(country)

    def _change_segment(self) -> None:
        self._values["segment"] = _SEGMENTS.pick(self._rng)

    def _change_email(self) -> None:
        rng = self._rng
        name = f"{self._values['first_name']}.{self._values['last_name']}"
        local = "".join(sign for sign in name if sign.isalnum() or sign == ".").lower()
        number = self._index * 10 + rng.randrange(10)
        email = f"{local}{number}@{rng.choice(MAIL_DOMAINS)}"
        self._values["email"] = email.upper() if rng.random() < 0.04 else email

    def _change_phone(self) -> None:
        rng = self._rng
        luck = rng.random()
        number = f"{self._values['country'].dial} {rng.randint(10, 999)} {rng.randint(100_000, 9_999_999)}"
        self._values["phone"] = None if luck < 0.1 else rng.choice(("", "7", "٠٥٠١٢٣")) if luck < 0.105 else number

    def _change_mind(self) -> None:
        self._values["opt_in"] = not self._values["opt_in"]

    def _marry(self) -> None:
        self._values["last_name"] = self._rng.choice(self._values["country"].last_names)


def _digit_or_letter(rng: Random, sign: str) -> str:
    if sign == "#":
        return "0123456789"[int(rng.random() * 10)]
    return rng.choice("ABCDEFGHJKLMNPRSTVWXY") if sign == "?" else sign


SPOILER = Spoiler(
    (column.name for column in CUSTOMERS.columns),
    (
        Flaw("CUSTOMER_ID", "customer_id.required", becomes(None)),
        Flaw("CUSTOMER_ID", "customer_id.pattern", turns(str.lower)),
        Flaw("CUSTOMER_ID", "customer_id.pattern", turns(lambda value: value[:-1])),
        Flaw("FIRST_NAME", "first_name.required", becomes(None)),
        Flaw("LAST_NAME", "last_name.required", becomes(None)),
        Flaw("EMAIL", "email.format", turns(lambda value: value.replace("@", " at "))),
        Flaw("EMAIL", "email.format", turns(lambda value: f" {value}")),
        Flaw("EMAIL", "email.format", becomes("none", "@", "a@b", "müller@@example.com", "")),
        Flaw("EMAIL", "email.required", becomes(None)),
        Flaw("COUNTRY", "country.pattern", becomes("Germany", "de", "D", "")),
        Flaw("COUNTRY", "country.required", becomes(None)),
        Flaw("SEGMENT", "segment.enum", becomes("gold", "VIP", "Consumer", "")),
        Flaw("DATE_OF_BIRTH", "date_of_birth.type", becomes("31/12/1980", "1985-02-30", "unknown", "12. März 1979")),
        Flaw("CREATED_AT", "created_at.required", becomes(None)),
        Flaw("UPDATED_AT", "updated_at.required", becomes(None)),
        Flaw("IS_DELETED", "is_deleted.required", becomes(None)),
    ),
)
"""Breaks customer rows."""
