"""Generated Parquet files against pyarrow's reader: what a file holds comes in as it is, or its row is refused."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.lakes.landing import LandingFolder
from tidemark import steps

ROWS, FILES = 25, 20
COLUMNS = "id int\nn bigint\nd decimal(20,4)\ns string\nf double\nt timestamp\nb boolean\nday date"
EPOCH = datetime(1970, 1, 1)
REFUSED = object()


@dataclass(frozen=True)
class Kind:
    """One way to write a column: Arrow's type, its values, and what a plain reader makes of each."""

    type: pa.DataType
    values: st.SearchStrategy[Any]
    meaning: Callable[[Any], Any] = lambda value: value


def whole(value: Any) -> Any:
    number = Decimal(str(value))
    fits = number == number.to_integral_value() and -(2**63) <= number < 2**63
    return int(number) if fits else REFUSED


def money(value: Any) -> Any:
    with localcontext(prec=80):
        number = Decimal(str(value))
        fits = number == round(number, 4) and abs(number) < 10**16
        return round(number, 4) if fits else REFUSED


def micros(nanoseconds: int) -> Any:
    return EPOCH + timedelta(microseconds=nanoseconds // 1000) if nanoseconds % 1000 == 0 else REFUSED


def text(content: bytes) -> Any:
    try:
        return characters(content.decode())
    except UnicodeDecodeError:
        return REFUSED


def characters(value: str) -> Any:
    return REFUSED if "\0" in value else value


def integers(bits: int, signed: bool = True) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else st.integers(0, 2**bits - 1)


def decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    return st.integers(1 - 10**precision, 10**precision - 1).map(lambda digits: Decimal(f"{digits}E-{scale}"))


INSTANTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))
SHORT = st.integers(-(10**8), 10**8).map(lambda cents: cents / 100)
KINDS: Mapping[str, list[Kind]] = {
    "n": [
        *(Kind(kind, integers(bits), whole) for kind, bits in ((pa.int8(), 8), (pa.int32(), 32), (pa.int64(), 64))),
        *(Kind(kind, integers(bits, False), whole) for kind, bits in ((pa.uint8(), 8), (pa.uint64(), 64))),
        Kind(pa.float64(), integers(40).map(float) | SHORT, whole),
        Kind(pa.decimal128(25, 3), decimals(25, 3) | integers(40).map(Decimal), whole),
        Kind(pa.string(), integers(70).map(str), whole),
    ],
    "d": [
        Kind(pa.int64(), integers(64), money),
        Kind(pa.decimal128(30, 6), decimals(30, 6) | decimals(20, 4), money),
        Kind(pa.decimal128(9, 2), decimals(9, 2), money),
        Kind(pa.float64(), SHORT | SHORT.map(lambda value: value / 1000), money),
        Kind(pa.string(), (decimals(22, 5) | decimals(9, 2)).map(lambda value: f"{value:f}"), money),
    ],
    "s": [
        Kind(pa.string(), st.text(max_size=6), characters),
        Kind(pa.string(), st.text("ab", max_size=2)),
        Kind(pa.int32(), integers(32), str),
        Kind(pa.binary(), st.binary(max_size=3) | st.text(max_size=4).map(str.encode), text),
        Kind(pa.bool_(), st.booleans(), lambda value: str(value).lower()),
        Kind(pa.list_(pa.int64()), st.lists(integers(64), max_size=3)),
        Kind(
            pa.struct([("a", pa.string()), ("b", pa.int8())]),
            st.fixed_dictionaries({"a": st.text(max_size=3), "b": st.none() | integers(8)}),
        ),
    ],
    "f": [
        Kind(pa.float64(), st.floats(allow_nan=False, allow_infinity=False)),
        Kind(pa.float32(), st.floats(width=32, allow_nan=False, allow_infinity=False)),
        Kind(pa.int32(), integers(32), float),
    ],
    "t": [
        Kind(pa.timestamp("us"), INSTANTS),
        Kind(pa.timestamp("us", "Asia/Kolkata"), INSTANTS),
        Kind(pa.timestamp("ms"), INSTANTS.map(lambda value: value.replace(microsecond=0) + timedelta(milliseconds=7))),
        Kind(pa.timestamp("ns"), integers(63) | integers(53).map(lambda value: value * 1000), micros),
    ],
    "b": [Kind(pa.bool_(), st.booleans())],
    "day": [Kind(pa.date32(), st.dates()), Kind(pa.date64(), st.dates())],
}


@st.composite
def tables(draw: st.DrawFn) -> tuple[pa.Table, list[dict[str, Any]]]:
    """A file's table, and what it means row by row."""
    arrays, meant = {}, [dict[str, Any]() for _ in range(ROWS)]
    for name in draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, unique=True)):
        kind = draw(st.sampled_from(KINDS[name]))
        values = draw(st.lists(st.none() | kind.values, min_size=ROWS, max_size=ROWS))
        arrays[name] = pa.array(_of_pyarrow(kind.type, values), kind.type)
        for row, value in zip(meant, values, strict=True):
            row[name] = None if value is None else kind.meaning(value)
    return pa.table(arrays), meant


def _of_pyarrow(kind: pa.DataType, values: list[Any]) -> list[Any]:
    if pa.types.is_timestamp(kind) and kind.tz:
        return [value and value.replace(tzinfo=UTC) for value in values]
    return values


def examples() -> list[tuple[pa.Table, list[dict[str, Any]]]]:
    found: list[tuple[pa.Table, list[dict[str, Any]]]] = []

    @settings(max_examples=FILES, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(tables())
    def note(made: tuple[pa.Table, list[dict[str, Any]]]) -> None:
        found.append(made)

    note()
    return found


def same(found: Any, meant: Any) -> bool:
    if isinstance(meant, list | dict):
        return found is not None and json.loads(found) == meant
    if isinstance(meant, float):
        return found is not None and (found == meant and math.copysign(1, found) == math.copysign(1, meant))
    return bool(found == meant)


def test_each_row_is_what_its_file_says_or_refused(parquet_landing: LandingFolder) -> None:
    parquet_landing.columns = COLUMNS
    meant: dict[int, dict[str, Any]] = {}
    for number, (table, rows) in enumerate(examples()):
        ids = range(number * ROWS, (number + 1) * ROWS)
        meant |= dict(zip(ids, rows, strict=True))
        buffer = io.BytesIO()
        pq.write_table(table.append_column("id", pa.array(ids, pa.int32())), buffer)
        parquet_landing.put(f"{number:02}.parquet", buffer.getvalue())
    extract = parquet_landing.extract()
    checked = steps.validate(parquet_landing.lake.engine(), "bronze.events", extract)
    found = {row["id"]: row.asDict() for row in checked.judged.collect()}
    assert sorted(found) == sorted(meant)
    for number, expected in meant.items():
        row = found[number]
        refused = [name for name, value in expected.items() if value is REFUSED]
        assert row["__tidemark_bad"] == bool(refused), (refused, expected, row)
        if not refused:
            wrong = {name: (row[name], value) for name, value in expected.items() if not same(row[name], value)}
            assert not wrong, row
