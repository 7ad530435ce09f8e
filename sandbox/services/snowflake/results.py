"""A mend for fakesnow's results: a timestamp that is null reaches the client as null, not as 1970-01-01."""

from __future__ import annotations

import fakesnow.arrow
import pyarrow as pa

_without_nulls = fakesnow.arrow.timestamp_to_sf_struct


def timestamp_to_sf_struct(timestamps: pa.Array | pa.ChunkedArray) -> pa.StructArray:
    """Timestamps as Snowflake sends them, a struct of epoch and fraction, null where the timestamp is."""
    if isinstance(timestamps, pa.ChunkedArray):
        timestamps = timestamps.combine_chunks()
    structs = _without_nulls(timestamps)
    parts = [structs.field(index).fill_null(0) for index in range(structs.type.num_fields)]
    return pa.StructArray.from_arrays(parts, fields=list(structs.type), mask=timestamps.is_null())


def mend() -> None:
    """Has fakesnow's server use it."""
    setattr(fakesnow.arrow, _without_nulls.__name__, timestamp_to_sf_struct)
