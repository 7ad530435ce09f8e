"""What a load file says of limits, and what goes without saying."""

from __future__ import annotations

from typing import Any

import pytest

from tidemark.config.limits import DELETED, REJECTED, Limit, parse_limit
from tidemark.config.load import Load

SOURCE = {"connection": "shop", "object": "x", "mode": "full"}
MISSING = {"mode": "upsert", "keys": ["id"], "deletes": {"missing": "hard"}}


def guards(**load: Any) -> Any:
    return Load.model_validate({"source": SOURCE, "write": MISSING} | load).guards


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("20%", Limit(share=0.2), "20 %"),
        ("0.5 %", Limit(share=0.005), "0.5 %"),
        (500, Limit(rows=500), "500"),
        (0, Limit(rows=0), "0"),
        ("0%", Limit(share=0.0), "0 %"),
        ("100%", Limit(share=1.0), "100 %"),
    ],
)
def test_a_limit_is_a_share_or_a_number(text: object, limit: Limit, shown: str) -> None:
    assert parse_limit(text) == limit
    assert str(limit) == shown


@pytest.mark.parametrize("text", ["20", "twenty", "-5%", -5, True, "120%", 0.2, None, "5 rows", ""])
def test_what_is_neither_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="20% or 500"):
        parse_limit(text)


@pytest.mark.parametrize(
    ("limit", "count", "total", "passed"),
    [
        (Limit(share=0.2), 1, 5, False),
        (Limit(share=0.2), 2, 5, True),
        (Limit(share=0.2), 1, 3, True),
        (Limit(share=0.0), 0, 5, False),
        (Limit(share=1.0), 5, 5, False),
        (Limit(rows=2), 2, 2, False),
        (Limit(rows=2), 3, 10**9, True),
        (DELETED, 9, 9, False),
        (DELETED, 10, 20, True),
        (DELETED, 10, 50, False),
        (REJECTED, 999, 999, False),
        (REJECTED, 1000, 9_999, True),
    ],
)
def test_a_share_that_goes_without_saying_counts_from_some_rows_on(
    limit: Limit, count: int, total: int, passed: bool
) -> None:
    assert limit.is_passed_by(count, total) is passed


def test_defaults_hold_where_absence_means_something() -> None:
    absent = guards()
    assert (absent.deleted, absent.rejected, absent.may_be_empty, absent.told) == (
        DELETED,
        REJECTED,
        False,
        frozenset(),
    )
    replaced = guards(write={"mode": "replace"})
    assert (replaced.deleted, replaced.may_be_empty) == (DELETED, False)
    in_parts = guards(write={"mode": "replace", "partition_by": ["p"]}, partition_by=["p"])
    assert (in_parts.deleted, in_parts.may_be_empty) == (None, True)
    flagged = guards(write={"mode": "upsert", "keys": ["id"], "deletes": {"flag": "gone"}})
    assert (flagged.deleted, flagged.rejected, flagged.may_be_empty) == (None, REJECTED, True)
    computed = Load.model_validate(
        {"inputs": {"bronze.x": {"on": ["id"]}}, "write": {"mode": "upsert", "keys": ["id"]}}
    )
    assert (computed.guards.deleted, computed.guards.rejected, computed.guards.may_be_empty) == (None, None, True)


def test_what_the_file_says_holds_as_it_stands() -> None:
    said = guards(limits={"deleted": "5%", "rejected": 3, "empty": "allow"})
    assert (said.deleted, said.rejected, said.may_be_empty) == (Limit(share=0.05), Limit(rows=3), True)
    assert said.told == {"deleted", "rejected", "empty"}
