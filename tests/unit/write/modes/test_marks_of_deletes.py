"""What marks deletes is true or false, however the source writes that; what is neither is a rejected row."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.support.lakes.lake import Lake, at
from tests.support.lakes.replays import replayed
from tidemark.compute.verify import verify

SOURCE = {"connection": "shop", "object": "x"}
DELETES = {"flag": "gone"}
WRITTEN = {
    "int": (0, 1, 7),
    "string": ("N", "Y", "perhaps"),
    "decimal(38,0)": (Decimal(0), Decimal(1), Decimal(2)),
    "boolean": (False, True, None),
}


@pytest.mark.parametrize("kept", ["", "\ngone boolean", "\ngone string"], ids=["not kept", "boolean", "text"])
@pytest.mark.parametrize("given", WRITTEN)
def test_a_row_that_is_marked_deletes_its_key(lake: Lake, given: str, kept: str) -> None:
    no, yes, _ = WRITTEN[given]
    write = {"mode": "upsert", "keys": ["id"], "order_by": ["at"], "deletes": DELETES}
    lake.table("bronze.u", f"id! string\nat timestamp{kept}", {"source": SOURCE, "write": write}, keys=["id"])
    schema = f"id string, at timestamp, gone {given}"

    lake.load("bronze.u", lake.frame(schema, [("a", at(1), no), ("b", at(1), None), ("c", at(1), yes)]))
    assert lake.read("bronze.u", "id") == [("a",), ("b",)]
    lake.load("bronze.u", lake.frame(schema, [("a", at(2), yes), ("b", at(2), no), ("c", at(2), no)]))
    assert lake.read("bronze.u", "id") == [("b",), ("c",)]


@pytest.mark.parametrize("kept", ["", "\ngone string"], ids=["not kept", "text"])
def test_a_mark_that_says_neither_rejects_its_row_and_no_other(lake: Lake, kept: str) -> None:
    write = {"mode": "upsert", "keys": ["id"], "order_by": ["at"], "deletes": DELETES}
    lake.table("bronze.u", f"id! string\nat timestamp{kept}", {"source": SOURCE, "write": write}, keys=["id"])
    rows = [("a", at(1), "perhaps"), ("b", at(1), "no"), ("c", at(1), "")]

    loaded = lake.load("bronze.u", lake.frame("id string, at timestamp, gone string", rows))

    assert loaded.prepared is not None
    assert (loaded.prepared.books.inserted, loaded.prepared.books.quarantined) == (1, 2)
    reasons = sorted(
        (each["rule"], each["column"], each["value"]) for row in lake.errors("bronze.u") for each in row["reasons"]
    )
    assert reasons == [("type", "gone", ""), ("type", "gone", "perhaps")]


@pytest.mark.parametrize("kept", ["", "\ngone boolean"], ids=["not kept", "boolean"])
@pytest.mark.parametrize("given", ["int", "string"])
def test_a_version_that_is_marked_closes_its_history(lake: Lake, given: str, kept: str) -> None:
    no, yes, neither = WRITTEN[given]
    log = {"source": SOURCE, "write": {"mode": "append", "keys": ["id", "at"]}}
    lake.table("bronze.v", f"id! string\nat! timestamp\ngone {given}", log, keys=["id", "at"])
    made = "sk string\nvalid_from timestamp\nvalid_to timestamp\nis_current boolean"
    write: dict[str, Any] = {
        "mode": "scd2", "keys": ["id"], "effective_from": "at", "surrogate_key": "sk", "track": ["id"],
        "deletes": DELETES,
    }  # fmt: skip
    lake.table(
        "silver.h", f"id! string\n{made}{kept}", {"inputs": {"bronze.v": {"on": ["id"]}}, "write": write}, keys=["sk"]
    )
    versions = [("a", at(1), no), ("a", at(2), neither), ("a", at(3), yes), ("b", at(1), None)]

    lake.load("bronze.v", lake.frame(f"id string, at timestamp, gone {given}", versions))
    built = lake.build("silver.h")

    assert lake.read("silver.h", "id", "valid_from", "valid_to") == [("a", at(1), at(3)), ("b", at(1), None)]
    assert built.prepared is not None
    assert built.prepared.books.quarantined == 1
    assert verify(lake.engine(), "silver.h").outcome == "equal"


def test_a_mark_is_replayed_as_what_it_was(lake: Lake) -> None:
    """In the error lane it is text."""
    statuses = "status string {enum: [{value: new}]}"
    load = {"source": SOURCE, "write": {"mode": "append", "deletes": {"flag": "gone"}}}
    lake.table("bronze.l", f"id! string\n{statuses}", load)
    lake.load("bronze.l", lake.frame("id string, status string, gone boolean", [("a", "old", True)]))
    lake.table("bronze.l", f"id! string\n{statuses.replace('new', 'old')}", load)
    books = replayed(lake, "bronze.l")
    assert books is not None
    assert books.inserted == 1


@pytest.mark.parametrize("type_", ["boolean", "string"])
@pytest.mark.parametrize("mode", ["upsert", "append", "log of snapshots"])
def test_a_tombstone_is_marked_as_its_column_has_it(lake: Lake, mode: str, type_: str) -> None:
    """Also in a table that gets the column with its first tombstone."""
    source: dict[str, Any] = {**SOURCE, "mode": "full"}
    if mode == "log of snapshots":
        source |= {"taken_at": "seen"}
    write = {"mode": "upsert" if mode == "upsert" else "append", "keys": ["id"]}
    columns = "id! string\nseen timestamp"
    lake.table("bronze.s", columns, {"source": source, "write": write}, keys=["id"])
    lake.load("bronze.s", lake.frame("id string", [("a",), ("b",)]), full=True)
    write |= {"deletes": {"missing": "soft", "flag": "gone"}}
    lake.table("bronze.s", f"{columns}\ngone {type_}", {"source": source, "write": write}, keys=["id"])

    loaded = lake.load("bronze.s", lake.frame("id string", [("a",)]), full=True)

    assert loaded.prepared is not None
    assert loaded.prepared.books.vanished == 1
    marked = [row for row in lake.read("bronze.s", "id", "gone") if row[1] is not None]
    assert marked == [("b", True if type_ == "boolean" else "true")]
    again = lake.load("bronze.s", lake.frame("id string", [("a",)]), full=True)
    assert again.prepared is not None
    assert again.prepared.books.vanished == 0
