"""The grammar of CSV, against Python's own reader, and options that are refused."""

from __future__ import annotations

import codecs
import csv
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemark.config.csvformat import BYTE_FOR_BYTE, CsvFormat

PIECES = st.lists(st.sampled_from(['"', ",", "\n", "\r", "\r\n", "a", " ", '""', "é"]), max_size=20).map("".join)
LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$")


def records(form: CsvFormat, text: str) -> list[str]:
    """The text cut into records, all of it."""
    pattern, position, found = re.compile(form.record), 0, []
    while position < len(text):
        match = pattern.match(text, position)
        assert match is not None
        assert match.end() > position
        found.append(match[1])
        position = match.end()
    return found


@given(PIECES)
def test_records_are_those_of_pythons_reader_and_so_is_what_is_well_formed(text: str) -> None:
    written = LINES.findall(text)
    reader = csv.reader(written)
    expected, begin = [], 0
    for values in reader:
        raw = written[begin : reader.line_num]
        begin = reader.line_num
        try:
            expected.append(next(csv.reader(raw, strict=True)))
            assert expected[-1] == values
        except csv.Error:
            expected.append(None)
    form = CsvFormat()
    found = records(form, text)
    well_formed = [re.search(form.well_formed, record) is not None for record in found]
    assert [each is not None for each in expected] == well_formed
    for record, values in zip(found, expected, strict=True):
        if values is not None:
            assert list(form.values(record)) == (values or [""])


@given(PIECES)
def test_a_line_is_left_open_where_pythons_reader_waits_for_another(text: str) -> None:
    line = text.replace("\r", "").replace("\n", "")
    reader = csv.reader([f"{line}\n", '"\n'])
    next(reader, None)
    waits = reader.line_num == 2
    assert (re.search(CsvFormat().left_open, line) is not None) == waits


def test_another_dialect_has_its_own_characters() -> None:
    form = CsvFormat.of({"sep": "\\t", "quote": "'", "escape": "\\", "comment": ";"})
    text = "a\t'b\\'\t\nc'\n;'open\n'd\\\\'\te\\\n"
    assert records(form, text) == ["a\t'b\\'\t\nc'", ";'open", "'d\\\\'\te\\"]
    assert form.values("a\t'b\\'\t\nc'") == ("a", "b'\t\nc")
    assert form.values("'d\\\\'\te\\") == ("d\\", "e\\")
    assert records(CsvFormat.of({"multiLine": False}), 'a,"b\nc"') == ['a,"b', 'c"']


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seperator": ";"}, "no option `seperator`"),
        ({"nullValue": "x"}, "null_values"),
        ({"header": "no"}, "true or false"),
        ({"sep": "||"}, "not one character"),
        ({"sep": ""}, "`sep` is empty"),
        ({"sep": "\n"}, "not one character"),
        ({"sep": '"'}, "same character"),
        ({"quotes": "'"}, "did you mean `quote`"),
        ({"escape": ""}, "`escape` is empty"),
        ({"comment": "//"}, "not one character"),
        ({"null_values": "N/A"}, "list of texts"),
        ({"encoding": "klingon"}, "no encoding `klingon`"),
    ],
)
def test_options_that_cannot_work_are_refused_by_name(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CsvFormat.of(options)


@pytest.mark.parametrize("name", ["latin-1", "cp1252", "iso-8859-15", "koi8-r", "IBM850"])
def test_bytes_stand_for_themselves_where_an_encoding_has_one_for_each_character(name: str) -> None:
    form = CsvFormat.of({"encoding": name, "sep": ";"})
    assert form.is_bytewise
    for byte in range(128):
        assert codecs.decode(bytes([byte]), name) == bytes([byte]).decode(BYTE_FOR_BYTE)
    odd = CsvFormat.of({"encoding": "cp1252", "sep": "§"})
    assert (odd.is_bytewise, odd.as_bytes.separator) == (True, "\xa7")
    assert not CsvFormat.of({"sep": "§"}).is_bytewise
