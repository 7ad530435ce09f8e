"""The prepared batch: what a load will do to its table, staged, counted and named, before anything is visible."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pyspark.sql.types import StructType

from tidemark.books import Books
from tidemark.delta.sizes import gathered
from tidemark.rows import ERROR
from tidemark.rows.alignment import OLD_NAMES
from tidemark.spark import storage
from tidemark.write.pruning import Bounds

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from tidemark.config.project import Table

BATCH_NAMESPACE = uuid.UUID("6f0c1a1e-6f0b-5c0e-9a57-1d7de4a2c0de")
CHANGE_TYPE = "_change_type"
MANIFEST_FILE = "manifest.json"
BATCH = "batch-"

Operation = Literal["append", "merge", "overwrite"]


def batch_id(table: str, identity: Mapping[str, Any]) -> str:
    """The id of a piece of work: equal for equal `identity` (window or inputs, contract, predecessor), else new."""
    text = json.dumps({"table": table, **identity}, sort_keys=True, default=str)
    return str(uuid.uuid5(BATCH_NAMESPACE, text))


def batch_folder(batch: str, run_id: str) -> str:
    """The folder, below a table's own, in which the files of a batch lie.

    It carries the run's id: a plan may hold the same batch, and its files must stay as they are.
    """
    return f"{BATCH}{batch}-{run_id}"


@dataclass(frozen=True)
class SchemaChange:
    """A column that the commit adds to the table, or widens: then it had the type `before`."""

    column: str
    type: str
    before: str | None = None


@dataclass(frozen=True)
class Rewrite:
    """Where a small table's new files wait: folders that hold all its rows, and folders that hold the change feed.

    The batch's own folder is in both, unless the batch deletes: then its other rows were copied. The table will have
    `more_rows` rows more than it has; `size` is the bytes of the first folders.
    """

    whole: tuple[str, ...]
    feed: tuple[str, ...]
    more_rows: int
    size: int | None = None


@dataclass(frozen=True)
class Prepared:
    """A batch ready to be audited and committed.

    The rows lie as Parquet in `data`, inside the table's folder once there is one, so that an append can adopt the
    files as they are. `_change_type` says what each does (`insert`, `update_postimage`, `delete`); of a deleted row
    only the keys matter. What an update or delete replaces is not copied: it is the target's row at `target_version`.
    Rejected rows that were staged in the same pass lie in `rejects`. `schema` (JSON) is that of the files and `size`
    their bytes, so that nobody has to look for either; None in manifests of before. `identity` says what was read: a
    window, files, or the inputs. `replaced` bounds the target's rows that the batch replaces or deletes; none: they may
    be anywhere. `fence` is the token of the lease that the run has when it commits, `sequence` the number of the
    batch among those of the table. `old_names`: columns of the table
    that were named as older versions name drifted columns. `at_stake`: how many rows the batch could have deleted,
    where a limit asks for a share of them. `target_id` and `input_ids`: the Delta ids of the tables whose versions
    `target_version` and `inputs` are; None, or not there, where they are not known. `rejects_stand`: rows that a rule
    rejected, in this batch or since the table was last computed as a whole, may not be in it as they would be. `whole`:
    it stands for all of the table, also where others stand for their partitions. `unique_by`: the columns of whose
    values the table then has one row each; none where it may have several.
    """

    table: str
    batch_id: str
    run_id: str
    operation: Operation
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    path: str
    data: str
    books: Books
    after: str | None
    target_version: int | None
    epoch: int = 0
    source_system: str = "tidemark"
    contract_version: str = ""
    definition: str | None = None
    identity: Mapping[str, Any] = field(default_factory=dict)
    watermark: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, int | None] = field(default_factory=dict)
    rejects: str | None = None
    schema: str | None = None
    size: int | None = None
    rewrite: Rewrite | None = None
    replaced: tuple[Bounds, ...] = ()
    schema_changes: tuple[SchemaChange, ...] = ()
    moves_watermark: bool = False
    look: Mapping[str, Any] = field(default_factory=dict)
    fence: int = 0
    sequence: int = 0
    old_names: tuple[str, ...] = ()
    at_stake: int | None = None
    notices: tuple[str, ...] = ()
    target_id: str | None = None
    input_ids: Mapping[str, str | None] = field(default_factory=dict)
    rejects_stand: bool = True
    whole: bool = False
    unique_by: tuple[str, ...] | None = None

    def partitions(self, table: Table) -> tuple[str, ...]:
        """The columns whose values in the batch say for which part of the table it stands; none: for all of it."""
        return () if self.whole else table.load.write.partition_by

    @property
    def changes_nothing(self) -> bool:
        """Whether a commit would have nothing to say: no row, no column, no step of the watermark."""
        return self.books.changes == 0 and not self.schema_changes and not self.moves_watermark

    @property
    def staged(self) -> int:
        """How many rows lie in `data`: the changes, or all rows where the batch replaces the table."""
        return self.books.accepted if self.operation == "overwrite" else self.books.changes

    def rows(self, spark: SparkSession) -> DataFrame:
        """The staged rows."""
        return gathered(self._read(spark, self.data), self.size).drop(ERROR)

    def rejected(self, spark: SparkSession) -> DataFrame | None:
        """The rejected rows (`reasons`, `payload`, `_origin`) where they were staged with the others; else None."""
        if not self.rejects:
            return None
        staged = self._read(spark, self.rejects)
        error = ERROR if ERROR in staged.columns else "_error"  # as batches that an older version staged have it
        return staged.select(f"{error}.*")

    def _read(self, spark: SparkSession, folder: str) -> DataFrame:
        known = StructType.fromJson(json.loads(self.schema)) if self.schema else None
        return (spark.read if known is None else spark.read.schema(known)).parquet(folder)

    def metadata(self) -> dict[str, Any]:
        """What the commit carries as `userMetadata`."""
        return {
            "batch_id": self.batch_id,
            "run_id": self.run_id,
            "epoch": self.epoch,
            "fence": self.fence,
            "sequence": self.sequence,
            "watermark": self.watermark,
            "table_id": self.target_id,
            "inputs": self.inputs,
            "input_ids": self.input_ids,
            "books": self.books.to_json(),
            "contract_version": self.contract_version,
            "definition": self.definition,
            "rejects_stand": self.rejects_stand,
            OLD_NAMES: self.old_names,
            "unique_by": self.unique_by,
        }


def save(spark: SparkSession, prepared: Prepared) -> None:
    """Writes the manifest, which makes the staged batch valid."""
    storage.write_text(spark, f"{prepared.path}/{MANIFEST_FILE}", json.dumps(asdict(prepared), indent=1, default=str))


def load(spark: SparkSession, path: str) -> Prepared | None:
    """The batch staged at `path`, or None where no manifest says that it is whole."""
    text = storage.read_text(spark, f"{path}/{MANIFEST_FILE}")
    if text is None:
        return None
    stored = json.loads(text)
    changes = tuple(SchemaChange(**change) for change in stored.pop("schema_changes"))
    books = Books.from_json(stored.pop("books"))
    rewrite = stored.pop("rewrite")
    replaced = tuple(Bounds(**bounds) for bounds in stored.pop("replaced", ()))
    keys, columns = tuple(stored.pop("keys")), tuple(stored.pop("columns"))
    unique_by = stored.pop("unique_by", None)
    old_names, notices = tuple(stored.pop("old_names", ())), tuple(stored.pop("notices", ()))
    return Prepared(
        **stored,
        books=books,
        replaced=replaced,
        schema_changes=changes,
        keys=keys,
        columns=columns,
        old_names=old_names,
        notices=notices,
        unique_by=None if unique_by is None else tuple(unique_by),
        rewrite=_rewrite(**rewrite) if rewrite else None,
    )


def _rewrite(whole: list[str], feed: list[str], more_rows: int, size: int | None = None) -> Rewrite:
    return Rewrite(tuple(whole), tuple(feed), more_rows, size)
