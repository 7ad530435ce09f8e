"""Sources: what each kind of system has that a table has not received yet, as a lazy frame with its bookkeeping.

Not here: what becomes of the rows, and the warehouses' own clients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from tidemark.config.connections import load_plugin
from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from tidemark.config.connections import ConnectionValue
    from tidemark.config.environment import Environment
    from tidemark.config.load import SourceSpec
    from tidemark.config.project import Table
    from tidemark.sources.watermark import Mark, Period, Window


ChangeKind = Literal["added", "removed", "retyped", "recased"]
_TOLD = {
    "evolve": "added to the table",
    "freeze": "the batch is refused",
    "discard_row": "rows that have a value in it are rejected",
    "discard_value": "left out",
    "widen": "the table's column grows with it",
    "keep": "the table's column holds it as it is",
    "beside": "its values go into a column of their own, as the table's does not hold them",
    "cast": "cast to the contract's type",
    "known": "the contract knows it",
}


@dataclass(frozen=True)
class Change:
    """One column of a source that is not what it was; `before` and `after` are types, or names if `recased`."""

    column: str
    change: ChangeKind
    before: str | None
    after: str | None
    action: str

    def __str__(self) -> str:
        if self.change == "added":
            return f"source column {self.column} ({self.after}) is new: {_TOLD[self.action]}"
        if self.change == "removed":
            return f"source column {self.column} ({self.before}) is gone: null from now on"
        what = "type" if self.change == "retyped" else "name"
        return (
            f"source column {self.column} changed its {what} from {self.before} to {self.after}: {_TOLD[self.action]}"
        )


@dataclass(frozen=True)
class ExtractRequest:
    """What to read. All instants are naive UTC.

    `low` is the committed watermark (an instant or a number), `since` stands in for it; nothing later than `as_of` is
    read. `bookkeeping` is the `watermark` of the target's last commit ({} when there was none). `staging` is an address
    below the exchange bucket that a warehouse may unload to, `local_staging` one below the staging root; both belong to
    this run and table alone. `full` reads everything there is. `seen` is the look that a source gave when it was last
    read ({}: nobody knows): where it would give the same again, nothing need be read. With a `period` just its rows are
    read, whatever was read before or since, and the bookkeeping stays as it is. `failed` are files that Spark could not
    read when it was asked for the rows before, each with the cause: they must not keep the others from being read.
    `unsettled` are files that were written to while their rows were read: they wait for the next run.
    """

    table: Table
    connection: ConnectionValue
    spark: SparkSession
    low: Mark | None
    since: datetime | None
    as_of: datetime
    bookkeeping: Mapping[str, Any]
    staging: str
    local_staging: str
    full: bool
    environment: Environment
    seen: Mapping[str, Any] = field(default_factory=dict)
    period: Period | None = None
    failed: Mapping[str, str] = field(default_factory=dict)
    unsettled: frozenset[str] = frozenset()

    @property
    def source(self) -> SourceSpec:
        """What the load file says of the source."""
        if self.table.load.source is None:
            raise ConfigError(f"{self.table.name} has no source")
        return self.table.load.source


@dataclass(frozen=True)
class Extract:
    """What a source gave. Nothing of `frame` is computed yet; a source that has no row does not even make it (`given`
    is what would), as the first frame of a session costs it a second or two.

    `frame` has the source's columns under the source's names, `_origin` (string: where the row came from), and for
    text formats `_corrupt_record` (string: the raw text of what could not be read; all other columns are null then).
    Where the source knows, a helper column says where each row stands there: see `rows.order`.
    `watermark` becomes the commit's bookkeeping; `identity` names this batch: equal work has an equal identity. Both
    are plain JSON values. `full`: the frame holds every row the source has. `empty`: there is not one row. `look`
    stands for what the next window would hold if nothing came ({}: the source cannot say): see `sources.looks`.
    `drift`: how its columns differ from those of the batch before. `window`: where the rows' change times lie, if not
    in the watermark's window. `rereads`: rows that were received before may be among these. `without`: what the source
    gives without the file on whose content reading this failed, None where it failed for another reason. `unsettled`
    tells which of the files, by their paths, were written to since the source looked: what was read of them may be half
    of what they are.
    """

    table: str
    given: DataFrame | Callable[[], DataFrame]
    watermark: Mapping[str, Any]
    identity: Mapping[str, Any]
    full: bool
    source_system: str
    notices: tuple[str, ...] = ()
    empty: bool = False
    look: Mapping[str, Any] = field(default_factory=dict)
    drift: tuple[Change, ...] = ()
    window: Window | None = None
    rereads: bool = False
    without: Callable[[BaseException], Extract | None] = lambda _: None
    unsettled: Callable[[], frozenset[str]] = frozenset

    @cached_property
    def frame(self) -> DataFrame:
        return self.given() if callable(self.given) else self.given


class Source(Protocol):
    """One kind of system."""

    def extract(self, request: ExtractRequest) -> Extract:
        """Reads what the table has not received yet.

        Raises `SourceError` when the system does not give it: it is down, refuses the credentials, or has no such
        table. Nothing is changed in the system, and what was staged on the way is left to the run's staging.
        """
        ...


SOURCES: Mapping[str, str] = {
    "snowflake": "tidemark.sources.snowflake:SnowflakeSource",
    "redshift": "tidemark.sources.redshift:RedshiftSource",
    "rest": "tidemark.sources.rest:RestSource",
    "s3": "tidemark.sources.landing.files:FilesSource",
    "files": "tidemark.sources.landing.files:FilesSource",
}
"""Kind of connection → where its source is; imported when it is first needed."""

BY_FILE = ("s3", "files")
"""Kinds that are read file by file: what a file holds is known by its folder's day or by its age."""


def source_for(kind: str) -> Source:
    """The source for a kind of connection.

    Raises `ConfigError` for a kind that is not known, or whose client is not installed (with how to install it).
    """
    return cast("Source", load_plugin("source", kind, SOURCES)())
