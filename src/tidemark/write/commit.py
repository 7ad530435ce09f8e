"""The only code that commits to Delta: one prepared batch, one commit, with its bookkeeping; again is a no-op."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Any

from delta.exceptions import captured as delta_errors  # Delta 4 tells of conflicts only to who imports this
from delta.tables import DeltaTable
from pyspark.errors import PySparkException
from pyspark.sql import functions as F

from tidemark import faults
from tidemark.delta import deltalog, footers
from tidemark.delta.table import TargetState, read_state
from tidemark.errors import CommitError
from tidemark.retry import RetryPolicy
from tidemark.rows import quoted
from tidemark.spark import storage
from tidemark.write import standing
from tidemark.write.manifest import CHANGE_TYPE, Prepared, batch_folder
from tidemark.write.way import is_new, put, way_of

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

    from tidemark.config.project import Table

_USER_METADATA = "spark.databricks.delta.commitInfo.userMetadata"
_TXN_APP = "spark.databricks.delta.write.txnAppId"
_TXN_VERSION = "spark.databricks.delta.write.txnVersion"
_WIDENING = "delta.enableTypeWidening"
CONFLICTS = (
    delta_errors.ConcurrentAppendException,
    delta_errors.ConcurrentDeleteDeleteException,
    delta_errors.ConcurrentDeleteReadException,
    delta_errors.ConcurrentTransactionException,
    delta_errors.ConcurrentWriteException,
    delta_errors.DeltaConcurrentModificationException,
    delta_errors.MetadataChangedException,
    delta_errors.ProtocolChangedException,
    deltalog.MovedError,
)
_ATTEMPTS = RetryPolicy(attempts=5, first_wait=0.2, longest_wait=5.0)


@dataclass(frozen=True)
class Committed:
    """What a commit left: the table's version with the batch and nothing above it, and whether this call made it.

    `untouched`: nobody has changed rows between the version that the batch was prepared on and this one, so that it
    holds what the batch's candidate did.
    """

    table: str
    version: int | None
    batch_id: str
    changed: bool
    untouched: bool = True


def commit(spark: SparkSession, table: Table, path: str, prepared: Prepared) -> Committed:
    """Commits `prepared` to the Delta table at `path`, which is created when it does not exist.

    `spark` must be a session of this table alone: transaction id and metadata are session settings. Raises
    `CommitError` when somebody else has committed a batch since this one was prepared. A conflict with a commit that
    is no batch (maintenance moves files, never rows) is tried again.
    """
    return _ATTEMPTS.call(lambda: _commit_once(spark, table, path, prepared), passing=_is_conflict)


def restore(spark: SparkSession, path: str, version: int | None, signed: Mapping[str, Any]) -> int:
    """Takes the table back to what it held at `version`, in a commit of its own; returns the version that this makes.

    Without a version it is back before its first batch: it has no row. The commit carries the bookkeeping of the batch
    that the table then ends with (its id is None where there was none), under an epoch of its own: transaction ids
    survive in the log, and what is loaded again must not be taken for done. `signed` adds to it. Raises `CommitError`
    where files of that version are gone.
    """
    now = read_state(spark, path)
    then = TargetState(None) if version is None else read_state(spark, path, at=version)
    if then.lost:
        raise CommitError(
            f"the table's log no longer has what the batch of version {version} says of itself",
            step="restore",
            evidence=path,
            next_step="restore a later release, whose entries are still in the log",
        )
    bookkeeping = json.dumps({"batch_id": None, **then.metadata, "epoch": now.epoch + 1, **signed}, default=str)
    try:
        with with_settings(spark, {_USER_METADATA: bookkeeping}):
            if version is None:
                _empty(spark, path, f"tidemark:emptied:{now.epoch}")
            else:
                DeltaTable.forPath(spark, path).restoreToVersion(version)
    except PySparkException as refused:
        raise CommitError(
            f"the table cannot be taken back to {'no row' if version is None else f'version {version}'}",
            step="restore",
            seen=[str(refused).partition("\n")[0]],
            evidence=path,
            next_step="restore a later release, whose files are still kept",
        ) from refused
    after = read_state(spark, path)
    if after.epoch != now.epoch + 1:
        raise CommitError(
            "Delta did not take the commit that takes the table back; it is as it was",
            step="restore",
            seen=[f"the table is at version {after.version}, and was at {now.version}"],
            evidence=path,
            next_step="do the same again",
        )
    return after.version or 0


def _empty(spark: SparkSession, path: str, app: str) -> None:
    """Takes every row out of the table. With a transaction id, Delta makes a commit even where there is none."""
    nothing = spark.read.format("delta").load(path).where(F.lit(False))
    signed = nothing.write.format("delta").mode("overwrite").option("txnAppId", app).option("txnVersion", 1)
    signed.save(path)


def exchange_rows(
    spark: SparkSession,
    path: str,
    source: DataFrame,
    matches: Sequence[Column],
    marker: str,
    columns: Sequence[str],
    signed: Mapping[str, Any],
) -> None:
    """Removes the table's rows (`t`) that match one of the source's (`s`), and inserts those of the source whose
    `marker` is null, by `columns`; with no columns none. No value that is compared gets into the log.

    The commit carries the bookkeeping of the last batch; `signed` adds to it.
    """
    with as_the_last_batch(spark, path, signed):
        target = DeltaTable.forPath(spark, path).alias("t")
        merge = target.merge(source.alias("s"), reduce(or_, matches)).whenMatchedDelete()
        if columns:
            values: dict[str, str | Column] = {f"`{name}`": F.col(f"s.`{name}`") for name in columns}
            merge = merge.whenNotMatchedInsert(F.col(f"s.`{marker}`").isNull(), values)
        merge.execute()


@contextmanager
def as_the_last_batch(spark: SparkSession, path: str, signed: Mapping[str, Any]) -> Iterator[None]:
    """Commits inside carry the bookkeeping of the table's last batch, with `signed` in it."""
    bookkeeping = json.dumps({**read_state(spark, path).metadata, **signed}, default=str)
    with with_settings(spark, {_USER_METADATA: bookkeeping}):
        yield


