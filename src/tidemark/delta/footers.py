"""What the footers of staged Parquet files say: how many rows there are, and what each column chunk holds."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from tidemark.errors import CommitError
from tidemark.spark.jvm import java_class

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Bytes that are read at once: the footer of some thirty columns. The gateway sends them, a third longer, in pieces of
# 8 KiB, and a second piece waits 40 ms until the network tells that the first has come.
_PIECE = 6_000
_AT_ONCE = 16
MANY = 64
"""Files: of more the rows are counted by a job, whose tasks read nothing but footers."""
_MARK = 8  # bytes: the footer's length and Parquet's mark end every file
_AGAIN = "run again: the batch is prepared anew"


def parquet_files(spark: SparkSession, folder: str) -> Iterator[Any]:
    """Hadoop's status of each Parquet file in the folder. Raises `CommitError` where there is no such folder."""
    with _readable(folder):
        statuses = list(_file_system(spark, folder).listStatus(_path(spark, folder)))
    yield from (status for status in statuses if str(status.getPath().getName()).endswith(".parquet"))


def read_footers(spark: SparkSession, folder: str) -> Iterator[tuple[Any, pq.FileMetaData]]:
    """Each Parquet file in the folder: Hadoop's status and the footer. Raises `CommitError` where one cannot be read.

    The end of a file is read by Hadoop and taken apart here: asking Parquet's Java classes costs several calls into
    the JVM for each column. Several are read side by side, as most of the time is spent waiting for the store.
    """
    files = list(parquet_files(spark, folder))
    if not files:
        return
    system = _file_system(spark, folder)

    def read(status: Any) -> tuple[Any, pq.FileMetaData]:
        with _readable(str(status.getPath())):
            return status, _footer(system, status)

    if len(files) == 1:
        yield read(files[0])
        return
    yield from _readers().map(read, files)


def count_rows(spark: SparkSession, folder: str) -> int:
    """The rows of all files in the folder; Spark looks where there are many. Raises `CommitError` where one cannot be
    read."""
    if len(list(parquet_files(spark, folder))) > MANY:
        with _readable(folder):
            return spark.read.parquet(folder).count()
    return sum(int(footer.num_rows) for _, footer in read_footers(spark, folder))


def expect_rows(found: int, expected: int, folder: str) -> None:
    """Raises `CommitError` unless just as many rows as were staged lie in the folder."""
    if found != expected:
        raise CommitError(
            "what was staged is no longer what was counted when it was; nothing was written",
            step="commit",
            seen=[f"{expected} rows were staged, {found} are there"],
            evidence=folder,
            next_step=_AGAIN,
        )


@cache
def _readers() -> ThreadPoolExecutor:
    """Threads that stay: with each that comes, the JVM gets one that it keeps."""
    return ThreadPoolExecutor(_AT_ONCE, "footers")


def _footer(system: Any, status: Any) -> pq.FileMetaData:
    length = int(status.getLen())
    stream = system.open(status.getPath())
    try:
        tail = _end(stream, length, min(_PIECE, length))
        needed = int.from_bytes(tail[-_MARK : -_MARK // 2], "little") + _MARK
        if len(tail) < needed <= length:
            tail = _end(stream, length, needed)
    finally:
        stream.close()
    return pq.read_metadata(pa.BufferReader(tail))


def _end(stream: Any, length: int, size: int) -> bytes:
    """The last `size` bytes of the file."""
    stream.seek(length - size)
    return b"".join(bytes(stream.readNBytes(min(_PIECE, size - at))) for at in range(0, size, _PIECE))


def _file_system(spark: SparkSession, folder: str) -> Any:
    context: Any = spark.sparkContext
    return _path(spark, folder).getFileSystem(context._jsc.hadoopConfiguration())


def _path(spark: SparkSession, folder: str) -> Any:
    return java_class(spark, "org.apache.hadoop.fs.Path")(folder)


@contextmanager
def _readable(path: str) -> Iterator[None]:
    try:
        yield
    except (Py4JJavaError, PySparkException, pa.ArrowException, OSError) as failure:
        seen = failure.java_exception if isinstance(failure, Py4JJavaError) else failure
        raise CommitError(
            "what was staged cannot be read; nothing was written",
            step="commit",
            seen=[str(seen)],
            evidence=path,
            next_step=_AGAIN,
        ) from failure
