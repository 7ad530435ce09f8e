"""What a source with a change time will read: a closed window, known before the first row comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tidemark.errors import SourceError, choose
from tidemark.sources.watermark import Window, next_watermark, window_start

if TYPE_CHECKING:
    from tidemark.sources import ExtractRequest
    from tidemark.sources.watermark import Period

_COARSEST = timedelta(milliseconds=1)  # what the least exact of the sources tells apart


@dataclass(frozen=True)
class Reading:
    """The rows to read.

    Without a `column` (of change times) that is every row. With one it is the rows of `window`, and those without a
    change time (`timeless`): they end in the error lane, where they would otherwise never be seen. `watermark`,
    `identity`, `full` and `notices` are those of the `Extract`; `among` is its `window`.
    """

    column: str | None
    window: Window | None
    watermark: Mapping[str, Any]
    identity: Mapping[str, Any]
    full: bool
    notices: tuple[str, ...] = ()
    timeless: bool = True
    among: Window | None = None


@dataclass(frozen=True)
class Seen:
    """What a source has: the newest change time up to the run's `as_of`, and how many rows are later or have none.

    `newest` and `timeless` look at the window alone, `timeless` None means: not known yet.
    """

    newest: datetime | None
    later: int
    timeless: int | None = None


def everything(request: ExtractRequest) -> Reading:
    """Every row of a source without change times."""
    return Reading(None, None, {}, {"full": True, "as_of": request.as_of.isoformat()}, full=True)


def start_of(request: ExtractRequest) -> datetime | None:
    """Where the window begins (exclusive); None: at the beginning, for a first or a full load."""
    watermark = request.table.load.watermark
    if watermark is None or request.full or request.source.mode == "full":
        return None
    return window_start(request.low, request.since, watermark.lookback)


def windowed(request: ExtractRequest, column: str, start: datetime | None, seen: Seen) -> Reading:
    """The window from `start` to the newest row; none where there is no row in it."""
    notices = []
    if seen.later:
        notices.append(f"{seen.later} rows of {request.source.object} are later than {request.as_of}: they stay there")
    if seen.timeless:
        notices.append(f"{seen.timeless} rows of {request.source.object} have no {column}: they are read every time")
    full = start is None and not seen.later
    if seen.newest is None:
        identity = {"column": column, "timeless": seen.timeless, "as_of": request.as_of.isoformat()}
        return Reading(column, None, request.bookkeeping, identity, full, tuple(notices))
    window = Window(column, start, seen.newest)
    return Reading(column, window, next_watermark(window, request.low), window.to_json(), full, tuple(notices))


def again(request: ExtractRequest, column: str, period: Period) -> Reading:
    """The rows of a period of the past; how far the source is known stays as it was."""
    window = period.window(column)
    among = period.window(column, exact_to=_COARSEST)
    identity = {"again": window.to_json()}
    return Reading(column, window, request.bookkeeping, identity, full=False, timeless=False, among=among)


def change_time(request: ExtractRequest, columns: Sequence[str]) -> str | None:
    """The source's own name of the watermark column, None for a table without; `columns` are those the source has.

    Raises `SourceError` when it is not among them.
    """
    watermark = request.table.load.watermark
    if watermark is None:
        return None
    name = request.source.fields.get(watermark.column, watermark.column)
    if name in columns:
        return name
    for column in columns:
        if column.lower() == name.lower():
            return column
    raise SourceError(
        f"{request.source.object} has no column {name}, which `watermark` names",
        table=request.table.name,
        step="extract",
        seen=[f"it has {', '.join(columns)}"],
        next_step=choose(name, columns),
    )
