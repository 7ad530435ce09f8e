"""CSV as it comes: every oddity is either read right or kept as raw text, and nothing else."""

from __future__ import annotations

import csv
import io
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.lakes.landing import LandingFolder
from tests.support.odd.plainjson import folded
from tidemark.config.csvformat import CsvFormat
from tidemark.rows import ORDER
from tidemark.sources.landing.formats import csvfiles
from tidemark.sources.landing.formats.csvheader import read_head


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
    csv_landing.put("a.csv", 'id,"a ""b""","c\nd",,e.f,`g`\n1,2,3,4,5,6\n')
    assert csv_landing.rows() == [{"id": "1", 'a "b"': "2", "c\nd": "3", "_c3": "4", "e.f": "5", "`g`": "6"}]


def test_a_comma_at_the_end_of_each_line_is_no_column_and_a_value_behind_it_is_told(csv_landing: LandingFolder) -> None:
    csv_landing.options = {"null_values": ["N/A"]}
    csv_landing.put("a.csv", 'ID, Name,\n1,Ann,\n2,N/A,""\n3,Cid,x\n4,Dee\n')
    extract = csv_landing.extract()
    assert extract.frame.columns == ["ID", "Name", "_corrupt_record", "_origin", ORDER]
    assert csv_landing.rows(extract) == [
        {"ID": "1", "Name": "Ann"},
        {"ID": "2"},
        {"_corrupt_record": "3,Cid,x"},
        {"_corrupt_record": "4,Dee"},
    ]


def test_a_byte_order_mark_carriage_returns_and_blank_lines_are_no_data(csv_landing: LandingFolder) -> None:
    csv_landing.put("a.csv", "\ufeffid,name\r\n1,Ann\r\n\r\n2,Bob".encode())
    csv_landing.put("b.csv", '\ufeff\nid,name\n3,"C\nid"\n'.encode())
    assert csv_landing.rows() == [{"id": "1", "name": "Ann"}, {"id": "2", "name": "Bob"}, {"id": "3", "name": "C\nid"}]


def test_a_header_alone_is_a_file_without_rows(csv_landing: LandingFolder) -> None:
    csv_landing.put("a.csv", "id,name\n")
    extract = csv_landing.extract()
    assert csv_landing.rows(extract) == []
    assert extract.frame.columns == ["id", "name", "_corrupt_record", "_origin", ORDER]


def test_a_line_of_ten_megabytes_is_a_line(csv_landing: LandingFolder) -> None:
    long = "x" * 10_000_000
    csv_landing.put("a.csv", f'id,name\n1,"{long}"\n2,short\n')
    lengths = {row["id"]: len(row["name"]) for row in csv_landing.rows()}
    assert lengths == {"1": 10_000_000, "2": 5}


def test_the_origin_is_the_file_with_every_character_of_its_name(csv_landing: LandingFolder) -> None:
    odd = csv_landing.put("dt=2025-03-01/a b[1]+%20{x}.csv", "id,name\n1,Ann\n")
    (row,) = csv_landing.extract().frame.collect()
    assert row["_origin"] == f"file:{odd}"


def test_names_that_are_one_to_spark_are_a_header_of_no_use(csv_landing: LandingFolder) -> None:
    twins = ["İL,IL", "ſ,S", "\u212a,k", "i\u0307,İ"]
    for number, names in enumerate(twins):
        csv_landing.put(f"{number}.csv", f"id,{names}\n1,2,3\n")
    csv_landing.put("good.csv", "id,İl\n1,2\n")
    *corrupt, good = csv_landing.rows()
    assert good == {"id": "1", "İl": "2"}
    assert [set(row) for row in corrupt] == [{"_corrupt_record"}] * 2 * len(twins)


def test_a_file_with_a_column_of_the_engines_name_stops_no_other(csv_landing: LandingFolder) -> None:
    csv_landing.put("a.csv", "id,_origin\n1,x\n")
    csv_landing.put("b.csv", "id,name\n2,Bob\n")
    extract = csv_landing.extract()
    corrupt = [{"_corrupt_record": "1,x"}, {"_corrupt_record": "id,_origin"}]
    assert csv_landing.rows(extract) == [*corrupt, {"id": "2", "name": "Bob"}]
    assert any("a.csv" in told and "(_origin)" in told for told in extract.notices)


