"""The statistics of files that are taken into a table are what Delta writes for the same rows."""

from __future__ import annotations

import io
import json
import math
import re
import struct
import types
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F
from pyspark.sql import types as T

from tests.support.lakes.properties import few_or_many
from tidemark.delta import deltalog, entries
from tidemark.delta.footers import read_footers
from tidemark.delta.statistics import file_statistics
from tidemark.spark.jvm import java_class

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

GIVEN = (
    "byte tinyint, short smallint, int int, long bigint, float float, double double, cents decimal(7,2), "
    "whole decimal(20,0), exact decimal(38,18), text string, bytes binary, flag boolean, days int, micros bigint, "
    "inside struct<number: int, deep: struct<text: string>>, list array<int>, pairs map<string, int>"
)
NAMES = (
    *("byte", "short", "int", "long", "float", "double", "cents", "whole", "exact", "text", "bytes", "flag"),
    *("days", "micros", "inside", "list", "pairs"),
)
AS_TYPED = {
    "day": "date_from_unix_date(days)",
    "at": "timestamp_micros(micros)",
    "at_ntz": "CAST(timestamp_micros(micros) AS timestamp_ntz)",
}
LAST_DAY = 2_932_896  # of the year 9999
DAY = 86_400_000_000  # microseconds
MOST = 4  # rows of a file
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


def decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    largest = 10**precision - 1
    return st.integers(-largest, largest).map(lambda unscaled: Decimal(f"{unscaled}E-{scale}"))


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


ROWS = st.lists(
    st.tuples(
        maybe(st.integers(-128, 127)),
        maybe(st.integers(-(2**15), 2**15 - 1)),
        maybe(st.integers(-(2**31), 2**31 - 1)),
        maybe(st.integers(-(2**63), 2**63 - 1)),
        maybe(st.floats(width=32)),
        maybe(st.floats()),
        maybe(decimals(7, 2)),
        maybe(decimals(20, 0)),
        maybe(decimals(38, 18)),
        maybe(TEXTS),
        maybe(st.binary(max_size=5).map(bytearray)),
        maybe(st.booleans()),
        maybe(st.integers(-1_000_000, 4_000_000)),
        maybe(st.integers(-1_000_000 * DAY, 4_000_000 * DAY)),
        maybe(st.tuples(maybe(st.integers(0, 9)), maybe(st.tuples(maybe(TEXTS))))),
        maybe(st.lists(st.integers(0, 9), min_size=1, max_size=2)),
        maybe(st.dictionaries(st.text("abc", max_size=2), st.integers(0, 9), min_size=1, max_size=2)),
    ),
    min_size=1,
    max_size=MOST,
)
NOTHING = (None,) * len(NAMES)


def having(**values: Any) -> tuple[Any, ...]:
    """A row with these values only."""
    assert values.keys() <= set(NAMES)
    return tuple(values.get(name) for name in NAMES)


LONG_TEXTS = (
    "x" * 32 + "\x7f",
    "x" * 32 + "\U0010ffff" * 3,
    "x" * 31 + "\U0001f600" * 3,
    "\U0001f600" * 40,
    "\U0010ffff" * 40,
    "\U0001f600" * 16,
    "\U0001f600" * 17,
)
EDGES = [
    [NOTHING],
    [having(float=-0.0, double=-0.0)],
    [having(float=0.0, double=0.0)],
    [having(float=math.nan, double=math.nan)],
    [having(float=number, double=number) for number in (math.nan, 1.0, -math.inf, math.inf)],
    [having(float=float("3.4028234663852886e38"), double=1.7976931348623157e308)],
    [having(exact=Decimal(0)), having(exact=Decimal("1E-18"))],
    [having(days=LAST_DAY, micros=(LAST_DAY + 1) * DAY - 1)],
    [having(days=-354_000, micros=-354_000 * DAY + 1_001)],
    [having(days=-800_000, micros=-800_000 * DAY)],
    *([having(text=text)] for text in LONG_TEXTS),
]


@dataclass(frozen=True)
class Adopted:
    """The statistics of the same rows in two tables, each file's: written by Delta, and adopted as files."""

    delta: list[dict[str, Any]]
    ours: list[dict[str, Any]]


