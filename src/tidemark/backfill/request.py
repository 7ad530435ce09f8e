"""Backfills: days of the past are read from the sources again, and what follows from them is computed again.

The range is cut into chunks. A bronze table takes them one after the other, each as a batch of its own, and each that
is committed is noted in the control store: a backfill that died, asked for once more, does the rest. Nothing of it
tells how far a source was read, so the next daily run reads on from where it was.
"""

from __future__ import annotations

import calendar
import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Literal, get_args

from tidemark.config.definition import fingerprint
from tidemark.errors import ConfigError, choose
from tidemark.sources import BY_FILE
from tidemark.sources.watermark import Period

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tidemark.config.project import Project, Table

WHOLE = "whole"

ChunkSize = Literal["day", "month"]
ReadFrom = Literal["source", "bronze"]
_NAMESPACE = uuid.UUID("2f0a1f5e-5d2b-5f3c-8b1e-0f6f4c1d9a77")


@dataclass(frozen=True)
class Request:
    """What somebody asks for. `read_from` None: the sources, if a table that has one is selected. Days and UTC."""

    start: date
    end: date
    select: tuple[str, ...] = ()
    chunk: ChunkSize = "day"
    read_from: ReadFrom | None = None
    as_of: datetime | None = None
    forward_only: bool = False

    @property
    def period(self) -> Period:
        """All of it, as far as it may be looked at."""
        return Period.of_days(self.start, self.end).until(self.as_of)

    def decisive(self) -> dict[str, str]:
        """All of it that decides what comes out, as whoever approves it is told."""
        return {
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "select": ",".join(self.select),
            "read_from": self.read_from or "",
            "as_of": self.as_of.isoformat() if self.as_of else "",
            "forward_only": "true" if self.forward_only else "",
        }

    def check(self) -> None:
        """Raises `ConfigError` where it means nothing, or something that has not happened yet."""
        now = datetime.now(UTC).replace(tzinfo=None)
        if self.start > self.end:
            raise ConfigError(
                f"the range ends before it begins: {self.start} to {self.end}", next_step="exchange --start and --end"
            )
        if self.end > now.date():
            raise ConfigError(
                f"the date {self.end} lies in the future (today is {now.date()})", next_step="give an earlier --end"
            )
        if self.as_of is not None and not self.period.start <= self.as_of <= now:
            raise ConfigError(
                f"--as-of {self.as_of} is not between the range's first instant and now",
                next_step=f"give an instant from {self.start} on, or leave it out",
            )
        for option, given, known in (
            ("--chunk", self.chunk, get_args(ChunkSize)),
            ("--from", self.read_from or "source", get_args(ReadFrom)),
        ):
            if given not in known:
                raise ConfigError(f"{option} {given} does not exist", next_step=choose(given, known))


@dataclass(frozen=True)
class Chunk:
    """A part of the range, named by its day or month; without a period all that the source has, as it is now."""

    name: str
    period: Period | None = None


@dataclass(frozen=True)
class Backfill:
    """A request in a project: the chunks of every bronze table, the tables to build, and those that are left alone."""

    request: Request
    chunks: Mapping[str, tuple[Chunk, ...]]
    built: tuple[str, ...]
    left: Mapping[str, str] = field(default_factory=dict)
    definitions: Mapping[str, str] = field(default_factory=dict)

    @property
    def backfill_id(self) -> str:
        """Equal for an equal request."""
        asked = asdict(self.request) | {"select": sorted(set(self.request.select))}
        return str(uuid.uuid5(_NAMESPACE, json.dumps(asked, default=str, sort_keys=True)))

    @property
    def wholes(self) -> tuple[str, ...]:
        """The tables whose source cannot be cut."""
        return tuple(table for table, chunks in self.chunks.items() if chunks and chunks[0].period is None)


def resolve(project: Project, request: Request) -> Backfill:
    """The backfill that a request means here; raises `ConfigError` when it is none, before anything is done."""
    request.check()
    selected = project.select(request.select)
    sourced = [name for name in selected if project.table(name).load.source]
    built = tuple(name for name in selected if not project.table(name).load.source)
    if request.read_from == "source" and not sourced:
        raise ConfigError("no table with a source is selected", next_step="select one, or leave --from source out")
    chunks: dict[str, tuple[Chunk, ...]] = {}
    left: dict[str, str] = {}
    for name in sourced if request.read_from != "bronze" else ():
        table = project.table(name)
        reason = _why_not(table) or _why_not_by_days(table) or _why_not_as_of(project, table, request)
        if reason:
            left[name] = reason
        else:
            chunks[name] = chunks_of(request) if _can_be_cut(project, table) else (Chunk(WHOLE),)
    if not chunks and not built:
        raise ConfigError(
            "there is nothing to do: no selected table can be read or built again",
            next_step="; ".join(f"{name} {reason}" for name, reason in left.items()) or "select silver or gold tables",
        )
    return Backfill(request, chunks, built, left, {name: fingerprint(project.table(name)) for name in chunks})


def chunks_of(request: Request) -> tuple[Chunk, ...]:
    """The range in days or months, without gaps, as far as it may be looked at."""
    if request.chunk == "day":
        cut = [(f"{day}", Period.of_days(day, day)) for day in _days(request.start, request.end)]
    else:
        cut = [
            (f"{month:%Y-%m}", Period.of_days(max(month, request.start), min(_last_day(month), request.end)))
            for month in _days(request.start.replace(day=1), request.end)
            if month.day == 1
        ]
    wanted = [Chunk(name, period.until(request.as_of)) for name, period in cut]
    return tuple(chunk for chunk in wanted if chunk.period and chunk.period.start <= chunk.period.end)


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def _last_day(month: date) -> date:
    return month.replace(day=calendar.monthrange(month.year, month.month)[1])


def _can_be_cut(project: Project, table: Table) -> bool:
    """Whether the source can tell what belongs to a day: by change times, or by its files."""
    source = table.load.source
    if source is None or source.mode == "full":
        return False
    return table.change_time is not None or project.environment.connections[source.connection].kind in BY_FILE


def _why_not(table: Table) -> str | None:
    """Why rows of the past, read again, would do harm to a table; None where they would not."""
    write = table.load.write
    if write.mode == "append" and not write.keys:
        return "has no keys: rows that are read again would be added again"
    if write.mode == "replace":
        return "is replaced by what a run reads: older rows would take the place of newer ones"
    if write.mode == "upsert" and not write.order_by:
        return "has no `order_by`: older rows would take the place of newer ones"
    if write.mode == "upsert" and write.deletes is not None:
        return "does not keep what was deleted: older rows would come back"
    return None


def _why_not_by_days(table: Table) -> str | None:
    watermark = table.load.watermark
    if watermark is None or table.change_time is not None:
        return None
    return (
        f"is read by `{watermark.column}`, a number, which knows no days: "
        f"`tidemark run --select {table.name} --full-refresh` reads all of it"
    )


def _why_not_as_of(project: Project, table: Table, request: Request) -> str | None:
    if request.as_of is None or _can_be_cut(project, table):
        return None
    return "has a source without change times, which does not know what it was at an instant of the past"
