"""Warehouses as sources: the warehouse itself writes the window's rows to S3, and Spark reads the files.

First the window's end is fixed, then its rows are unloaded as Parquet to a folder that only this attempt has, and
then the files are listed and held against what the warehouse told: their footers say how many rows and which columns
they have. The driver sees counts and bounds, never rows.
"""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from tidemark.aws.clients import AWS_FAILURES, filesystem, s3_uri
from tidemark.compile.casts import casts_of
from tidemark.compile.instants import UTC as UTC_ZONE
from tidemark.errors import SourceDownError, SourceError
from tidemark.instants import as_utc
from tidemark.retry import RetryPolicy
from tidemark.rows.order import place_of_asking
from tidemark.sources import Extract, ExtractRequest
from tidemark.sources.looks import Look, following, shape_of, shows_the_same
from tidemark.sources.reading import (
    Comparisons,
    Cursor,
    Reading,
    Seen,
    again,
    change_time,
    everything,
    rereads,
    start_of,
    windowed,
)
from tidemark.sources.staged import (
    FileContent,
    empty_frame,
    parquet_contents,
    parquet_files,
    read_parquet,
    refuse_own_names,
    refuse_twins,
)
from tidemark.sources.watermark import RESOLUTION, Window, later
from tidemark.warehouses import ResultColumn, Session, Trouble, Warehouse, WarehouseError, quoted

if TYPE_CHECKING:
    from tidemark.config.connections import ConnectionValue
    from tidemark.sources.watermark import Mark


class UnloadSource(ABC):
    """A source that is a warehouse; without a `policy` it is as patient as the environment says."""

    kind: str

    def __init__(self, policy: RetryPolicy | None = None) -> None:
        self._policy = policy

    @abstractmethod
    def warehouse(self, connection: ConnectionValue) -> Warehouse:
        """The warehouse of a connection."""

    @abstractmethod
    def unload(self, session: Session, query: str, location: str, connection: ConnectionValue) -> int:
        """Writes a query's rows as Parquet files below `location` (`s3://…/`) and returns how many there were."""

    def expression(self, column: ResultColumn) -> str:
        """How a column is selected, where its type does not go into Parquet as it is."""
        return quoted(column.name)

    def extract(self, request: ExtractRequest) -> Extract:
        """The rows of the window, as `Source.extract` says; what passes is tried again."""
        warehouse = self.warehouse(request.connection)
        policy = self._policy or request.environment.patience(request.source.connection)
        try:
            return policy.call(
                lambda: self._attempt(request, warehouse),
                passing=lambda failure: isinstance(failure, WarehouseError) and failure.trouble.passes,
            )
        except WarehouseError as failure:
            kind = SourceDownError if failure.trouble.passes else SourceError
            raise kind(
                f"{request.source.object} could not be read from {warehouse.place()}: {failure.trouble.value}",
                table=request.table.name,
                step="extract",
                seen=[failure.said],
                next_step=warehouse.advice(failure.trouble),
            ) from None

    def _attempt(self, request: ExtractRequest, warehouse: Warehouse) -> Extract:
        asked = place_of_asking(datetime.now(UTC).replace(tzinfo=None))
        with warehouse.session() as session:
            relation = warehouse.name(request.source.object)
            columns = session.columns(relation)
            names = [column.name for column in columns]
            refuse_own_names(names, request.table.name, request.source.object)
            refuse_twins(names, request.table.name, request.source.object)
            local = _in_other_zones(request, warehouse, columns)
            reading = _reading(request, session, relation, columns)
            look = _look(request, session, relation, columns, reading)
            if shows_the_same(request, reading, look):
                return self._extract(request, replace(reading, full=False), names, (), look, asked, local)
            selected = ", ".join(f"{self.expression(column)} AS {quoted(column.name)}" for column in columns)
            query = f"SELECT {selected} FROM {relation}{_where(reading, warehouse)}"
            folder = f"{request.staging}/{uuid.uuid4().hex}"
            rows = self._unloaded(request, session, relation, columns, query, folder)
            if look != _look(request, session, relation, columns, reading):
                look = None  # a row that changed meanwhile may change back, and the look would not tell
        files = _unloaded_files(request, warehouse, folder, rows, names)
        return self._extract(request, reading, names, files, look, asked, local)

    def _unloaded(
        self,
        request: ExtractRequest,
        session: Session,
        relation: str,
        columns: Sequence[ResultColumn],
        query: str,
        folder: str,
    ) -> int:
        """The rows that the warehouse says it unloaded. A table that was altered meanwhile is read again."""
        try:
            return self.unload(session, query, f"{s3_uri(folder)}/", request.connection)
        except WarehouseError as failure:
            if failure.trouble.passes:
                raise
            with session.warehouse.session() as another:  # this one may remember what the table was like
                if another.columns(relation) == columns:
                    raise
            raise WarehouseError(Trouble.CONFLICT, f"its columns changed while it was read: {failure.said}") from None

    def _extract(
        self,
        request: ExtractRequest,
        reading: Reading,
        names: list[str],
        files: tuple[str, ...],
        look: Look | None,
        asked: str,
        local: frozenset[str],
    ) -> Extract:
        database = request.connection.settings.get("database", request.connection.name)
        origin = F.lit(f"{self.kind}://{database}/{request.source.object}")
        return Extract(
            table=request.table.name,
            given=lambda: (
                read_parquet(request.spark, files, origin, F.lit(asked), local)
                if files
                else empty_frame(request.spark, names)
            ),
            watermark=reading.watermark,
            identity=reading.identity,
            full=reading.full,
            source_system=self.kind,
            notices=reading.notices,
            empty=not files,
            look=look.to_json() if look else {},
            window=reading.among,
            rereads=rereads(request, reading),
        )


