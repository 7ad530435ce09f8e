from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.lakes.config_folder import ConfigFolder
from tidemark.aws.folder import open_folder
from tidemark.config.project import read_tables
from tidemark.errorlane.rejects import Filters, Reason, RejectedRow, entries
from tidemark.errorlane.showing import HIDDEN, Shown, note_access

PAYLOAD = {"Id": "p1", "EMAIL": "anna@example.org", "city": "Bonn", "nickname": "Ännchen", "updated_at": None}


@pytest.fixture
def shown(tmp_path: Path) -> Shown:
    return Shown(read_tables(ConfigFolder(tmp_path / "config").root).tables)


def row(table: str, payload: str, *reasons: tuple[str, str | None]) -> RejectedRow:
    told = tuple(Reason("pattern", column, value, "does not match") for column, value in reasons)
    return RejectedRow("e1", table, "2025-03-30", "r1", told, payload, "file 1", "b1")


def test_personal_values_and_what_nobody_knows_are_hidden(shown: Shown) -> None:
    reasons = (("email", "anna@example.org"), ("city", "Bonn"), ("_record", "anna;Bonn"), ("email", None))
    found = shown.hidden(row("bronze.people", json.dumps(PAYLOAD), *reasons))
    assert [reason.value for reason in found.reasons] == [HIDDEN, "Bonn", HIDDEN, None]
    hidden = {"EMAIL": HIDDEN, "nickname": HIDDEN}
    assert json.loads(found.payload) == PAYLOAD | hidden


def test_a_silver_table_hides_what_comes_from_a_personal_column(shown: Shown) -> None:
    found = shown.hidden(row("silver.person_versions", '{"email": "anna@example.org", "city": "Bonn"}'))
    assert json.loads(found.payload) == {"email": HIDDEN, "city": "Bonn"}


@pytest.mark.parametrize("payload", ["anna;Bonn", '["anna"]', '"anna"', ""])
def test_a_record_that_is_no_object_is_hidden_whole(shown: Shown, payload: str) -> None:
    assert shown.hidden(row("bronze.people", payload)).payload == HIDDEN


def test_of_a_table_that_nobody_knows_nothing_is_shown_and_of_one_without_people_everything(
    shown: Shown, tmp_path: Path
) -> None:
    unknown = shown.hidden(row("bronze.gone", '{"a": 1}', ("a", "1")))
    assert (json.loads(unknown.payload), unknown.reasons[0].value) == ({"a": HIDDEN}, HIDDEN)
    folder = ConfigFolder(tmp_path / "other")
    folder.edit("bronze/people.contract.yaml", "        classification: personal\n", "")
    folder.edit("bronze/people.contract.yaml", "        customProperties: [{property: mask, value: email}]\n", "")
    given = row("bronze.people", json.dumps(PAYLOAD), ("email", "anna"))
    assert Shown(read_tables(folder.root).tables).hidden(given) == given


def test_who_asked_for_what_is_noted_and_is_no_error_itself(tmp_path: Path) -> None:
    lanes = open_folder(str(tmp_path / "errors"))
    path = note_access(lanes, "anna", [row("bronze.people", "{}"), row("bronze.people", "{}")])
    note = json.loads(Path(path).read_text("utf-8"))
    assert (note["who"], note["tables"], note["errors"]) == ("anna", ["bronze.people"], ["e1", "e1"])
    assert list(entries(lanes, Filters())) == []
