"""Instants from text and from wall clocks: with an offset, with the name of a zone, or in the zone of the column.

A time that a clock skips in spring is no time, and is null. One that a clock shows twice in autumn is two instants, and
null as well, unless the load file says which of them is meant. `24:00:00` and a leap second (`:60`) are no times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Column
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from tidemark.config.load import CastSpec

UTC = "UTC"

_BLANK = r"[ \t]*"
_DAY = r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
_EXACT_SECONDS = r":[0-9]{2}(?:\.[0-9]{1,6}0*)?"
_ANY_SECONDS = r":[0-9]{2}(?:\.[0-9]{1,60})?"
_OFFSET = r"(?:Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)"
# A zone with a name has a slash in it. `EST`, `BST` and the like mean several, and Java knows the wrong ones.
_ZONE = r"([A-Za-z]+(?:/[A-Za-z0-9_+-]+)+)"
_WITHOUT_SECONDS = rf"\A{_BLANK}{_DAY}[T ][0-9]{{1,2}}:[0-9]{{2}}(?= ?(?:{_OFFSET}|{_ZONE}){_BLANK}\z)"
_FARTHEST = 6_000_000_000_000_000_000  # microseconds from 1970, of the 9.2 million million million that there are
_NAME_AT_THE_END = rf"[ \t]*{_ZONE}{_BLANK}\z"


def instant_of_text(text: Column, how: CastSpec, *, names: bool = True) -> Column:
    """The instant that a text names, null where it names none, or more than a timestamp can keep.

    Without an offset or zone it is a time of the column's zone; a date is its first instant. `names`: a zone may be
    named. Spark knows no time with an offset or zone that leaves out its seconds, as Java writes whole minutes: these
    get them first.
    """
    with_seconds = F.regexp_replace(text, _WITHOUT_SECONDS, "$0:00")
    completed = F.when(text.rlike(_WITHOUT_SECONDS), _instant_of_whole_text(with_seconds, how, names=names))
    return F.coalesce(_instant_of_whole_text(text, how, names=names), completed)


def _instant_of_whole_text(text: Column, how: CastSpec, *, names: bool) -> Column:
    seconds = _ANY_SECONDS if how.fit == "truncate" else _EXACT_SECONDS
    time = r"[T ][0-9]{1,2}:[0-9]{2}"
    naive = rf"\A{_BLANK}{_DAY}(?:{time}(?:{seconds})?)?{_BLANK}\z"
    offset = rf"\A{_BLANK}{_DAY}{time}{seconds} ?{_OFFSET}{_BLANK}\z"
    named = rf"\A{_BLANK}{_DAY}{time}{seconds} ?{_ZONE}{_BLANK}\z"
    instant = text.try_cast("timestamp")
    if how.zone in (None, UTC):
        either = rf"\A{_BLANK}{_DAY}(?:{time}(?:{seconds}(?: ?{_OFFSET})?)?)?{_BLANK}\z"
        found = F.when(text.rlike(either), instant)
    else:
        found = F.when(text.rlike(offset), instant).when(text.rlike(naive), in_zone(instant, how))
    if not names:
        return found
    return found.when(text.rlike(named) & instant.isNotNull(), _in_named_zone(text, instant, how))


def within_reach(value: Column, type_: str) -> Column:
    """A day or a time, null where it lies so far away (`infinity` of some databases) that Spark would fail on its
    midnight or on another zone's clock. No column takes such values: see `rules`.
    """
    first, last = (F.timestamp_micros(F.lit(end)).cast(type_) for end in (-_FARTHEST, _FARTHEST))
    return F.when(value.between(first, last), value)


def in_zone(clock: Column, how: CastSpec) -> Column:
    """The instant at which clocks of the column's zone show what `clock` shows in UTC."""
    if how.zone in (None, UTC):
        return clock
    zone = F.lit(how.zone)
    return _instant(F.to_utc_timestamp(clock, zone), clock, zone, how)


def wall_clock(instant: Column, how: CastSpec) -> Column:
    """What clocks of the column's zone show at an instant, as a timestamp that shows it in UTC."""
    return instant if how.zone in (None, UTC) else F.from_utc_timestamp(instant, str(how.zone))


def _in_named_zone(text: Column, instant: Column, how: CastSpec) -> Column:
    clock = F.regexp_replace(text, _NAME_AT_THE_END, "").try_cast("timestamp")
    return _instant(instant, clock, F.regexp_extract(text, _NAME_AT_THE_END, 1), how)


def _instant(first: Column, clock: Column, zone: Column, how: CastSpec) -> Column:
    """The only instant at which clocks of the zone show `clock`; of two, what `fold` says.

    `first` is what Java takes: of two the earlier. The later one follows from the offset that the same time has a day
    afterwards: no zone changes its clocks twice in a day, or by more than a day.
    """
    day = F.make_dt_interval(F.lit(1))
    second = F.to_utc_timestamp(clock + day, zone) - day
    shown = F.from_utc_timestamp(first, zone) == clock
    twice = (second > first) & (F.from_utc_timestamp(second, zone) == clock)
    if how.fold == "later":
        return F.when(shown, F.when(twice, second).otherwise(first))
    return F.when(shown, first) if how.fold == "earlier" else F.when(shown & ~twice, first)
