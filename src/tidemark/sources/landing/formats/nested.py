"""Nested values in types of which JSON says what they are.

Spark stops at a time of day inside of others, and writes of a key that is no text or number what Java has for it: of
bytes their address in memory, of a day how many days after 1970 it is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import or_

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

from tidemark.compile import jsontext
from tidemark.compile.casts import JSON

_PLAIN_KEYS = (StringType, NumericType, BooleanType)
_WITHOUT_JSON = ("time(", "interval")


def is_without_json(kind: DataType) -> bool:
    """Whether it is a type (of times of day and the like) of which JSON cannot say the values."""
    return kind.simpleString().startswith(_WITHOUT_JSON)


def sayable(value: Column, kind: DataType) -> Column:
    """The value with text for what JSON cannot say, and for keys that it would not say as they are.

    Null where a map would have a key twice: Spark makes no such map.
    """
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
        return F.when(~jsontext.has_key_twice(value), F.transform_keys(said, lambda key, _: _key(key, key_type)))
    return value.cast("string")


def has_broken_text(value: Column, kind: DataType) -> Column | None:
    """Whether there is text in the value that is no UTF-8, null or false where not; None for a type without text."""
    return _anywhere(value, kind, lambda each, of: ~F.is_valid_utf8(each) if isinstance(of, StringType) else None)


def has_key_twice(value: Column, kind: DataType) -> Column | None:
    """Whether a map in the value has one key twice, null or false where not; None for a type without maps."""
    return _anywhere(value, kind, lambda each, of: jsontext.has_key_twice(each) if isinstance(of, MapType) else None)


Test = Callable[[Column, DataType], Column | None]
"""What is asked of values of a type; None: nothing."""


def _anywhere(value: Column, kind: DataType, test: Test) -> Column | None:
    """Whether the test holds for the value or for one inside of it; None where it asks nothing of these types."""
    parts = [test(value, kind)]
    if isinstance(kind, StructType):
        parts += [_anywhere(value.getField(field.name), field.dataType, test) for field in kind.fields]
    elif isinstance(kind, ArrayType):
        parts.append(_among(value, kind.elementType, test))
    elif isinstance(kind, MapType):
        parts += [_among(F.map_keys(value), kind.keyType, test), _among(F.map_values(value), kind.valueType, test)]
    found = [part for part in parts if part is not None]
    return reduce(or_, found) if found else None


def _among(values: Column, kind: DataType, test: Test) -> Column | None:
    """Whether the test holds for, or inside of, one of an array's values."""
    if _anywhere(values, kind, test) is None:
        return None

    def holds(each: Column) -> Column:
        found = _anywhere(each, kind, test)
        return F.lit(False) if found is None else F.coalesce(found, F.lit(False))

    return F.exists(values, holds)


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
