"""Snapshots of a small lake, and other lakes with its tables, in which they are restored."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder

from tests.support.lakes.lake import Lake
from tidemark.config.project import load_project
from tidemark.control import release
from tidemark.control.release import Release
from tidemark.control.runs import SnapshotTaken
from tidemark.operations.snapshots import export, restoring
from tidemark.operations.snapshots.document import Snapshot
from tidemark.operations.snapshots.place import Place, place_of
from tidemark.operations.snapshots.restoring import Restored


def released(lake: Lake) -> Release:
    engine = lake.engine()
    return release.record(engine.state, engine.run, {})[0]


def exported(lake: Lake, name: str | None = None) -> SnapshotTaken:
    """Exports a release as the flow does."""
    engine = lake.engine()
    with engine.leases.kept():
        begun = export.begin(engine, export.wanted(engine, name))
        for table in begun.release.tables:
            export.take(begun, table)
        return export.finish(begun)


def place(lake: Lake) -> Place:
    return place_of(lake.engine().environment)


def the_snapshot(lake: Lake, name: str | None = None) -> Snapshot:
    return place(lake).wanted(name)


def elsewhere(lake: Lake, root: Path) -> Lake:
    """A lake without a table, of the same environment and configuration."""
    shutil.copytree(lake.root / "config", root / "config")
    return Lake(lake.spark, root)


def restored(from_: Lake, into: Lake, name: str | None = None) -> Restored:
    project = load_project(into.root / "config", "test")
    snapshots = place(from_)
    chosen = snapshots.wanted(name)
    restoring.refuse_unfit(snapshots, chosen, project.environment, None)
    return restoring.restore(project, snapshots, chosen)


def rows_by_delta_rs(lake: Lake, of: Release) -> dict[str, list[str]]:
    """The rows of a release's tables, all of their columns, read by another engine."""
    return {table: rows_at(lake.path(table), version) for table, version in of.tables.items()}


def rows_at(path: str, version: int) -> list[str]:
    """The rows of a table at a version, all of their columns, read by delta-rs."""
    asked = QueryBuilder().register("held", DeltaTable(path, version=version)).execute("SELECT * FROM held")
    return sorted(map(repr, pa.RecordBatchReader.from_stream(asked).read_all().to_pylist()))


def index(lake: Lake) -> dict[str, Any]:
    """What the control store says of each table: version, watermark, and the last batch."""
    return {record.key: dict(record.value) for record in lake.engine().state.list("table")}
