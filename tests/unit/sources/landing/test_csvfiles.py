"""CSV as it comes: every oddity is either read right or kept as raw text, and nothing else."""

from __future__ import annotations

import csv
import io
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.lakes.landing import LandingFolder
from tidemark.errors import ConfigError, SourceError
from tidemark.sources.landing.csvfiles import CsvFormat, Header, read_header


def test_columns_meet_by_name_whatever_their_order_and_a_new_one_comes_through(csv_landing: LandingFolder) -> None:
    csv_landing.put("a.csv", "id,name\n1,Ann\n")
    csv_landing.put("b.csv", "name,device,id\nBob,ios,2\n")
    assert csv_landing.rows() == [{"device": "ios", "id": "2", "name": "Bob"}, {"id": "1", "name": "Ann"}]


def test_an_empty_value_is_null_and_a_quoted_empty_one_is_not(csv_landing: LandingFolder) -> None:
    csv_landing.put("a.csv", 'id,name\n1,\n2,""\n')
    assert csv_landing.rows() == [{"id": "1"}, {"id": "2", "name": ""}]


def test_quotes_separators_and_line_breaks_inside_quotes_belong_to_the_value(csv_landing: LandingFolder) -> None:
    csv_landing.put("a.csv", 'id,name\n1,"a ""quoted"", b"\n2,"two\nlines, ""and\r\n"" three"\n3,plain\n')
    assert csv_landing.rows() == [
        {"id": "1", "name": 'a "quoted", b'},
        {"id": "2", "name": 'two\nlines, "and\r\n" three'},
        {"id": "3", "name": "plain"},
    ]


def test_a_stray_quote_costs_nothing_even_beside_values_of_several_lines(csv_landing: LandingFolder) -> None:
    csv_landing.put("a.csv", 'id,name\n1,5" pipe\n2,"two\nlines"\n3,6" pipe\n4,last\n')
    assert [row["name"] for row in csv_landing.rows()] == ['5" pipe', "two\nlines", '6" pipe', "last"]


def test_rows_with_too_many_or_too_few_values_keep_their_text_and_nothing_else(csv_landing: LandingFolder) -> None:
    csv_landing.put("a.csv", "id,name\n1,Ann,extra\n2\n3,Cid\n")
    assert csv_landing.rows() == [
        {"_corrupt_record": "1,Ann,extra"},
        {"_corrupt_record": "2"},
        {"id": "3", "name": "Cid"},
    ]


@pytest.mark.parametrize("cut", ['2,"{""a"": ', '2,"', '2,"x\ny'])
def test_a_file_cut_off_inside_quotes_gives_its_last_record_as_raw_text(csv_landing: LandingFolder, cut: str) -> None:
    csv_landing.put("a.csv", f'id,name\n1,"ok"\n{cut}')
    assert csv_landing.rows() == [{"_corrupt_record": cut}, {"id": "1", "name": "ok"}]


def test_bytes_that_are_not_utf8_are_kept_byte_for_byte_and_never_replaced(csv_landing: LandingFolder) -> None:
    csv_landing.put("a.csv", "id,name\n1,Müller\n".encode() + "2,Müller\n".encode("latin-1") + "3,\ufffd\n".encode())
    corrupt, *good = csv_landing.rows()
    assert corrupt["_corrupt_record"].encode("latin-1") == "2,Müller".encode("latin-1")
    assert good == [{"id": "1", "name": "Müller"}, {"id": "3", "name": "\ufffd"}]


def test_another_encoding_is_read_when_the_load_file_names_it(csv_landing: LandingFolder) -> None:
    csv_landing.options = {"encoding": "ISO-8859-1", "sep": ";"}
    csv_landing.put("a.csv", "id;näme\n1;Müller\n".encode("latin-1"))
    assert csv_landing.rows() == [{"id": "1", "näme": "Müller"}]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("id,name\n1,Ann\n".encode("utf-16"), "its header is not UTF-8"),
        ("id,name\n1,Ann\n".encode("utf-16-le"), "its header is not text"),
        (b"id,ID\n1,2\n", "two columns of its header are called id"),
        (b",,\n1,2,3\n", "it has no header"),
    ],
)
def test_every_line_of_a_file_without_a_usable_header_is_kept(
    csv_landing: LandingFolder, content: bytes, reason: str
) -> None:
    csv_landing.put("bad.csv", content)
    csv_landing.put("good.csv", "id,name\n2,Bob\n")
    extract = csv_landing.extract()
    rows = csv_landing.rows(extract)
    assert {"id": "2", "name": "Bob"} in rows
    assert all(set(row) == {"_corrupt_record"} for row in rows if "id" not in row)
    assert len(rows) >= 3
    assert any(reason in notice and "bad.csv" in notice for notice in extract.notices)


def test_names_with_quotes_line_breaks_and_dots_are_names(csv_landing: LandingFolder) -> None:
    csv_landing.put("a.csv", 'id,"a ""b""","c\nd",e.f,`g`,\n1,2,3,4,5,6\n')
    assert csv_landing.rows() == [{"id": "1", 'a "b"': "2", "c\nd": "3", "e.f": "4", "`g`": "5", "_c5": "6"}]


