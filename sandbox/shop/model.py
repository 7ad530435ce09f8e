"""What the shop hands over: batches of rows, each row with a hidden note of what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """What the shop meant by a row: `good`, a `duplicate` of a good row, or `bad` for `reasons`.

    `reasons` are `column.rule` in the names of the bronze table. `raw` is the text of a record that cannot be
    read at all; the row's values are then all None.
    """

    kind: Literal["good", "duplicate", "bad"]
    reasons: frozenset[str] = frozenset()
    raw: str | None = None


GOOD = Note("good")
DUPLICATE = Note("duplicate")


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column as its source declares it; `since_day` is the shop day on which it appears."""

    name: str
    sql_type: str
    since_day: int = 1


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A table, API object or file layout of a source, with every column it will ever have."""

    name: str
    columns: tuple[SourceColumn, ...]

    def columns_on(self, day: int) -> tuple[SourceColumn, ...]:
        """The columns that exist on a shop day, in order."""
        return tuple(column for column in self.columns if column.since_day <= day)


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one source on one day: `rows[i]` has one value per column, `notes[i]` says what it is.

    Values are str, int, float, bool, Decimal, date, naive UTC datetime (at most milliseconds) or None.
    """

    source: str
    columns: tuple[SourceColumn, ...]
    rows: tuple[Row, ...]
    notes: tuple[Note, ...]

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, in the order of the values."""
        return tuple(column.name for column in self.columns)

    def records(self) -> list[dict[str, Any]]:
        """The rows as dicts by column name (for API objects: ready for JSON)."""
        names = self.column_names
        return [dict(zip(names, row, strict=True)) for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class Day:
    """Everything that becomes visible on one shop day; day 1 contains the opening stock.

    - `inserts`: rows to insert into the append-only tables `SALES.CUSTOMERS`, `SALES.ORDERS`, `analytics.behavior`.
    - `products`: the whole current content of `SALES.PRODUCTS` (replace the table with it).
    - `crm`: per object (`Account`, `Contact`, `Opportunity`) the records to upsert by `Id`, JSON-ready.
    - `files`: path below the landing bucket → bytes, never overwriting an earlier path.
    - `file_rows`: the same paths → the rows written into them, with their notes (for the ledger).
    """

    number: int
    date: date
    inserts: Mapping[str, Batch]
    products: Batch
    crm: Mapping[str, Batch]
    files: Mapping[str, bytes]
    file_rows: Mapping[str, Batch] = field(repr=False)
