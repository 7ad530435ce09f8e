"""The released lake: of every table the one version that a release names, opened by delta-rs.

Files are found by delta-rs and read by pyarrow, so that a question reads only what it needs. delta-rs' own datasets
skip files by their bounds and give no rows of one that has none for a column; here only Parquet's own are used. Where
rows may be marked as deleted, delta-rs reads the table itself, from beginning to end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import dataset as pads
from pyarrow.fs import FileSystem, LocalFileSystem, S3FileSystem

from tidemark.aws.settings import is_uri
from tidemark.control import erasures
from tidemark.control import release as releases
from tidemark.errors import ConfigError, TidemarkError, choose

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from tidemark.config.project import Project
    from tidemark.control.release import Release
    from tidemark.control.state import StateStore

_DELETIONS = "deletionVectors"
_READ_AS_FILES = frozenset({"timestampNtz", "typeWidening", "v2Checkpoint", "vacuumProtocolCheck"})
"""Delta's features of a table of which the rows are those in its files, as they are there."""
_READ_BY_DELTA_RS = _READ_AS_FILES - {"typeWidening"} | {_DELETIONS}
_MAPPING, _MAPS_COLUMNS = "columnMapping", 2
_THREADS = 16


@dataclass(frozen=True)
class Released:
    """A table at its released version; `size` is in bytes, `rows` is None where the log does not say how many."""

    name: str
    version: int
    rows: int | None
    files: int
    size: int


@dataclass(frozen=True)
class Files:
    """The files of a table with their statistics, a row each; `lack_rows`: rows in them may be deleted all the same."""

    actions: pa.Table
    lack_rows: bool


@dataclass(frozen=True)
class Layout:
    """What a table's log says of its columns: the fields of Delta's schema, and those that are folders."""

    fields: tuple[Mapping[str, Any], ...]
    partitions: tuple[str, ...]


@dataclass(frozen=True)
class ReleasedLake:
    """The tables of one release of a project."""

    project: Project
    release: Release

    @property
    def names(self) -> tuple[str, ...]:
        """The tables that there are rows of, in the order of the project; those it no longer has are left out."""
        return tuple(name for name in self.project.order() if name in self.release.tables)

    def rows(self, name: str) -> pads.Dataset | pa.RecordBatchReader:
        """The rows of a table, none of which is read yet; a reader gives them once.

        Raises `ConfigError` for a table that is not in the release, and `TidemarkError` where the version is gone, or
        can only be read by Spark.
        """
        table = self._open(name)
        features = _features(table)
        if features <= _READ_AS_FILES:
            return _dataset(table, self.location(name), self._options())
        if features <= _READ_BY_DELTA_RS:
            return _asked(table, "SELECT * FROM held")
        raise TidemarkError(
            f"it has features of Delta that only Spark reads together: {', '.join(sorted(features))}",
            table=name,
            step="show",
            next_step="read it by Spark, or drop those that no table needs (ALTER TABLE … DROP FEATURE)",
        )

    def released(self, names: Sequence[str]) -> tuple[Released, ...]:
        """How large tables are, by their logs alone; side by side, as each is a request or more."""
        with ThreadPoolExecutor(_THREADS) as threads:
            return tuple(threads.map(self._sizes, names))

    def files(self, name: str) -> Files:
        """The files of a table, by its log alone; statistics are columns of their own (`null_count.id`, `max.id`)."""
        table = self._open(name)
        return Files(pa.table(table.get_add_actions(flatten=True)), _DELETIONS in _features(table))

    def layout(self, name: str) -> Layout:
        """The columns of a table as they are stored."""
        table = self._open(name)
        fields = json.loads(table.schema().to_json())["fields"]
        return Layout(tuple(fields), tuple(table.metadata().partition_columns))

    def _sizes(self, name: str) -> Released:
        table = self._open(name)
        files = pa.table(table.get_add_actions())
        counts = files["num_records"]
        may_say = _DELETIONS not in _features(table) and not counts.null_count
        rows = pc.sum(counts, min_count=0).as_py() if may_say else None
        size = pc.sum(files["size_bytes"], min_count=0).as_py()
        return Released(name, self.release.tables[name], rows, files.num_rows, size)

    def _open(self, name: str) -> DeltaTable:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        version = self._version(name)
        try:
            table = DeltaTable(self.location(name), version=version, storage_options=dict(self._options()))
        except DeltaError as failure:
            raise TidemarkError(
                f"version {version} of release {self.release.name} cannot be opened: {str(failure).splitlines()[0]}",
                table=name,
                step="show",
                evidence=self.location(name),
                next_step=f"look for who changed the folder, or see the newest release: tidemark show {name}",
            ) from failure
        known, found = self.release.ids.get(name), str(table.metadata().id)
        if known is not None and found != known:
            raise TidemarkError(
                f"the table of release {self.release.name} is not there any more: it was dropped and made anew",
                table=name,
                step="show",
                seen=[f"it was {known}, and is {found}"],
                evidence=self.location(name),
                next_step="run (tidemark run): the next release has the table that is there now",
            )
        return table

    def _version(self, name: str) -> int:
        self.project.table(name)
        if name not in self.release.tables:
            raise ConfigError(
                f"{name} is not in release {self.release.name}", next_step=choose(name, self.names, what="show")
            )
        return self.release.tables[name]

    def location(self, name: str) -> str:
        """Where the table lies, as AWS services write it."""
        path = f"{self.project.environment.roots.lake}/{name.replace('.', '/', 1)}"
        if not is_uri(path):
            return path
        from tidemark.aws.clients import s3_uri

        return s3_uri(path)

    def _options(self) -> Mapping[str, str]:
        if not is_uri(self.project.environment.roots.lake):
            return {}
        from tidemark.aws.clients import object_store_options

        return object_store_options(self.project.environment.aws)


