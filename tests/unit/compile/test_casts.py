"""What enters a column is what came. The right answers are written by hand, or by Python's own decimals and zones."""

from __future__ import annotations

import math
import random
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from tidemark.compile.casts import EXACT, adapted, same_value
from tidemark.config.load import CastSpec

NUMBER = re.compile(r"[ \t]*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?)[ \t]*", re.ASCII)


def cast(spark: SparkSession, given: str, wanted: str, values: list[Any], how: CastSpec = EXACT) -> list[Any]:
    """Each value as the engine casts it; null where it would be another value."""
    frame = spark.createDataFrame([(value,) for value in values], f"v {given}")
    return [row[0] for row in frame.select(same_value(F.col("v"), _name(frame), wanted, how)).collect()]


def lenient(spark: SparkSession, given: str, wanted: str, values: list[Any], how: CastSpec) -> list[Any]:
    """Each value as the engine casts it where the load file lets something go."""
    frame = spark.createDataFrame([(value,) for value in values], f"v {given}")
    return [row[0] for row in frame.select(adapted(F.col("v"), _name(frame), wanted, how)).collect()]


def _name(frame: Any) -> str:
    return str(frame.schema["v"].dataType.simpleString())


def refused(spark: SparkSession, given: str, wanted: str, values: list[Any], how: CastSpec = EXACT) -> set[Any]:
    found = cast(spark, given, wanted, values, how)
    return {value for value, typed in zip(values, found, strict=True) if typed is None}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text)


ODD_TEXT = [
    "",
    " ",
    ".",
    "-",
    "+",
    "12D",
    "7f",
    "0x1p3",
    "1_000",
    "1,5",
    "١",
    "1２",
    "12\x00",
    "1\n",
    "1 2",
    "--1",
    "e3",
]


@pytest.mark.parametrize("wanted", ["tinyint", "int", "bigint", "decimal(18,2)", "float", "double"])
def test_text_that_only_java_or_a_person_reads_as_a_number_is_none(spark: SparkSession, wanted: str) -> None:
    assert refused(spark, "string", wanted, [*ODD_TEXT, "1e400", "nan", "inf", "0b1", "1e1000", "5-"]) == {
        *ODD_TEXT, "1e400", "nan", "inf", "0b1", "1e1000", "5-",
    }  # fmt: skip


def test_a_huge_exponent_is_refused_at_once(spark: SparkSession) -> None:
    texts = ["1e-999999999", "1e999999999", "1" * 100_000, "0." + "0" * 100_000]
    for wanted in ("int", "decimal(18,2)", "double"):
        assert refused(spark, "string", wanted, texts[:3]) == set(texts[:3])
    assert cast(spark, "string", "decimal(38,0)", texts) == [None] * 4


def test_text_as_an_integer_is_the_same_whole_number(spark: SparkSession) -> None:
    right = {"12": 12, "12.0": 12, "12.00": 12, " 12\t": 12, "+5": 5, "007": 7, "-0": 0, "1e3": 1000, "10e-1": 1}
    assert cast(spark, "string", "int", list(right)) == list(right.values())
    wrong = ["12.7", "0.5", "1e-1", "2147483648", "-2147483649", "1e10"]
    assert refused(spark, "string", "int", wrong) == set(wrong)


def test_text_as_a_decimal_keeps_every_digit(spark: SparkSession) -> None:
    right = {"12.34": "12.34", "12.3400": "12.34", "7": "7.00", ".5": "0.50", "5.": "5.00", "1E+3": "1000",
             "1.10e1": "11.00", "1234e-2": "12.34", "-0.00": "0.00", "9999999999999999.99": "9999999999999999.99",
             }  # fmt: skip
    assert cast(spark, "string", "decimal(18,2)", list(right)) == [Decimal(value) for value in right.values()]
    wrong = ["12.345", "1e-7", "0.001", "12345e-3", "10000000000000000", "0." + "0" * 30 + "1"]
    assert refused(spark, "string", "decimal(18,2)", wrong) == set(wrong)


