"""Ways to write a column of Parquet, and what a plain reader makes of each of its values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

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


def of_pyarrow(kind: pa.DataType, values: list[Any]) -> list[Any]:
    if pa.types.is_timestamp(kind) and kind.tz:
        return [value and value.replace(tzinfo=UTC) for value in values]
    return values