@given(st.lists(st.text(max_size=8), min_size=1, max_size=6))
def test_any_names_that_a_csv_writer_writes_are_read_back(names: list[str]) -> None:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(names)
    content = f"{buffer.getvalue()}1,2\n".encode(errors="surrogatepass")
    head = read_head(lambda wanted: content[:wanted], CsvFormat(), ())
    named = [name.strip() for name in names]
    while named and not named[-1]:
        named.pop()
    trimmed = [name or f"_c{position}" for position, name in enumerate(named)]
    expected = [*trimmed, *[""] * (len(names) - len(trimmed))]
    known = [folded(name) for name in trimmed]
    if head.names is not None:
        assert [*head.names] == expected
    else:
        usable = "\x00" not in buffer.getvalue() and len(set(known)) == len(known) and bool(named)
        assert not usable or any("\ud800" <= character <= "\udfff" for character in buffer.getvalue())


def test_a_header_longer_than_the_first_read_is_read_to_its_end() -> None:
    names = [f"column_{number}" for number in range(20_000)]
    content = f"{','.join(names)}\n1\n".encode()
    asked: list[int] = []

    def first_bytes(wanted: int) -> bytes:
        asked.append(wanted)
        return content[:wanted]

    head = read_head(first_bytes, CsvFormat(), ())
    assert (head.names, head.line) == (tuple(names), ",".join(names))
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


@pytest.mark.parametrize("document_bytes", [csvfiles.DOCUMENT_BYTES, 0])
def test_thousands_of_nasty_values_in_many_dialects_are_read_back(
    csv_landing: LandingFolder, monkeypatch: pytest.MonkeyPatch, document_bytes: int
) -> None:
    monkeypatch.setattr(csvfiles, "DOCUMENT_BYTES", document_bytes)
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


def origins(landing: LandingFolder) -> dict[str, list[str]]:
    """Which records of the files were corrupt, by what of their origin stands behind the folder."""
    frame = landing.extract().frame.where("_corrupt_record IS NOT NULL")
    found: dict[str, list[str]] = {}
    for row in sorted(frame.collect()):
        found.setdefault(row["_origin"].rpartition("/")[2], []).append(row["_corrupt_record"])
    return found


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("document_bytes", [csvfiles.DOCUMENT_BYTES, 0])
def test_lines_may_end_in_any_way_and_in_several(
    csv_landing: LandingFolder, monkeypatch: pytest.MonkeyPatch, document_bytes: int, end: str
) -> None:
    monkeypatch.setattr(csvfiles, "DOCUMENT_BYTES", document_bytes)
    csv_landing.put("a.csv", f"id,name{end}1,Ann{end}2,Bob{end}")
    csv_landing.put("b.csv", f"id,name{end}3,Cid\r4,Dee\n5,Eve\r\n6,Fay\r\r\n7,Gus")
    csv_landing.put("c.csv", f'id,name{end}8,"H\ral"{end}9,"I\n\r\nan"{end}')
    names = ["Ann", "Bob", "Cid", "Dee", "Eve", "Fay", "Gus", "H\ral", "I\n\r\nan"]
    assert [row["name"] for row in csv_landing.rows()] == names


@pytest.mark.parametrize("document_bytes", [csvfiles.DOCUMENT_BYTES, 0])
def test_only_the_first_record_is_the_header(
    csv_landing: LandingFolder, monkeypatch: pytest.MonkeyPatch, document_bytes: int
) -> None:
    monkeypatch.setattr(csvfiles, "DOCUMENT_BYTES", document_bytes)
    csv_landing.put("a.csv", "\ufeffid,name\r\n1,Ann\r\nid,name\r\n".encode())
    csv_landing.put("b.csv", "id,name\n2,Bob\n")
    assert [row["id"] for row in csv_landing.rows()] == ["1", "2", "id"]


