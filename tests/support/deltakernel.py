"""delta-kernel, another reader of Delta tables, with Parquet and JSON readers of its own.

Its share of a filter is to leave out files; the rows are the caller's business.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa

from tests.support.readers import Asked, Filter, Rows
from tidemark.spark.jvm import java_class

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

KERNEL = "io.delta.kernel"
GETTERS = {
    "boolean": "getBoolean",
    "byte": "getByte",
    "short": "getShort",
    "integer": "getInt",
    "long": "getLong",
    "float": "getFloat",
    "double": "getDouble",
    "Decimal": "getDecimal",
    "string": "getString",
    "date": "getInt",
    "timestamp": "getLong",
}
LITERALS = {
    "boolean": "ofBoolean",
    "tinyint": "ofByte",
    "smallint": "ofShort",
    "int": "ofInt",
    "bigint": "ofLong",
    "float": "ofFloat",
    "double": "ofDouble",
    "string": "ofString",
    "binary": "ofBinary",
    "date": "ofDate",
    "timestamp": "ofTimestamp",
}


class Kernel:
    """The Java classes lie among Delta's jars."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark
        context: Any = spark.sparkContext
        self._engine = self._class("defaults.engine.DefaultEngine").create(context._jsc.hadoopConfiguration())

    def rows(self, each: Asked) -> Rows:
        """The rows of the whole version."""
        scan = self._scan(each, None)
        state = scan.getScanState(self._engine)
        found: Rows = Counter()
        for file in self._files(scan):
            for batch in self._batches(state, file):
                found.update(repr(self._values(row)) for row in _each(batch.getRows()))
        return found

    def files(self, each: Asked) -> set[str]:
        """The names of the files that the condition leaves."""
        scan = self._scan(each, each.condition)
        status = self._class("internal.InternalScanFileUtils")
        return {Path(unquote(str(status.getAddFileStatus(file).getPath()))).name for file in self._files(scan)}

    def _scan(self, each: Asked, condition: Filter | None) -> Any:
        table = self._class("Table").forPath(self._engine, each.table)
        builder = table.getSnapshotAsOfVersion(self._engine, each.version).getScanBuilder()
        return (builder.withFilter(self._predicate(condition)) if condition else builder).build()

    def _files(self, scan: Any) -> Iterator[Any]:
        for batch in _each(scan.getScanFiles(self._engine)):
            yield from _each(batch.getRows())

    def _batches(self, state: Any, file: Any) -> Iterator[Any]:
        tools, none = self._class("internal.util.Utils"), java_class(self._spark, "java.util.Optional").empty()
        status = self._class("internal.InternalScanFileUtils").getAddFileStatus(file)
        schema = self._class("internal.data.ScanStateRow").getPhysicalDataReadSchema(state)
        handler = self._engine.getParquetHandler()
        results = handler.readParquetFiles(tools.singletonCloseableIterator(status), schema, none).toInMemoryList()
        read = java_class(self._spark, "java.util.ArrayList")()
        for result in results:
            read.add(result.getData())
        physical = tools.toCloseableIterator(read.iterator())
        return _each(self._class("Scan").transformPhysicalData(self._engine, state, file, physical))

    def _values(self, row: Any) -> tuple[Any, ...]:
        return tuple(
            None if row.isNullAt(number) else self._value(row, number, str(field.getDataType()).partition("(")[0])
            for number, field in enumerate(row.getSchema().fields())
        )

    def _value(self, row: Any, number: int, type_: str) -> Any:
        value = getattr(row, GETTERS[type_])(number)
        return pa.scalar(value, pa.float32()).as_py() if type_ == "float" else value

    def _predicate(self, condition: Filter) -> Any:
        make = self._class("expressions.Predicate")
        column = self._class("expressions.Column")(condition.column)
        if not condition.type:
            return make(condition.operator.replace(" ", "_"), column)
        literal, type_ = self._class("expressions.Literal"), condition.type
        if type_.startswith("decimal"):
            precision, scale = map(int, type_[8:-1].split(","))
            value = literal.ofDecimal(Decimal(condition.value), precision, scale)
        else:
            value = getattr(literal, LITERALS[type_])(condition.value)
        return make(condition.operator, column, value)

    def _class(self, name: str) -> Any:
        return java_class(self._spark, f"{KERNEL}.{name}")


def _each(iterator: Any) -> Iterator[Any]:
    try:
        while iterator.hasNext():
            yield iterator.next()
    finally:
        iterator.close()