def adopt(
    spark: SparkSession,
    folder: Path,
    frame: DataFrame,
    *named: str,
    options: Mapping[str, Any] = types.MappingProxyType({}),
    **properties: str,
) -> Adopted:
    frame = frame.coalesce(1)
    entry = deltalog.Entry(app_id="test", user_metadata="{}", statistics=named)
    prefixed = {f"delta.{name}": value for name, value in properties.items()}
    theirs, ours = str(folder / "theirs"), str(folder / "ours")
    frame.write.format("delta").options(**prefixed, **options).save(theirs)
    frame.write.options(**options).parquet(f"{ours}/_staged")
    written = spark.read.format("delta").load(theirs)
    new = deltalog.NewTable(written.schema, (), prefixed, str(uuid.uuid4()))
    deltalog.adopt(spark, ours, f"{ours}/_staged", entry, seen=deltalog.NO_TABLE, rows=written.count(), new=new)
    assert rows_of(spark.read.format("delta").load(ours)) == rows_of(written)
    return Adopted(logged(theirs), logged(ours))


def rows_of(frame: DataFrame) -> list[str]:
    return sorted(row[0] for row in frame.select(F.to_json(F.struct("*"))).collect())


def logged(table: str) -> list[dict[str, Any]]:
    """The statistics of the table's files in their order; numbers with a point as their texts."""
    lines = Path(table, "_delta_log", f"{0:020d}.json").read_text("utf-8").strip().split("\n")
    added = {Path(file["path"]).name: file["stats"] for line in lines if (file := json.loads(line).get("add"))}
    in_order = sorted(added, key=lambda name: re.findall(r"-c(\d+)\.", name))
    return [json.loads(added[name], parse_float=str) for name in in_order]


def typed(spark: SparkSession, rows: Sequence[tuple[Any, ...]]) -> DataFrame:
    frame = spark.createDataFrame(rows, GIVEN)
    return frame.withColumns({name: F.expr(sql) for name, sql in AS_TYPED.items()})


def comparable(stats: Mapping[str, Any]) -> dict[str, Any]:
    """Without the upper bounds of instants and structs of nothing; floating-point numbers as such, however written."""
    found = json.loads(json.dumps(stats))
    for bounds in (found["minValues"], found["maxValues"]):
        for name, form in {"float": "<f", "double": "<d"}.items():
            if name in bounds:  # as 4 or 8 bytes; 0.0 and -0.0 are equal
                bounds[name] = str(struct.unpack(form, struct.pack(form, float(bounds[name])))[0] + 0.0)
    for name in ("at", "at_ntz"):
        found["maxValues"].pop(name, None)
    return {name: without_empty(value) if name.endswith("Values") else value for name, value in found.items()}


def without_empty(bounds: Any) -> Any:
    """Without the structs of nothing that Delta writes."""
    if not isinstance(bounds, dict):
        return bounds
    return {name: inner for name, value in bounds.items() if (inner := without_empty(value)) != {}}


@few_or_many(2)
@given(st.lists(ROWS, min_size=10, max_size=10))
def test_all_is_as_delta_writes_it(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, drawn: list[list[tuple[Any, ...]]]
) -> None:
    files = [*EDGES, *drawn]
    rows = [row for file in files for row in (*file, *[file[0]] * (MOST - len(file)))]

    found = adopt(spark, tmp_path_factory.mktemp("adopted"), typed(spark, rows), options={"maxRecordsPerFile": MOST})

    assert len(found.ours) == len(found.delta) == len(files)
    for file, ours, theirs in zip(files, found.ours, found.delta, strict=True):
        expected = comparable(theirs)
        for name in ("list", "pairs"):  # the footer does not tell how many, only that there are none
            if expected["nullCount"][name]:
                del expected["nullCount"][name]
        assert comparable(ours) == expected
        for column in ("at", "at_ntz"):
            greatest = max((row[13] for row in file if row[13] is not None), default=None)
            assert_rounded_up(greatest, ours["maxValues"].get(column), theirs["maxValues"].get(column))


