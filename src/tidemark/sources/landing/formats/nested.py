"""Nested values in types of which JSON says what they are.

Spark stops at a time of day inside of others, and writes of a key that is no text or number what Java has for it: of
bytes their address in memory, of a day how many days after 1970 it is.
"""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    DataType,
    MapType,
    NumericType,
    StringType,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from tidemark.compile.casts import JSON

_PLAIN_KEYS = (StringType, NumericType, BooleanType)
_WITHOUT_JSON = ("time(", "interval")


def is_without_json(kind: DataType) -> bool:
    """Whether it is a type (of times of day and the like) of which JSON cannot say the values."""
    return kind.simpleString().startswith(_WITHOUT_JSON)


def sayable(value: Column, kind: DataType) -> Column:
    """The value with text for what JSON cannot say, and for keys that it would not say as they are."""
    if not _has_others(kind):
        return value
    if isinstance(kind, StructType):
        parts = [sayable(value.getField(field.name), field.dataType).alias(field.name) for field in kind.fields]
        return F.when(value.isNotNull(), F.struct(*parts))
    if isinstance(kind, ArrayType):
        element = kind.elementType
        return F.transform(value, lambda each: sayable(each, element))
    if isinstance(kind, MapType):
        key_type, value_type = kind.keyType, kind.valueType
        said = F.transform_values(value, lambda _, each: sayable(each, value_type))
        return F.transform_keys(said, lambda key, _: _key(key, key_type))
    return value.cast("string")


def _has_others(kind: DataType) -> bool:
    if isinstance(kind, StructType):
        return any(_has_others(field.dataType) for field in kind.fields)
    if isinstance(kind, ArrayType):
        return _has_others(kind.elementType)
    if isinstance(kind, MapType):
        return not isinstance(kind.keyType, _PLAIN_KEYS) or _has_others(kind.valueType)
    return is_without_json(kind)


def _key(key: Column, kind: DataType) -> Column:
    """A key as JSON has the same value elsewhere."""
    if isinstance(kind, _PLAIN_KEYS):
        return key
    if isinstance(kind, BinaryType):
        return F.base64(key)
    if isinstance(kind, TimestampType):
        return F.date_format(key, JSON["timestampFormat"])
    if isinstance(kind, TimestampNTZType):
        return F.date_format(key, JSON["timestampNTZFormat"])
    if isinstance(kind, StructType | ArrayType | MapType):
        return F.to_json(sayable(key, kind), JSON)
    return key.cast("string")
