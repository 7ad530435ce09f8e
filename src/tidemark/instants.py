"""Instants in Python: naive, and meant as UTC. Here, and in `rows.literal`, is where those with a zone become so."""

from __future__ import annotations

from datetime import UTC, datetime

FIRST, LAST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)


def as_utc(instant: datetime) -> datetime:
    """The instant as naive UTC; one that says no zone means that already.

    Where UTC lies beyond the years that Python has (`9999-12-31T23:59:59-08:00`) it is the last, or the first, that
    there is.
    """
    if instant.tzinfo is None:
        return instant
    try:
        return instant.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        return LAST if instant.year == LAST.year else FIRST
