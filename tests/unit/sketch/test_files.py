"""Looking at files: CSV, JSON and Parquet as people write them."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import io
from collections.abc import Callable
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tidemark.errors import ConfigError
from tidemark.sketch import files
from tidemark.sketch.files import Look, format_of, look_at


def looked_at(content: bytes | str, name: str) -> Look:
    data = content.encode() if isinstance(content, str) else content
    return look_at(io.BytesIO(data), name, format_of(name) or "")


def types(look: Look) -> dict[str, str]:
    return {column.name: column.nested or column.type for column in look.sample.columns}


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.csv", "csv"),
        ("A.CSV.GZ", "csv"),
        ("a.tsv", "csv"),
        ("x.ndjson.zst", "json"),
        ("p.2025.parquet", "parquet"),
        ("a.xlsx", None),
        ("README", None),
        ("a.gz", None),
    ],
)
def test_a_name_tells_the_format(name: str, form: str | None) -> None:
    assert format_of(name) == form


class TestCsv:
    def test_columns_types_and_rows(self) -> None:
        look = looked_at("id,amount,at\n1,2.50,2025-01-01\n2,,2025-01-02\n", "a.csv")
        assert types(look) == {"id": "bigint", "amount": "decimal(18,2)", "at": "date"}
        assert (look.sample.rows, look.sample.whole) == (2, True)
        assert look.sample.column("amount").values == ["2.50", None]
        assert look.options == {}

    @pytest.mark.parametrize("separator", [";", "\t", "|"])
    def test_the_separator_is_seen(self, separator: str) -> None:
        text = "\n".join(separator.join(row) for row in (("id", "price"), ("1", "1,5"), ("2", "2,5"), ("3", "4,0")))
        look = looked_at(text, "a.csv")
        assert look.options == {"sep": separator}
        assert types(look) == {"id": "bigint", "price": "string"}

    def test_quotes_and_line_breaks_in_values(self) -> None:
        look = looked_at('id,note\n1,"a;b\nc;d"\n2,"say ""no"""\n', "a.csv")
        assert look.sample.column("note").values == ["a;b\nc;d", 'say "no"']

    @pytest.mark.parametrize(
        ("content", "encoding"),
        [
            ("id,name\n1,Jürgen\n".encode("utf-8-sig"), None),
            ("id,name\n1,Jürgen\n".encode("cp1252"), "windows-1252"),
            ("id,name\n1,Jürgen\n".encode("utf-16"), "UTF-16"),
        ],
    )
    def test_the_encoding_is_seen(self, content: bytes, encoding: str | None) -> None:
        look = looked_at(content, "a.csv")
        assert look.options.get("encoding") == encoding
        assert look.sample.column("name").values == ["Jürgen"]

    @pytest.mark.parametrize(("pack", "end"), [(gzip.compress, "gz"), (bz2.compress, "bz2")])
    def test_packed_files_are_unpacked(self, pack: Callable[[bytes], bytes], end: str) -> None:
        assert types(looked_at(pack(b"id\n1\n"), f"a.csv.{end}")) == {"id": "bigint"}

    def test_blanks_in_the_header_empty_names_and_short_rows(self) -> None:
        look = looked_at(" id , ,b,\n1,x\n2,y,z\n", "a.csv")
        assert types(look) == {"id": "bigint", "b": "string"}
        assert look.sample.column("b").values == [None, "z"]

    @pytest.mark.parametrize(
        ("text", "options"),
        [
            ('"id","qty","note"\n"1","",""\n"2","5","x"\n', {"null_values": [""]}),
            ('id;at\n1;2025-01-01\n2;""', {"sep": ";", "null_values": [""]}),
            ('"id","qty","note"\n"1",,""\n"2",5,"x"\n', {"null_values": [""]}),
            ('"id","qty","note"\n"1","4",""\n"2","5","x"\n', {}),  # it may be a text
            ("id,qty\n1,\n2,5\n", {}),
            ('id,qty,said\n1,,"a ""b"""\n2,5,x\n', {}),
        ],
    )
    def test_a_quoted_nothing_is_null_where_it_can_be_nothing_else(self, text: str, options: dict[str, object]) -> None:
        look = looked_at(text, "a.csv")
        assert look.options == options
        assert set(types(look).values()) - {"bigint", "date", "string"} == set()

    def test_only_so_many_rows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(files, "ROWS", 2)
        look = looked_at("id\n1\n2\nx\n", "a.csv")
        assert (look.sample.rows, look.sample.whole, types(look)) == (2, False, {"id": "bigint"})

    def test_a_record_that_is_cut_does_not_count(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(files, "_BYTES", len("id,day\n1,2025-01-01\n2,2025-0"))
        look = looked_at("id,day\n1,2025-01-01\n2,2025-01-02\n", "a.csv")
        assert (look.sample.rows, look.sample.whole, types(look)["day"]) == (1, False, "date")

    @pytest.mark.parametrize(
        ("text", "told"), [("", "is empty"), ("\n \n", "is empty"), ("Id,id\n1,2\n", "`id` twice")]
    )
    def test_what_is_no_table(self, text: str, told: str) -> None:
        with pytest.raises(ConfigError, match=told):
            looked_at(text, "a.csv")


class TestJson:
    @pytest.mark.parametrize(
        "text",
        [
            '{"id": 1, "at": "2025-01-01"}\n{"id": 2, "at": "2025-01-02"}\n',
            '[{"id": 1, "at": "2025-01-01"}, {"id": 2, "at": "2025-01-02"}]',
            '{\n "id": 1,\n "at": "2025-01-01"}\n\n{"id": 2, "at": "2025-01-02"}',
        ],
    )
    def test_lines_arrays_and_documents(self, text: str) -> None:
        look = looked_at(text, "a.json")
        assert types(look) == {"id": "bigint", "at": "date"}
        assert look.sample.rows == 2

    def test_keys_that_come_and_go_and_nested_values(self) -> None:
        look = looked_at('{"a": {"b": 1}, "n": 1.10}\n{"a": null, "c": [1], "n": 12}\n{"m": true, "n": 1e3}', "a.json")
        assert types(look) == {"a": "object", "n": "double", "c": "array", "m": "boolean"}
        assert [value is None for value in look.sample.column("c").values] == [True, False, True]
        assert look.sample.column("n").values == ["1.10", "12", "1e3"]

    def test_nested_and_flat_in_one_column_is_text(self) -> None:
        assert types(looked_at('{"a": [1]}\n{"a": "x"}', "a.json")) == {"a": "string"}

    @pytest.mark.parametrize(
        ("text", "told"),
        [('{"a": 1}\n{"a": ', "no JSON .line 2"), ("[1, 2]", "not hold objects"), ("{a: 1}", "no JSON")],
    )
    def test_what_is_no_table(self, text: str, told: str) -> None:
        with pytest.raises(ConfigError, match=told):
            looked_at(text, "a.json")


class TestParquet:
    def test_types_are_the_files(self) -> None:
        at = dt.datetime(2025, 1, 1, 12)
        table = pa.table(
            {
                "i": pa.array([1, 2], pa.int32()),
                "u": pa.array([1, 2], pa.uint64()),
                "d": pa.array([Decimal("1.25"), None], pa.decimal128(9, 2)),
                "t": pa.array([at, at], pa.timestamp("us", tz="UTC")),
                "n": pa.array([None, None], pa.null()),
                "l": pa.array([[1], []]),
                "s": pa.array([{"x": 1}, None]),
                "w": pa.array(["a", "b"]).dictionary_encode(),
                "b": pa.array([b"x", b"y"]),
                "f": pa.array([1.5, 2.5], pa.float32()),
                # Only Arrow knows these; the file has lists, texts, bytes, days and numbers.
                "vector": pa.array([[1.0, 2.0], None], pa.list_(pa.float32(), 2)),
                "view": pa.array(["a", "b"], pa.string_view()),
                "hash": pa.array([b"ab", b"cd"], pa.binary(2)),
                "day": pa.array([dt.date(2025, 1, 1), None], pa.date64()),
                "span": pa.array([1, 2], pa.duration("us")),
            }
        )
        file = io.BytesIO()
        pq.write_table(table, file)
        look = looked_at(file.getvalue(), "a.parquet")
        assert types(look) == {
            "i": "int",
            "u": "decimal(20,0)",
            "d": "decimal(9,2)",
            "t": "timestamp",
            "n": "string",
            "l": "array",
            "s": "object",
            "w": "string",
            "b": "string",
            "f": "float",
            "vector": "array",
            "view": "string",
            "hash": "string",
            "day": "date",
            "span": "bigint",
        }
        assert look.sample.column("d").values == ["1.25", None]
        assert look.sample.whole

    def test_what_cannot_be_read_is_told(self) -> None:
        file = io.BytesIO()
        pq.write_table(pa.table({"h": pa.array([1.5], pa.float16())}), file)
        with pytest.raises(ConfigError, match="column h is a halffloat"):
            looked_at(file.getvalue(), "a.parquet")
        with pytest.raises(ConfigError, match="is no Parquet"):
            looked_at(b"PAR1 not really", "a.parquet")
