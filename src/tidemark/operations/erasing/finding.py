"""Finds a person: how many rows of each table name the person, and what in them is nobody else's."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tidemark.delta.table import read_state, read_version
from tidemark.lint.privacy import admission
from tidemark.operations.erasing.person import telling
from tidemark.rows import own, quoted

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tidemark.config.project import Table
    from tidemark.engine import Engine
    from tidemark.operations.erasing.person import Person

_VALUE, _MARK, _MOST = own("value"), own("is_theirs"), 10_000


def rows(engine: Engine, who: Person) -> dict[str, int]:
    """How many rows of each table name the person, in the tables as they are now."""
    found = {}
    for name in who.trail.places:
        table, frame = engine.table(name), current(engine, name)
        if frame is not None and who.columns_of(table):
            found[name] = frame.where(who.is_named(engine.session(name), table)).count()
    return {name: count for name, count in found.items() if count}


def known(engine: Engine, who: Person) -> tuple[str, ...]:
    """Values of personal columns that only rows of the person have: e-mail addresses, phone numbers, streets.

    They are few, as they are of one person, and come to the driver.
    """
    theirs, others = [], []
    for name in who.trail.places:
        table, frame = engine.table(name), current(engine, name, engine.spark)
        columns = [] if frame is None else _personal(engine, table, frame)
        if frame is not None and columns:
            marked = frame.withColumn(_MARK, who.is_named(engine.spark, table))
            theirs.append(_values(marked.where(F.col(_MARK)), columns).distinct().limit(_MOST))
            others.append(_values(marked.where(~F.col(_MARK)), columns))
    if not theirs:
        return ()
    alone = _together(theirs).distinct().join(_together(others), _VALUE, "left_anti")
    return telling(row[0] for row in alone.collect())


def _together(frames: list[DataFrame]) -> DataFrame:
    return reduce(DataFrame.unionByName, frames)


def current(engine: Engine, name: str, session: SparkSession | None = None) -> DataFrame | None:
    """The rows of a table as it is now, with all columns of its contract; None where there is no table."""
    spark, path = session or engine.session(name), engine.table_path(name)
    version = read_state(spark, path).version
    if version is None:
        return None
    frame = read_version(spark, path, version)
    lacking = [each for each in engine.table(name).contract.columns if each.name not in frame.columns]
    return frame.withColumns({each.name: F.lit(None).cast(each.type) for each in lacking}) if lacking else frame


def _personal(engine: Engine, table: Table, frame: DataFrame) -> list[str]:
    """The columns of texts in which personal data is as it is; gold has none."""
    if table.layer == "gold":
        return []
    given, types = admission.sight(engine.project.tables).given(table.name), dict(frame.dtypes)
    names = [column.name for column in table.contract.columns if column.is_personal or given.seen(column.name)]
    return [name for name in names if types[name] == "string"]


def _values(frame: DataFrame, columns: list[str]) -> DataFrame:
    return _together([frame.select(F.trim(quoted(name)).alias(_VALUE)) for name in columns]).where(
        F.col(_VALUE).isNotNull()
    )