def _unloaded_files(
    request: ExtractRequest, warehouse: Warehouse, folder: str, rows: int, names: Sequence[str]
) -> tuple[str, ...]:
    """The files of an unload, if they hold just what the warehouse says it wrote; else it is to be done again."""
    store = filesystem(request.environment.aws)
    try:
        contents = parquet_contents(store, parquet_files(store, folder))
    except (*AWS_FAILURES, OSError) as failure:
        raise WarehouseError(Trouble.HALF, f"what it unloaded to {folder} cannot be read: {failure}") from None
    if rows and not contents:
        raise SourceError(
            f"{warehouse.place()} unloaded {rows} rows, but there are no files below {folder}",
            table=request.table.name,
            step="extract",
            next_step="check that `exchange` and the warehouse's access to S3 mean the same bucket and region",
        )
    there = sum(content.rows for content in contents)
    if there != rows:
        told = f"it says that it unloaded {rows} rows, and {there} are in {len(contents)} files below {folder}"
        raise WarehouseError(Trouble.HALF, told)
    for content in contents:
        _expect_columns(content, names)
    return tuple(content.path for content in contents if content.rows)


def _expect_columns(content: FileContent, names: Sequence[str]) -> None:
    """The case of names is the warehouse's own matter."""
    asked, found = sorted(name.lower() for name in names), sorted(name.lower() for name in content.columns)
    if asked != found:
        told = f"asked for the columns {', '.join(names)}, it unloaded {', '.join(content.columns)} to {content.path}"
        raise WarehouseError(Trouble.HALF, told)


def _in_other_zones(request: ExtractRequest, warehouse: Warehouse, columns: Sequence[ResultColumn]) -> frozenset[str]:
    """The columns, in lower case, whose times have no zone, and are of another than UTC by contract or load file."""
    fields, casts = request.source.fields, casts_of(request.table.contract, request.table.load)
    zoned = {fields.get(name, name).lower() for name, how in casts.items() if how.zone not in (None, UTC_ZONE)}
    return frozenset(each.name.lower() for each in columns if warehouse.is_local(each)) & zoned


def _reading(request: ExtractRequest, session: Session, relation: str, columns: Sequence[ResultColumn]) -> Reading:
    cursor = change_time(request, [column.name for column in columns])
    if cursor is None:
        return everything(request)
    _expect_types(request, session.warehouse, cursor, columns)
    if request.period is not None:
        return again(request, cursor, request.period)
    start = start_of(request, cursor)
    return windowed(request, cursor, start, _seen(request, session, relation, cursor, start))


def _expect_types(
    request: ExtractRequest, warehouse: Warehouse, cursor: Cursor, columns: Sequence[ResultColumn]
) -> None:
    by_name = {column.name: column for column in columns}
    if local := {name.lower() for name in cursor.columns} & _in_other_zones(request, warehouse, columns):
        raise SourceError(
            f"{', '.join(sorted(local))} of {request.source.object} has times without a zone, which are not UTC: it "
            "cannot be a watermark",
            table=request.table.name,
            step="extract",
            seen=["the clocks of its zone go back in autumn: what comes in that hour would never be read"],
            next_step="name a watermark whose times have a zone, or read a view that has them in UTC and take the zone "
            "out of contract and load file",
        )
    for name, is_number in zip(cursor.columns, cursor.numbers, strict=True):
        fits = warehouse.is_number if is_number else warehouse.is_time
        if not fits(by_name[name]):
            kind = "number" if is_number else "date or timestamp"
            raise SourceError(
                f"{name} of {request.source.object} is no {kind}, but `watermark` names it as one",
                table=request.table.name,
                step="extract",
                next_step="name a date, timestamp or whole number that the source and the contract both have as such, "
                "or read everything each time: `mode: full` in the source, and no `watermark`",
            )


