"""Parquet files: columns meet by name, and where the types of files differ, as text.

The driver reads the footer of every file; files of one schema are read together. A file that is no Parquet (cut off,
empty, something else) is one corrupt record that says so: there is no row in it to keep.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from tidemark.errors import ConfigError, SourceError
from tidemark.rows import CORRUPT, ORIGIN, quoted
from tidemark.rows.order import at_position, place_of_file
from tidemark.sources.staged import file_origin, read_parquet, refuse_own_names, union

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from tidemark.sources.landing.listing import Landing
    from tidemark.sources.watermark import SourceFile

_MESSAGE_LENGTH = 500


def refuse_options(options: Mapping[str, Any], table: str) -> None:
    """Parquet says all there is to say itself: raises `ConfigError` for any option."""
    if options:
        raise ConfigError(f"{table}: Parquet files have no option `{next(iter(options))}`", next_step="remove it")


def read_parquet_files(
    spark: SparkSession, landing: Landing, files: Sequence[SourceFile]
) -> tuple[DataFrame, list[str]]:
    """The rows of the files with `_origin` and `_corrupt_record`, and what to tell about the files."""
    groups: dict[str, list[str]] = defaultdict(list)
    unreadable: list[tuple[str, str]] = []
    for file, (schema, reason) in zip(files, landing.each(files, lambda file: _footer(landing, file)), strict=True):
        if schema is None:
            unreadable.append((f"{reason}: {file.path} ({file.size} bytes)", file.path))
        else:
            refuse_own_names(schema.names, landing.table, file.path)
            groups[str(schema.remove_metadata())].append(file.path)
    frames = [_read(spark, landing, group) for group in groups.values()]
    if unreadable:
        columns = StructType([StructField(CORRUPT, StringType()), StructField(ORIGIN, StringType())])
        frames.append(spark.createDataFrame(unreadable, columns))
    united = union(_as_one_type(frames))
    if CORRUPT not in united.columns:
        united = united.withColumn(CORRUPT, F.lit(None).cast("string"))
    return united, [record for record, _ in unreadable]


def _footer(landing: Landing, file: SourceFile) -> tuple[pa.Schema | None, str]:
    """The schema of a file, or None and why there is none."""
    with landing.opened(file) as content:
        try:
            return pq.read_schema(content), ""
        except pa.ArrowInvalid as failure:
            return None, f"no Parquet file ({str(failure).splitlines()[0]})"


def _read(spark: SparkSession, landing: Landing, files: Sequence[str]) -> DataFrame:
    try:
        order = at_position(place_of_file(), F.col("_metadata.row_index"))
        return read_parquet(spark, files, file_origin(), order)
    except (PySparkException, Py4JJavaError) as failure:
        java = failure.java_exception.getMessage() if isinstance(failure, Py4JJavaError) else str(failure)
        raise SourceError(
            f"{files[0]} is Parquet of a kind that Spark cannot read",
            table=landing.table,
            step="extract",
            seen=[str(java).partition("\n")[0][:_MESSAGE_LENGTH]],
            next_step="have it written with types that Spark knows (timestamps in microseconds)",
        ) from None


def _as_one_type(frames: Sequence[DataFrame]) -> list[DataFrame]:
    """The frames with text in the columns whose types differ between them."""
    types: dict[str, set[str]] = defaultdict(set)
    for frame in frames:
        for field in frame.schema.fields:
            types[field.name.lower()].add(field.dataType.simpleString())
    return [
        frame.select(
            *(
                quoted(field.name).cast("string").alias(field.name)
                if len(types[field.name.lower()]) > 1
                else quoted(field.name)
                for field in frame.schema.fields
            )
        )
        for frame in frames
    ]
