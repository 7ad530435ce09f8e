"""Rows on their way into a warehouse: one Parquet file in the exchange bucket, gone when the load is over."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby

import pyarrow as pa
import pyarrow.parquet as pq

from sandbox.home import Endpoints
from sandbox.seeding.aws import EXCHANGE, client
from sandbox.shop import Batch, SourceColumn, arrow_table


@contextmanager
def staged(endpoints: Endpoints, table: pa.Table) -> Iterator[str]:
    """The rows as a file; its `s3://` address."""
    s3 = client(endpoints, "s3")
    key = f"_shop/{uuid.uuid4().hex}.parquet"
    content = io.BytesIO()
    pq.write_table(table, content)
    s3.put_object(Bucket=EXCHANGE, Key=key, Body=content.getvalue())
    try:
        yield f"s3://{EXCHANGE}/{key}"
    finally:
        s3.delete_object(Bucket=EXCHANGE, Key=key)


def by_columns(batches: Sequence[Batch]) -> Iterator[tuple[tuple[SourceColumn, ...], pa.Table]]:
    """Batches of one source in order, put together as long as their columns are the same."""
    for columns, group in groupby(batches, key=lambda batch: batch.columns):
        yield columns, pa.concat_tables([arrow_table(batch) for batch in group])
