"""Warehouses as sources: the warehouse itself writes the window's rows to S3, and Spark reads the files.

First the window's end is fixed, then its rows are unloaded as Parquet to a folder that only this attempt has, and
then the files are listed. The driver sees counts and bounds, never rows.
"""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from tidemark.aws.clients import filesystem, s3_uri
from tidemark.errors import SourceError
from tidemark.retry import RetryPolicy
from tidemark.sources import Extract, ExtractRequest
from tidemark.sources.looks import Look, following, shape_of, shows_the_same
from tidemark.sources.reading import Reading, Seen, again, change_time, everything, start_of, windowed
from tidemark.sources.staged import empty_frame, parquet_files, read_parquet, refuse_own_names
from tidemark.warehouses import ResultColumn, Session, Warehouse, WarehouseError, quoted

if TYPE_CHECKING:
    from tidemark.config.connections import ConnectionValue

DEFAULT_POLICY = RetryPolicy(attempts=4, first_wait=1.0)


class UnloadSource(ABC):
    """A source that is a warehouse."""

    kind: str

    def __init__(self, policy: RetryPolicy = DEFAULT_POLICY) -> None:
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
        try:
            return self._policy.call(
                lambda: self._attempt(request, warehouse),
                passing=lambda failure: isinstance(failure, WarehouseError) and failure.trouble.passes,
            )
        except WarehouseError as failure:
            raise SourceError(
                f"{request.source.object} could not be read from {warehouse.place()}: {failure.trouble.value}",
                table=request.table.name,
                step="extract",
                seen=[failure.said],
                next_step=warehouse.advice(failure.trouble),
            ) from None

    def _attempt(self, request: ExtractRequest, warehouse: Warehouse) -> Extract:
        with warehouse.session() as session:
            relation = warehouse.name(request.source.object)
            columns = session.columns(relation)
            names = [column.name for column in columns]
            refuse_own_names(names, request.table.name, request.source.object)
            reading = _reading(request, session, relation, columns)
            look = _look(request, session, relation, columns, reading)
            if shows_the_same(request, reading, look):
                return self._extract(request, replace(reading, full=False), names, (), look)
            selected = ", ".join(f"{self.expression(column)} AS {quoted(column.name)}" for column in columns)
            query = f"SELECT {selected} FROM {relation}{_where(reading, warehouse)}"
            folder = f"{request.staging}/{uuid.uuid4().hex}"
            rows = self.unload(session, query, f"{s3_uri(folder)}/", request.connection)
            if look != _look(request, session, relation, columns, reading):
                look = None  # a row that changed meanwhile may change back, and the look would not tell
        files = parquet_files(filesystem(request.environment.aws), folder) if rows else ()
        if rows and not files:
            raise SourceError(
                f"{warehouse.place()} unloaded {rows} rows, but there are no files below {folder}",
                table=request.table.name,
                step="extract",
                next_step="check that `exchange` and the warehouse's access to S3 mean the same bucket and region",
            )
        return self._extract(request, reading, names, files, look)

    def _extract(
        self,
        request: ExtractRequest,
        reading: Reading,
        names: list[str],
        files: tuple[str, ...],
        look: Look | None,
    ) -> Extract:
        database = request.connection.settings.get("database", request.connection.name)
        origin = F.lit(f"{self.kind}://{database}/{request.source.object}")
        return Extract(
            table=request.table.name,
            given=lambda: read_parquet(request.spark, files, origin) if files else empty_frame(request.spark, names),
            watermark=reading.watermark,
            identity=reading.identity,
            full=reading.full,
            source_system=self.kind,
            notices=reading.notices,
            empty=not files,
            look=look.to_json() if look else {},
            window=reading.among,
        )


def _reading(request: ExtractRequest, session: Session, relation: str, columns: Sequence[ResultColumn]) -> Reading:
    name = change_time(request, [column.name for column in columns])
    if name is None:
        return everything(request)
    if not any(column.name == name and session.warehouse.is_time(column) for column in columns):
        raise SourceError(
            f"{name} of {request.source.object} is no date or timestamp, but `watermark` names it",
            table=request.table.name,
            step="extract",
            next_step="name a date or timestamp column, or read everything each time: without `watermark`",
        )
    if request.period is not None:
        return again(request, name, request.period)
    start, column, at = start_of(request), quoted(name), session.warehouse.timestamp
    after = "" if start is None else f" WHERE {column} > {at(start)} OR {column} IS NULL"
    newest, later, timeless = session.one(
        f"SELECT MAX(CASE WHEN {column} <= {at(request.as_of)} THEN {column} END),"
        f" COUNT(CASE WHEN {column} > {at(request.as_of)} THEN 1 END),"
        f" COUNT(CASE WHEN {column} IS NULL THEN 1 END) FROM {relation}{after}"
    )
    return windowed(request, name, start, Seen(_instant(newest), int(later), int(timeless)))


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
    low, high = reading.window.low, reading.window.high
    after = "" if low is None else f"{column} > {warehouse.timestamp(low)} AND "
    timeless = f" OR {column} IS NULL" if reading.timeless else ""
    return f" WHERE ({after}{column} <= {warehouse.timestamp(high)}){timeless}"


def _instant(value: date | None) -> datetime | None:
    """A change time as naive UTC; a date is its first instant."""
    if value is None or isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value and value.tzinfo else value
    return datetime.combine(value, time.min)
