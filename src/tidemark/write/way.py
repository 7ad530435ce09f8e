"""The way of a batch into its table: by an entry of our own or Delta's writer, and the table that is made for it.

A rehearsal goes it up to its last step, and the commit to the end.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pyspark.sql.types import DataType, StructField, StructType

from tidemark.compile.schema import METADATA_COLUMNS
from tidemark.delta import deltalog
from tidemark.delta.table import APP, TargetState
from tidemark.write import standing
from tidemark.write.manifest import CHANGE_TYPE, Prepared

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from tidemark.config.project import Table

_PROPERTIES = {
    # Nothing may be committed between looking at a table and writing it, not even an append that reads nothing.
    "delta.isolationLevel": "Serializable",
    # Every batch has a transaction id of its own: the log need not carry them for ever.
    "delta.setTransactionRetentionDuration": "interval 60 days",
}


@dataclass(frozen=True)
class Way:
    """How a batch gets into its table as that stands, and the batch as it is signed.

    `adopted`: an entry of our own names the staged files; `rewritten`: one puts whole staged files in the place of all
    that the table has; neither: Delta writes the rows. `new`: the table that has to be made.
    """

    batch: Prepared
    new: deltalog.NewTable | None
    adopted: bool
    rewritten: bool

    @property
    def by_own_entry(self) -> bool:
        return self.adopted or self.rewritten


def way_of(spark: SparkSession, table: Table, path: str, prepared: Prepared, state: TargetState) -> Way:
    """The way of the batch; raises `CommitError` where the table asks for what it cannot give."""
    ours = standing.terms_of(spark, path, prepared).own_entries
    batch = replace(prepared, target_id=state.table_id or str(uuid.uuid4()), sequence=state.sequence + 1)
    new = _new_table(table, batch, batch.rows(spark)) if state.version is None else None
    ours = ours and (new is None or deltalog.honours_new(spark, path, new))
    adopted = ours and _can_adopt(table, batch) and _is_named_alike(spark, path, state, batch)
    rewritten = ours and not adopted and batch.rewrite is not None and state.version == batch.target_version
    return Way(batch, new, adopted, rewritten)


def put(spark: SparkSession, table: Table, path: str, way: Way, *, seen: int, only_try: bool = False) -> None:
    """Commits the batch by an entry of our own, on the table at version `seen`. `only_try` as in `deltalog.adopt`."""
    batch, entry = way.batch, _entry(table, way.batch)
    if way.adopted:
        rows, new = batch.staged, way.new
        deltalog.adopt(spark, path, batch.data, entry, seen=seen, rows=rows, new=new, only_try=only_try)
    elif batch.rewrite is not None:
        whole, feed, more = batch.rewrite.whole, batch.rewrite.feed, batch.rewrite.more_rows
        deltalog.rewrite(spark, path, whole, feed, entry, seen=seen, more_rows=more, only_try=only_try)


def writes_rows(table: Table, prepared: Prepared) -> bool:
    """Whether the commit writes rows, and not only an entry of the log that names the staged files."""
    return not _can_adopt(table, prepared) and prepared.rewrite is None


def is_new(spark: SparkSession, path: str, state: TargetState) -> bool:
    """Whether there is no table yet, or only what a run that died right after creating it has left."""
    return state.version is None or (state.version == 0 and not deltalog.file_count(deltalog.snapshot(spark, path)))


def _new_table(table: Table, prepared: Prepared, rows: DataFrame) -> deltalog.NewTable:
    """A table with the contract's columns, their comments, the table's layout and our metadata columns."""
    known = {field.name: field.dataType for field in rows.schema.fields if field.name != CHANGE_TYPE}
    partitions = table.load.partition_by
    layout = () if partitions else table.load.cluster_by
    return deltalog.NewTable(_schema(table, known), layout, _PROPERTIES, str(prepared.target_id), partitions)


def _schema(table: Table, types: Mapping[str, DataType]) -> StructType:
    descriptions = {column.name: column.description for column in table.contract.columns}
    metadata = [name for name in METADATA_COLUMNS.fieldNames() if name in types]  # an older version staged fewer
    names = [*(name for name in types if name not in metadata), *metadata]
    fields = []
    for name in names:
        comment = descriptions.get(name)
        fields.append(StructField(name, types[name], nullable=True, metadata={"comment": comment} if comment else {}))
    return StructType(fields)


def _can_adopt(table: Table, prepared: Prepared) -> bool:
    """Whether the staged files can become the table's files: same columns, and no partition values to tell."""
    return prepared.operation == "append" and not prepared.schema_changes and not table.load.partition_by


def _is_named_alike(spark: SparkSession, path: str, state: TargetState, prepared: Prepared) -> bool:
    """Whether a column has the same name in the staged files as in the table's, and stands in them.

    A table of which somebody has renamed or dropped columns has other names in its files than it shows; one that was
    made in partitions, whatever the load file says of that today, has some columns in the names of folders.
    """
    if state.version is None:
        return True
    snapshot = deltalog.snapshot(spark, path)
    stored = set(deltalog.schema(snapshot).names)
    in_folders = deltalog.is_mapped(snapshot) or not snapshot.metadata().partitionColumns().isEmpty()
    return not in_folders and stored.issuperset((*prepared.columns, *METADATA_COLUMNS.names))


def _entry(table: Table, prepared: Prepared) -> deltalog.Entry:
    """What the log's entry of this batch says of itself."""
    watermark = table.load.watermark
    freshness = table.contract.freshness
    ordering = [
        watermark.column if watermark else None,
        freshness.column if freshness else None,
        *table.load.cluster_by,
        *prepared.keys,
    ]
    return deltalog.Entry(
        app_id=app_id(prepared),
        user_metadata=json.dumps(prepared.metadata(), default=str),
        statistics=tuple(name for name in dict.fromkeys(ordering) if name),
        epoch=prepared.epoch,
        sequence=prepared.sequence,
    )


def app_id(prepared: Prepared) -> str:
    """The transaction's application id. Ids survive a RESTORE, so the epoch, which a restore raises, is part of it."""
    return f"{APP}:{prepared.epoch}:{prepared.batch_id}"
