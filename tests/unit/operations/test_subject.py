"""What a person is told of what the lake holds about them: all of it, of nobody else, and noted."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from cli.console.output import stdout
from cli.main import main
from tests.support.lakes.released import ReaderLake
from tidemark.control.state import open_state
from tidemark.errors import ConfigError
from tidemark.operations.subject import exported


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ReaderLake:
    found = ReaderLake(tmp_path)
    monkeypatch.setenv("TIDEMARK_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("TIDEMARK_ENV", "test")
    found.table("bronze.people", "id: string", "mail: string", "city: string", personal=("mail",))
    found.table("bronze.members", "id: bigint", "since: string")
    people = {"id": ["P7", "P70", None], "mail": ["ann@example.org", "bob@example.org", None], "city": ["Ulm", "", ""]}
    found.write("bronze.people", pa.table(people))
    found.write("bronze.members", pa.table({"id": [7, 70], "since": ["2024", "2025"]}))
    found.release()
    day = found.root / "home/lake/_errors/bronze/people/dt=2025-03-01/run_id=r"
    day.mkdir(parents=True)
    rows = [{"id": "P7", "mail": "broken"}, {"id": "P70", "mail": "P7"}]
    lines = [json.dumps({"error_id": str(n), "reasons": [], "payload": json.dumps(row)}) for n, row in enumerate(rows)]
    (day / "part-0.json").write_text("\n".join(lines), "utf-8")
    return found


def test_all_rows_of_the_person_as_they_are_and_the_rejected_ones(
    lake: ReaderLake, capsys: pytest.CaptureFixture[str]
) -> None:
    stdout.cache_clear()
    assert main(["subject", "export", "bronze.people.id=P7", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["subject"] == {"bronze.people.id": "P7"}
    assert told["release"] == "r1"
    assert told["tables"] == {"bronze.people": [{"id": "P7", "mail": "ann@example.org", "city": "Ulm"}]}
    assert [each["payload"] for each in told["rejected"]] == [{"id": "P7", "mail": "broken"}]

    (note,) = (lake.root / "home/lake/_errors/_access").glob("*.json")
    noted = json.loads(note.read_text("utf-8"))
    assert noted["what"] == "subject export by bronze.people.id"
    assert (noted["tables"], noted["rejected"]) == ({"bronze.people": 1}, 1)
    assert "P7" not in note.read_text("utf-8")


def test_numbers_are_numbers_however_they_are_typed(lake: ReaderLake) -> None:
    found = exported(lake.project, open_state(lake.project.environment), "bronze.members.id=007")
    assert found.tables == {"bronze.members": [{"id": 7, "since": "2024"}]}


def test_who_is_nobody_has_nothing(lake: ReaderLake) -> None:
    state = open_state(lake.project.environment)
    found = exported(lake.project, state, "bronze.people.id=P7' OR '1'='1")
    assert (found.tables, found.rejected) == ({}, ())
    with pytest.raises(ConfigError, match="no table has a key `id`"):
        exported(lake.project, state, "id=P7")
