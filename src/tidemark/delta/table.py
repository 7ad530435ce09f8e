"""What a Delta table says of itself: its version, and the bookkeeping of the last batch that was committed to it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from delta.tables import DeltaTable
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from tidemark.delta import deltalog, entries
from tidemark.delta.plainfiles import plain_files, read_plain
from tidemark.delta.protocol import filled_by_delta
from tidemark.errors import CommitError, TidemarkError
from tidemark.rows import literal

if TYPE_CHECKING:
    from datetime import datetime

    from pyspark.sql import DataFrame, SparkSession

    from tidemark.delta.entries import Told

APP = "tidemark"
"""How the application ids of our transactions begin; the epoch and the batch follow."""
_TYPE_CHANGES = "delta.typeChanges"
_CARRIED_ON = {"maintained", "restored"}


@dataclass(frozen=True)
class TargetState:
    """`version` None: the table does not exist yet. `metadata` is that of the last batch, {} when there was none.

    `table_id` names the table, whatever stood at its place before (None where an earlier version is asked for, and its
    entry does not say). `batch_version` is that of the commit which carries the metadata, or of the RESTORE that
    brought its batch back: what lies above it was committed by others. `replaced`: the entry by which somebody has put
    another table in the place of the one whose batches were known. `lost`: the log has dropped the entry of the last
    batch, of which `metadata` has no more than the id and the epoch, if those. `undone`: the versions that a RESTORE
    by hand took back.
    """

    version: int | None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    table_id: str | None = None
    batch_version: int | None = None
    replaced: Told | None = None
    lost: bool = False
    undone: range | None = None

    @property
    def batch_id(self) -> str | None:
        return self.metadata.get("batch_id")

    @property
    def epoch(self) -> int:
        return int(self.metadata.get("epoch", 0))

    @property
    def fence(self) -> int:
        """The token of the lease under which the last batch was committed."""
        return int(self.metadata.get("fence", 0))

    @property
    def sequence(self) -> int:
        """The number of the last batch."""
        return int(self.metadata.get("sequence", 0))

    @property
    def watermark(self) -> Mapping[str, Any]:
        return self.metadata.get("watermark") or {}

    @property
    def touched(self) -> bool:
        """Whether others have committed to the table since its last batch."""
        return self.batch_version != self.version


def read_state(spark: SparkSession, path: str, at: int | None = None, hint: int | None = None) -> TargetState:
    """The table's state, now or at version `at`, from its own log: commits without a batch are passed over.

    A RESTORE by hand takes the bookkeeping along: the state is that of the version that the table was taken back to,
    under an epoch of its own, as transaction ids survive in the log. `hint`: a version that it may be at now; a true
    one is quicker than none.
    """
    latest = deltalog.latest_version(spark, path, hint)
    if latest is None:
        return TargetState(None)
    version = latest if at is None else min(at, latest)
    found = _Log(spark, path, latest).last_batch(version)
    table_id = found.metadata.get("table_id") if found.batch_version == version else None
    if table_id is None and version == latest:
        table_id = deltalog.table_id(deltalog.snapshot(spark, path))
    return replace(found, version=version, table_id=table_id)


def version_at(spark: SparkSession, path: str, instant: datetime) -> int:
    """The table's version at an instant (naive UTC), or the first that its log still has."""
    history = DeltaTable.forPath(spark, path).history().select("version", "timestamp")
    until = F.max(F.when(F.col("timestamp") <= literal(instant), F.col("version")))
    found = history.agg(F.coalesce(until, F.min("version"))).collect()
    return int(found[0][0])


def holds_batch(spark: SparkSession, path: str, batch_id: str, since: int) -> bool:
    """Whether a commit after version `since` was that of the batch, as far as the log still has its files."""
    latest = deltalog.latest_version(spark, path)
    told = (entries.told(spark, path, version) for version in range(since + 1, (latest or 0) + 1))
    metadata = (_tidemark_metadata(each.user_metadata) for each in told if each)
    return any((each or {}).get("batch_id") == batch_id for each in metadata)


def version_of(spark: SparkSession, path: str, batch_id: str) -> int | None:
    """The version that a batch made, where it is the last one of the table; None where it is not, or nobody knows.

    Maintenance carries the last batch's bookkeeping on, and so does a restore: these versions were not made by it.
    """
    state = read_state(spark, path)
    if state.version is None or state.batch_id != batch_id:
        return None
    for version in range(state.version, -1, -1):
        told = entries.told(spark, path, version)
        if told is None:
            return None
        metadata = _tidemark_metadata(told.user_metadata) or {}
        if metadata.get("batch_id") == batch_id and not _CARRIED_ON & metadata.keys():
            return version
    return None


