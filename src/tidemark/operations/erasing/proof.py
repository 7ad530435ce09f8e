"""Looks whether anything of a person is left: in every file of the lake, decoded, and in texts beside it.

Files are looked at as they lie there, whether a table has them or not: also change feeds, what was staged, and the
logs of tables. A text is found by what is nobody else's; a column that names people also by the value alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from pyspark.errors import PySparkException
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, BinaryType, MapType, StringType, StructType

from tidemark.aws.folder import open_folder
from tidemark.errors import TidemarkError
from tidemark.operations.snapshots.place import FILES
from tidemark.rows import quoted
from tidemark.rows.erased import as_named
from tidemark.spark.hidden import hidden_values

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql.types import DataType

    from tidemark.aws.folder import Folder
    from tidemark.config.project import Table
    from tidemark.engine import Engine
    from tidemark.operations.erasing.person import Person

_PARQUET, _LOG = ".parquet", "_delta_log/"
_SHOWN = 10


@dataclass(frozen=True)
class Left:
    """Where something of the person is left: a file, below a root, and what it is of."""

    place: str
    file: str

    def __str__(self) -> str:
        return f"{self.place}: {self.file}"


def search(engine: Engine, who: Person, tables: Collection[str]) -> tuple[Left, ...]:
    """All places where something of the person is left, in the files of these tables and beside them."""
    found = [left for name in tables for left in _of_table(engine, who, name)]
    roots, aws = engine.environment.roots, engine.environment.aws
    beside = {"error lane": roots.errors, "staging": roots.staging}
    for place, root in (beside | {"exchange": engine.environment.exchange.rstrip("/")}).items():
        found += _of_folder(engine.spark, who, place, open_folder(root, aws))
    found += _of_snapshots(engine, who)
    return tuple(found)


def _of_snapshots(engine: Engine, who: Person) -> Iterator[Left]:
    """In the snapshots that are left: table by table, as their files have columns of their own."""
    root = open_folder(engine.environment.roots.snapshots, engine.environment.aws_of_snapshots)
    for part in root.below(FILES).folders():
        table = engine.project.tables.get(part)
        yield from _of_folder(engine.spark, who, f"snapshots of {part}", root.below(FILES).below(part), table)
    for below in (name for name in root.folders() if name != FILES):
        yield from _of_folder(engine.spark, who, f"snapshots, {below}", root.below(below))


def refuse_left(left: Collection[Left]) -> None:
    """Raises `TidemarkError` where something of the person is left."""
    if left:
        more = f"and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
        raise TidemarkError(
            f"something of the person is left in {len(left)} files: the erasure is not over",
            step="erase",
            seen=[*map(str, list(left)[:_SHOWN]), *([more] if more else [])],
            next_step="look what these rows are: those of a table that no relationship leads to need one in its "
            "contract, or are deleted by hand; then erase again, which goes on from here",
        )


def _of_table(engine: Engine, who: Person, name: str) -> Iterator[Left]:
    folder = open_folder(engine.table_path(name), engine.environment.aws)
    yield from _of_folder(engine.session(name), who, name, folder, engine.table(name))


def _of_folder(
    spark: SparkSession, who: Person, place: str, folder: Folder, table: Table | None = None
) -> Iterator[Left]:
    names = [name for name in folder.names() if not _is_of_this(name)]
    pattern = who.searched()
    parquet = [name for name in names if name.endswith(_PARQUET)]
    for name in names:
        if pattern is not None and (pattern.search(name) or (name not in parquet and _has(folder, name, pattern))):
            yield Left(place, pattern.sub("***", name))
    of_log = [name for name in parquet if f"/{_LOG}" in f"/{name}"]
    for some in (of_log, [name for name in parquet if name not in of_log]):
        for file in _holding(spark, who, [folder.path(name) for name in some], table):
            yield Left(place, pattern.sub("***", file) if pattern else file)


def _is_of_this(name: str) -> bool:
    """Whether it is what this erasure itself has written down, until it is over, or checksums of the file system."""
    from tidemark.operations.erasing.person import FOLDER

    return name.startswith(f"{FOLDER}/") or (name.endswith(".crc") and name.rpartition("/")[2].startswith("."))


def _has(folder: Folder, name: str, pattern: re.Pattern[str]) -> bool:
    try:
        return any(pattern.search(line) for line in folder.lines(name))
    except FileNotFoundError:
        return False  # somebody has removed it since it was listed


def _holding(spark: SparkSession, who: Person, files: list[str], table: Table | None) -> list[str]:
    """Those of the Parquet files that hold something of the person.

    They may differ in their columns, and even in the types of these: then each is read by itself.
    """
    if not files:
        return []
    try:
        frame = spark.read.option("mergeSchema", "true").parquet(*files)
        return _files_of(spark, frame, who, table)
    except PySparkException:
        if len(files) == 1:
            raise
        return [found for file in files for found in _holding(spark, who, [file], table)]


def _files_of(spark: SparkSession, frame: DataFrame, who: Person, table: Table | None) -> list[str]:
    conditions = [*_texts(spark, frame, who), *_named(spark, frame, who, table)]
    if not conditions:
        return []
    held = frame.where(reduce(or_, conditions)).select(F.col("_metadata.file_path").alias("file")).distinct()
    return sorted(str(row["file"]) for row in held.collect())


def _texts(spark: SparkSession, frame: DataFrame, who: Person) -> Iterator[Column]:
    pattern = who.pattern()
    texts = [quoted(field.name) for field in frame.schema.fields if isinstance(field.dataType, StringType)]
    nested = [quoted(field.name) for field in frame.schema.fields if _may_hold_text(field.dataType)]
    binary = [quoted(field.name) for field in frame.schema.fields if isinstance(field.dataType, BinaryType)]
    if pattern is None:
        return
    sought = hidden_values(spark, {"pattern": pattern.encode()})["pattern"].cast("string")
    parts = [*texts, *(F.to_json(F.struct(each)) for each in nested), *(each.cast("string") for each in binary)]
    if parts:
        yield F.coalesce(F.regexp_like(F.concat_ws("\n", *parts), sought), F.lit(False))


def _may_hold_text(of_type: DataType) -> bool:
    return isinstance(of_type, StructType | ArrayType | MapType)


def _named(spark: SparkSession, frame: DataFrame, who: Person, table: Table | None) -> Iterator[Column]:
    if table is None:
        return
    value = hidden_values(spark, {"person": who.value.encode()})["person"].cast("string")
    for name in who.columns_of(table):
        if name in frame.columns:
            text = as_named(quoted(name), table.contract.column(name).type, folded=who.trail.folded)
            yield F.coalesce(text == value, F.lit(False))
