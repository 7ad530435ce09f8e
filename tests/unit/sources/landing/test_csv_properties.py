"""Generated files against Python's own CSV reader, row for row; many files are read at once, so that it is quick."""

from __future__ import annotations

import csv
import io
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.lakes.landing import LandingFolder
from tests.support.odd import plaincsv
from tidemark.rows import ORDER
from tidemark.sources.landing.formats import csvfiles

LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
HEADERS = st.sampled_from([["id", "name"], ["name", "id"], ["id"], ["id", "name", ""], [" id ", "name", "x y"]])
PIECES = st.sampled_from(['"', '""', ",", "\n", "\r", "\r\n", "a", "b ", " ", "é", "\x00", "#", "id,name\n", '"x",'])
VALUES = st.text(st.sampled_from('ab", \n\r\té\x00'), max_size=6)
FILES = 25


@st.composite
def anything(draw: st.DrawFn) -> str:
    """A header and whatever comes behind it."""
    end = draw(LINE_ENDS)
    return ",".join(draw(HEADERS)) + end + "".join(draw(st.lists(PIECES, max_size=25)))


@st.composite
def well_written(draw: st.DrawFn) -> str:
    """What Python's writer writes."""
    header, end = draw(HEADERS), draw(LINE_ENDS)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end, quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])))
    writer.writerow(header)
    for _ in range(draw(st.integers(0, 5))):
        writer.writerow([draw(VALUES) if name else "" for name in header])
    return draw(st.sampled_from(["", "\ufeff"])) + text.getvalue()


def expected(text: str) -> Counter[tuple[str, ...]]:
    """The rows of a file as its columns' values in the order of their names, or as one corrupt record."""
    names, records = plaincsv.records(text)
    order = sorted(range(len([name for name in names if name])), key=lambda position: names[position])
    return Counter(
        ("corrupt", values) if isinstance(values, str) else ("row", *(values[position] for position in order))
        for values in records
    )


def found(text: str, rows: list[dict[str, Any]]) -> Counter[tuple[str, ...]]:
    names = sorted(name.strip() for name in text.removeprefix("\ufeff").splitlines()[0].split(",") if name.strip('" '))
    names = sorted(name.strip('"').strip() for name in names)
    return Counter(
        ("corrupt", row["_corrupt_record"].rstrip("\r\n"))
        if row["_corrupt_record"] is not None
        else ("row", *(row[name] or "" for name in names))
        for row in rows
    )


@pytest.mark.slow
@pytest.mark.parametrize("document_bytes", [csvfiles.DOCUMENT_BYTES, 0])
@settings(
    max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate], database=None
)
@given(texts=st.lists(anything() | well_written(), min_size=FILES, max_size=FILES))
def test_every_row_of_a_generated_file_is_what_pythons_reader_says_or_is_told(
    csv_landing: LandingFolder, document_bytes: int, texts: list[str]
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(csvfiles, "DOCUMENT_BYTES", document_bytes)
        for number, text in enumerate(texts):
            csv_landing.put(f"{number}.csv", text)
        rows: dict[int, list[dict[str, Any]]] = {number: [] for number in range(FILES)}
        for row in csv_landing.extract().frame.collect():
            name = row["_origin"].partition("#")[0].rpartition("/")[2]
            rows[int(name.removesuffix(".csv"))].append({key: row[key] for key in row.asDict() if key != ORDER})
    for number, text in enumerate(texts):
        assert found(text, rows[number]) == expected(text), (number, text)