def test_a_missing_header_is_found_out_and_no_row_is_lost(csv_landing: LandingFolder) -> None:
    csv_landing.put("a.csv", "id,name\n1,Ann\n")
    csv_landing.put("b.csv", "2,Bob\n3,Cid\n")
    extract = csv_landing.extract()
    assert set(extract.frame.columns) == {"id", "name", "_corrupt_record", "_origin", ORDER}
    assert csv_landing.rows(extract) == [
        {"_corrupt_record": "2,Bob"},
        {"_corrupt_record": "3,Cid"},
        {"id": "1", "name": "Ann"},
    ]
    assert any("b.csv" in told and "`2,Bob`" in told and "header: false" in told for told in extract.notices)
    assert origins(csv_landing) == {"b.csv#1": ["2,Bob"], "b.csv#2": ["3,Cid"]}


def test_the_first_line_is_not_shown_where_it_may_be_personal(csv_landing: LandingFolder) -> None:
    csv_landing.columns = "id int\nname string {classification: personal}"
    csv_landing.put("a.csv", "2,Bob\n")
    (told,) = csv_landing.extract().notices
    assert "Bob" not in told
    assert "header" in told


@pytest.mark.parametrize("document_bytes", [csvfiles.DOCUMENT_BYTES, 0])
def test_without_a_header_columns_are_the_contracts_in_its_order(
    csv_landing: LandingFolder, monkeypatch: pytest.MonkeyPatch, document_bytes: int
) -> None:
    monkeypatch.setattr(csvfiles, "DOCUMENT_BYTES", document_bytes)
    csv_landing.options = {"header": False}
    csv_landing.put("a.csv", "1,Ann\n2,Bob,x\n")
    csv_landing.put("b.csv", "\ufeff3,Cid\n".encode())
    csv_landing.put("name=Dee/c.csv", "4\n")
    assert csv_landing.rows() == [
        {"_corrupt_record": "2,Bob,x"},
        {"id": "1", "name": "Ann"},
        {"id": "3", "name": "Cid"},
        {"id": "4", "name": "Dee"},
    ]


def test_a_file_without_a_header_lacks_what_the_engine_fills(csv_landing: LandingFolder) -> None:
    csv_landing.columns, csv_landing.options = "id int\nreceived_at timestamp\nname string", {"header": False}
    csv_landing.also = {"taken_at": "received_at"}
    csv_landing.put("a.csv", "1,Ann\n2,Bob,x\n")
    rows = [{name: row[name] for name in row if name[:2] != "__"} for row in csv_landing.rows()]
    assert rows == [{"_corrupt_record": "2,Bob,x"}, {"id": "1", "name": "Ann"}]


def test_a_backslash_escapes_inside_quotes_and_is_itself_elsewhere(csv_landing: LandingFolder) -> None:
    csv_landing.options = {"escape": "\\", "null_values": ["\\N"]}
    rows = [
        r'1,"a \"quoted\" b"',
        r'2,"ends with a backslash \\"',
        '3,"two\nlines \\" and"',
        r"4,plain \ one",
        r'5,"a\nb \\\\ c"',
        r"6,\N",
        r'7,"open \"',
    ]
    csv_landing.put("a.csv", "\n".join(["id,name", *rows]))
    *good, corrupt = sorted(csv_landing.rows(), key=lambda row: row.get("id", "z"))
    assert [row.get("name") for row in good] == [
        'a "quoted" b',
        "ends with a backslash \\",
        'two\nlines " and',
        "plain \\ one",
        r"a\nb \\ c",
        None,
    ]
    assert corrupt == {"_corrupt_record": r'7,"open \"'}


def test_what_goes_on_behind_a_closing_quote_is_told_and_not_guessed(csv_landing: LandingFolder) -> None:
    csv_landing.put("a.csv", 'id,name\n1,"Ann" Lee\n2,"5" pipe, long"\n3,"ok"\n')
    assert csv_landing.rows() == [
        {"_corrupt_record": '1,"Ann" Lee'},
        {"_corrupt_record": '2,"5" pipe, long"'},
        {"id": "3", "name": "ok"},
    ]
    assert origins(csv_landing) == {"a.csv#2": ['1,"Ann" Lee'], "a.csv#3": ['2,"5" pipe, long"']}


