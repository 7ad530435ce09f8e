"""The engine on the benchmark's own configuration: the same steps that a flow calls, without Prefect."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from tidemark import steps
from tidemark.books import Books
from tidemark.config.connections import ConnectionValue
from tidemark.config.project import Project, load_project
from tidemark.control.runs import Run
from tidemark.control.state import open_state
from tidemark.engine import Engine
from tidemark.sources import Extract
from tidemark.spark.session import start

CONFIG = Path(__file__).parents[1] / "config"


def session(home: Path, heap: str, conf: Mapping[str, str] | None = None) -> SparkSession:
    """Spark on two cores with this heap from the start; the tables lie in `home`, which is made."""
    home.mkdir(parents=True, exist_ok=True)
    os.environ["TIDEMARK_BENCH_HOME"] = str(home)
    sized = {"spark.driver.memory": heap, "spark.driver.extraJavaOptions": f"-Xms{heap}"}
    return start("tidemark-bench", "local[2]", dict(conf or {}) | sized)


def project() -> Project:
    return load_project(CONFIG, "bench")


def load(spark: SparkSession, project: Project, table: str, frame: DataFrame) -> Books:
    """Validate, prepare, write errors, commit; returns the books."""
    engine = _engine(spark, project)
    extracted = Extract(
        table=table,
        given=frame.withColumn("_origin", F.lit("benchmark")),
        watermark={},
        identity={"load": str(uuid.uuid4())},
        full=False,
        source_system="benchmark",
    )
    checked = steps.validate(engine, table, extracted)
    prepared = steps.prepare(engine, table, checked)
    steps.write_errors(engine, table, checked, prepared)
    steps.commit(engine, table, prepared)
    return prepared.books


def build(
    spark: SparkSession,
    project: Project,
    table: str,
    *,
    full: bool = False,
    gated: bool = False,
    conf: Mapping[str, str] | None = None,
) -> Books:
    """Build, prepare, write errors, commit, or leave the table when there is nothing new; returns the books.

    `full` computes all of it; with `gated` its gate is asked before the commit, and passed; `conf` are settings of the
    table's session.
    """
    engine = _engine(spark, project)
    for name, value in (conf or {}).items():
        engine.session(table).conf.set(name, value)
    checked = steps.build(engine, table, full=full)
    if checked is None:
        steps.stay(engine, table)
        return Books()
    prepared = steps.prepare(engine, table, checked)
    steps.write_errors(engine, table, checked, prepared)
    if gated and (failures := steps.gate(engine, table).failures):
        raise AssertionError(f"the gate failed: {failures}")
    steps.commit(engine, table, prepared)
    return prepared.books


def _engine(spark: SparkSession, project: Project) -> Engine:
    return Engine(project, spark, open_state(project.environment), _no_connection, Run.start(date(2025, 3, 30)))


def table_path(project: Project, table: str) -> str:
    layer, name = table.split(".")
    return f"{project.environment.roots.lake}/{layer}/{name}"


def _no_connection(name: str) -> ConnectionValue:
    raise LookupError(f"the benchmark reads no connection, asked for {name}")
