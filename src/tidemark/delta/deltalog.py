"""Adopts staged Parquet files as files of a Delta table, without writing the rows a second time.

Delta's Python API can only write rows. Its log takes files that lie below the table's folder, which is where a batch
is staged: the commit of an append is then one small log entry, whatever the batch's size. This module and
`plainfiles`, which reads its snapshots, alone speak to Delta's internal classes.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pyspark.sql.types import StructType

from tidemark.delta import footers
from tidemark.delta.addedfiles import added_files, change_files, indexed, rows_of
from tidemark.delta.entries import entry_file
from tidemark.delta.protocol import terms
from tidemark.errors import CommitError
from tidemark.spark import storage
from tidemark.spark.jvm import java_class, scala_object, scala_sequence

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_CLUSTERING = "delta.clustering"


NO_TABLE = -1
"""What Delta calls the version of a table that does not exist."""


class MovedError(CommitError):
    """The table is no longer at the version that its writer looked at. Nothing was written."""


def latest_version(spark: SparkSession, path: str, hint: int | None = None) -> int | None:
    """The table's version now; None where there is no Delta table.

    `hint` is a version that it may still be at. Where the log has that and not the next one, it is the last one, as
    versions have no gaps, and Delta need not load the table to tell.
    """
    if hint is not None and _has(spark, path, hint) and not _has(spark, path, hint + 1):
        return hint
    version = int(snapshot(spark, path).version())
    if version >= 0 and not _has(spark, path, version):
        # Delta remembers a table that was dropped, also where a younger one stands at its place by now.
        session: Any = spark
        log = java_class(spark, "org.apache.spark.sql.delta.DeltaLog")
        log.invalidateCache(session._jsparkSession, java_class(spark, "org.apache.hadoop.fs.Path")(path))
        version = int(snapshot(spark, path).version())
    return None if version < 0 else version


def snapshot(spark: SparkSession, path: str) -> Any:
    """Delta's own snapshot of the table as it is now."""
    nothing = java_class(spark, "scala.Option").empty()
    return delta_log(spark, path).update(False, nothing, nothing)


def table_id(snapshot: Any) -> str:
    """The id that the table was made with: another table at the same place has another."""
    return str(snapshot.metadata().id())


def at_version(spark: SparkSession, path: str, version: int) -> Any:
    """Delta's own snapshot of the table as it was at `version`."""
    nothing = java_class(spark, "scala.Option").empty()
    return delta_log(spark, path).getSnapshotAt(version, nothing, nothing, False)


def remembers_less(spark: SparkSession, path: str, keep: timedelta) -> tuple[str, ...]:
    """The table properties by which its log remembers files that were removed, or its entries, shorter than `keep`."""
    settings = scala_object(spark, "org.apache.spark.sql.delta.DeltaConfigs$")
    metadata, milliseconds = snapshot(spark, path).metadata(), keep / timedelta(milliseconds=1)
    times = {
        "delta.deletedFileRetentionDuration": settings.TOMBSTONE_RETENTION(),
        "delta.logRetentionDuration": settings.LOG_RETENTION(),
    }
    found = {name: settings.getMilliSeconds(time.fromMetaData(metadata)) for name, time in times.items()}
    return tuple(name for name, time in found.items() if time < milliseconds)


def refuse_unwritable(spark: SparkSession, path: str, snapshot: Any) -> None:
    """Raises Delta's own error where the table's protocol asks for what Delta cannot write."""
    delta_log(spark, path).protocolWrite(snapshot.protocol())


def schema(snapshot: Any) -> StructType:
    """The table's schema as the log has it, with the metadata of its fields."""
    return StructType.fromJson(json.loads(str(snapshot.metadata().schemaString())))


def is_mapped(snapshot: Any) -> bool:
    """Whether columns have other names in the table's files than in its schema, as after a renaming."""
    return str(snapshot.metadata().columnMappingMode().name()) != "none"


def has_property(snapshot: Any, name: str) -> bool:
    """Whether a property of the table is `true`."""
    found = snapshot.metadata().configuration().get(name)
    return bool(found.isDefined()) and str(found.get()) == "true"


def size(snapshot: Any) -> int:
    """The table's files in bytes; 0 where there is no table."""
    known = _checksum(snapshot)
    return max(int(known.tableSizeBytes() if known else snapshot.sizeInBytes()), 0)


def file_count(snapshot: Any) -> int:
    """How many files the table has."""
    known = _checksum(snapshot)
    return int(known.numFiles() if known else snapshot.numOfFiles())


def files(snapshot: Any) -> list[Any]:
    """Delta's entries of all files of the table. Meant for tables of few files: the entries come to the driver."""
    known = _checksum(snapshot)
    if known and (listed := known.allFiles()).isDefined():
        entries = [listed.get().apply(number) for number in range(int(listed.get().size()))]
        if (len(entries), sum(int(entry.size()) for entry in entries)) == (known.numFiles(), known.tableSizeBytes()):
            return entries
    return list(snapshot.allFiles().collect())