def assert_rounded_up(micros: int | None, ours: str | None, theirs: str | None) -> None:
    """Delta's bound is the greatest instant without its microseconds, which is below it."""
    if micros is None:
        assert ours is None
        assert theirs is None
    else:
        up = of_arrow(pa.array([-(-micros // 1_000) * 1_000], pa.timestamp("us")), T.TimestampNTZType())
        assert str(ours).removesuffix("Z") == up["minValues"]["c"]
        assert (ours == theirs) == (micros % 1_000 == 0)


def test_bounds_hold_for_all_row_groups_of_a_file(spark: SparkSession, tmp_path: Path) -> None:
    rows = [(*NOTHING[:2], number, *NOTHING[3:5], float(-number), *NOTHING[6:]) for number in range(1000)]
    rows[700] = (*NOTHING[:5], math.nan, *NOTHING[6:])
    rows = [(*row[:15], [1], {"a": 1}) for row in rows]
    small = {"parquet.block.size": 1024, "parquet.block.size.row.check.min": 1, "parquet.page.size.row.check.min": 1}

    found = adopt(spark, tmp_path, typed(spark, rows), options=small)
    (ours,), (theirs,) = found.ours, found.delta

    ((_, footer),) = read_footers(spark, str(tmp_path / "ours" / "_staged"))
    assert footer.num_row_groups > 1
    assert comparable(ours) == comparable(theirs)
    assert (ours["minValues"]["int"], ours["maxValues"]["int"]) == (0, 999)
    assert ours["maxValues"]["double"] == "NaN"


def test_the_footers_of_long_texts_still_tell(spark: SparkSession, tmp_path: Path) -> None:
    found = adopt(spark, tmp_path, spark.createDataFrame([("a" * 9000,), ("\u00fc" * 9000,)], "text string"))

    assert found.ours == found.delta
    assert found.ours[0]["minValues"]["text"] == "a" * 32


def test_a_log_is_read_whatever_characters_are_in_its_bounds(spark: SparkSession, tmp_path: Path) -> None:
    texts = {f"t{n}": f"a{end}b" for n, end in enumerate(["\u2028", "\u2029", "\x85", "\x0c", "\x1c", "\n", "\r"])}
    schema = ", ".join(f"{name} string" for name in texts)
    found = adopt(spark, tmp_path, spark.createDataFrame([tuple(texts.values())], schema))

    assert found.ours == found.delta
    assert found.ours[0]["minValues"] == texts
    for table in ("ours", "theirs"):
        assert len(entries.changed_files(spark, str(tmp_path / table), -1, 0) or ()) == 1


def test_the_first_32_columns_have_statistics_and_those_that_are_named(spark: SparkSession, tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(40)]
    frame = spark.createDataFrame([tuple(range(40))], ", ".join(f"{name} int" for name in names))

    found = adopt(spark, tmp_path, frame, "c39", "c0")
    (ours,), (theirs,) = found.ours, found.delta

    assert list(theirs["minValues"]) == names[:32]
    assert list(ours["minValues"]) == [*names[:32], "c39"]
    assert ours["nullCount"] == dict.fromkeys([*names[:32], "c39"], 0)


@pytest.mark.parametrize(
    "properties",
    [
        {"dataSkippingNumIndexedCols": "2"},
        {"dataSkippingNumIndexedCols": "-1"},
        {"dataSkippingNumIndexedCols": "0"},
        {"dataSkippingStatsColumns": "inside.deep, last"},
        {"enableDeletionVectors": "false"},
    ],
)
def test_the_tables_own_properties_choose_the_columns(
    spark: SparkSession, tmp_path: Path, properties: dict[str, str]
) -> None:
    schema = "first int, inside struct<number: int, deep: struct<text: string>>, last int"
    frame = spark.createDataFrame([(1, (2, ("three",)), 4)], schema)

    found = adopt(spark, tmp_path, frame, **properties)

    (ours,), (theirs,) = found.ours, found.delta
    assert ours == (theirs if theirs.get("minValues") else {key: {} for key in EMPTY} | theirs)


EMPTY = ("minValues", "maxValues", "nullCount")


def of_arrow(column: pa.Array, type_: T.DataType) -> dict[str, Any]:
    file = io.BytesIO()
    pq.write_table(pa.table({"c": column}), file)
    return json.loads(file_statistics(pq.read_metadata(file), T.StructType([T.StructField("c", type_)]), tight=False))


@settings(deadline=None)
@given(TEXTS)
@example("\U0010ffff" * 40)
@example("x" * 32 + "\U0010ffff" * 3)
@example("x" * 31 + "\U0001f600" * 3)
@example("x" * 32 + "\x7f")
@example("x" * 32)
def test_long_texts_end_as_deltas_do(spark: SparkSession, text: str) -> None:
    collection = java_class(spark, "org.apache.spark.sql.delta.stats.StatisticsCollection$").__getattr__("MODULE$")

    stats = of_arrow(pa.array([text]), T.StringType())

    assert stats["maxValues"].get("c") == collection.truncateMaxStringAgg(32, text)
    assert stats["minValues"]["c"] == text[:32]
    assert stats["minValues"]["c"].encode() <= text.encode()
    assert stats["maxValues"].get("c", text).encode() >= text.encode()


@settings(deadline=None)
@given(st.integers(-5_000_000, 5_000_000))
@example(-719_529)
def test_days_of_all_years_are_written_as_java_writes_them(spark: SparkSession, days: int) -> None:
    stats = of_arrow(pa.array([days], pa.date32()), T.DateType())

    expected = str(java_class(spark, "java.time.LocalDate").ofEpochDay(days).toString())
    assert stats["minValues"]["c"] == stats["maxValues"]["c"] == expected
    if expected[0].isdigit() and not expected.startswith("0000"):
        assert date.fromisoformat(expected) == date(1970, 1, 1) + timedelta(days)


@pytest.mark.parametrize(
    ("column", "type_"),
    [
        (pa.array([1, 2], pa.timestamp("ns")), T.TimestampType()),
        (pa.array([1.0, 2.0]), T.DoubleType()),  # another writer than Spark leaves NaN out of a footer
        (pa.array([1, 2], pa.date32()), T.TimestampNTZType()),
        (pa.array([Decimal("1.234")]), T.DecimalType(10, 2)),
        (pa.array([b"\xff"]), T.StringType()),
        (pa.array([b"\xff"]), T.BinaryType()),
        (pa.array(["a"]), T.StringType("UTF8_LCASE")),
    ],
    ids=str,
)
def test_what_a_footer_does_not_tell_for_sure_is_left_out(column: pa.Array, type_: T.DataType) -> None:
    stats = of_arrow(column, type_)

    assert (stats["minValues"], stats["maxValues"], stats["nullCount"]) == ({}, {}, {"c": 0})


def test_numbers_of_a_widened_column_are_written_in_its_new_type() -> None:
    cents = pa.array([Decimal("1.20"), None, Decimal("-0.01")], pa.decimal128(5, 2))

    stats = of_arrow(cents, T.DecimalType(12, 3))

    assert (stats["minValues"], stats["maxValues"], stats["nullCount"]) == ({"c": -0.01}, {"c": 1.2}, {"c": 1})
    assert of_arrow(pa.array([7], pa.int32()), T.LongType())["maxValues"] == {"c": 7}


def test_a_column_that_the_file_does_not_have_is_null_in_every_row() -> None:
    schema = T.StructType([T.StructField(name, T.IntegerType()) for name in ("c", "later", "C2")])
    file = io.BytesIO()
    pq.write_table(pa.table({"c": [1, 2], "c2": [1, None]}), file)

    stats = json.loads(file_statistics(pq.read_metadata(file), schema, tight=False))

    assert stats["nullCount"] == {"c": 0, "later": 2}


def test_of_two_columns_that_footers_call_the_same_nothing_is_said() -> None:
    inside = T.StructType([T.StructField("b", T.IntegerType()), T.StructField("c", T.IntegerType())])
    schema = T.StructType([T.StructField("a", inside), T.StructField("a.b", T.IntegerType())])
    file = io.BytesIO()
    pq.write_table(pa.table({"a": [{"b": 1, "c": 2}], "a.b": [3]}), file)

    stats = json.loads(file_statistics(pq.read_metadata(file), schema, tight=False))

    assert (stats["minValues"], stats["maxValues"], stats["nullCount"]) == ({"a": {"c": 2}},) * 2 + ({"a": {"c": 0}},)
