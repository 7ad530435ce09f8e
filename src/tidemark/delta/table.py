"""What a Delta table says of itself: its version, and the bookkeeping of the last batch that was committed to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from delta.tables import DeltaTable
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from tidemark.delta import deltalog
from tidemark.delta.plainfiles import plain_files, read_plain
from tidemark.errors import TidemarkError
from tidemark.rows import literal

if TYPE_CHECKING:
    from datetime import datetime

    from pyspark.sql import DataFrame, SparkSession


_TYPE_CHANGES = "delta.typeChanges"


@dataclass(frozen=True)
class TargetState:
    """`version` None: the table does not exist yet. `metadata` is that of the last batch, {} when there was none."""

    version: int | None
    metadata: Mapping[str, Any] = field(default_factory=dict)

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


def read_state(spark: SparkSession, path: str, at: int | None = None, hint: int | None = None) -> TargetState:
    """The table's state, now or at version `at`, from its own log: commits without a batch are passed over.

    `hint`: a version that it may be at now; a true one is quicker than none.
    """
    latest = deltalog.latest_version(spark, path, hint)
    if latest is None:
        return TargetState(None)
    version = latest if at is None else min(at, latest)
    for each in range(version, -1, -1):
        text = deltalog.user_metadata(spark, path, each)
        if text is deltalog.CLEANED_UP:
            return TargetState(version, _from_history(spark, path, version))
        if metadata := _tidemark_metadata(text):
            return TargetState(version, metadata)
    return TargetState(version)


def version_at(spark: SparkSession, path: str, instant: datetime) -> int:
    """The table's version at an instant (naive UTC), or the first that its log still has."""
    history = DeltaTable.forPath(spark, path).history().select("version", "timestamp")
    until = F.max(F.when(F.col("timestamp") <= literal(instant), F.col("version")))
    found = history.agg(F.coalesce(until, F.min("version"))).collect()
    return int(found[0][0])


def holds_batch(spark: SparkSession, path: str, batch_id: str, since: int) -> bool:
    """Whether a commit after version `since` was that of the batch, as far as the log still has its files."""
    latest = deltalog.latest_version(spark, path)
    metadata = (deltalog.user_metadata(spark, path, version) for version in range(since + 1, (latest or 0) + 1))
    return any((_tidemark_metadata(text) or {}).get("batch_id") == batch_id for text in metadata)


def _from_history(spark: SparkSession, path: str, version: int) -> Mapping[str, Any]:
    """The last batch's metadata by Delta's history, where the log's own files are no longer all there."""
    history = DeltaTable.forPath(spark, path).history().where(f"version <= {version}").select("userMetadata").collect()
    return next((found for row in history if (found := _tidemark_metadata(row.userMetadata))), {})


def _tidemark_metadata(text: str | None) -> Mapping[str, Any] | None:
    if not text or not text.startswith("{"):
        return None
    metadata: dict[str, Any] = json.loads(text)
    return metadata if "batch_id" in metadata else None


def read_version(spark: SparkSession, path: str, version: int) -> DataFrame:
    """The table as it was at `version`."""
    plain = read_plain(spark, path, version)
    if plain is not None:
        return plain
    return spark.read.format("delta").option("versionAsOf", version).load(path)


def count_rows(spark: SparkSession, path: str, version: int) -> int:
    """How many rows the table had at `version`."""
    plain = plain_files(spark, path, version)
    known = plain.rows if plain else None
    return read_version(spark, path, version).count() if known is None else known


def stored_schema(spark: SparkSession, path: str) -> StructType:
    """The table's schema as the log has it."""
    return deltalog.schema(deltalog.snapshot(spark, path))


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
