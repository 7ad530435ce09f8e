"""What the log of a released table says of its columns, without a row being read: how many nulls, between which ends.

Ends are given of numbers, dates and instants, and only of columns that may be shown; no value of a text is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.errors import TidemarkError

if TYPE_CHECKING:
    from tidemark.serving.lake import Files, ReleasedLake

_THREADS = 16


@dataclass(frozen=True)
class ColumnProfile:
    """The share of nulls, and the least and greatest value as text; None where that is not known, or not shown."""

    nulls: float | None = None
    low: str | None = None
    high: str | None = None


@dataclass(frozen=True)
class Profile:
    """A table at its released version; `size` is in bytes. `unreadable` says why nothing else is known."""

    version: int
    rows: int | None = None
    files: int = 0
    size: int = 0
    columns: Mapping[str, ColumnProfile] = field(default_factory=dict)
    unreadable: str | None = None


def profiles(lake: ReleasedLake, names: Iterable[str], shown: Callable[[str], Collection[str]]) -> dict[str, Profile]:
    """The profiles of tables; side by side, as each is a request or more. `shown` gives columns whose ends may be told.

    A table that cannot be opened has a profile that says so.
    """
    wanted = list(names)
    with ThreadPoolExecutor(_THREADS) as threads:
        return dict(zip(wanted, threads.map(lambda name: _profile(lake, name, shown(name)), wanted), strict=True))


def _profile(lake: ReleasedLake, name: str, shown: Collection[str]) -> Profile:
    version = lake.release.tables[name]
    try:
        files = lake.files(name)
    except TidemarkError as failure:
        return Profile(version, unreadable=failure.summary)
    rows = None if files.lack_rows else _total(files, "num_records")
    columns = {
        column: _column(files, column, rows, is_shown=column in shown)
        for column in lake.project.table(name).contract.column_names
    }
    size = pc.sum(files.actions["size_bytes"], min_count=0).as_py()
    return Profile(version, rows, files.actions.num_rows, size, columns)


def _column(files: Files, name: str, rows: int | None, *, is_shown: bool) -> ColumnProfile:
    nulls = _total(files, f"null_count.{name}") if rows else None
    share = nulls / rows if rows and nulls is not None else None
    if not is_shown:
        return ColumnProfile(share)
    low, high = (_end(files, f"{word}.{name}", aggregate) for word, aggregate in (("min", pc.min), ("max", pc.max)))
    return ColumnProfile(share, low, high)


def _total(files: Files, name: str) -> int | None:
    """The sum over all files; None where one of them does not say."""
    if name not in files.actions.column_names or files.actions[name].null_count:
        return None
    total: int = pc.sum(files.actions[name], min_count=0).as_py()
    return total


def _end(files: Files, name: str, aggregate: Callable[[pa.ChunkedArray], pa.Scalar]) -> str | None:
    if name not in files.actions.column_names:
        return None
    column = files.actions[name]
    kind = column.type
    is_time = pa.types.is_timestamp(kind)
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if not (is_time or is_number or pa.types.is_date(kind)):
        return None
    end = aggregate(column)
    text = pc.cast(end.cast(pa.timestamp("us")) if is_time else end, pa.string()).as_py()
    return None if text is None else str(text).removesuffix(".000000")
