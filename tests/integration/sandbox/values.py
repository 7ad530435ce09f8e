"""Rows that break what is done carelessly, and rows of any values, for round trips through a warehouse."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

Row = tuple[Any, ...]
SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("amount", pa.decimal128(18, 2)),
        ("note", pa.string()),
        ("flag", pa.bool_()),
        ("day", pa.date32()),
        ("stamp", pa.timestamp("us")),
        ("ratio", pa.float64()),
    ]
)
TRICKY: list[Row] = [
    (
        1,
        Decimal("1.25"),
        "a'b\"c\nd,e\r\nÜ😀",
        True,
        date(1, 1, 1),
        datetime(2025, 3, 1, 10, 0, 0, 123456),
        float("nan"),
    ),
    (2, None, "", False, date(9999, 12, 31), datetime(9999, 12, 31, 23, 59, 59, 999999), float("inf")),
    (3, Decimal("-9999999999999999.99"), None, None, None, None, float("-inf")),
    (4, Decimal("0.00"), "NULL \\N", None, None, datetime(1, 1, 1), 5e-324),
    (5, Decimal("9999999999999999.99"), "\\.", None, None, None, None),
    (6, None, None, None, None, None, 0.1 + 0.2),
]
ANY_ROWS = st.lists(
    st.tuples(
        st.integers(-(2**63), 2**63 - 1),
        st.none() | st.decimals(-(10**16) + 1, 10**16 - 1, places=2),
        st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
        st.none() | st.booleans(),
        st.none() | st.dates(),
        st.none() | st.datetimes(),
        st.none() | st.floats(),
    ),
    min_size=1,
    max_size=30,
)


def as_table(rows: Sequence[Row]) -> pa.Table:
    """Rows as an Arrow table of SCHEMA."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(SCHEMA)
    return pa.table([pa.array(values, kind) for values, kind in zip(columns, SCHEMA.types, strict=True)], SCHEMA)


def comparable(table: pa.Table) -> list[str]:
    """A table's rows in an order of their own, as text: NaN is equal to itself, and 0.0 is not -0.0."""
    return sorted(repr(tuple(row.values())) for row in table.to_pylist())
