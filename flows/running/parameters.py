"""Types of the parameters that flows share: Prefect's forms are made from them, and refuse what does not fit."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from tidemark import advice
from tidemark.config.environment import FOLDER
from tidemark.config.limits import LimitName
from tidemark.errors import ConfigError
from tidemark.instants import as_utc

LOCAL = advice.LOCAL
CONFIG = "config"

EARLIEST = dt.date(2000, 1, 1)
_MOST_EXPRESSIONS = 200

# Not enums: of one, Prefect's form would show no description.
Layer = Literal["silver", "gold", "silver and gold"]
BOTH: Layer = "silver and gold"
LAYERS: Mapping[Layer, tuple[str, ...]] = {"silver": ("silver",), "gold": ("gold",), BOTH: ("silver", "gold")}
Severity = Literal["warning", "error"]


def not_in_future(day: dt.date | None) -> dt.date | None:
    """The day itself; raises `ValueError` when it has not come yet (UTC)."""
    today = dt.datetime.now(dt.UTC).date()
    if day is not None and day > today:
        raise ValueError(f"the date {day} lies in the future (today is {today})")
    return day


def _kept(instant: dt.datetime | None) -> dt.datetime | None:
    """The instant as the engine keeps it: UTC, without a zone."""
    return instant and as_utc(instant)


def _past(instant: dt.datetime | None) -> dt.datetime | None:
    """The instant; raises `ValueError` when it has not come yet (UTC)."""
    if instant is not None and instant > dt.datetime.now(dt.UTC).replace(tzinfo=None):
        raise ValueError(f"the instant {instant} lies in the future")
    return instant


def allowances(allow: Sequence[LimitName] | None, select: Sequence[str] | None) -> frozenset[LimitName]:
    """The limits that a run lets pass; raises `ConfigError` where nobody has said of which tables."""
    if allow and not select:
        raise ConfigError(
            f"{', '.join(allow)} would be let pass for every table", next_step="select the tables whose limit may pass"
        )
    return frozenset(allow or ())


@cache
def _environments() -> Mapping[str, Mapping[str, Any]]:
    """The environment files of the configuration beside which flows are deployed; none where it lies elsewhere."""
    folder = Path(os.environ.get("TIDEMARK_CONFIG", CONFIG)) / FOLDER
    return {path.stem: yaml.safe_load(path.read_text("utf-8")) or {} for path in sorted(folder.glob("*.yaml"))}


@dataclass(frozen=True)
class Offered:
    """A dropdown of names that only the configuration knows; the flow itself checks them when it runs."""

    names: Callable[[], Iterable[str]]

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema, known = handler(core), sorted(self.names())
        return schema | {"enum": known} if known else schema


def _named_in(section: str) -> Offered:
    return Offered(lambda: {name for file in _environments().values() for name in file.get(section) or ()})


Text = Annotated[str, Field(min_length=1, max_length=2000)]
Config = Annotated[str, Field(min_length=1, max_length=1000)]
EnvironmentName = Annotated[
    str,
    Field(pattern=r"^[a-z0-9_-]+$", max_length=50),
    Offered(_environments),
]
Connection = Annotated[str, Field(min_length=1), _named_in("connections")]
Target = Annotated[str, Field(min_length=1), _named_in("targets")]
Selection = Annotated[
    list[Annotated[str, Field(pattern=r"^\+?[^\s+]+\+?$", max_length=200)]],
    Field(max_length=_MOST_EXPRESSIONS),
]
Day = Annotated[dt.date, Field(ge=EARLIEST), AfterValidator(not_in_future)]
RunDate = Day | None
Since = Annotated[dt.datetime | None, AfterValidator(_kept), AfterValidator(_past)]
RunId = Annotated[str, Field(pattern=r"^[0-9a-f-]{1,36}$")]
RunOrRelease = Annotated[str, Field(pattern=r"^(r[0-9]+|[0-9a-f-]{1,36})$")]
ErasureId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
SampleSize = Annotated[str, Field(pattern=r"^([1-9][0-9]*|[0-9]+(\.[0-9]+)?%)$", max_length=20)]
Allowed = Annotated[list[LimitName], Field(max_length=3)]
Approvals = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.\s=-]*$", max_length=4000)] | None
Rule = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]+$", max_length=200)]