def _has(spark: SparkSession, path: str, version: int) -> bool:
    return storage.exists(spark, entry_file(path, version))


def _checksum(snapshot: Any) -> Any:
    """The checksum file that Delta writes beside a commit; None where it is missing or cannot be read.

    It says how large the table is, and lists the files of a small one. Without it Delta puts its log together with
    queries, which takes longer than reading such a table.
    """
    known = snapshot.checksumOpt()
    return known.get() if known.isDefined() else None


def has_transaction(spark: SparkSession, path: str, app: str) -> bool:
    """Whether the table has seen a transaction of this application id."""
    known = snapshot(spark, path)
    return int(known.version()) >= 0 and bool(known.transactions().contains(app))


def writer_id(known: Any, epoch: int) -> str:
    """The transaction id of all batches of a table, which numbers them; `known` is a snapshot or a transaction.

    Delta's writer looks its number up when it begins: a batch that came first then stands against this one, or has its
    number. A write that was held up for however long, at whatever point, is not put on top of what it did not know.
    """
    return f"tidemark:{known.metadata().id()}:{epoch}"


def last_numbers(known: Any) -> tuple[int, int]:
    """The epoch and the number of the table's last batch, by the transactions that its snapshot knows; (0, 0) where it
    knows none: they are kept for longer than entries, but not for ever."""
    transactions = known.setTransactions()
    before, found = writer_id(known, 0).removesuffix("0"), []
    for place in range(int(transactions.size())):
        app = str(transactions.apply(place).appId())
        if app.startswith(before):
            found.append((int(app.removeprefix(before)), int(transactions.apply(place).version())))
    return max(found, default=(0, 0))


def signature(spark: SparkSession, path: str, epoch: int, seen: int) -> tuple[str, int]:
    """`writer_id`, and the number of its last batch, of the table at version `seen`; raises `MovedError` at another."""
    known = snapshot(spark, path)
    _expect(path, int(known.version()), seen)
    app = writer_id(known, epoch)
    last = known.transactions().get(app)
    return app, int(last.get()) if last.isDefined() else 0


@dataclass(frozen=True)
class Entry:
    """What an entry of the log says of itself: `app_id` names its transaction, `epoch` and `sequence` number its batch
    (0: it is none, and says nothing of one).

    `statistics` names columns whose bounds go into the log wherever they stand; Delta keeps those of a table's first.
    """

    app_id: str
    user_metadata: str | None
    statistics: tuple[str, ...]
    epoch: int = 0
    sequence: int = 1


@dataclass(frozen=True)
class NewTable:
    """What a table is that its first batch creates."""

    schema: StructType
    cluster_by: tuple[str, ...]
    properties: Mapping[str, str]
    table_id: str
    partition_by: tuple[str, ...] = ()


def honours_new(spark: SparkSession, table_path: str, new: NewTable) -> bool:
    """Whether entries of our own honour all that a new table would ask for: the session's defaults are part of it."""
    transaction = delta_log(spark, table_path).startTransaction()
    _create(spark, transaction, new)
    return terms(transaction).own_entries


def adopt(
    spark: SparkSession,
    table_path: str,
    folder: str,
    entry: Entry,
    *,
    seen: int,
    rows: int,
    new: NewTable | None = None,
    only_try: bool = False,
) -> int:
    """Appends the Parquet files in `folder` (below the table's) in one commit; returns the table's version.

    With `new` the same commit creates the table. `seen` is the version at which the caller has made sure that the
    commit is still to be made; raises `MovedError` where the table is at another. Files without rows are left out.
    With `only_try` all is done but the commit itself, and the folder may be anywhere. Raises `CommitError`, and changes
    nothing, unless the files have `rows` rows.
    """
    transaction = _transaction(spark, table_path, seen)
    created = [] if new is None else _create(spark, transaction, new)
    added = list(added_files(spark, table_path, folder, indexed(spark, transaction, entry.statistics)))
    footers.expect_rows(rows_of(added), rows, folder)
    actions = [*created, *(file.action for file in added)]
    return _commit(spark, transaction, [*map(_action(spark), actions)], entry, "Append", only_try=only_try)


def create(spark: SparkSession, table_path: str, new: NewTable, *, only_try: bool = False) -> int:
    """Creates the table without rows, whatever else lies in its folder; returns its version.

    Raises `MovedError` where somebody has created it meanwhile. `only_try` is as in `adopt`.
    """
    transaction = _transaction(spark, table_path, NO_TABLE)
    actions = _create(spark, transaction, new)
    entry = Entry(app_id=f"tidemark:created:{uuid.uuid4()}", user_metadata=None, statistics=(), sequence=0)
    return _commit(spark, transaction, [*map(_action(spark), actions)], entry, "ErrorIfExists", only_try=only_try)


