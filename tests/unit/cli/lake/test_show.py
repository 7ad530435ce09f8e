"""The commands for readers, as typed: what they print at what width, and as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from cli.console.output import stdout
from cli.main import main
from tests.support.lakes.released import ReaderLake


@pytest.fixture(autouse=True)
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ReaderLake:
    found = ReaderLake(tmp_path)
    monkeypatch.setenv("TIDEMARK_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("TIDEMARK_ENV", "test")
    found.table("gold.sales", "id: int", "amount: string", "sold_at: string", "note: string")
    at = pa.array([datetime(2025, 3, 1, 12, tzinfo=UTC), None], pa.timestamp("us", "UTC"))
    amount = pa.array([Decimal("12.50"), Decimal("0.10")], pa.decimal128(10, 2))
    found.write(
        "gold.sales", pa.table({"id": [1, 2], "amount": amount, "sold_at": at, "note": ["a\nb\x1b[31mred", "c"]})
    )
    found.release()
    return found


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    stdout.cache_clear()
    assert main(list(arguments)) == code
    return capsys.readouterr().out


def test_narrow_rows_are_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "show", "gold.sales", "-c", "id,amount,sold_at").splitlines()
    assert lines[0].split() == ["id", "amount", "sold_at"]
    assert lines[1].split() == ["1", "12.50", "2025-03-01", "12:00:00Z"]
    assert lines[2].split() == ["2", "0.10", "–"]
    assert lines[-1].startswith("release r1 of ")
    assert lines[-1].endswith("2 rows")


def test_wide_rows_are_records(capsys: pytest.CaptureFixture[str], lake: ReaderLake) -> None:
    lake.table("gold.wide", *(f"column_{each}: string" for each in range(12)))
    lake.write("gold.wide", pa.table({f"column_{each}": ["x" * 20] for each in range(12)}))
    lake.release()
    lines = printed(capsys, "show", "gold.wide").splitlines()
    assert lines[:2] == ["column_0   " + "x" * 20, "column_1   " + "x" * 20]


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("INTERVAL 3 DAYS", "3 days"),
        ("INTERVAL 14 MONTHS + INTERVAL 1 DAY + INTERVAL 90500 MILLISECONDS", "14 months 1 day 00:01:30.5"),
        ("INTERVAL (-2) HOURS", "-02:00:00"),
        ("INTERVAL 0 DAYS", "00:00:00"),
        ("max(sold_at) - (min(sold_at) - INTERVAL 1 HOUR)", "01:00:00"),
    ],
)
def test_spans_are_written_as_sql_does(sql: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    query = f"SELECT {sql} AS span FROM gold.sales LIMIT 1"
    assert printed(capsys, "query", query).splitlines()[1] == shown
    assert json.loads(printed(capsys, "query", query, "--json"))["rows"] == [{"span": shown}]


def test_maps_of_exact_numbers_are_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(printed(capsys, "query", "SELECT MAP {1.50: id} AS m FROM gold.sales WHERE id = 1", "--json"))
    assert found["rows"] == [{"m": [["1.50", 1]]}]


def test_what_a_terminal_would_obey_is_made_visible(capsys: pytest.CaptureFixture[str]) -> None:
    shown = printed(capsys, "show", "gold.sales", "-c", "note", "-n", "1")
    assert r"a\nb\x1b[31mred" in shown


def test_json_has_exact_numbers_and_instants_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(printed(capsys, "query", "SELECT id, amount, sold_at FROM gold.sales ORDER BY id", "--json"))
    assert found["release"] == "r1"
    assert found["rows"][0] == {"id": 1, "amount": "12.50", "sold_at": "2025-03-01 12:00:00Z"}


def test_tables_are_listed_with_their_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(printed(capsys, "ls", "--json"))["tables"]
    assert [(each["name"], each["version"], each["rows"], each["files"]) for each in found] == [("gold.sales", 0, 2, 1)]
    assert "gold.sales" in printed(capsys, "ls")


def test_the_graph_names_sources_and_inputs(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "graph") == "bronze.given\n  ← shop: given\ngold.sales\n  ← bronze.given\n"
    drawn = printed(capsys, "graph", "--format", "mermaid").splitlines()
    assert drawn[0] == "flowchart LR"
    assert "  bronze.given --> gold.sales" in drawn
    nodes = json.loads(printed(capsys, "graph", "--json"))
    assert [node["table"] for node in nodes] == ["bronze.given", "gold.sales"]


@pytest.mark.parametrize(
    "arguments", [("show", "gold.sale"), ("show", "gold.sales", "--as-of", "r9"), ("query", "SELECT * FROM 'x.csv'")]
)
def test_what_there_is_not_is_a_wrong_usage(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    assert printed(capsys, *arguments, code=2) == ""


def test_the_version_and_short_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "--version").startswith("tidemark 0.")
    assert "Exit codes" in printed(capsys, "-h")
