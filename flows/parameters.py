"""The parameters that flows share: typed and described, so that Prefect's forms show them and refuse what is wrong."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

LOCAL = "local"
CONFIG = "config"


class Layer(StrEnum):
    """What to build."""

    silver = "silver"
    gold = "gold"
    both = "silver and gold"

    @property
    def layers(self) -> tuple[str, ...]:
        return ("silver", "gold") if self is Layer.both else (self.value,)


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


Env = Annotated[str, Field(description="Environment: the name of a file in the configuration's env folder.")]
Config = Annotated[str, Field(description="Configuration: a folder, or an s3:// prefix that holds one.")]
RunDate = Annotated[
    dt.date | None,
    AfterValidator(not_in_future),
    Field(description="Logical date of the run (UTC); nothing after its end is read. Empty for today."),
]
Select = Annotated[
    list[str] | None,
    Field(description="Tables: names, patterns (gold.*), tags (tag:crm), + for up- or downstream. Empty for all."),
]
FullRefresh = Annotated[bool, Field(description="Read everything the sources have, not only what is new.")]
Since = Annotated[
    dt.datetime | None,
    AfterValidator(as_utc),
    Field(description="Read from this instant (UTC) on instead of from the committed watermark."),
]
Connection = Annotated[str | None, Field(description="Only tables of this source connection. Empty for all.")]
TargetName = Annotated[str | None, Field(description="Only this target. Empty for all that the environment has.")]