def test_text_as_a_double_is_the_double_that_it_names(spark: SparkSession) -> None:
    right = ["0.1", "1.50", "2e-3", "1e23", "9007199254740992", "0.30000000000000004", "1.7976931348623157e308", "-0.0",
             "5.684341886080802e-14", "123456789.012345", "0.1000000000000000000", "Infinity", "-Infinity"]  # fmt: skip
    assert cast(spark, "string", "double", right) == [float(text) for text in right]
    assert math.isnan(cast(spark, "string", "double", ["NaN"])[0])
    wrong = ["12345678901234567.89", "12345678901234567", "9007199254740993", "1e-400", "3.14159265358979323846"]
    assert refused(spark, "string", "double", wrong) == set(wrong)
    assert refused(spark, "string", "float", ["0.1", "16777216", "16777217", "0.3333333333"]) == {
        "16777217", "0.3333333333",
    }  # fmt: skip


def test_numbers_in_text_are_cast_as_pythons_decimals_say(spark: SparkSession) -> None:
    chance = random.Random(19)
    texts = [_number_text(chance) for _ in range(1500)]
    for text, whole, exact in zip(
        texts, cast(spark, "string", "int", texts), cast(spark, "string", "decimal(12,3)", texts), strict=True
    ):
        match = NUMBER.fullmatch(text)
        number = Decimal(match[1]) if match else None
        fits_int = number is not None and number == int(number) and -(2**31) <= number < 2**31
        assert whole == (number if fits_int else None), text
        fits = number is not None and number == round(number, 3) and abs(number) < 10**9
        assert exact == (number if fits else None), text


def _number_text(chance: random.Random) -> str:
    digits = "".join(chance.choice("0123456789") for _ in range(chance.randint(0, 12)))
    point = chance.choice(["", "", ".", "," if chance.random() < 0.1 else "."])
    behind = "".join(chance.choice("00123456789") for _ in range(chance.randint(0, 6)))
    exponent = chance.choice(["", "", "", f"e{chance.randint(-6, 6)}", f"E+{chance.randint(0, 3)}", "e"])
    return chance.choice(["", "", "-", "+", " "]) + digits + point + behind + exponent


def test_every_double_that_python_writes_comes_in_as_it_is(spark: SparkSession) -> None:
    chance = random.Random(7)
    doubles = [chance.uniform(-1, 1) * 10 ** chance.randint(-290, 290) for _ in range(1500)]
    doubles += [chance.randint(-(10**6), 10**6) / 1000 for _ in range(500)]
    assert cast(spark, "string", "double", [repr(value) for value in doubles]) == doubles


