"""Values that queries use and nobody may read: keys, in no plan, no explain, no message and no event of Spark.

A literal would stand in each of these. A subquery of one local row does not: of local rows Spark prints the names of
the columns alone, and of a subquery its number. It is evaluated once a query, on the driver.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pyspark.sql import Column, DataFrame
from pyspark.sql.types import BinaryType, StructField, StructType

from tidemark.spark.jvm import java_class

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_STRUCT = "hidden"


def hidden_values(spark: SparkSession, values: Mapping[str, bytes]) -> dict[str, Column]:
    """Each value as a column that can stand anywhere in a query of this session."""
    from pyspark.sql import functions as F

    row = F.struct(*values).alias(_STRUCT)
    found = _one_row(spark, values).select(row).scalar()
    return {name: found[name] for name in values}


def _one_row(spark: SparkSession, values: Mapping[str, bytes]) -> DataFrame:
    """A local relation, which `createDataFrame` makes of rows of the JVM; from Python it would write them to a file."""
    session: Any = spark
    schema = StructType([StructField(name, BinaryType(), nullable=False) for name in values])
    cells = session._sc._gateway.new_array(session._jvm.java.lang.Object, len(values))
    for number, value in enumerate(values.values()):
        cells[number] = bytearray(value)
    rows = session._jvm.java.util.ArrayList()
    rows.add(java_class(spark, "org.apache.spark.sql.RowFactory").create(cells))
    jschema = session._jsparkSession.parseDataType(schema.json())
    return DataFrame(session._jsparkSession.createDataFrame(rows, jschema), spark)
