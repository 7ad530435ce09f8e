"""A small lake for tests: tables described in a few lines, batches loaded through the engine's own steps."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from tests.support.lakes.reading import rows_of
from tests.support.lakes.tables import TableFiles
from tidemark import steps
from tidemark.compute.received import Received
from tidemark.config.connections import ConnectionValue
from tidemark.config.project import load_project
from tidemark.control.runs import Run
from tidemark.control.state import open_state
from tidemark.engine import Engine
from tidemark.sources import Extract
from tidemark.write.batch import Checked
from tidemark.write.commit import Committed
from tidemark.write.manifest import Prepared

ENVIRONMENT = {
    "name": "test",
    "exchange": "s3a://exchange",
    "transforms": ["tests"],
    "connections": {"shop": {"kind": "s3", "settings": {"uri": "s3a://shop"}}},
    "compute": {"incremental_from_mb": 0},  # tables of a few rows are computed as large ones are
}
Rows = Sequence[tuple[Any, ...]]


@dataclass(frozen=True)
class Loaded:
    """What one load did; `prepared` is None where there was nothing to do."""

    prepared: Prepared | None
    committed: Committed
    new_errors: int


@dataclass
class Lake(TableFiles):
    """A configuration folder and the tables it describes, under one temporary folder."""

    spark: SparkSession
    root: Path
    day: date = date(2025, 3, 1)
    engines: list[Engine] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.describe_environment()

    def describe_environment(self) -> None:
        self.write("env/test.yaml", ENVIRONMENT | {"home": str(self.root / "home")})

    def begin_with(self, folder: Path) -> None:
        """Takes over what another lake has left in its folder."""
        shutil.copytree(folder, self.root, dirs_exist_ok=True)
        self.describe_environment()

    def engine(self, day: date | None = None, *, plans: bool = False, allows: Sequence[str] = ()) -> Engine:
        """The engine of a new run."""
        project = load_project(self.root / "config", "test")
        run = Run.start(day or self.day, plans=plans, allows=allows)
        engine = Engine(project, self.spark, open_state(project.environment), _no_connection, run)
        self.engines.append(engine)
        return engine

    def frame(self, schema: str, rows: Rows) -> DataFrame:
        return self.spark.createDataFrame(rows, schema)

    def load(self, table: str, frame: DataFrame, *, engine: Engine | None = None, **extract: Any) -> Loaded:
        """Loads a frame as if a source had given it."""
        engine = engine or self.engine()
        return self.finish(engine, table, *self.receive(engine, table, frame, **extract))

    def receive(self, engine: Engine, table: str, frame: DataFrame, **extract: Any) -> tuple[Prepared, int]:
        """Prepares a frame as if a source had given it; gives the batch, and its rows that are new in the lane."""
        if "_origin" not in frame.columns:
            frame = frame.withColumn("_origin", F.lit(f"test://{table}"))
        # Frames of tests belong to the shared session; each load works in the session of its table.
        arguments: dict[str, Any] = {
            "watermark": {},
            "identity": {"run": engine.run.run_id},
            "full": False,
            "source_system": "test",
            "notices": (),
            "empty": False,
        }
        checked = steps.validate(engine, table, Extract(table=table, given=frame, **arguments | extract))
        return self.prepare(engine, table, checked)

    def build(self, table: str, engine: Engine | None = None, *, full: bool = False) -> Loaded:
        """Builds a silver or gold table from its inputs, or leaves it when there is nothing new for it."""
        return self.build_together(table, engine=engine, full=full)[table]

    def build_together(
        self, *tables: str, engine: Engine | None = None, full: bool = False, received: Received | None = None
    ) -> dict[str, Loaded]:
        """Prepares the tables, each from the candidates of those before it, and then commits all: as a flow does."""
        engine = engine or self.engine()
        prepared = {}
        for table in tables:
            checked = steps.build(engine, table, full=full, received=received)
            prepared[table] = self.prepare(engine, table, checked) if checked else None
        return {table: self.finish(engine, table, *(prepared[table] or (None, 0))) for table in tables}

    def prepare(self, engine: Engine, table: str, checked: Checked) -> tuple[Prepared, int]:
        """The prepared batch, and how many rows of it are new in the error lane."""
        prepared = steps.prepare(engine, table, checked)
        return prepared, steps.write_errors(engine, table, checked, prepared).rows

    def finish(self, engine: Engine, table: str, prepared: Prepared | None, new_errors: int) -> Loaded:
        """Commits what was prepared, or leaves the table when there was nothing to prepare."""
        if prepared is not None:
            return Loaded(prepared, steps.commit(engine, table, prepared), new_errors)
        steps.stay(engine, table)
        return Loaded(None, Committed(table, engine.committed.get(table), "", changed=False), new_errors)

    def read(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """The rows of a table (its own columns, or those asked for), sorted."""
        rows = rows_of(self.path(table), columns)
        if rows is None:
            frame = self.delta(table)
            wanted = columns or [name for name in frame.columns if not name.startswith("_")]
            rows = [tuple(row) for row in frame.select(*wanted).collect()]
        return sorted(rows, key=repr)

    def delta(self, table: str) -> DataFrame:
        return self.spark.read.format("delta").load(self.path(table))


def _no_connection(name: str) -> ConnectionValue:
    raise AssertionError(f"a test asked for connection {name}")


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """An instant of March 2025."""
    return datetime(2025, 3, day, hour, minute)


LakeFactory = Callable[[], Lake]
replace = dataclasses.replace
