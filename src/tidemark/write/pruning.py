"""Between which values the columns of some rows lie, so that the rest of a large table is not read for their sake.

Bounds never say that a row is wanted, only that it may be: what they let through is compared as it would be without
them. Types that have values beside their order (NaN) or no order have no bounds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as F

from tidemark.rows import quoted

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

_ORDERED = re.compile(r"tinyint|smallint|int|bigint|decimal\(\d+,\d+\)|string|date|timestamp")
_LOW, _HIGH, _NULLS, _ROWS = "low_", "high_", "nulls_", "rows"


@dataclass(frozen=True)
class Bounds:
    """The least and greatest value of a column (as text that casts back to `type`; None: no value), and any `nulls`."""

    column: str
    type: str
    low: str | None
    high: str | None
    nulls: bool

    def may_hold(self, value: Column, *, nulls: bool) -> Column:
        """Whether a value lies between the bounds; with `nulls` a null does where the rows have one."""
        low, high = (F.lit(bound).cast(self.type) for bound in (self.low, self.high))
        inside = (value >= low) & (value <= high)
        return inside | value.isNull() if nulls and self.nulls else inside


@dataclass(frozen=True)
class Measured:
    """How many rows a frame has, and between which values its columns lie."""

    rows: int
    bounds: tuple[Bounds, ...]


class Extent:
    """The bounds of `columns` (by a name, what to measure) over a frame's rows, filled by the first action on it.

    What `Counter` says of its plan holds here too.
    """

    def __init__(self, schema: StructType, columns: Mapping[str, str], where: Column | None = None) -> None:
        types = {name: schema[measured].dataType.simpleString() for name, measured in columns.items()}
        self._types = {name: type_ for name, type_ in types.items() if _ORDERED.fullmatch(type_)}
        self._columns = columns
        self._where = F.lit(True) if where is None else where
        self._observation = Observation()

    def on(self, frame: DataFrame) -> DataFrame:
        """The same frame, measured when it is computed."""
        return frame.observe(self._observation, *self._aggregates()) if self._types else frame

    def of(self, frame: DataFrame) -> Measured:
        """The bounds, and the number of rows, by a query of its own, which gives one row."""
        found = frame.agg(F.count("*").alias(_ROWS), *self._aggregates()).collect()[0].asDict()
        return Measured(found[_ROWS], self._bounds(found))

    @property
    def bounds(self) -> tuple[Bounds, ...]:
        """The bounds of the columns whose types have them; blocks until the action has told them."""
        return self._bounds(self._observation.get) if self._types else ()

    def _aggregates(self) -> Iterator[Column]:
        for name in self._types:
            measured = F.when(self._where, quoted(self._columns[name]))
            yield F.min(measured).cast("string").alias(_LOW + name)
            yield F.max(measured).cast("string").alias(_HIGH + name)
            yield F.count_if(self._where & quoted(self._columns[name]).isNull()).alias(_NULLS + name)

    def _bounds(self, found: Mapping[str, str | int | None]) -> tuple[Bounds, ...]:
        return tuple(
            Bounds(name, type_, _text(found[_LOW + name]), _text(found[_HIGH + name]), bool(found[_NULLS + name]))
            for name, type_ in self._types.items()
        )


def _text(value: str | int | None) -> str | None:
    return None if value is None else str(value)


def measured(frame: DataFrame, columns: Sequence[str]) -> Measured:
    """The number of rows of the frame, which is computed for it, and the bounds of the columns in all of them."""
    return Extent(frame.schema, {name: name for name in columns}).of(frame)


def within(frame: DataFrame, bounds: Sequence[Bounds], *, nulls: bool) -> DataFrame:
    """The rows of `frame` that may have values of the bounded rows in all of the columns.

    `nulls`: a null is equal to a null, as in `having`; without, it is equal to nothing.
    """
    types = {field.name: field.dataType.simpleString() for field in frame.schema.fields}
    usable = [each.may_hold(quoted(each.column), nulls=nulls) for each in bounds if types.get(each.column) == each.type]
    return frame.where(reduce(and_, usable)) if usable else frame
