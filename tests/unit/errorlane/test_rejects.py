"""The error lane read without Spark."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tidemark.aws.folder import Folder, open_folder
from tidemark.errorlane.rejects import Filters, rejected_rows
from tidemark.errors import TidemarkError


def line(error_id: str, *rules: str) -> str:
    reasons = [
        {"rule": rule.partition(".")[2], "column": rule.partition(".")[0], "value": "x", "message": f"broke {rule}"}
        for rule in rules
    ]
    return json.dumps({"error_id": error_id, "reasons": reasons, "payload": '{"a": 1}', "origin": "o", "batch_id": "b"})


@pytest.fixture
def lane(tmp_path: Path) -> Folder:
    folder = open_folder(str(tmp_path))
    orders = "bronze/orders/dt=2025-03-30"
    folder.write_text(
        f"{orders}/run_id=aaaa-1/part-0.json", f"{line('1', 'status.enum')}\n{line('2', 'email.format')}\n"
    )
    folder.write_text(f"{orders}/run_id=bbbb-2/part-0.json", line("3", "status.enum", "email.format") + "\n\n")
    folder.write_text("bronze/events/dt=2025-03-31/run_id=bbbb-2/part-0.json", line("4", "_record.parse"))
    folder.write_text(f"{orders}/run_id=bbbb-2/_SUCCESS", "")
    return folder


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (Filters(), {"1", "2", "3", "4"}),
        (Filters(table="bronze.orders"), {"1", "2", "3"}),
        (Filters(run="bbbb"), {"3", "4"}),
        (Filters(rule="enum"), {"1", "3"}),
        (Filters(rule="email.format", table="bronze.orders", run="a"), {"2"}),
        (Filters(table="bronze.nothing"), set()),
    ],
)
def test_filters(lane: Folder, filters: Filters, found: set[str]) -> None:
    assert {row.error_id for row in rejected_rows(lane, filters)} == found


def test_a_row_tells_where_it_came_from_and_why(lane: Folder) -> None:
    (row,) = rejected_rows(lane, Filters(table="bronze.events"))
    assert row.to_json() == {
        "error_id": "4",
        "table": "bronze.events",
        "day": "2025-03-31",
        "run_id": "bbbb-2",
        "reasons": [{"rule": "parse", "column": "_record", "value": "x", "message": "broke _record.parse"}],
        "payload": {"a": 1},
        "origin": "o",
        "batch_id": "b",
    }


def test_a_row_with_two_reasons_counts_for_both(lane: Folder) -> None:
    rows = rejected_rows(lane, Filters(table="bronze.orders"))
    assert Counter(reason.code for row in rows for reason in row.reasons) == {"status.enum": 2, "email.format": 2}


def test_an_empty_lane_has_no_rows(tmp_path: Path) -> None:
    assert list(rejected_rows(open_folder(str(tmp_path / "none")), Filters())) == []


@pytest.mark.parametrize("damaged", ['{"error_id": ', "[]", "{}"])
def test_a_damaged_line_names_its_file(lane: Folder, damaged: str) -> None:
    lane.write_text("bronze/orders/dt=2025-03-30/run_id=cccc/part-0.json", damaged)
    with pytest.raises(TidemarkError, match=r"run_id=cccc/part-0\.json"):
        list(rejected_rows(lane, Filters(run="cccc")))