def test_comments_are_no_rows_whatever_is_in_them(csv_landing: LandingFolder) -> None:
    csv_landing.options = {"comment": "#"}
    csv_landing.put("a.csv", '# of "March\n\nid,name\n#,"open\n1,Ann # not one\n2,"#\n#3"\n# end')
    assert csv_landing.rows() == [{"id": "1", "name": "Ann # not one"}, {"id": "2", "name": "#\n#3"}]


def test_a_blank_line_is_a_row_where_there_is_one_column_only(csv_landing: LandingFolder) -> None:
    csv_landing.put("a.csv", "\nname\nAnn\n\nBob\n")
    csv_landing.put("b.csv", "id,name\n\n1,Cid\n  \n")
    assert csv_landing.rows() == [
        {"_corrupt_record": "  "},
        {"id": "1", "name": "Cid"},
        {"name": "Ann"},
        {"name": "Bob"},
        {},
    ]


def test_zero_bytes_more_values_than_any_parser_takes_and_no_quotes_at_all(csv_landing: LandingFolder) -> None:
    csv_landing.put("a.csv", "id,name\n\x001,A\x00n\x00\n2," + "," * 50_000 + "\n3,Cid\n")
    corrupt, *good = csv_landing.rows()
    assert len(corrupt["_corrupt_record"]) == 50_002
    assert good == [{"id": "3", "name": "Cid"}, {"id": "\x001", "name": "A\x00n\x00"}]
    csv_landing.options = {"quote": "", "sep": "\\t"}
    csv_landing.put("a.csv", 'id\tname\n1\t"A\n2\t"B"\n3\t\ufdd0C\n')
    assert csv_landing.rows() == [{"id": "1", "name": '"A'}, {"id": "2", "name": '"B"'}, {"id": "3", "name": "\ufdd0C"}]


def test_characters_that_mean_an_end_to_spark_are_characters(csv_landing: LandingFolder) -> None:
    values = ["\uffff", "a\uffff", "\ufffe\uffff\x00", "\uffffb", "\ufdd1\ufdd2"]
    csv_landing.put("a.csv", "id,name\n" + "".join(f'{id_},"{name}"\n' for id_, name in enumerate(values)))
    assert csv_landing.rows() == [{"id": f"{id_}", "name": name} for id_, name in enumerate(values)]


def test_a_backslash_may_separate(csv_landing: LandingFolder) -> None:
    csv_landing.options = {"sep": "\\"}
    csv_landing.put("a.csv", 'id\\name\n1\\"a\\b"\n2\\c\n')
    assert csv_landing.rows() == [{"id": "1", "name": "a\\b"}, {"id": "2", "name": "c"}]


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        ("UTF-16", "utf-16"),
        ("UTF-16", "utf-16-le"),
        ("UTF-16", "utf-16-be"),
        ("UTF-16LE", "utf-16-le"),
        ("windows-1252", "cp1252"),
        ("Shift_JIS", "shift_jis"),
        ("UTF-8", "utf-8-sig"),
    ],
)
def test_files_are_read_in_the_encoding_that_the_load_file_declares(
    csv_landing: LandingFolder, encoding: str, written: str
) -> None:
    name = "ソ表" if written == "shift_jis" else "Müller"  # characters that hold a backslash, byte by byte
    csv_landing.options = {"encoding": encoding, "escape": "\\"}
    csv_landing.put("a.csv", f'id,name\r\n1,{name}\r\n2,"{name}\n""\r\n'.replace('""', '\\""').encode(written))
    assert csv_landing.rows() == [{"id": "1", "name": name}, {"id": "2", "name": f'{name}\n"'}]


def test_a_file_that_is_not_in_a_declared_encoding_of_many_bytes_is_kept_whole(csv_landing: LandingFolder) -> None:
    csv_landing.options = {"encoding": "UTF-16"}
    content = "id,name\n1,Ann\n".encode("utf-16-le") + b"\x00\xd8" + "\n2,Bob\n".encode("utf-16-le")
    csv_landing.put("bad.csv", content)
    csv_landing.put("good.csv", "id,name\n3,Cid\n".encode("utf-16"))
    corrupt, good = csv_landing.rows()
    assert good == {"id": "3", "name": "Cid"}
    assert corrupt["_corrupt_record"].encode("latin-1") == content
