"""Values on their way through a whole load: what is lost is counted or rejected, and what is equal stays equal."""

from __future__ import annotations

import hashlib
import math
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.support.lakes.lake import Lake, at

SOURCE = {"connection": "shop", "object": "x"}
TABLE = "bronze.measures"


def reasons(lake: Lake) -> list[tuple[str, str, str | None]]:
    found = [reason for error in lake.errors(TABLE) for reason in error["reasons"]]
    return sorted((reason["column"], reason["rule"], reason["value"]) for reason in found)


def test_a_value_that_would_lose_something_is_rejected_as_it_came(lake: Lake) -> None:
    columns = "id! int\namount decimal(18,2)\nratio double\nday date\nat timestamp"
    lake.table(TABLE, columns, {"source": SOURCE, "write": {"mode": "append", "keys": ["id"]}}, keys=["id"])
    schema = "id string, amount string, ratio string, day string, at string"
    good = ("1", "12.30", "0.1", "2025-03-01", "2025-03-01T10:00:00Z")
    bad = ("2", "12.345", "12D", "2025-03", "2025-03-01 10:00:00 BST")
    loaded = lake.load(TABLE, lake.frame(schema, [good, bad]))
    assert lake.read(TABLE) == [(1, Decimal("12.30"), 0.1, datetime(2025, 3, 1).date(), at(1, 10))]
    assert reasons(lake) == [("amount", "type", "12.345"), ("at", "type", "2025-03-01 10:00:00 BST"),
                             ("day", "type", "2025-03"), ("ratio", "type", "12D")]  # fmt: skip
    assert loaded.prepared is not None
    assert loaded.prepared.books.adapted == 0


@pytest.mark.parametrize(
    "write",
    [
        {"mode": "append"},
        {"mode": "append", "keys": ["id"]},
        {"mode": "upsert", "keys": ["id"]},
        {"mode": "replace"},
    ],
    ids=str,
)
def test_what_the_load_file_lets_go_is_counted(lake: Lake, write: dict[str, Any]) -> None:
    columns = "id! int\namount decimal(18,2)\nquantity int {logicalTypeOptions: {minimum: 0}}\nday date"
    cast = {"amount": "round", "quantity": {"fit": "truncate"}, "day": "truncate"}
    lake.table(TABLE, columns, {"source": SOURCE, "write": write, "cast": cast}, keys=write.get("keys", ()))
    schema = "id string, amount string, quantity double, day timestamp"
    rows = [
        ("1", "12.345", 2.9, at(1, 12)),  # three values that lose something
        ("2", "12.34", 2.0, at(1)),
        ("3", "0.005", -7.5, at(1)),  # rejected: nothing of it is counted
        ("4", "x", 1.0, at(1)),
        ("5", "1e-7", None, None),
    ]
    loaded = lake.load(TABLE, lake.frame(schema, rows))
    day = at(1).date()
    assert lake.read(TABLE) == [
        (1, Decimal("12.35"), 2, day), (2, Decimal("12.34"), 2, day), (5, Decimal("0.00"), None, None),
    ]  # fmt: skip
    assert reasons(lake) == [("amount", "type", "x"), ("quantity", "minimum", "-7.5")]
    assert loaded.prepared is not None
    assert loaded.prepared.books.adapted == 4


def test_times_without_an_offset_are_those_of_the_contracts_zone_or_the_load_files(lake: Lake) -> None:
    zone = "{logicalTypeOptions: {defaultTimezone: America/New_York}}"
    load = {"source": SOURCE, "write": {"mode": "append"}, "cast": {"b": {"zone": "Europe/Berlin", "fold": "later"}}}
    lake.table(TABLE, f"a timestamp {zone}\nb timestamp {zone}\nc timestamp", load)
    rows = [("2025-07-01 10:00:00", "2025-10-26 02:30:00", "2025-07-01 10:00:00"), ("2025-11-02 01:30:00", None, None)]
    lake.load(TABLE, lake.frame("a string, b string, c string", rows))
    assert lake.read(TABLE) == [
        (datetime(2025, 7, 1, 14), datetime(2025, 10, 26, 1, 30), datetime(2025, 7, 1, 10)),
    ]
    assert reasons(lake) == [("a", "type", "2025-11-02 01:30:00")]


def test_a_text_with_a_nul_character_is_rejected_by_name(lake: Lake) -> None:
    lake.table(TABLE, "id! string\nname string", {"source": SOURCE, "write": {"mode": "append"}})
    lake.load(TABLE, lake.frame("id string, name string", [("1", "Ann"), ("2", "Bo\x00b"), ("3\x00", None)]))
    assert lake.read(TABLE) == [("1", "Ann")]
    assert [found[:2] for found in reasons(lake)] == [("id", "characters"), ("name", "characters")]


def test_nan_and_the_two_zeros_are_one_value_each_as_keys_and_in_comparison(lake: Lake) -> None:
    """As SQL has them: NaN is equal to NaN, and -0.0 to 0.0."""
    lake.table(TABLE, "k! double\nv double", {"source": SOURCE, "write": {"mode": "upsert", "keys": ["k"]}}, keys=["k"])
    rows = [(math.nan, 1.0), (-0.0, math.nan), (1.0, 0.0)]
    lake.load(TABLE, lake.frame("k double, v double", rows))
    again = [(math.nan, 1.0), (0.0, math.nan), (1.0, -0.0)]
    loaded = lake.load(TABLE, lake.frame("k double, v double", again))
    assert loaded.prepared is not None
    assert (loaded.prepared.books.unchanged, loaded.prepared.books.changes) == (3, 0)
    changed = lake.load(TABLE, lake.frame("k double, v double", [(math.nan, 2.0), (0.0, 5.0), (2.0, math.inf)]))
    assert changed.prepared is not None
    assert (changed.prepared.books.updated, changed.prepared.books.inserted) == (2, 1)
    assert sorted(row[1] for row in lake.read(TABLE)) == [0.0, 2.0, 5.0, math.inf]


def test_a_surrogate_key_does_not_tell_the_two_zeros_apart(lake: Lake) -> None:
    versions = "k! double\nv string\nseen! timestamp"
    lake.table(TABLE, versions, {"source": SOURCE, "write": {"mode": "append"}})
    write = {"mode": "scd2", "keys": ["k"], "effective_from": "seen", "surrogate_key": "sk", "track": ["v"]}
    load = {"inputs": {TABLE: {"on": ["k"]}}, "write": write}
    history = f"{versions}\nsk! string\nvalid_from! timestamp\nvalid_to timestamp\nis_current boolean"
    lake.table("gold.measures", history, load, keys=["sk"], sql=f"SELECT k, v, seen FROM {TABLE}")
    lake.load(TABLE, lake.frame("k double, v string, seen timestamp", [(-0.0, "a", at(1)), (0.5, "a", at(1))]))
    lake.build("gold.measures")
    before = lake.read("gold.measures", "sk")
    lake.load(TABLE, lake.frame("k double, v string, seen timestamp", [(0.0, "b", at(2))]))
    lake.build("gold.measures")
    assert set(before) < set(lake.read("gold.measures", "sk"))
    assert lake.read("gold.measures", "v", "valid_to") == [("a", None), ("a", at(2)), ("b", None)]
    expected = hashlib.sha256(b"0.0|2025-03-01 00:00:00.000000").hexdigest()[:32]
    assert (expected,) in before
