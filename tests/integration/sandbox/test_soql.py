from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.services.soql import Record, SoqlError, parse

ROWS: list[Record] = [
    {"Id": "2", "Stamp": "2025-03-01T10:00:00.000Z", "Amount": 10, "Name": "O'Hara", "Open": True},
    {"Id": "1", "Stamp": "2025-03-01T10:00:00.000Z", "Amount": "7.5", "Name": None, "Open": False},
    {"Id": "3", "Stamp": "2025-03-02T00:00:00.000Z", "Amount": None, "Name": "Ärzte", "Open": None},
    {"Id": "4", "Stamp": None, "Amount": -1, "Name": "x", "Open": True},
]


def ids(query: str) -> str:
    return "".join(row["Id"] for row in parse(query).run(ROWS))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("Stamp > 2025-03-01T10:00:00.000Z", "3"),
        ("Stamp >= 2025-03-01T11:00:00+01:00 AND Stamp <= 2025-03-01T10:00:00Z", "12"),
        ("Stamp = null", "4"),
        ("Stamp != NULL and not (Amount < 8)", "23"),
        ("Amount >= 7.5", "12"),
        ("Name = 'O\\'Hara' OR Name = 'Ärzte'", "23"),
        ("Open = TRUE", "24"),
        ("Stamp < 2025-03-02", "12"),
    ],
)
def test_conditions(condition: str, expected: str) -> None:
    assert ids(f"SELECT Id FROM Thing WHERE {condition}") == expected


def test_order_and_limit() -> None:
    assert ids("SELECT Id FROM Thing ORDER BY Stamp DESC NULLS LAST, Id LIMIT 2") == "31"
    assert ids("SELECT Id FROM Thing ORDER BY Stamp") == "4123"
    assert ids("SELECT Id FROM Thing LIMIT 0") == ""


@pytest.mark.parametrize(
    "query",
    [
        "",
        "SELECT",
        "SELECT Id",
        "SELECT Id FROM Thing WHERE",
        "SELECT Id FROM Thing WHERE Id > null",
        "SELECT Id FROM Thing WHERE Id = 'open",
        "SELECT Id FROM Thing LIMIT x",
        "SELECT Id FROM Thing; DROP",
    ],
)
def test_malformed_queries_say_so(query: str) -> None:
    with pytest.raises(SoqlError) as refused:
        parse(query)
    assert refused.value.code == "MALFORMED_QUERY"


@given(st.integers(0, 3), st.integers(0, 3))
def test_windows_part_the_rows(low: int, high: int) -> None:
    """Every row is in exactly one of: without a stamp, up to a bound, above it."""
    bounds = sorted(f"2025-03-0{day + 1}T00:00:00Z" for day in (low, high))
    upto = ids(f"SELECT Id FROM Thing WHERE Stamp <= {bounds[0]}")
    between = ids(f"SELECT Id FROM Thing WHERE Stamp > {bounds[0]} AND Stamp <= {bounds[1]}")
    above = ids(f"SELECT Id FROM Thing WHERE Stamp > {bounds[1]}")
    assert sorted(upto + between + above + "4") == ["1", "2", "3", "4"]