class _Log:
    """The entries of a log, each read once, and what the table's last batch was at each of them."""

    def __init__(self, spark: SparkSession, path: str, latest: int) -> None:
        self._spark, self._path, self._latest = spark, path, latest
        self._known: dict[int, TargetState] = {}

    def last_batch(self, version: int) -> TargetState:
        if version not in self._known:
            self._known[version] = self._look(version)
        return self._known[version]

    def _look(self, version: int) -> TargetState:
        for each in range(version, -1, -1):
            told = entries.told(self._spark, self._path, each)
            if told is None:
                return self._of_transactions()
            if metadata := _tidemark_metadata(told.user_metadata):
                return TargetState(version, metadata, batch_version=each)
            if told.operation == entries.RESTORE and each > 0:
                return self._restored(told)
            if told.replaces and each > 0:
                before = self.last_batch(each - 1)
                return TargetState(version, {"epoch": before.epoch}, batch_version=each, replaced=told)
        return TargetState(version)

    def _restored(self, restore: Told) -> TargetState:
        """What is known after a RESTORE by hand."""
        before, back_to = self.last_batch(restore.version - 1), entries.restored_to(self._spark, self._path, restore)
        epoch = {"epoch": before.epoch + 1}
        if back_to is None:
            return TargetState(restore.version, epoch, batch_version=restore.version, lost=True)
        then = self.last_batch(back_to)
        metadata = {**then.metadata, "epoch": max(before.epoch, then.epoch) + 1}
        undone = range(back_to + 1, restore.version)
        return replace(then, metadata=metadata, batch_version=restore.version, undone=undone)

    def _of_transactions(self) -> TargetState:
        """What the transactions say, which outlive the entries: the epoch and the number of the last batch."""
        snapshot = deltalog.snapshot(self._spark, self._path)
        epoch, sequence = deltalog.last_numbers(snapshot)
        return TargetState(self._latest, {"epoch": epoch, "sequence": sequence}, lost=True)


def _tidemark_metadata(text: str | None) -> Mapping[str, Any] | None:
    if not text or not text.startswith("{"):
        return None
    metadata: dict[str, Any] = json.loads(text)
    return metadata if "batch_id" in metadata else None


class OtherTableError(CommitError):
    """At the place of a table that was asked for stands another one."""


def read_version(spark: SparkSession, path: str, version: int, table_id: str | None = None) -> DataFrame:
    """The table as it was at `version`; raises `OtherTableError` where another than `table_id` stood there then."""
    if table_id is not None:
        _refuse_other(spark, path, version, table_id)
    plain = read_plain(spark, path, version)
    if plain is not None:
        return plain
    return spark.read.format("delta").option("versionAsOf", version).load(path)


def _refuse_other(spark: SparkSession, path: str, version: int, table_id: str) -> None:
    now = deltalog.snapshot(spark, path)
    # A log that has the table now may have had another before, and the other way round.
    if deltalog.table_id(now) == table_id:
        return
    found = id_at(spark, path, version)
    if found != table_id:
        raise OtherTableError(
            f"version {version} of the table is not the one that was asked for: it was dropped and made anew",
            seen=[f"the table was {table_id}, and is {found or 'not there'}"],
            evidence=path,
            next_step="run again: what was read of the table is read anew",
        )


def id_at(spark: SparkSession, path: str, version: int) -> str | None:
    """The id of the table that stood here at `version`; None where the log has no such version."""
    if int(deltalog.snapshot(spark, path).version()) < version:
        return None
    return deltalog.table_id(deltalog.at_version(spark, path, version))


def count_rows(spark: SparkSession, path: str, version: int) -> int:
    """How many rows the table had at `version`."""
    plain = plain_files(spark, path, version)
    known = plain.rows if plain else None
    return read_version(spark, path, version).count() if known is None else known


def stored_schema(spark: SparkSession, path: str) -> StructType:
    """The table's schema as the log has it."""
    return deltalog.schema(deltalog.snapshot(spark, path))


def written_schema(spark: SparkSession, path: str, contract: Collection[str]) -> StructType:
    """The columns that a batch may have: not those that Delta fills, and of which the contract says nothing."""
    stored = stored_schema(spark, path)
    return StructType([each for each in stored.fields if each.name in contract or not filled_by_delta(each)])


def earlier_types(stored: StructType) -> dict[str, tuple[str, ...]]:
    """The types that columns of the table had before they were widened, the first one first."""
    told = {field.name: field.metadata.get(_TYPE_CHANGES) for field in stored.fields}
    return {name: tuple(str(each["fromType"]) for each in changes) for name, changes in told.items() if changes}


def read_feed(spark: SparkSession, path: str, since: int, until: int) -> DataFrame:
    """The change feed of the commits after version `since` and up to `until`.

    Delta refuses where a column was widened meanwhile, as it does after a renaming; the session lets both pass
    (see `session.py`), and what is not safe is refused here.
    """
    mapped = deltalog.is_mapped(deltalog.snapshot(spark, path))
    if mapped and since >= 0 and _schema_at(spark, path, since) != _schema_at(spark, path, until):
        raise TidemarkError(
            f"columns were renamed or dropped between the versions {since} and {until}: Delta cannot tell what changed",
            evidence=path,
            next_step="run with --full-refresh",
        )
    feed = spark.read.format("delta").option("readChangeFeed", "true")
    return feed.option("startingVersion", since + 1).option("endingVersion", until).load(path)


def _schema_at(spark: SparkSession, path: str, version: int) -> StructType:
    return spark.read.format("delta").option("versionAsOf", version).load(path).schema
