"""Targets: warehouses that gold tables are published to, each table by one transaction that happens once.

Not here: which version of a table is brought there, and what changed since the last one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, cast

from tidemark.config.connections import ConnectionValue, load_plugin
from tidemark.targets.exports import Exports, StagedFiles

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from tidemark.config.environment import Environment
    from tidemark.config.project import Table


@dataclass(frozen=True)
class PublishRequest:
    """One table's changes for a warehouse.

    `changes` has the table's columns, `_batch_id`, `_ingest_ts`, `_run_date` and `_change_type` (`insert`,
    `update_preimage`, `update_postimage`, `delete`; a row to be deleted needs only its keys), at most one row a key
    besides preimages. With `full` the table will hold the inserted rows and no other. `exchange` is an address below
    the exchange bucket that belongs to this run and to these changes; `exports` keeps what was written there, for the
    next warehouse that needs it. `version` is the table's version in the lake that the changes lead to, `rows_after`
    the rows it has there. `since` is the version from which the changes lead there; without `full` they are not put on
    top of another. `grown` are columns whose type was widened since the table was made. `anew`: the warehouse has
    another table of this name, whose version says nothing of this one.
    """

    table: Table
    changes: DataFrame
    full: bool
    exchange: str
    release: str
    version: int
    rows_after: int
    exports: Exports = field(default_factory=Exports)
    since: int | None = None
    grown: tuple[str, ...] = ()
    anew: bool = False


@dataclass(frozen=True)
class PublishResult:
    """What a publish did. `changed` is False when the warehouse had this version already."""

    table: str
    target: str
    version: int
    inserted: int
    deleted: int
    rows_after: int
    changed: bool = True


class Target(Protocol):
    """One schema of one warehouse. A call has a session of its own, or the kept one (then: one thread at a time)."""

    def keep_session(self) -> None:
        """Uses one session for all calls until `close`; one that fails is replaced."""
        ...

    def close(self) -> None:
        """Ends the session that is kept."""
        ...

    def published_versions(self) -> Mapping[str, int]:
        """The version that the warehouse has of each table that was published there, and was not dropped since."""
        ...

    def count_named(self, table: Table, columns: Sequence[str], value: str, *, folded: bool = False) -> int:
        """How many rows of a published table have the value in one of the columns, as text; 0: or no such table."""
        ...

    def export(self, request: PublishRequest) -> StagedFiles:
        """Writes the files that `publish` will load; those that are there already stay."""
        ...

    def publish(self, request: PublishRequest) -> PublishResult:
        """Brings the table to `request.version`; a no-op when it is there already.

        The rows and the version change in one transaction. Raises `TargetError` when they do not, and then the
        published table is as it was.
        """
        ...


@dataclass(frozen=True)
class OpenTarget:
    """A warehouse with the session that a run keeps, and what it had of each table when it was opened."""

    warehouse: Target
    connection: str
    versions: Mapping[str, int]


class TargetFactory(Protocol):
    """Opens a target; nothing is connected before it is used."""

    def __call__(self, connection: ConnectionValue, schema: str, environment: Environment) -> Target: ...


TARGETS: Mapping[str, str] = {
    "snowflake": "tidemark.targets.snowflake:SnowflakeTarget",
    "redshift": "tidemark.targets.redshift:RedshiftTarget",
}
"""Kind of connection → where its target is; imported when it is first needed."""


def target_for(kind: str) -> TargetFactory:
    """What opens a target: `target_for(connection.kind)(connection, schema, environment)`.

    Raises `ConfigError` for a kind that is not known, or whose client is not installed (with how to install it).
    """
    return cast("TargetFactory", load_plugin("target", kind, TARGETS))