def _create(spark: SparkSession, transaction: Any, new: NewTable) -> list[Mapping[str, Any]]:
    """Makes this the table's first transaction; gives the further actions that it takes.

    Delta adds the session's default properties, and the protocol that all of them need.
    """
    clustered = {"delta.feature.clustering": "supported"} if new.cluster_by else {}
    metadata = {
        "id": new.table_id,
        "format": {"provider": "parquet", "options": {}},
        "schemaString": new.schema.json(),
        "partitionColumns": list(new.partition_by),
        "configuration": dict(new.properties) | clustered,
        "createdTime": int(time.time() * 1000),
    }
    transaction.updateMetadataForNewTable(_action(spark)({"metaData": metadata}))
    if not new.cluster_by:
        return []
    columns = {"clusteringColumns": [[name] for name in new.cluster_by], "domainName": _CLUSTERING}
    return [{"domainMetadata": {"domain": _CLUSTERING, "configuration": json.dumps(columns), "removed": False}}]


def rewrite(
    spark: SparkSession,
    table_path: str,
    folders: Sequence[str],
    feed: Sequence[str],
    entry: Entry,
    *,
    seen: int,
    more_rows: int,
    only_try: bool = False,
) -> int:
    """Puts the Parquet files in `folders` in place of all that the table has, in one commit.

    The files in `feed` (the table's columns and `_change_type`) become the commit's change feed. `seen` and `only_try`
    are as in `adopt`. Raises `CommitError`, and changes nothing, unless the table ends up with `more_rows` rows more
    than it had.
    """
    transaction = _transaction(spark, table_path, seen)
    old = files(transaction.snapshot())
    columns = indexed(spark, transaction, entry.statistics)
    new = [file for folder in folders for file in added_files(spark, table_path, folder, columns)]
    before = sum(json.loads(str(file.stats()))["numRecords"] for file in old)
    after = rows_of(new)
    if after != before + more_rows:
        raise CommitError(
            f"the rewritten table would have {after} rows, not {before + more_rows}; nothing was written",
            step="commit",
            evidence=", ".join(folders),
            next_step="run again: the batch is prepared anew",
        )
    changes = [{"cdc": file} for folder in feed for file in change_files(spark, table_path, folder)]
    actions = [*(file.remove() for file in old), *map(_action(spark), [*(file.action for file in new), *changes])]
    return _commit(spark, transaction, actions, entry, "Overwrite", only_try=only_try)


def _transaction(spark: SparkSession, path: str, seen: int) -> Any:
    """A transaction on the table as it is at version `seen`: whoever commits after that is in conflict.

    Delta would tell whether the table knows the transaction's id, but puts the whole log together by queries for it,
    the better part of a second. Whoever has looked at the last batch of this very version knows.
    """
    transaction = delta_log(spark, path).startTransaction()
    _expect(path, int(transaction.readVersion()), seen)
    transaction.readWholeTable()
    return transaction


def _expect(path: str, now: int, seen: int) -> None:
    if now != seen:
        raise MovedError(
            "somebody has committed to the table since this commit was begun; nothing was written",
            step="commit",
            seen=[f"version {seen} when the commit was begun, and then version {now}"],
            evidence=path,
            next_step="run again",
        )


def _action(spark: SparkSession) -> Callable[[Mapping[str, Any]], Any]:
    """What makes Delta's own object of an action as the protocol writes it."""
    actions = java_class(spark, "org.apache.spark.sql.delta.actions.Action")
    return lambda action: actions.fromJson(json.dumps(action))


def _commit(
    spark: SparkSession, transaction: Any, actions: Sequence[Any], entry: Entry, mode: str, *, only_try: bool = False
) -> int:
    """Commits the actions as a write of this mode, signed with the entry's transaction id; or only has Delta check."""
    numbers = {entry.app_id: 1, writer_id(transaction, entry.epoch): entry.sequence}
    now = int(time.time() * 1000)
    signed = [{"txn": {"appId": app, "version": number, "lastUpdated": now}} for app, number in numbers.items()]
    option = java_class(spark, "scala.Option")
    operation = java_class(spark, "org.apache.spark.sql.delta.DeltaOperations$Write")(
        getattr(java_class(spark, "org.apache.spark.sql.SaveMode"), mode),
        option.empty(),
        option.empty(),
        option.apply(entry.user_metadata),
        *[option.empty()] * 3,
    )
    sequence = scala_sequence(spark, [*map(_action(spark), signed), *actions])
    if only_try:
        if int(transaction.readVersion()) != NO_TABLE:  # where there is none, Delta would make the folder of its log
            transaction.prepareCommit(sequence, operation)
        return int(transaction.readVersion())
    return int(transaction.commit(sequence, operation))


def delta_log(spark: SparkSession, path: str) -> Any:
    """Delta's own log of the table."""
    session: Any = spark
    # Delta asks for the thread's session when it computes a snapshot; a new thread has none until Spark plans for it.
    java_class(spark, "org.apache.spark.sql.classic.SparkSession").setActiveSession(session._jsparkSession)
    return java_class(spark, "org.apache.spark.sql.delta.DeltaLog").forTable(session._jsparkSession, path)
