"""What the footers of staged Parquet files say: how many rows there are, and between which bounds a column lies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JJavaError

from tidemark.errors import CommitError
from tidemark.spark.jvm import java_class

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_STRING_PREFIX = 32  # characters of a string that Delta's own statistics keep
_MILLISECONDS = "%Y-%m-%dT%H:%M:%S."
_AGAIN = "run again: the batch is prepared anew"


def parquet_files(spark: SparkSession, folder: str) -> Iterator[Any]:
    """Hadoop's status of each Parquet file in the folder. Raises `CommitError` where there is no such folder."""
    context: Any = spark.sparkContext
    root = java_class(spark, "org.apache.hadoop.fs.Path")(folder)
    with _readable(folder):
        statuses = list(root.getFileSystem(context._jsc.hadoopConfiguration()).listStatus(root))
    yield from (status for status in statuses if str(status.getPath().getName()).endswith(".parquet"))


def count_rows(spark: SparkSession, folder: str) -> int:
    """The rows of all files in the folder. Raises `CommitError` where one cannot be read."""
    return sum(
        int(block.getRowCount())
        for status in parquet_files(spark, folder)
        for block in _row_groups(spark, status.getPath())
    )


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


def statistics(spark: SparkSession, path: Any, columns: Mapping[str, str]) -> dict[str, Any]:
    """Delta's statistics of one file: its row count, and bounds of the wanted columns, given with their types.

    Raises `CommitError` where the file cannot be read.
    """
    blocks = _row_groups(spark, path)
    rows = sum(int(block.getRowCount()) for block in blocks)
    bounds: dict[str, _Bounds] = {name: _Bounds(columns[name]) for name in columns}
    for block in blocks:
        for chunk in block.getColumns():
            name = str(chunk.getPath().toDotString())
            if name in bounds:
                bounds[name].widen(chunk.getStatistics())
    known = {name: bound for name, bound in bounds.items() if bound.known}
    return {
        "numRecords": rows,
        "minValues": {name: bound.stored_low() for name, bound in known.items()},
        "maxValues": {name: bound.stored_high() for name, bound in known.items() if bound.stored_high() is not None},
        "nullCount": {name: bound.nulls for name, bound in bounds.items() if bound.counted},
    }


def _row_groups(spark: SparkSession, path: Any) -> list[Any]:
    context: Any = spark.sparkContext
    with _readable(str(path)):
        conf = context._jsc.hadoopConfiguration()
        source = java_class(spark, "org.apache.parquet.hadoop.util.HadoopInputFile").fromPath(path, conf)
        reader = java_class(spark, "org.apache.parquet.hadoop.ParquetFileReader").open(source)
        try:
            return list(reader.getFooter().getBlocks())
        finally:
            reader.close()


@contextmanager
def _readable(path: str) -> Iterator[None]:
    try:
        yield
    except Py4JJavaError as failure:
        raise CommitError(
            "what was staged cannot be read; nothing was written",
            step="commit",
            seen=[str(failure.java_exception)],
            evidence=path,
            next_step=_AGAIN,
        ) from failure


class _Bounds:
    """The bounds of one column over a file's row groups, in the form that Delta's log stores them."""

    def __init__(self, column_type: str) -> None:
        self._type = column_type
        self._low: Any = None
        self._high: Any = None
        self.nulls = 0
        self.counted = True
        self._usable = _parser(column_type) is not None

    @property
    def known(self) -> bool:
        return self._usable and self._low is not None

    def widen(self, statistics: Any) -> None:
        if statistics is None or statistics.isEmpty():
            self.counted = self._usable = False
            return
        self.nulls += int(statistics.getNumNulls())
        parse = _parser(self._type)
        if parse is None or not statistics.hasNonNullValue():
            return
        low, high = parse(str(statistics.minAsString())), parse(str(statistics.maxAsString()))
        self._low = low if self._low is None else min(self._low, low)
        self._high = high if self._high is None else max(self._high, high)

    def stored_low(self) -> Any:
        if isinstance(self._low, datetime):
            return f"{self._low.strftime(_MILLISECONDS)}{self._low.microsecond // 1000:03d}Z"
        return _plain(self._low[:_STRING_PREFIX] if isinstance(self._low, str) else self._low)

    def stored_high(self) -> Any:
        """The upper bound; None for a long string, which a prefix would understate."""
        if isinstance(self._high, datetime):
            up = self._high + timedelta(milliseconds=1)
            return f"{up.strftime(_MILLISECONDS)}{up.microsecond // 1000:03d}Z"
        if isinstance(self._high, str) and len(self._high) > _STRING_PREFIX:
            return None
        return _plain(self._high)


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _parser(column_type: str) -> Any:
    """How to read a bound that Parquet prints; None for types whose bounds are not kept (doubles have NaN)."""
    if column_type in ("tinyint", "smallint", "int", "bigint"):
        return int
    if column_type in ("string", "date"):
        return str
    if column_type == "timestamp":
        return _instant
    return None


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "").removesuffix("+0000"))
