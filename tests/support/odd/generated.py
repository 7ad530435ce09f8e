"""Generated files of each format, with the rows that a plain reader of Python finds in them."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.odd import meant, plaincsv, plainjson
from tests.support.odd.kinds import KINDS, REFUSED, Kind, integers, of_pyarrow, whole
from tests.support.odd.plainjson import Number

Rows = list[dict[str, Any] | None]
IDS = st.integers(0, 40)
DIGITS = st.from_regex(r"[+-]?[0-9]{1,20}(\.[0-9]{0,6})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)
DAYS = st.dates().map(str) | st.dates().map(lambda day: f"{day.year:04}-{day.month}-{day.day}")
CLOCKS = st.builds(
    lambda instant, sign, zone: instant.isoformat(sep=sign) + zone,
    st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)),
    st.sampled_from("T "),
    st.sampled_from(["", "Z", "+01:00", "-0530", " BST", "+19:00", "000", "1"]),
)
ODD = st.sampled_from(
    ["12D", "0x1p3", "1e400", "1,5", "1_000", "NaN", "n/a", "-", "2025-02-30", "2025-03", "24:00", " 7 "]
)
TEXTS = st.text(st.sampled_from('ab", \n\r\té\x00😀#'), min_size=1, max_size=6)
VALUES: Mapping[str, st.SearchStrategy[str]] = {
    "id": IDS.map(str) | IDS.map("{}.0".format) | ODD,
    "n": integers(66).map(str) | DIGITS | ODD,
    "d": integers(40).map(lambda cents: f"{cents}e-3") | DIGITS | ODD,
    "s": TEXTS,
    "f": st.floats().map(repr) | DIGITS | ODD,
    "t": CLOCKS | DAYS | ODD,
    "b": st.sampled_from(["true", "F", "Yes", "0", "1", "on", "2"]),
    "day": DAYS | CLOCKS | ODD,
    "more": TEXTS,
}
NAMES = st.lists(st.sampled_from(sorted(VALUES)), min_size=2, unique=True).map(lambda names: list({*names, "id"}))
CUT = st.integers(0, 19).map(lambda number: number == 0)
_EMPTY_TEXT = re.compile(r'(?:^|[,\r\n])""(?=[,\r\n]|$)')


@dataclass(frozen=True)
class Made:
    """A file, and its rows in their order; None: one that is no row of the table."""

    name: str
    content: bytes
    rows: Rows


@st.composite
def _texts(draw: st.DrawFn, names: Sequence[str]) -> dict[str, str | None]:
    """A row of texts, most of them good ones."""
    row: dict[str, str | None] = {}
    for name in names:
        value = draw(st.none() | VALUES[name]) if name != "id" else draw(VALUES[name])
        good = value is None or name == "more" or meant.MEANING[name](value) is not REFUSED
        row[name] = value if good or draw(st.integers(0, 9)) == 0 else None
    return row | {"id": row["id"] or str(draw(IDS))}


@st.composite
def csv_files(draw: st.DrawFn) -> Made:
    """What a writer writes, sometimes spoilt, packed or cut off."""
    names = draw(st.permutations(draw(NAMES)))
    rows = draw(st.lists(_texts(names), max_size=8))
    whole_rows = all(value for row in rows for value in row.values())
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])) if whole_rows else csv.QUOTE_MINIMAL
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator=draw(st.sampled_from(["\n", "\r\n", "\r"])), quoting=quoting)
    writer.writerow(names)
    head = len(written.getvalue())
    for row in rows:
        writer.writerow([row[name] for name in names])
    text = written.getvalue()
    if draw(st.booleans()):
        place = draw(st.integers(head, len(text)))
        piece = draw(st.sampled_from(['"', ",", "\n", "\r\n", "x", '"x"', " "]))
        spoilt = text[:place] + piece + text[place:]
        text = text if _EMPTY_TEXT.search(spoilt) else spoilt
    found, records = plaincsv.records(text)
    read: Rows = [
        None if isinstance(each, str) else meant.row_of_texts(dict(zip(found, (v or None for v in each), strict=True)))
        for each in records
    ]
    mark = b"\xef\xbb\xbf" if draw(st.booleans()) else b""
    return draw(_packed("csv", mark + text.encode(), read))


@st.composite
def json_files(draw: st.DrawFn) -> Made:
    """Lines or one array, with a text among them that is no object, a key that comes twice, or values inside values."""
    names = draw(NAMES)
    texts = [
        plainjson.written(tuple(draw(_pairs(names))), draw(st.booleans()), "") for _ in range(draw(st.integers(1, 8)))
    ]
    if draw(st.booleans()):
        texts.insert(
            draw(st.integers(1, len(texts))), draw(st.sampled_from(['{"id":1', "{'id':1}", '{"id":NaN}', '{"id":1}}']))
        )
    read = [plainjson.read(text) for text in texts]
    rows: Rows = [None if each is None else _of_json(each) for each in read]
    if draw(st.booleans()):
        return draw(_packed("json", "\n".join(texts).encode(), rows))
    return draw(_packed("json", f"[{', '.join(texts)}]".encode(), rows if _is_json(texts) else [None]))


def _is_json(texts: Sequence[str]) -> bool:
    try:
        plainjson.parsed(f"[{','.join(texts)}]")
    except ValueError:
        return False
    return True


@st.composite
def _pairs(draw: st.DrawFn, names: Sequence[str]) -> list[tuple[str, Any]]:
    row = draw(_texts(names))
    pairs: list[tuple[str, Any]] = []
    for name, text in row.items():
        value: Any = text
        if text is not None and re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", text):
            value = Number(text)
        if name == "s" and draw(st.integers(0, 4)) == 0:
            value = draw(st.sampled_from([[Number("1.10"), None], (("a", Number("1e2")), ("b", "x")), True]))
        pairs.append((draw(st.sampled_from([name, name.upper()])), value))
    if draw(CUT):
        pairs.append((pairs[0][0].upper(), Number("7")))
    return pairs


def _of_json(values: Mapping[str, Any]) -> dict[str, Any] | None:
    named = {name.lower(): plainjson.text_of(value) for name, value in values.items()}
    nested = {name: value for name, value in named.items() if isinstance(value, list | tuple)}
    row = meant.row_of_texts({name: value for name, value in named.items() if name not in nested})
    return None if row is None else row | nested


@st.composite
def parquet_files(draw: st.DrawFn) -> Made:
    """A table whose columns have whatever types, now and then cut off."""
    count = draw(st.integers(1, 8))
    kinds = {"id": draw(st.sampled_from(_ID_KINDS))}
    for name in draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, unique=True)):
        kinds[name] = draw(st.sampled_from(KINDS[name]))
    arrays = {
        name: pa.array(
            of_pyarrow(kind.type, draw(st.lists(_of(kind, name), min_size=count, max_size=count))), kind.type
        )
        for name, kind in kinds.items()
    }
    written = io.BytesIO()
    pq.write_table(pa.table(arrays), written)
    content = written.getvalue()
    if draw(CUT):
        return Made("parquet", content[:-5], [None])
    table = pq.read_table(io.BytesIO(content))
    columns = {name: [_meaning(kind, value) for value in _values(table[name])] for name, kind in kinds.items()}
    return Made(
        "parquet",
        content,
        [meant.row(dict(zip(columns, each, strict=True))) for each in zip(*columns.values(), strict=True)],
    )


_ID_KINDS = [
    Kind(pa.int32(), IDS),
    Kind(pa.int64(), IDS, whole),
    Kind(pa.float64(), IDS.map(float) | st.just(7.5), whole),
    Kind(pa.string(), IDS.map(str) | st.just("seven"), meant.MEANING["id"]),
]


def _of(kind: Kind, name: str) -> st.SearchStrategy[Any]:
    return kind.values if name == "id" else st.none() | kind.values


def _values(column: pa.ChunkedArray) -> list[Any]:
    """As pyarrow reads them: instants in UTC, nanoseconds as whole numbers."""
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        return column.cast(pa.int64()).to_pylist()
    found = column.to_pylist()
    zoned = pa.types.is_timestamp(column.type) and column.type.tz
    return [value and value.astimezone(UTC).replace(tzinfo=None) for value in found] if zoned else found


def _meaning(kind: Kind, value: Any) -> Any:
    return None if value is None else kind.meaning(value)


@st.composite
def _packed(draw: st.DrawFn, form: str, content: bytes, rows: Rows) -> Made:
    """The file as it is, or compressed; of a compressed one that is cut off nothing is read."""
    ending = draw(st.sampled_from(["", "", ".gz", ".bz2", ".zst"]))
    if ending == ".gz":
        packed = gzip.compress(content)
        return Made(f"{form}.gz", packed[: len(packed) // 2], [None]) if draw(CUT) else Made(f"{form}.gz", packed, rows)
    if ending == ".bz2":
        return Made(f"{form}.bz2", bz2.compress(content), rows)
    if ending == ".zst":
        return Made(f"{form}.zst", pa.compress(content, codec="zstd", asbytes=True), rows)
    return Made(form, content, rows)


STRATEGIES = {"csv": csv_files(), "json": json_files(), "parquet": parquet_files()}


def files(form: str, number: int) -> list[Made]:
    """So many files of a format, each with a name of its own."""
    found: list[Made] = []

    @settings(
        max_examples=number,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    @given(STRATEGIES[form])
    def note(made: Made) -> None:
        found.append(Made(f"{len(found):04}.{made.name}", made.content, made.rows))

    note()
    return found