@contextmanager
def with_settings(spark: SparkSession, settings: Mapping[str, str]) -> Iterator[None]:
    """Settings of the table's session, for one commit."""
    for name, value in settings.items():
        spark.conf.set(name, value)
    try:
        yield
    finally:
        for name in settings:
            spark.conf.unset(name)


def append_record(path: str, records: DataFrame, app: str, number: int) -> None:
    """Appends to a table of records of our own, such as the drift log; once for each `number` of `app`, which rises."""
    signed = records.write.format("delta").mode("append").option("txnAppId", app).option("txnVersion", number)
    _ATTEMPTS.call(lambda: signed.save(path), passing=_is_conflict)


def _is_conflict(failure: BaseException) -> bool:
    return isinstance(failure, CONFLICTS)


def _commit_once(spark: SparkSession, table: Table, path: str, prepared: Prepared) -> Committed:
    state = read_state(spark, path)
    if state.batch_id == prepared.batch_id:
        return _committed(spark, path, prepared, state, changed=False)
    standing.refuse_moved(spark, path, prepared, state, is_new=is_new(spark, path, state))
    if prepared.changes_nothing and state.version is not None:
        read = state.version if prepared.target_version is None else prepared.target_version
        return Committed(table.name, read, prepared.batch_id, changed=False)
    way = way_of(spark, table, path, prepared, state)
    if way.new is not None and not way.adopted:
        deltalog.create(spark, path, way.new)
        faults.reach(f"{table.name}: created, empty")
        return _commit_once(spark, table, path, prepared)
    if any(change.before for change in prepared.schema_changes) and _let_columns_grow(spark, path):
        faults.reach(f"{table.name}: columns may grow, not committed")
        return _commit_once(spark, table, path, prepared)
    prepared = _brought_beside(spark, path, way.batch)
    faults.reach(f"{table.name}: moved, not committed")
    seen = deltalog.NO_TABLE if state.version is None else state.version
    if way.by_own_entry:
        put(spark, table, path, replace(way, batch=prepared), seen=seen)
    else:
        footers.expect_rows(footers.count_rows(spark, prepared.data), prepared.staged, prepared.data)
        app, last = deltalog.signature(spark, path, prepared.epoch, seen)
        prepared = replace(prepared, sequence=max(last + 1, prepared.sequence))
        with _signed(spark, prepared, app):
            _write(spark, table, path, prepared, prepared.rows(spark))
    after = read_state(spark, path)
    if after.batch_id != prepared.batch_id:
        raise CommitError(
            "Delta did not take the commit: another batch came first",
            table=table.name,
            step="commit",
            seen=[f"batch {prepared.batch_id}, but the table's last batch is {after.batch_id}"],
            evidence=prepared.path,
            next_step="the table is as it was; run again",
        )
    return _committed(spark, path, prepared, after, changed=True)


def _committed(spark: SparkSession, path: str, prepared: Prepared, state: TargetState, *, changed: bool) -> Committed:
    """What the table's last batch, which is this one, has left: others may have committed above it, or below."""
    version, before = state.batch_version, -1 if prepared.target_version is None else prepared.target_version
    untouched = True
    if version is not None and version > before + 1:
        between = standing.changes_above(spark, path, before, version - 1)
        untouched = between is not None and not any(each.rows for each in between)
    return Committed(prepared.table, version, prepared.batch_id, changed=changed, untouched=untouched)


