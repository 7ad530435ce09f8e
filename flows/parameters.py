"""Types of the parameters that flows share: Prefect's forms are made from them, and refuse what does not fit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator

LOCAL = "local"
CONFIG = "config"


# Not an enum: of one, Prefect's form would show no description.
Layer = Literal["silver", "gold", "silver and gold"]
BOTH: Layer = "silver and gold"
LAYERS: Mapping[Layer, tuple[str, ...]] = {"silver": ("silver",), "gold": ("gold",), BOTH: ("silver", "gold")}


def not_in_future(day: dt.date | None) -> dt.date | None:
    """The day itself; raises `ValueError` when it has not come yet (UTC)."""
    today = dt.datetime.now(dt.UTC).date()
    if day is not None and day > today:
        raise ValueError(f"the date {day} lies in the future (today is {today})")
    return day


def as_utc(instant: dt.datetime | None) -> dt.datetime | None:
    """The instant as the engine keeps it: UTC, without a zone."""
    if instant is None or instant.tzinfo is None:
        return instant
    return instant.astimezone(dt.UTC).replace(tzinfo=None)


RunDate = Annotated[dt.date | None, AfterValidator(not_in_future)]
Since = Annotated[dt.datetime | None, AfterValidator(as_utc)]
