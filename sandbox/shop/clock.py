"""Shop time. A moment is an int: milliseconds since shop day 1, 00:00 UTC. Day n covers [(n-1), n) days of it."""

from __future__ import annotations

import itertools
from bisect import bisect
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from random import Random

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

LONGEST_DELAY = 60 * HOUR
"""No row version reaches its source later than this after its `updated_at`."""

# Share of a day's business per hour (UTC): quiet nights, a lunch bump, the evening peak.
_HOURS = (9, 6, 4, 3, 3, 5, 11, 22, 36, 47, 52, 56, 60, 55, 51, 50, 53, 60, 69, 78, 74, 56, 34, 18)
_HOUR_BOUNDS = list(itertools.accumulate(_HOURS))

# Business per weekday, Monday first: the weekend is for shopping.
_WEEKDAYS = (0.97, 0.92, 0.93, 0.96, 1.03, 1.14, 1.05)


def day_of(moment: int) -> int:
    """The shop day of a moment (0 and below: before the shop's first day)."""
    return moment // DAY + 1


def start_of(day: int) -> int:
    """The first moment of a shop day."""
    return (day - 1) * DAY


def busy_moment(rng: Random, day: int) -> int:
    """A moment on `day`, more likely when the shop is busy."""
    hour = bisect(_HOUR_BOUNDS, rng.random() * _HOUR_BOUNDS[-1])
    return start_of(day) + hour * HOUR + int(rng.random() * HOUR)


def delay(rng: Random, share: float) -> int:
    """How much later than it happened a change becomes visible: mostly 0, for `share` of them 13 to 60 hours."""
    return rng.randint(13 * HOUR, LONGEST_DELAY) if rng.random() < share else 0


@dataclass(frozen=True)
class Clock:
    """Shop time against the calendar; `start` is the date of shop day 1."""

    start: date

    @cached_property
    def _midnight(self) -> datetime:
        return datetime.combine(self.start, time())

    def datetime(self, moment: int) -> datetime:
        """The naive UTC datetime of a moment."""
        return self._midnight + timedelta(milliseconds=moment)

    def date(self, day: int) -> date:
        """The date of a shop day."""
        return self.start + timedelta(days=day - 1)

    def iso(self, moment: int) -> str:
        """A moment as the CRM and the files write it: 2025-03-01T10:00:00.000Z."""
        return self.datetime(moment).isoformat(timespec="milliseconds") + "Z"

    def busyness(self, day: int) -> float:
        """How busy a day is because of its weekday; 1.0 on average."""
        return _WEEKDAYS[self.date(day).weekday()]

    def is_business_day(self, day: int) -> bool:
        """Monday to Friday."""
        return self.date(day).weekday() < 5