def _seen(
    request: ExtractRequest, session: Session, relation: str, cursor: Cursor, start: Sequence[Mark | None]
) -> Seen:
    """What there is after `start`. The end is the newest row's value, and never later than the source's own clock: a
    row with a time that has not come would take the window's end beyond rows that are yet to be written."""
    column, warehouse = quoted(cursor.column), session.warehouse
    begins = "" if not start or start[0] is None else comparisons(warehouse).at_least(cursor.column, start[0])
    after = f" WHERE {begins} OR {column} IS NULL" if begins else ""
    timeless = f"COUNT(CASE WHEN {column} IS NULL THEN 1 END)"
    if cursor.counts:
        newest, without = session.one(f"SELECT MAX({column}), {timeless} FROM {relation}{after}")
        seen = Seen((_mark(newest),), 0, int(without))
    else:
        until = min(request.as_of, session.clock())
        end = warehouse.timestamp(until + RESOLUTION)
        newest, later, without = session.one(
            f"SELECT MAX(CASE WHEN {column} < {end} THEN {column} END),"
            f" COUNT(CASE WHEN {column} >= {end} THEN 1 END), {timeless} FROM {relation}{after}"
        )
        seen = Seen((_mark(newest),), int(later), int(without), until)
    if len(cursor.columns) == 1 or seen.newest[0] is None:
        return seen
    further = [quoted(name) for name in cursor.columns[1:]]
    here = comparisons(warehouse).of(Window(cursor.column, seen.newest[0], seen.newest[0]))
    order = ", ".join(f"{name} DESC NULLS LAST" for name in further)
    ties = session.rows(f"SELECT {', '.join(further)} FROM {relation} WHERE {here} ORDER BY {order} LIMIT 1")
    return replace(seen, newest=(seen.newest[0], *map(_mark, ties[0] if ties else [None] * len(further))))


def _look(
    request: ExtractRequest, session: Session, relation: str, columns: Sequence[ResultColumn], reading: Reading
) -> Look | None:
    """What the warehouse shows of the window after this one; None where it cannot hash a column."""
    hashed, window = session.warehouse.hashed(columns), following(request, reading)
    if hashed is None or (reading.column is not None and window is None):
        return None
    where = _where(replace(reading, window=window), session.warehouse)
    rows, found = session.one(f"SELECT COUNT(*), {hashed} FROM {relation}{where}")
    return Look(window.to_json() if window else None, int(rows), str(found), shape_of(columns))


def _where(reading: Reading, warehouse: Warehouse) -> str:
    if reading.column is None:
        return ""
    column = quoted(reading.column)
    if reading.window is None:
        return f" WHERE {column} IS NULL"
    timeless = f" OR {column} IS NULL" if reading.timeless else ""
    return f" WHERE ({comparisons(warehouse).of(reading.window)}){timeless}"


def comparisons(warehouse: Warehouse) -> Comparisons:
    """A source's clock may be finer than ours: what has an instant's microsecond has that instant."""

    def at(value: Mark) -> str:
        return warehouse.timestamp(value) if isinstance(value, datetime) else str(value)

    def next_to(value: Mark) -> str:
        return at(later(value, RESOLUTION if isinstance(value, datetime) else 1))

    return Comparisons(
        name=quoted,
        before=lambda column, value: f"{quoted(column)} < {at(value)}",
        up_to=lambda column, value: f"{quoted(column)} < {next_to(value)}",
        at_least=lambda column, value: f"{quoted(column)} >= {at(value)}",
        after=lambda column, value: f"{quoted(column)} >= {next_to(value)}",
    )


def _mark(value: date | int | Decimal | None) -> Mark | None:
    """A value of a cursor: a whole number, or a change time as naive UTC; a date is its first instant."""
    if isinstance(value, int | Decimal):
        return int(value)
    if value is None or isinstance(value, datetime):
        return value and as_utc(value)
    return datetime.combine(value, time.min)