@pytest.mark.parametrize(
    ("given", "wanted", "right", "wrong"),
    [
        ("double", "int", {12.0: 12, -0.0: 0}, [12.7, math.nan, math.inf, 2.0**31]),
        ("double", "bigint", {2.0**53: 2**53, -(2.0**63): -(2**63)}, [2.0**63, 0.5]),
        ("double", "decimal(18,2)", {0.1: Decimal("0.10"), 3.0: Decimal(3)}, [12.345, 0.1 + 0.2, 1e-7, math.nan]),
        ("float", "decimal(18,10)", {0.1: Decimal("0.1000000000")}, [math.nan]),
        ("double", "float", {0.5: 0.5, math.inf: math.inf}, [0.1, 1e300]),
        ("float", "double", {0.5: 0.5}, []),
        ("bigint", "int", {5: 5}, [2**31]),
        ("bigint", "double", {2**53: 2.0**53, -(2**63): -(2.0**63)}, [2**53 + 1, 2**63 - 1]),
        ("int", "float", {2**24: 2.0**24}, [2**24 + 1, 2**31 - 1]),
        ("int", "double", {2**31 - 1: 2.0**31 - 1}, []),
        ("bigint", "decimal(5,2)", {999: Decimal(999)}, [1000]),
        ("decimal(38,18)", "double", {Decimal("0.1"): 0.1}, [Decimal("0.123456789012345678")]),
        ("decimal(38,10)", "decimal(18,2)", {Decimal("12.34"): Decimal("12.34")}, [Decimal("12.345"), Decimal(10**20)]),
        ("decimal(38,30)", "decimal(38,2)", {Decimal("1.25"): Decimal("1.25")}, [Decimal("0.001")]),
        ("decimal(9,2)", "int", {Decimal("12.00"): 12}, [Decimal("12.70")]),
        ("int", "boolean", {0: False, 1: True}, [2, -1]),
        ("double", "boolean", {1.0: True}, [0.5, math.nan]),
        ("boolean", "int", {True: 1}, []),
        ("string", "boolean", {"t": True, "YES": True, " no ": False, "0": False}, ["2", "on", "", "tru"]),
        ("boolean", "date", {}, [True]),
        ("int", "timestamp", {}, [1740823200]),
        ("date", "int", {}, [date(2025, 3, 1)]),
        ("timestamp", "bigint", {}, [datetime(2025, 3, 1)]),
        ("binary", "int", {}, [b"1"]),
        ("binary", "string", {b"a": "a"}, [b"\xff"]),
        ("struct<a:int,b:string>", "string", {(1, None): '{"a":1,"b":null}'}, []),
        ("struct<t:timestamp_ntz>", "string",
         {(datetime(2025, 3, 1, 1, 2, 3, 4567),): '{"t":"2025-03-01T01:02:03.004567"}'}, []),
    ],
)  # fmt: skip
def test_a_typed_value_comes_in_where_it_comes_back(
    spark: SparkSession, given: str, wanted: str, right: dict[Any, Any], wrong: list[Any]
) -> None:
    assert cast(spark, given, wanted, [*right, None, *wrong]) == [*right.values(), None, *(None for _ in wrong)]


def test_a_date_is_a_whole_date(spark: SparkSession) -> None:
    day = date(2025, 3, 1)
    right = ["2025-03-01", " 2025-3-1 ", "2025-03-01T00:00:00", "2025-03-01 00:00:00.000Z", "2025-03-01T02:00:00+02:00"]
    assert cast(spark, "string", "date", right) == [day] * len(right)
    wrong = ["2025", "2025-03", "2025-03-01 to 2025-03-05", "2025-03-01T10:00:00", "2025-03-01T00:00:00+02:00", "",
             "20250301", "25-03-01", "12025-03-01", "2025-02-30", "2025-03-01T", "01.03.2025", "2025-03-01 00",
             "epoch"]  # fmt: skip
    assert refused(spark, "string", "date", wrong) == set(wrong)
    instants = [datetime(2025, 3, 1), datetime(2025, 3, 1, 0, 0, 0, 1)]
    assert cast(spark, "timestamp", "date", instants) == [day, None]
    assert cast(spark, "timestamp_ntz", "date", instants) == [day, None]