def _let_columns_grow(spark: SparkSession, path: str) -> bool:
    """Turns type widening on, in a commit of its own that changes no row: Delta takes no property from a write.

    False where it is on already. Only a table that needs it gets it: it keeps readers out that do not know the feature.
    """
    if deltalog.has_property(deltalog.snapshot(spark, path), _WIDENING):
        return False
    name = path.replace("`", "``")
    spark.sql(f"ALTER TABLE delta.`{name}` SET TBLPROPERTIES ('{_WIDENING}' = 'true')")
    return True


def _brought_beside(spark: SparkSession, path: str, prepared: Prepared) -> Prepared:
    """The batch with its rows in the table's folder: an older version has staged first batches elsewhere."""
    if prepared.data.startswith(f"{path}/"):
        return prepared
    folder = f"{path}/{batch_folder(prepared.batch_id, prepared.run_id)}"
    storage.move(spark, prepared.data, folder)
    return replace(prepared, data=folder)


@contextmanager
def _signed(spark: SparkSession, prepared: Prepared, app: str) -> Iterator[None]:
    """Commits inside carry the batch's bookkeeping and its number, and are not made where another has that."""
    bookkeeping = json.dumps(prepared.metadata(), default=str)
    with with_settings(spark, {_USER_METADATA: bookkeeping, _TXN_APP: app, _TXN_VERSION: str(prepared.sequence)}):
        yield


def _write(spark: SparkSession, table: Table, path: str, prepared: Prepared, rows: DataFrame) -> None:
    if prepared.operation == "merge":
        _merge(spark, path, prepared, rows)
        return
    writer = rows.drop(CHANGE_TYPE).write.format("delta").option("mergeSchema", "true")
    if prepared.operation == "append":
        writer.mode("append").save(path)
        return
    partitions = prepared.partitions(table)
    if partitions:
        writer = writer.option("replaceWhere", _partition_filter(rows, partitions))
    writer.mode("overwrite").save(path)


def _merge(spark: SparkSession, path: str, prepared: Prepared, rows: DataFrame) -> None:
    same = [_is_key(prepared, key) for key in prepared.keys]
    near = [each.may_hold(F.col(f"target.`{each.column}`"), nulls=True) for each in prepared.replaced]
    condition = reduce(and_, (*same, *near))
    values: dict[str, str | Column] = {f"`{name}`": f"batch.`{name}`" for name in rows.columns if name != CHANGE_TYPE}
    merge = DeltaTable.forPath(spark, path).alias("target").merge(rows.alias("batch"), condition)
    if prepared.schema_changes:
        merge = merge.withSchemaEvolution()
    if prepared.books.deleted + prepared.books.vanished:
        merge = merge.whenMatchedDelete(f"batch.{CHANGE_TYPE} = 'delete'")
    merge = merge.whenMatchedUpdate(set=values)
    if prepared.books.inserted:
        # Between the last look and Delta's transaction others may have removed rows: a change of one brings none back.
        merge = merge.whenNotMatchedInsert(f"batch.{CHANGE_TYPE} = 'insert'", values)
    merge.execute()


def _is_key(prepared: Prepared, key: str) -> Column:
    """Whether a row of the batch has the key of one of the table.

    Rows that vanish may have none: others have put them there. That is not asked where the bounds say there are none.
    """
    row, known = F.col(f"batch.`{key}`"), {each.column: each.nulls for each in prepared.replaced}
    may_be_null = prepared.books.vanished > 0 and known.get(key, True)
    there = F.col(f"target.`{key}`")
    return there.eqNullSafe(row) if may_be_null else there == row


def _partition_filter(rows: DataFrame, partitions: tuple[str, ...]) -> str:
    """The partitions in the batch, as the condition that `replaceWhere` takes.

    Their values come as text and are cast back: Python's numbers, zones and years are not Spark's.
    """
    types = {field.name: field.dataType.simpleString() for field in rows.schema.fields}
    told = [quoted(name).cast("string").alias(name) for name in partitions]
    found = rows.select(*told).distinct().collect()
    literals = [" AND ".join(_is(name, row[name], types[name]) for name in partitions) for row in found]
    return " OR ".join(f"({text})" for text in literals) or "false"


def _is(name: str, value: str | None, type_: str) -> str:
    column = "`" + name.replace("`", "``") + "`"
    if value is None:
        return f"{column} IS NULL"
    text = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{column} <=> CAST('{text}' AS {type_})"
