"""What a write mode works on: rows that met the contract, and the table that they are for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tidemark.delta.table import read_version
from tidemark.rows import ROW_HASH, own, quoted
from tidemark.rows.batches import having, row_hash
from tidemark.write.pruning import within

if TYPE_CHECKING:
    from datetime import datetime

    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql.types import StructType

    from tidemark.config.contract import Contract
    from tidemark.config.project import Table
    from tidemark.delta.table import TargetState
    from tidemark.rows.alignment import Alignment
    from tidemark.rows.batches import Counter
    from tidemark.sources.watermark import Window
    from tidemark.write.pruning import Bounds

LABEL = own("label")
RECEIVED = "_ingest_ts"
INSERT, UPDATE, DELETE, UNCHANGED, STALE, VANISHED = "insert", "update", "delete", "unchanged", "stale", "vanished"
REPEATED = "repeated"  # of rows that the batch itself has already, which are left out
KEPT, REJECTED = "kept", "rejected"  # of keys that have rejected rows alone: the target has a row, or none
LABELS = (INSERT, UPDATE, DELETE, UNCHANGED, STALE, VANISHED, KEPT)
ROW_LABELS = (INSERT, UPDATE, DELETE, UNCHANGED, STALE)  # the labels of rows that the batch brought itself


@dataclass(frozen=True)
class Affected:
    """The rows of a table that are computed anew: those with the values of a row of `keys` in the columns `grain`.

    `bounds` are those of `keys`.
    """

    grain: tuple[str, ...]
    keys: DataFrame
    bounds: tuple[Bounds, ...] = ()

    def rows_of(self, frame: DataFrame) -> DataFrame:
        """The affected rows of the table, of an input with the same columns, or of the table's query."""
        return having(within(frame, self.bounds, nulls=True), self.keys, self.grain)


@dataclass(frozen=True)
class Checked:
    """Rows held against their contract; nothing is computed yet.

    `judged` has the columns of the table, those that only order or delete (`order_by`, delete flag), and `_bad`;
    `source` is the frame before. `complete` says that the frame holds every row the table should have; with
    `affected`, every row with the values in there. `reason` says why the whole table was computed; with `anew` the row
    hashes that the table has are not believed. `window`: where the rows' change times lie, if not in the watermark's
    window. `rereads`: rows of the table may be among these. `erased` counts rows of people who were erased, which the
    source gave and the frame has no more. `rejects_stand`: rows that a rule rejected before, and that
    need not be among these, are not in the table as they would be. `whole`: a table that is replaced by partitions is
    replaced as a whole.
    """

    table: str
    source: DataFrame
    judged: DataFrame
    alignment: Alignment
    identity: Mapping[str, Any]
    source_system: str
    complete: bool = False
    watermark: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, int | None] = field(default_factory=dict)
    input_ids: Mapping[str, str | None] = field(default_factory=dict)
    definition: str | None = None
    affected: Affected | None = None
    reason: str | None = None
    anew: bool = False
    empty: bool = False
    notices: tuple[str, ...] = ()
    look: Mapping[str, Any] = field(default_factory=dict)
    window: Window | None = None
    rereads: bool = False
    contract: Contract | None = None
    asked_at: datetime | None = None
    erased: Counter | None = None
    rejects_stand: bool = False
    whole: bool = False

    def rules_of(self, table: Table) -> Contract:
        """The contract that `source` was held against: the table's, or what it says of a history's versions."""
        return self.contract or table.contract


@dataclass(frozen=True)
class Work:
    """One batch on its way to staging: `columns` are those of the table, without metadata; `stored`: all
    that it has now.

    `earlier_types`: what columns whose type has grown, or grows with this batch, were before, the first type first.
    `trusts_absence`: what the extract lacks is not in the source.
    """

    spark: SparkSession
    table: Table
    checked: Checked
    columns: tuple[str, ...]
    path: str
    state: TargetState
    stored: StructType
    earlier_types: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    trusts_absence: bool = True

    @property
    def row_hash(self) -> Column:
        """The hash of a row of the batch, over all columns of the table but the one that says when it was received."""
        return row_hash(self._hashed, self.earlier_types, self._lacking)

    def stored_hash(self, target: DataFrame) -> Column:
        """The hash of a row that the target has, in the columns that a row of the batch would have after it."""
        return row_hash(self._hashed, self.earlier_types, set(self.columns) - set(target.columns))

    def comparable_hash(self, target: DataFrame) -> Column:
        """The hash by which a row of the target is equal to one of the batch.

        What a source lacks, it has lost: its rows come without a value. A query that has no such column any more says
        nothing of it: rows that are otherwise the same stay as they are.
        """
        if self.table.load.source is not None or not self._lacking:
            return quoted(ROW_HASH)
        return row_hash(self._hashed, self.earlier_types, {*self._lacking, *(set(self.columns) - set(target.columns))})

    @property
    def taken_at(self) -> str | None:
        """The column that says when the extract of a row was taken, where the load file names one."""
        return self.table.load.taken_at

    @property
    def _hashed(self) -> list[str]:
        return [name for name in self.columns if name != self.taken_at]

    @property
    def _lacking(self) -> frozenset[str]:
        return frozenset(field.name for field in self.checked.alignment.lacking)

    @property
    def keys(self) -> tuple[str, ...]:
        """What names a row of the table; in a history, a key has a row for each start."""
        write = self.table.load.write
        return (*write.keys, write.validity.start) if write.mode == "scd2" else write.keys

    @property
    def layout(self) -> tuple[str, ...]:
        """The columns by which the table's rows are brought together in files."""
        return self.table.load.partition_by or self.table.load.cluster_by

    @property
    def delete_flag(self) -> str | None:
        deletes = self.table.load.write.deletes
        return deletes.flag if deletes else None

    @property
    def missing(self) -> Literal["soft", "hard"] | None:
        """What becomes of keys that a full extract of the source lacks; None: nothing, they stay as they are."""
        return self.table.load.missing if self.checked.complete and self.trusts_absence else None

    @property
    def logs_snapshots(self) -> bool:
        """Whether the table is a log of snapshots whose missing rows are deleted."""
        return self.table.load.logs_snapshots and self.missing is not None and bool(self.keys)

    def target(self) -> DataFrame | None:
        """The table as it was when the work began; None when it does not exist yet."""
        if self.state.version is None:
            return None
        return read_version(self.spark, self.path, self.state.version)