def test_a_byte_order_mark_carriage_returns_and_blank_lines_are_no_data(csv_landing: LandingFolder) -> None:
    csv_landing.put("a.csv", "\ufeffid,name\r\n1,Ann\r\n\r\n2,Bob".encode())
    csv_landing.put("b.csv", '\ufeff\nid,name\n3,"C\nid"\n'.encode())
    assert csv_landing.rows() == [{"id": "1", "name": "Ann"}, {"id": "2", "name": "Bob"}, {"id": "3", "name": "C\nid"}]


def test_a_header_alone_is_a_file_without_rows(csv_landing: LandingFolder) -> None:
    csv_landing.put("a.csv", "id,name\n")
    extract = csv_landing.extract()
    assert csv_landing.rows(extract) == []
    assert extract.frame.columns == ["id", "name", "_corrupt_record", "_origin"]


def test_a_line_of_ten_megabytes_is_a_line(csv_landing: LandingFolder) -> None:
    long = "x" * 10_000_000
    csv_landing.put("a.csv", f'id,name\n1,"{long}"\n2,short\n')
    lengths = {row["id"]: len(row["name"]) for row in csv_landing.rows()}
    assert lengths == {"1": 10_000_000, "2": 5}


def test_the_origin_is_the_file_with_every_character_of_its_name(csv_landing: LandingFolder) -> None:
    odd = csv_landing.put("dt=2025-03-01/a b[1]+%20{x}.csv", "id,name\n1,Ann\n")
    (row,) = csv_landing.extract().frame.collect()
    assert row["_origin"] == f"file:{odd}"


def test_a_column_with_a_name_of_the_engine_is_refused(csv_landing: LandingFolder) -> None:
    csv_landing.put("a.csv", "id,_origin\n1,x\n")
    with pytest.raises(SourceError, match="_origin") as refused:
        csv_landing.extract()
    assert refused.value.table == "bronze.events"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seperator": ";"}, "seperator"),
        ({"header": False}, "without a header line"),
        ({"sep": "||"}, "not one character"),
        ({"encoding": "utf-16"}, "lines cannot be told apart"),
        ({"encoding": "klingon"}, "no encoding `klingon`"),
    ],
)
def test_options_that_cannot_work_are_refused_by_name(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CsvFormat.of(options, "bronze.events")


@given(st.lists(st.text(max_size=8), min_size=1, max_size=6))
def test_any_names_that_a_csv_writer_writes_are_read_back(names: list[str]) -> None:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(names)
    content = f"{buffer.getvalue()}1,2\n".encode(errors="surrogatepass")
    header = read_header(lambda wanted: content[:wanted], CsvFormat())
    trimmed = [name.strip() for name in names]
    folded = [(name or f"_c{position}").lower() for position, name in enumerate(trimmed)]
    if header.names is not None:
        assert [*header.names] == [name or f"_c{position}" for position, name in enumerate(trimmed)]
    else:
        usable = "\x00" not in buffer.getvalue() and len(set(folded)) == len(folded) and any(trimmed)
        assert not usable or any("\ud800" <= character <= "\udfff" for character in buffer.getvalue())


def test_a_header_longer_than_the_first_read_is_read_to_its_end() -> None:
    names = [f"column_{number}" for number in range(20_000)]
    content = f"{','.join(names)}\n1\n".encode()
    asked: list[int] = []

    def first_bytes(wanted: int) -> bytes:
        asked.append(wanted)
        return content[:wanted]

    assert read_header(first_bytes, CsvFormat()) == Header(tuple(names), ",".join(names))
    assert len(asked) > 1


VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\x01\ufeff"), max_size=6)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 99), VALUES), min_size=1, max_size=8))
def test_whatever_a_csv_writer_writes_is_read_back(csv_landing: LandingFolder, written: list[tuple[int, str]]) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(["id", "name"])
    writer.writerows(written)
    csv_landing.put("a.csv", buffer.getvalue())
    read = [(int(row["id"]), row["name"]) for row in csv_landing.extract().frame.collect()]
    assert sorted(read) == sorted(written)


def test_thousands_of_nasty_values_in_many_dialects_are_read_back(csv_landing: LandingFolder) -> None:
    random = Random(5)
    written = []
    for number in range(30):
        quoting = random.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
        alphabet = random.choice(['", \nxé', '",x', 'x"\n', "a,b", '"', " \n"])
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator=random.choice(["\n", "\r\n"]), quoting=quoting)
        writer.writerow(["id", "a", "b"])
        for row in range(100):
            values = ["".join(random.choice(alphabet) for _ in range(random.randint(0, 7))) for _ in range(2)]
            writer.writerow([number * 1000 + row, *values])
            absent = None if quoting == csv.QUOTE_MINIMAL else ""
            written.append((str(number * 1000 + row), *(value or absent for value in values)))
        csv_landing.put(f"{number}.csv", buffer.getvalue())
    read = [(row["id"], row["a"], row["b"]) for row in csv_landing.extract().frame.collect()]
    assert sorted(read, key=repr) == sorted(written, key=repr)