def open_lake(project: Project, state: StateStore, as_of: str | None = None) -> ReleasedLake:
    """The lake at its newest release, or at the one that is named (`r3`)."""
    found = releases.find(state, as_of) if as_of else releases.latest(state)
    if found is not None:
        if as_of:
            erasures.refuse_before(state, found, "show")
        return ReleasedLake(project, found)
    root = project.environment.roots.lake
    if as_of is None:
        raise ConfigError(
            f"nothing is released yet in the lake at {root}",
            next_step="tidemark run, or name another environment (--env) or folder (TIDEMARK_HOME)",
        )
    raise ConfigError(
        f"there is no release {as_of} of the lake at {root}",
        next_step="see which there are: tidemark runs list",
    )


def _features(table: DeltaTable) -> frozenset[str]:
    """What a reader of the table has to know; older protocols name nothing, and the second knows mapped columns."""
    protocol = table.protocol()
    is_mapped = table.metadata().configuration.get("delta.columnMapping.mode", "none") != "none"
    mapped = frozenset({_MAPPING}) if protocol.min_reader_version == _MAPS_COLUMNS and is_mapped else frozenset()
    return frozenset(protocol.reader_features or ()) | mapped


def _asked(table: DeltaTable, sql: str) -> pa.RecordBatchReader:
    from deltalake import QueryBuilder

    return pa.RecordBatchReader.from_stream(QueryBuilder().register("held", table).execute(sql))


def _dataset(table: DeltaTable, root: str, options: Mapping[str, str]) -> pads.Dataset:
    """The table as its files; Arrow reads them itself, as what it asks Python for stands still when it fails."""
    schema = pa.schema(table.schema().to_arrow())
    file_system, folder = _file_system(options), root.removeprefix("s3://")
    parquet = pads.ParquetFileFormat(read_options=pads.ParquetReadOptions(coerce_int96_timestamp_unit="us"))
    partitions = table.metadata().partition_columns
    fragments = [
        parquet.make_fragment(
            f"{folder}/{unquote(file['path'])}", file_system, partition_expression=_partition(file, partitions)
        )
        for file in pa.table(table.get_add_actions(flatten=False)).to_pylist()
    ]
    return pads.FileSystemDataset(fragments, schema, parquet, file_system)


def _file_system(options: Mapping[str, str]) -> FileSystem:
    """Where the files of a table lie, by what delta-rs is told of it; nothing for this machine's disk."""
    if not options:
        return LocalFileSystem()
    scheme, _, address = options.get("AWS_ENDPOINT_URL", "").partition("://")
    return S3FileSystem(
        access_key=options["AWS_ACCESS_KEY_ID"],
        secret_key=options["AWS_SECRET_ACCESS_KEY"],
        session_token=options.get("AWS_SESSION_TOKEN"),
        region=options.get("AWS_REGION"),
        endpoint_override=address or None,
        scheme=scheme or None,
    )


def _partition(file: Mapping[str, Any], columns: Sequence[str]) -> pads.Expression:
    """What is true of each row of a file: files do not hold the columns by which a table is partitioned."""
    held = (_holds(column, file["partition"][column]) for column in columns)
    return reduce(and_, held, pads.scalar(True))


def _holds(column: str, value: Any) -> pads.Expression:
    field = pads.field(column)
    return field.is_null() if value is None else field == pads.scalar(value)
