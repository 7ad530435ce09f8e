"""JSON as it comes: lines and documents, whole and broken."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.lakes.landing import LandingFolder
from tidemark.errors import ConfigError
from tidemark.sources.landing.jsonfiles import is_document


def test_arrays_and_lines_and_lone_objects_are_told_apart(json_landing: LandingFolder) -> None:
    json_landing.put("array.json", '[\n {"id": 1, "name": "Ann"},\n {"id": 2, "rate": 1.50}\n]\n')
    json_landing.put("lines.json", '{"id": 3}\n\n{"id": 4, "name": null}\n')
    json_landing.put("object.json", '{\n  "id": 5,\n  "name": "Eve"\n}')
    assert json_landing.rows() == [
        {"id": "1", "name": "Ann"},
        {"id": "2", "rate": "1.5"},
        {"id": "3"},
        {"id": "4"},
        {"id": "5", "name": "Eve"},
    ]


def test_values_are_text_and_nested_ones_are_json(json_landing: LandingFolder) -> None:
    json_landing.put("a.json", '{"id": "007", "flag": true, "tags": ["a", {"b": null}], "big": 12345678901234567890}\n')
    assert json_landing.rows() == [
        {"big": "12345678901234567890", "flag": "true", "id": "007", "tags": '["a",{"b":null}]'}
    ]


@pytest.mark.parametrize(
    "line", ['{"id": 1', '{"id": 1} {"id": 2}', '{"id": 1} x', "42", '"text"', "[1, 2]", '{"id": tru}', "{'id': }", "}"]
)
def test_a_line_that_is_not_one_object_keeps_its_text(json_landing: LandingFolder, line: str) -> None:
    json_landing.options = {"multiLine": False}
    json_landing.put("a.json", f'{{"id": 1}}\n{line}\n{{"id": 2}}\n')
    assert json_landing.rows() == [{"_corrupt_record": line}, {"id": "1"}, {"id": "2"}]


@pytest.mark.parametrize(
    "document", ['[{"id": 1}, {"id": 2}', '[{"id": 1}, {"id":', '[{"id": 1}] [{"id": 2}]', '[{"id": 1}, 5]', "[[1]]"]
)
def test_a_document_that_is_broken_anywhere_is_one_record(json_landing: LandingFolder, document: str) -> None:
    json_landing.put("bad.json", document)
    json_landing.put("good.json", '[{"id": 3}]')
    assert json_landing.rows() == [{"_corrupt_record": document}, {"id": "3"}]


def test_null_in_an_array_is_a_record_that_is_none(json_landing: LandingFolder) -> None:
    json_landing.put("a.json", '[{"id": 1}, null]')
    json_landing.put("b.json", "[]")
    assert json_landing.rows() == [{"_corrupt_record": "null"}, {"id": "1"}]


def test_bytes_that_are_not_utf8_are_kept_byte_for_byte(json_landing: LandingFolder) -> None:
    line = '{"id": 2, "name": "Müller"}'
    json_landing.put("a.json", '{"id": 1, "name": "Müller"}\n'.encode() + line.encode("latin-1") + b"\n")
    json_landing.put("b.json", f"[{line}]".encode("latin-1"))
    rows = json_landing.rows()
    assert [row["_corrupt_record"].encode("latin-1") for row in rows[:2]] == [
        f"[{line}]".encode("latin-1"),
        line.encode("latin-1"),
    ]
    assert rows[2:] == [{"id": "1", "name": "Müller"}]


def test_a_line_of_ten_megabytes_is_a_line(json_landing: LandingFolder) -> None:
    json_landing.put("a.json", json.dumps({"id": 1, "name": "x" * 10_000_000}) + '\n{"id": 2}\n')
    assert [(row["id"], len(row.get("name", ""))) for row in json_landing.rows()] == [("1", 10_000_000), ("2", 0)]


def test_odd_keys_are_names_and_keys_that_differ_in_case_are_one_column(json_landing: LandingFolder) -> None:
    json_landing.put("a.json", '{"a.b": 1, "c\\"d": 2, "e\\nf": 3, "": 4}\n{"Name": "Ann"}\n{"name": "Bob"}\n')
    assert json_landing.rows() == [
        {"Name": "Ann"},
        {"Name": "Bob"},
        {"_": "4", "a.b": "1", 'c"d': "2", "e\nf": "3"},
    ]


def test_an_option_that_is_unknown_is_refused_by_name(json_landing: LandingFolder) -> None:
    json_landing.options = {"multiline": True}
    with pytest.raises(ConfigError, match="multiLine") as refused:
        json_landing.extract()
    assert "`multiline`" in str(refused.value)


OBJECTS = st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=5), max_size=4)


@given(st.lists(OBJECTS, max_size=4), st.sampled_from([None, 2]))
def test_an_array_is_a_document_however_it_is_written(objects: list[dict[str, object]], indent: int | None) -> None:
    assert is_document(json.dumps(objects, indent=indent).encode())


@given(st.lists(OBJECTS, min_size=1, max_size=4))
def test_lines_are_lines_and_a_pretty_object_is_a_document(objects: list[dict[str, object]]) -> None:
    assert not is_document("".join(f"{json.dumps(each)}\n" for each in objects).encode())
    assert is_document(json.dumps({"key": objects}, indent=2).encode())
