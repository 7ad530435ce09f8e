"""Rows handed over in bulk: a batch of a SQL source as a pyarrow table."""

from __future__ import annotations

import re

import pyarrow as pa

from sandbox.shop.model import Batch

_TYPES = {
    "VARCHAR": pa.string(),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "TIMESTAMP_NTZ": pa.timestamp("us"),
    "TIMESTAMP": pa.timestamp("us"),
    "DOUBLE PRECISION": pa.float64(),
}


def arrow_type(sql_type: str) -> pa.DataType:
    """The Arrow type of a source's SQL type; ValueError for one that no SQL source declares."""
    number = re.fullmatch(r"NUMBER\((\d+),(\d+)\)", sql_type)
    if number:
        return pa.decimal128(int(number[1]), int(number[2]))
    base = sql_type.partition("(")[0]
    if base not in _TYPES:
        raise ValueError(f"no Arrow type for the source type {sql_type!r}")
    return _TYPES[base]


def arrow_table(batch: Batch) -> pa.Table:
    """The batch as a pyarrow table: source column names, types after the source's SQL types, all nullable."""
    schema = pa.schema([(column.name, arrow_type(column.sql_type)) for column in batch.columns])
    columns = list(zip(*batch.rows, strict=True)) if batch.rows else [()] * len(schema)
    arrays = [pa.array(values, type=field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)
