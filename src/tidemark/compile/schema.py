"""Contract → Spark schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pyspark.sql.types import (
    BooleanType,
    ByteType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    ShortType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from tidemark.sql import types
from tidemark.sql.types import decimal_digits

if TYPE_CHECKING:
    from tidemark.config.contract import Contract

_TYPES: Mapping[str, DataType] = {
    "string": StringType(),
    "boolean": BooleanType(),
    "tinyint": ByteType(),
    "smallint": ShortType(),
    "int": IntegerType(),
    "bigint": LongType(),
    "float": FloatType(),
    "double": DoubleType(),
    "date": DateType(),
    "timestamp": TimestampType(),
}


def spark_type(column_type: str) -> DataType:
    """The Spark type of a contract's column type (`decimal(18,2)` → `DecimalType(18, 2)`)."""
    digits = decimal_digits(column_type)
    return DecimalType(*digits) if digits else _TYPES[column_type]


def spark_schema(contract: Contract) -> StructType:
    """The contract's columns, in its order and all nullable: what is required is a rule, not a property of storage."""
    return StructType([StructField(column.name, spark_type(column.type)) for column in contract.columns])


METADATA_COLUMNS = StructType(
    [StructField(name, spark_type(column_type)) for name, column_type in types.METADATA_COLUMNS.items()]
)
"""What the engine adds to every table."""