def test_an_instant_is_said_with_an_offset_a_zone_or_none(spark: SparkSession) -> None:
    right = {
        "2025-03-01T10:00:00Z": "2025-03-01 10:00:00", "2025-03-01 10:00:00": "2025-03-01 10:00:00",
        "2025-03-01 10:00": "2025-03-01 10:00:00", "2025-03-01": "2025-03-01",
        "2025-03-01T10:00:00+01:00": "2025-03-01 09:00:00", "2025-03-01T10:00:00-0530": "2025-03-01 15:30:00",
        "2025-03-01T10:00:00 Europe/Berlin": "2025-03-01 09:00:00",
        "2025-07-01 10:00:00Europe/Berlin": "2025-07-01 08:00:00",
        "2025-07-01 10:00:00 America/Argentina/Buenos_Aires": "2025-07-01 13:00:00",
        "2025-03-01 10:00:00 UTC": "2025-03-01 10:00:00",
        "2025-03-01T10:00:00.123456000": "2025-03-01 10:00:00.123456",
        "2025-03-01T10:00Z": "2025-03-01 10:00:00", "2025-03-01 10:00+01:00": "2025-03-01 09:00:00",
        "2025-3-1 9:05 -0530": "2025-03-01 14:35:00", "2025-03-01T10:00 Europe/Berlin": "2025-03-01 09:00:00",
    }  # fmt: skip
    assert cast(spark, "string", "timestamp", list(right)) == [utc(text) for text in right.values()]
    wrong = ["2025-03-01T10:00:00 BST", "2025-03-01T10:00:00 EST", "2025-03-01T10:00:00 CET", "2025-03-01 10:00:00 PM",
             "2025-03-01T10:00:00.1234567", "2025-03-01 24:00:00", "2025-06-30 23:59:60", "12:30", "1740823200",
             "2025", "2025-03", "2025-03-01T10:00:00 Mars/Base", "2025-03-01T10:00:00+19:00", "2025-03-01T10", "now",
             "2025-03-30T02:30:00 Europe/Berlin", "2025-10-26T02:30:00 Europe/Berlin", "2025-03-30T02:30 Europe/Berlin",
             "2025-03-01T10:00 EST", "2025-03-01T10Z", "2025-03-01Z", "2025-03-01T24:00Z",
             "2025-03-01T10:00+19:00"]  # fmt: skip
    assert refused(spark, "string", "timestamp", wrong) == set(wrong)


@pytest.mark.parametrize(
    ("zone", "start"),
    [
        ("Europe/Berlin", "2025-03-29 23:00"), ("Europe/Berlin", "2025-10-25 23:00"),
        ("America/New_York", "2025-03-09 00:00"), ("America/New_York", "2025-11-01 23:00"),
        ("Australia/Lord_Howe", "2025-10-05 00:00"), ("Australia/Lord_Howe", "2025-04-05 23:00"),
        ("Pacific/Apia", "2011-12-29 22:00"), ("UTC", "2025-03-01 00:00"),
    ],
)  # fmt: skip
def test_a_time_without_an_offset_is_one_of_the_columns_zone(spark: SparkSession, zone: str, start: str) -> None:
    """Every 15 minutes around a change of the clocks, against Python's zones."""
    clock = [datetime.fromisoformat(start) + timedelta(minutes=15 * step) for step in range(120)]
    earlier, later = ([_instants(each, zone)[place] for each in clock] for place in (0, -1))
    only = [first if first == second else None for first, second in zip(earlier, later, strict=True)]
    texts = [each.isoformat(sep=" ") for each in clock]
    for fold, expected in (("refuse", only), ("earlier", earlier), ("later", later)):
        how = CastSpec.model_validate({"zone": zone, "fold": fold})
        assert cast(spark, "string", "timestamp", texts, how) == expected
        assert cast(spark, "timestamp_ntz", "timestamp", clock, how) == expected


def _instants(clock: datetime, zone: str) -> list[datetime | None]:
    """The instants at which the zone's clocks show this, from the first to the last; [None] where they skip it."""
    found = []
    for fold in (0, 1):
        instant = clock.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)
        if instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == clock:
            found.append(instant.replace(tzinfo=None))
    return [*found] or [None]


def test_a_day_is_one_of_the_columns_zone(spark: SparkSession) -> None:
    berlin = CastSpec(zone="Europe/Berlin")
    assert cast(spark, "date", "timestamp", [date(2025, 3, 1)], berlin) == [datetime(2025, 2, 28, 23)]
    midnights = [datetime(2025, 2, 28, 23), datetime(2025, 3, 1)]
    assert cast(spark, "timestamp", "date", midnights, berlin) == [date(2025, 3, 1), None]
    texts = ["2025-02-28T23:00:00Z", "2025-03-01T00:00:00+01:00", "2025-03-01T00:00:00", "2025-03-01T00:00:00Z"]
    assert cast(spark, "string", "date", texts, berlin) == [date(2025, 3, 1)] * 3 + [None]


