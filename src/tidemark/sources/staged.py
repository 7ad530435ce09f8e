"""Files that a source staged for Spark, and frames over them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import functions as F
from pyspark.sql.types import StructField, TimestampNTZType

from tidemark.errors import SourceError
from tidemark.rows import CORRUPT, ORDER, ORIGIN, quoted
from tidemark.rows.alignment import alike
from tidemark.sql.types import HELPER_PREFIX

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem
    from pyspark.sql import Column, DataFrame, SparkSession

_AT_ONCE = 16
_DOTTED = "i\u0307"  # the small letter of \u0130, to Spark's check for columns that come twice

_AS_THEY_ARE = {"__globPaths__": "false", "recursiveFileLookup": "true"}
_ON_DISK = {
    "fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
    "fs.file.impl.disable.cache": "true",
}


def file_options(paths: Sequence[str]) -> dict[str, str]:
    """What makes Spark take the paths of files as they are: `[` and `*` in a name are no patterns.

    Even so it would match a name with `[` or `{` against every file of the batch and read those again, unless it need
    not find out which file lies below which path. On disk Hadoop would look for a file of checksums beside each, which
    a name with a colon cannot have, and which a file contradicts that was rewritten. A store in S3 must not be told of
    that: it keeps the settings that it is opened with, and puts what it writes on disk first.
    """
    in_store = any("://" in path and not path.startswith("file:") for path in paths)
    return _AS_THEY_ARE | ({} if in_store else _ON_DISK)


def parquet_files(store: AbstractFileSystem, folder: str) -> tuple[str, ...]:
    """The Parquet files below an `s3a://` folder, as Spark addresses them, sorted."""
    return tuple(f"s3a://{path}" for path in sorted(store.find(folder)) if path.endswith(".parquet"))


@dataclass(frozen=True)
class FileContent:
    """What the footer of a Parquet file says of it."""

    path: str
    rows: int
    columns: tuple[str, ...]


def parquet_contents(store: AbstractFileSystem, files: Sequence[str]) -> list[FileContent]:
    """What is in each file, by its footer. Raises `OSError` where one cannot be read, or is no Parquet file."""

    def look(path: str) -> FileContent:
        try:
            with store.open(path, "rb", cache_type="none") as content:
                footer = pq.read_metadata(content)
        except pa.ArrowException as broken:
            raise OSError(f"{path}: {broken}") from None
        columns = footer.schema.to_arrow_schema().names
        return FileContent(path, int(footer.num_rows), tuple(columns))

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(look, files))


def read_parquet(
    spark: SparkSession, files: Sequence[str], origin: Column, order: Column, local: Collection[str] = ()
) -> DataFrame:
    """Parquet files of one schema with `_origin` and the order. Times without a zone are UTC, as all times here, but
    for the columns `local` (in lower case), which stay without one."""
    frame = spark.read.options(**file_options(files)).parquet(*files)

    def read(field: StructField) -> Column:
        if field.name.lower() in local:
            return quoted(field.name).cast("timestamp_ntz").alias(field.name)
        if isinstance(field.dataType, TimestampNTZType):
            return quoted(field.name).cast("timestamp").alias(field.name)
        return quoted(field.name)

    return frame.select(*map(read, frame.schema.fields), origin.alias(ORIGIN), order.alias(ORDER))


def empty_frame(spark: SparkSession, names: Sequence[str], *, corrupt: bool = False) -> DataFrame:
    """A frame without rows: the source's columns as text, and those that every extract has."""
    own = [ORIGIN, CORRUPT] if corrupt else [ORIGIN]
    # Not createDataFrame: it starts Python's way of sending rows, a twentieth of a second for each source with no news.
    return spark.range(0).select(*[F.lit(None).cast("string").alias(name) for name in (*names, *own)])


def file_origin() -> Column:
    """The address of the file a row was read from, with every character as it is."""
    path = F.col("_metadata.file_path")
    # Spark gives it URL-encoded; in a URL's path a plus sign is a plus sign
    return F.when(path.contains("%"), F.expr("url_decode(replace(_metadata.file_path, '+', '%2B'))")).otherwise(path)


def location(path: str) -> str:
    """A path in one form: Spark writes local ones as `file:/…`."""
    return re.sub(r"^file:/+", "/", path)


def union(frames: Sequence[DataFrame]) -> DataFrame:
    """All rows; columns meet by name, and are null where a frame lacks them."""
    return reduce(lambda left, right: left.unionByName(right, allowMissingColumns=True), frames)


def is_own_name(name: str) -> bool:
    """Whether a source column has a name that the engine keeps for itself, in any case."""
    return name.lower() in (ORIGIN, CORRUPT) or name.lower().startswith(HELPER_PREFIX)


def folded(name: str) -> str:
    """The same text for names that are one column to Spark, which compares them character by character in any case."""
    return "".join(map(_folded, name)).replace(_DOTTED, "i")


def _folded(character: str) -> str:
    if character == "\u0130":  # the one whose small letter is two characters everywhere but in Java's comparison
        return "i"
    upper = character.upper() if len(character.upper()) == 1 else character
    return upper.lower() if len(upper.lower()) == 1 else upper


def refuse_own_names(names: Sequence[str], table: str, where: str) -> None:
    """Raises `SourceError` when a source column has a name that the engine keeps for itself."""
    taken = sorted({name for name in names if is_own_name(name)})
    if taken:
        raise SourceError(
            f"the source has a column called {', '.join(taken)}, which is a name of the engine's own",
            table=table,
            step="extract",
            seen=[where],
            next_step="rename the column in the source, or read it through a view",
        )


def refuse_twins(names: Sequence[str], table: str, where: str) -> None:
    """Raises `SourceError` when names of source columns differ by case alone: Spark cannot tell these apart."""
    twins = [", ".join(group) for group in alike(names)]
    if twins:
        raise SourceError(
            f"the source has columns whose names differ by case alone: {'; '.join(twins)}",
            table=table,
            step="extract",
            seen=[where],
            next_step="rename one of them in the source, or read it through a view that does",
        )
