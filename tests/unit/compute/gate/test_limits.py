"""Limits as checks of a batch: what is held against them, what passes, and what is let pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tidemark.books import Books
from tidemark.compute.gate.limits import limit_checks
from tidemark.compute.gate.scan import CheckResult
from tidemark.config.contract import Contract
from tidemark.config.load import Load
from tidemark.config.project import Table
from tidemark.write.manifest import Prepared

MISSING = {"mode": "upsert", "keys": ["id"], "deletes": {"missing": "hard"}}
EMPTIED = "0 rows came, 60 rows of the table would go"
SOURCE = {"connection": "shop", "object": "x", "mode": "full"}


def table(**load: Any) -> Table:
    contract = Contract("bronze.x", "1.0.0", (), (), (), None, (), Path("x.contract.yaml"))
    return Table("bronze.x", contract, Load.model_validate({"source": SOURCE, "write": MISSING} | load))


def checks(table: Table, books: Books, at_stake: int | None = None, allowed: Any = (), **batch: Any) -> dict[str, Any]:
    said = {"operation": "merge", "after": None, "target_version": 1} | batch
    prepared = Prepared(
        "bronze.x", "b", "r", keys=("id",), columns=("id",), path="p", data="d", books=books, at_stake=at_stake, **said
    )
    return {f"{check.limit} {check.outcome}": check.value for check in limit_checks(table, prepared, allowed)}


def came(rows: int, **others: int) -> Books:
    return Books(extracted=rows, accepted=rows - others.get("quarantined", 0), **others)


@pytest.mark.parametrize(
    ("load", "books", "at_stake", "expected"),
    [
        ({}, came(50, vanished=9), None, {}),
        ({}, came(50, vanished=12), 60, {}),
        ({}, came(48, vanished=13), 60, {"deleted fail": "13 of 60 (21.7%)"}),
        ({}, came(0, vanished=1), None, {"empty fail": "0 rows came, 1 rows of the table would go"}),
        ({}, came(0), None, {}),  # the table was empty too
        ({}, came(0, vanished=60), 60, {"empty fail": EMPTIED}),
        ({"limits": {"empty": "allow"}}, came(0, vanished=60), 60, {"empty pass": EMPTIED}),
        ({"limits": {"deleted": "20%"}}, came(2, vanished=1), 3, {"deleted fail": "1 of 3 (33.3%)"}),
        ({"limits": {"deleted": "20%"}}, came(4, vanished=1), 5, {"deleted pass": "1 of 5 (20.0%)"}),
        ({"limits": {"deleted": 500}}, came(1, vanished=501), None, {"deleted fail": "501"}),
        ({"limits": {"deleted": 500}}, came(1, vanished=500), None, {"deleted pass": "500"}),
        ({}, came(5, quarantined=1), None, {}),
        ({}, came(9_000, quarantined=1_000), None, {"rejected fail": "1000 of 9000 (11.1%)"}),
        ({"limits": {"rejected": "10%"}}, came(5, quarantined=1), None, {"rejected fail": "1 of 5 (20.0%)"}),
        ({"limits": {"rejected": 0}}, came(5), None, {"rejected pass": "0 of 5 (0.0%)"}),
    ],
)  # fmt: skip
def test_a_batch_is_held_against_what_its_table_says(
    load: dict[str, Any], books: Books, at_stake: int | None, expected: dict[str, str]
) -> None:
    assert checks(table(**load), books, at_stake) == expected


def test_a_limit_that_is_let_pass_warns_and_the_others_still_hold() -> None:
    books = came(9_000, quarantined=1_000, vanished=30)
    found = checks(table(), books, 60, allowed={"deleted"})
    assert found == {
        "deleted warn": "30 of 60 (50.0%), let pass by --allow deleted",
        "rejected fail": "1000 of 9000 (11.1%)",
    }


def test_a_table_that_is_replaced_shrinks_by_what_it_has_less() -> None:
    whole = table(write={"mode": "replace"}, limits={"deleted": "20%"})
    changed = Books(extracted=90, accepted=90, inserted=50, unchanged=40, vanished=60)
    assert checks(whole, changed, 100, operation="overwrite") == {"deleted pass": "10 of 100 (10.0%)"}
    rejected = Books(extracted=9, quarantined=9, vanished=60)
    assert checks(table(write={"mode": "replace"}), rejected, operation="overwrite") == {
        "empty fail": "9 rows came, 60 rows of the table would go"
    }


def test_a_computed_table_is_empty_when_all_its_rows_go_and_not_when_those_go_that_were_computed() -> None:
    load = {"inputs": {"bronze.y": {"on": ["id"]}}, "write": {"mode": "upsert", "keys": ["id"]}}
    computed = table(source=None, **load, limits={"deleted": "50%", "empty": "refuse"})
    assert checks(computed, came(0, vanished=3), 5) == {
        "empty pass": "0 rows came",
        "deleted fail": "3 of 5 (60.0%)",
    }
    assert checks(computed, came(0, vanished=5), 5) == {"empty fail": "0 rows came, 5 rows of the table would go"}


def test_rows_that_are_replayed_were_told_of_before() -> None:
    assert checks(table(limits={"rejected": 0}), came(5, quarantined=5), identity={"replay": "r"}) == {}


def test_a_limit_says_what_it_allows() -> None:
    batch = came(48, vanished=13)
    prepared = Prepared("bronze.x", "b", "r", "merge", ("id",), ("id",), "p", "d", batch, None, 1, at_stake=60)
    assert limit_checks(table(), prepared, ()) == (
        CheckResult("deleted rows at most 20 % (from 10 rows on)", "fail", "13 of 60 (21.7%)", "deleted"),
    )
