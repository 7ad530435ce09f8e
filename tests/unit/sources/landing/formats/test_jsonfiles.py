"""JSON as it comes: lines and documents, whole and broken."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.lakes.landing import LandingFolder
from tidemark.errors import ConfigError
from tidemark.sources.landing.formats.jsonfiles import is_document


def test_arrays_and_lines_and_lone_objects_are_told_apart(json_landing: LandingFolder) -> None:
    json_landing.put("array.json", '[\n {"id": 1, "name": "Ann"},\n {"id": 2, "rate": 1.50}\n]\n')
    json_landing.put("lines.json", '{"id": 3}\n\n{"id": 4, "name": null}\n')
    json_landing.put("object.json", '{\n  "id": 5,\n  "name": "Eve"\n}')
    assert json_landing.rows() == [
        {"id": "1", "name": "Ann"},
        {"id": "2", "rate": "1.50"},
        {"id": "3"},
        {"id": "4"},
        {"id": "5", "name": "Eve"},
    ]


def test_values_are_text_and_nested_ones_are_json(json_landing: LandingFolder) -> None:
    json_landing.put("a.json", '{"id": "007", "flag": true, "tags": ["a", {"b": null}], "big": 12345678901234567890}\n')
    assert json_landing.rows() == [
        {"big": "12345678901234567890", "flag": "true", "id": "007", "tags": '["a",{"b":null}]'}
    ]


def corrupt(*texts: str) -> list[dict[str, str]]:
    """The rows of texts that are no objects, in the order of `rows`."""
    return sorted(({"_corrupt_record": text} for text in texts), key=repr)


def test_a_line_that_is_not_one_object_keeps_its_text(json_landing: LandingFolder) -> None:
    lines = ['{"id": 1', '{"id": 1} {"id": 2}', '{"id": 1} x', "42", '"text"', "[1, 2]", '{"id": tru}', "{'id': }", "}"]
    json_landing.options = {"multiLine": False}
    for number, line in enumerate(lines):
        json_landing.put(f"{number}.json", f'{{"id": {10 + number}}}\n{line}\n{{"id": {20 + number}}}\n')
    good = [{"id": f"{ten + number}"} for ten in (10, 20) for number in range(len(lines))]
    assert json_landing.rows() == [*corrupt(*lines), *good]


def test_a_document_that_is_broken_anywhere_is_one_record(json_landing: LandingFolder) -> None:
    documents = ['[{"id": 1}, {"id": 2}', '[{"id": 1}, {"id":', '[{"id": 1}] [{"id": 2}]', '[{"id": 1}, 5]', "[[1]]"]
    for number, document in enumerate(documents):
        json_landing.put(f"bad{number}.json", document)
    json_landing.put("good.json", '[{"id": 3}]')
    assert json_landing.rows() == [*corrupt(*documents), {"id": "3"}]


def test_nothing_is_put_into_a_document_that_makes_it_one(json_landing: LandingFolder) -> None:
    documents = ['{\n"id": 1, "sub": [{"a": 1} {"a": 2}]\n}', '{\n"id": 1\n},\n{"id": 2\n}']
    for number, document in enumerate(documents):
        json_landing.put(f"bad{number}.json", document)
    json_landing.put("good.json", '{\n"id": 3, "sub": ["} {"]\n} {"id": 4}\n\n{"id": "} {"}')
    assert json_landing.rows() == [*corrupt(*documents), {"id": "3", "sub": '["} {"]'}, {"id": "4"}, {"id": "} {"}]


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


def test_numbers_come_as_they_are_written(json_landing: LandingFolder) -> None:
    numbers = ["1.10", "12345678901234567890123.50", "1e400", "-0", "-0.0", "1E5", "0.1e-7", "9" * 1100]
    for place, number in enumerate(numbers):
        json_landing.put(f"{place}.json", f'{{"id": {number}, "inside": {{"a": [{number}, "{number}"]}}}}\n')
        json_landing.put(f"array{place}.json", f'[{{"id":{number}}}]')
    nested = [{"id": number, "inside": f'{{"a":[{number},"{number}"]}}'} for number in numbers]
    assert json_landing.rows() == sorted([*nested, *({"id": number} for number in numbers)], key=repr)


def test_a_number_of_a_thousand_digits_hides_no_key_of_its_object(json_landing: LandingFolder) -> None:
    json_landing.columns = "id int\nname string\namount decimal(9,2)"
    line = {"amount": "7" * 1001, "id": "2", "name": "x"}
    json_landing.put("a.json", f'{{"id": 1}}\n{{"id": 2, "name": "x", "amount": {line["amount"]}}}\n')
    assert json_landing.rows() == sorted([line, {"id": "1"}], key=repr)


def test_what_the_standard_forbids_is_corrupt(json_landing: LandingFolder) -> None:
    lines = [
        *('{"a": 01}', '{"a": .5}', '{"a": 1.}', '{"a": +1}', '{"a": NaN}', '{"a": -Infinity}', '{"a": 1,}'),
        *("{'a': 1}", "{a: 1}", '{"a": 1} // no', '{/**/ "a": 1}', '{"a": [1,]}', '{"a": 1}\x00', '{"a": "x\ty"}'),
        *('{"a": 1}]', '{"a": 1}], [{"b": 2}', '{"a": 1}, {"b": 2}', '{"a": "\\x41"}'),
    ]
    json_landing.options = {"multiLine": False}
    for number, line in enumerate(lines):
        json_landing.put(f"{number}.json", f'{{"id": {10 + number}}}\n{line}\n')
    good = [{"id": f"{10 + number}"} for number in range(len(lines))]
    assert json_landing.rows() == [*corrupt(*lines), *good]


def test_what_no_text_can_hold_is_corrupt(json_landing: LandingFolder) -> None:
    lines = [
        '{"a": "\\ud800"}',
        '{"a": "\\\\ud83d\\udc00"}',
        '{"\\udc00": 1}',
        '{"a": {"b": "x\\uD800"}}',
        '{"a": "\ufdd0"}',
        '{"a": "\\uFdD0"}',
    ]
    for number, line in enumerate(lines):
        json_landing.put(f"{number}.json", f'{line}\n{{"a": "\\ud83d\\udc00 \\\\ud800 \\u00e9"}}\n')
    assert json_landing.rows() == [*corrupt(*lines), *[{"a": "\U0001f400 \\ud800 é"}] * len(lines)]


def test_a_key_that_comes_twice_in_an_object_makes_it_corrupt(json_landing: LandingFolder) -> None:
    lines = ['{"id": 1, "id": 2}', '{"id": 3, "Id": 4}', '{"": 5, "_": 6}', '{"ſ": 7, "s": 8}']
    json_landing.put("a.json", "".join(f"{line}\n" for line in [*lines, '{"Id": 9}', '{"n": {"x": 1, "x": 1.0}}']))
    json_landing.put("b.json", '[{"id": 1.50, "id": {"a": 2.50}}, {"id": 10}]')
    rows = json_landing.rows()
    refused = [row.pop("_corrupt_record") for row in rows if "_corrupt_record" in row]
    assert sorted(refused) == sorted([*lines, '{"id":1.50,"id":"{\\"a\\":2.50}"}'])
    assert [row for row in rows if row] == [{"Id": "10"}, {"Id": "9"}, {"n": '{"x":1,"x":1.0}'}]


def test_a_key_with_a_name_of_the_engine_makes_its_object_corrupt(json_landing: LandingFolder) -> None:
    json_landing.put("a.json", '{"id": 1, "_Origin": "x"}\n{"id": 2, "_metadata": "y"}\n')
    assert json_landing.rows() == [{"_corrupt_record": '{"id": 1, "_Origin": "x"}'}, {"_metadata": "y", "id": "2"}]


def test_objects_over_several_lines_among_lines(json_landing: LandingFolder) -> None:
    json_landing.put("a.json", '{"id": 1}\n{"id": 2, "sub": [\n{"id": 99}\n,{"id": 98}\n]}\n\n{"id": 3}\n')
    json_landing.put("b.json", '{"items": [\n{"id": 97},\n{"id": 96}\n]}')
    json_landing.put("c.json", '{\n"id": 4\n}\n{\n"id": 5\n}\n')
    assert json_landing.rows() == [
        {"id": "1"},
        {"id": "2", "sub": '[{"id":99},{"id":98}]'},
        {"id": "3"},
        {"id": "4"},
        {"id": "5"},
        {"items": '[{"id":97},{"id":96}]'},
    ]


def test_a_stray_line_leaves_the_others_and_is_told(json_landing: LandingFolder) -> None:
    path = json_landing.put("a.json", '{"id": 1}\n}\n{"id": 2}\n')
    extract = json_landing.extract()
    assert json_landing.rows(extract) == [{"_corrupt_record": "}"}, {"id": "1"}, {"id": "2"}]
    assert any(str(path) in notice for notice in extract.notices)


def test_compressed_files_are_what_they_hold(json_landing: LandingFolder) -> None:
    json_landing.put("lines.json.gz", gzip.compress(b'{"id": 1}\n{"id": 2}\n'))
    json_landing.put("array.json.gz", gzip.compress(b'[\n{"id": 3.50},\n{"id": 4}\n]'))
    json_landing.put("object.json.gz", gzip.compress(b'{\n"id": 5\n}'))
    big = [{"id": number, "text": str(number) * 50} for number in range(6, 20006)]
    json_landing.put("big.json.gz", gzip.compress(json.dumps(big, indent=1).encode()))
    rows = json_landing.rows()
    assert {row["id"] for row in rows} == {"1", "2", "3.50", "4", "5", *(str(each["id"]) for each in big)}
    assert len(rows) == 5 + len(big)


def test_a_compressed_file_that_is_cut_off_is_one_record(json_landing: LandingFolder) -> None:
    lines = "".join(f'{{"id": {number}, "text": "{number * 7919 % 100_003}"}}\n' for number in range(20_000))
    bad = json_landing.put("bad.json.gz", gzip.compress(lines.encode())[:-5000])
    json_landing.put("good.json.gz", gzip.compress(b'{"id": 1}\n'))
    extract = json_landing.extract()
    refused, good = json_landing.rows(extract)
    assert str(bad) in refused["_corrupt_record"]
    assert any(str(bad) in notice for notice in extract.notices)
    assert good == {"id": "1"}


@pytest.mark.parametrize("whole", [True, False])
def test_what_a_name_says_of_compression_holds_whatever_the_options(json_landing: LandingFolder, whole: bool) -> None:
    json_landing.options = {"multiLine": whole}
    bad = [json_landing.put(f"bad.json.{end}", '{"id": 2}') for end in ("bz2", "deflate", "gz", "lz4", "snappy")]
    json_landing.put("good.json.gz", gzip.compress(b'{"id": 1}\n'))
    *refused, good = json_landing.rows()
    assert good == {"id": "1"}
    assert len(refused) == len(bad)
    assert all(any(str(path) in row["_corrupt_record"] for row in refused) for path in bad)


def test_keys_that_are_one_to_spark_alone_make_an_object_corrupt(json_landing: LandingFolder) -> None:
    json_landing.put("a.json", '{"id": 1, "İl": 2}\n{"id": 2, "i\u0307l": 3}\n{"id": 3, "İl": 4, "i\u0307l": 5}\n')
    corrupt, *good = json_landing.rows()
    assert corrupt == {"_corrupt_record": '{"id": 3, "İl": 4, "i\u0307l": 5}'}
    assert [set(row.values()) for row in good] == [{"1", "2"}, {"2", "3"}]


def test_deep_and_wide_objects(json_landing: LandingFolder) -> None:
    deep, too_deep = ("[" * depth + "1.0" + "]" * depth for depth in (900, 1100))
    wide = ", ".join(f'"k{number}": {number}.0' for number in range(300))
    json_landing.put("a.json", f'{{"deep": {deep}}}\n{{"deep": {too_deep}}}\n{{{wide}}}\n')
    refused, nested, many = sorted(json_landing.rows(), key=len)[:3]
    assert [refused, nested] == [{"_corrupt_record": f'{{"deep": {too_deep}}}'}, {"deep": deep}]
    assert many == {f"k{number}": f"{number}.0" for number in range(300)}


def test_a_bom_and_blanks_are_no_content(json_landing: LandingFolder) -> None:
    json_landing.put("a.json", '\ufeff{"id": 1}\r\n  \r\n\t\n\t{"id": 2} \r\n')
    json_landing.put("b.json", '\ufeff \n[{"id": 3}]\n\n')
    assert json_landing.rows() == [{"id": "1"}, {"id": "2"}, {"id": "3"}]


OBJECTS = st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=5), max_size=4)


@given(st.lists(OBJECTS, max_size=4), st.sampled_from([None, 2]))
def test_an_array_is_a_document_however_it_is_written(objects: list[dict[str, object]], indent: int | None) -> None:
    assert is_document(json.dumps(objects, indent=indent).encode())


@given(st.lists(OBJECTS, min_size=1, max_size=4))
def test_lines_are_lines_and_a_pretty_object_is_a_document(objects: list[dict[str, object]]) -> None:
    assert not is_document("".join(f"{json.dumps(each)}\n" for each in objects).encode())
    assert is_document(json.dumps({"key": objects}, indent=2).encode())