FAR = {  # what DuckDB and others write for `infinity`: no midnight and no other zone's clock can be told of it
    "date": ["date_from_unix_date(2147483647)", "date_from_unix_date(-2147483647)"],
    "timestamp": ["timestamp_micros(9223372036854775807)", "timestamp_micros(-9223372036854775807)"],
    "timestamp_ntz": [f"timestamp_micros({sign}9223372036854775807)::timestamp_ntz" for sign in ("", "-")],
}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("date", "timestamp"), ("timestamp", "date"), ("timestamp_ntz", "date"), ("timestamp_ntz", "timestamp")],
)
@pytest.mark.parametrize("zone", [None, "Europe/Berlin", "America/New_York"])
def test_a_day_or_time_at_the_end_of_all_times_is_refused_and_fails_nothing(
    spark: SparkSession, given: str, wanted: str, zone: str | None
) -> None:
    frame = spark.sql(f"select explode(array({', '.join(FAR[given])})) as v")
    exact = same_value(F.col("v"), given, wanted, CastSpec(zone=zone))
    cut = adapted(F.col("v"), given, wanted, CastSpec(zone=zone, fit="truncate"))
    found = frame.select(exact.cast("string"), cut.cast("string") if given == "timestamp" else F.lit(None)).collect()
    assert [tuple(row) for row in found] == [(None, None)] * 2


@pytest.mark.parametrize(
    ("given", "wanted", "values", "rounded", "cut"),
    [
        ("string", "decimal(18,2)", ["12.345", "-12.345", "0.999999999999999999999", "x"],
         ["12.35", "-12.35", "1.00", None], ["12.34", "-12.34", "0.99", None]),
        ("double", "decimal(18,2)", [12.345, -12.349, 12345678.999, math.nan],
         ["12.35", "-12.35", "12345679.00", None], ["12.34", "-12.34", "12345678.99", None]),
        ("decimal(38,10)", "decimal(18,2)", [Decimal("12.349"), Decimal("-0.005"), Decimal(10**20)],
         ["12.35", "-0.01", None], ["12.34", "0.00", None]),
        ("string", "int", ["12.7", "-12.5", "2147483648.1", ""], [13, -13, None, None], [12, -12, None, None]),
        ("double", "int", [12.7, -12.7, 1e10], [13, -13, None], [12, -12, None]),
    ],
)  # fmt: skip
def test_digits_go_where_the_load_file_lets_them(
    spark: SparkSession, given: str, wanted: str, values: list[Any], rounded: list[Any], cut: list[Any]
) -> None:
    right = [[Decimal(each) if isinstance(each, str) else each for each in answer] for answer in (rounded, cut)]
    assert lenient(spark, given, wanted, values, CastSpec(fit="round")) == right[0]
    assert lenient(spark, given, wanted, values, CastSpec(fit="truncate")) == right[1]


def test_a_double_takes_the_nearest_value_where_the_load_file_lets_it(spark: SparkSession) -> None:
    rounding = CastSpec(fit="round")
    assert lenient(spark, "string", "double", ["12345678901234567", "1e400", "x"], rounding) == [
        1.2345678901234568e16,
        None,
        None,
    ]
    assert lenient(spark, "bigint", "double", [2**53 + 1], rounding) == [2.0**53]
    assert lenient(spark, "double", "float", [1e300], rounding) == [None]


def test_a_times_end_goes_where_the_load_file_lets_it(spark: SparkSession) -> None:
    cutting = CastSpec(fit="truncate")
    assert lenient(spark, "timestamp", "date", [datetime(2025, 3, 1, 23, 59)], cutting) == [date(2025, 3, 1)]
    assert lenient(spark, "string", "date", ["2025-03-01 23:59:59", "2025-03"], cutting) == [date(2025, 3, 1), None]
    assert lenient(spark, "string", "timestamp", ["2025-03-01T10:00:00.1234567"], cutting) == [
        utc("2025-03-01T10:00:00.123456")
    ]
