"""Parquet files of many makers: their types, their neighbours, and files that cannot be read."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from tests.support.lakes.deliveries import Deliveries
from tests.support.lakes.lake import Lake
from tests.support.lakes.landing import LandingFolder
from tidemark import steps
from tidemark.errorlane.quarantine import ErrorBatch, write_errors
from tidemark.errors import ConfigError
from tidemark.rows import judging
from tidemark.sources import Extract
from tidemark.sources.landing.formats import int96
from tidemark.sources.landing.formats.broken import SPARK_FAILURES, failed_read

OLD = [datetime(1, 1, 3), datetime(1500, 3, 1, 1, 2, 3), datetime(1582, 10, 4), datetime(1899, 12, 31, 23, 59, 59, 1)]


def parquet(columns: dict[str, pa.Array] | pa.Table, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), buffer, **options)
    return buffer.getvalue()


def judged(landing: LandingFolder, extract: Extract | None = None) -> list[dict[str, Any]]:
    """The rows as the contract judges them: values of good ones, `bad` for others."""
    extract = extract or landing.extract()
    checked = steps.validate(landing.lake.engine(), "bronze.events", extract)
    return [
        {"bad": True} if row["__tidemark_bad"] else {name: row[name] for name in row.asDict() if name[0] != "_"}
        for row in checked.judged.collect()
    ]


def quarantined(landing: LandingFolder, batch: str) -> int:
    """How many rows of the files that are there come new into the error lane."""
    extract, table = landing.extract(), "bronze.events"
    engine = landing.lake.engine()
    checked = steps.validate(engine, table, extract)
    contract = engine.project.table(table).contract
    rejected = judging.rejected(checked.source, contract, checked.alignment)
    told = ErrorBatch(table, contract.version, batch, batch, date(2025, 3, 1))
    return write_errors(landing.lake.spark, rejected, str(landing.lake.root / "lane"), told, ()).rows


def alike(rows: Iterable[dict[str, Any]]) -> list[str]:
    return sorted(repr(sorted(row.items())) for row in rows)


def test_columns_meet_by_name_in_any_case_and_keep_their_types(parquet_landing: LandingFolder) -> None:
    at = datetime(2025, 3, 1, 10, 0, 0, 123456)
    parquet_landing.put(
        "a.parquet", parquet({"id": pa.array([1], pa.int32()), "at": pa.array([at], pa.timestamp("us"))})
    )
    parquet_landing.put("b.parquet", parquet({"extra": pa.array([Decimal("1.10")]), "ID": pa.array([2], pa.int32())}))
    assert parquet_landing.rows() == [{"at": at, "id": 1}, {"extra": Decimal("1.10"), "id": 2}]
    assert dict(parquet_landing.extract().frame.dtypes)["at"] == "timestamp"


NEIGHBOUR_COLUMNS = "id int\nn int\namount decimal(9,2)\nat timestamp\nname string\nflag boolean\nday date"


def neighbours() -> dict[str, bytes]:
    """Files of one table whose columns have whatever types."""
    at = datetime(2025, 3, 1, 10)
    files = {
        "doubles": {"n": pa.array([1.0, 2.5, None]), "amount": pa.array([12.34, 12.345, 1e30])},
        "floats": {"n": pa.array([3.0, 1e10], pa.float32()), "amount": pa.array([0.5, 0.1], pa.float32())},
        "longs": {"n": pa.array([4, 2**40]), "amount": pa.array([7, 10**9]), "name": pa.array([5, 6])},
        "texts": {"n": pa.array(["5", "x"]), "amount": pa.array(["1.10", "1.105"]), "flag": pa.array(["true", "1"])},
        "decimals": {
            "n": pa.array([Decimal("8.00"), Decimal("8.50")]),
            "amount": pa.array([Decimal("1.230"), Decimal("1.239")]),
        },
        "unsigned": {"n": pa.array([2**64 - 1, 9], pa.uint64()), "flag": pa.array([0, 1], pa.uint8())},
        "times": {
            "at": pa.array([at, None], pa.timestamp("us")),
            "day": pa.array([at, datetime(2025, 3, 2)]),
            "name": pa.array([at, at]),
        },
        "zoned": {"at": pa.array([at.replace(tzinfo=UTC), None]), "day": pa.array([date(2025, 3, 1), None])},
        "nulls": {"n": pa.array([None, None]), "amount": pa.array([None, None])},
        "nested": {"n": pa.array([[1], [2]]), "name": pa.array([{"a": 1.5}, None])},
    }
    return {
        f"{name}.parquet": parquet(
            {"id": pa.array(range(number * 10, number * 10 + len(next(iter(columns.values())))), pa.int64()), **columns}
        )
        for number, (name, columns) in enumerate(files.items())
    }


def test_the_verdict_on_a_file_never_depends_on_its_neighbours(parquet_landing: LandingFolder) -> None:
    parquet_landing.columns = NEIGHBOUR_COLUMNS
    alone = []
    for name, content in neighbours().items():
        path = parquet_landing.put(name, content)
        alone += judged(parquet_landing)
        path.unlink()
    for name, content in neighbours().items():
        parquet_landing.put(name, content)
    assert alike(judged(parquet_landing)) == alike(alone)
    good = {row["id"]: row for row in alone if "bad" not in row}
    assert set(good) == {0, 10, 20, 30, 40, 51, 61, 70, 71, 80, 81}
    assert (good[0]["n"], good[0]["amount"], good[40]["n"]) == (1, Decimal("12.34"), 8)


def test_the_error_lane_knows_a_row_again_whatever_its_neighbours_are(parquet_landing: LandingFolder) -> None:
    """Not whether the row is rejected, but what is kept of it."""
    parquet_landing.columns = NEIGHBOUR_COLUMNS
    unknown = {"note": 1, "Note": 2.5, "NOTE": "x"}
    files = neighbours() | {
        f"{type(value).__name__}.parquet": parquet({"id": ["x"], name: [value], "n": pa.array([7])})
        for name, value in unknown.items()
    }
    alone = 0
    for number, (name, content) in enumerate(files.items()):
        path = parquet_landing.put(name, content)
        alone += quarantined(parquet_landing, f"b{number}")
        path.unlink()
    for name, content in files.items():
        parquet_landing.put(name, content)
    assert alone == 13
    assert quarantined(parquet_landing, "all") == 0


def test_a_snapshot_is_what_it_is_beside_others_of_other_types(lake: Lake) -> None:
    """Partitions are replaced by all snapshots that came, each with its age."""
    source = {"connection": "shop", "object": "files/", "format": "parquet", "snapshot": "file"}
    load = {"source": source, "write": {"mode": "replace", "partition_by": ["day"]}, "partition_by": ["day"]}
    lake.table("bronze.days", "id! int\nday date", load | {"limits": {"rejected": "100%"}})
    columns = [(pa.array([1]), [2.5]), (pa.array(["2", "x"]), ["3.50", "4"]), (pa.array([3], pa.int8()), [True])]
    deliveries = Deliveries(lake)
    for number, (ids, more) in enumerate(columns, start=1):
        day = pa.array([date(2025, 3, number)] * len(ids))
        content = parquet({"id": ids, "day": day, "more": more})
        deliveries.put(f"files/{number}.parquet", content, datetime(2025, 3, number))
    assert deliveries.receive("bronze.days") is not None
    assert lake.read("bronze.days", "id", "more") == [(1, "2.5"), (2, "3.50"), (3, "true")]
    (error,) = lake.errors("bronze.days")
    assert json.loads(error["payload"])["id"] == "x"


def test_nanoseconds_are_exact_or_refused_row_by_row(parquet_landing: LandingFolder) -> None:
    micros = datetime(2025, 3, 1, 11, 0, 0, 1)
    nanos = [1_740_826_800_000_001_000, 1_740_826_800_000_000_999, -1000, -1, 1 - 2**63, None]
    parquet_landing.put("ok.parquet", parquet({"id": pa.array([9]), "at": pa.array([micros], pa.timestamp("us"))}))
    for name, zone in (("pandas", None), ("zoned", "Europe/Berlin")):
        parquet_landing.put(
            f"{name}.parquet", parquet({"id": pa.array(range(6)), "at": pa.array(nanos, pa.timestamp("ns", zone))})
        )
    rows = parquet_landing.rows()
    refused = {row["_corrupt_record"] for row in rows if "_corrupt_record" in row}
    assert refused == {
        "at is 2025-03-01 11:00:00.000000999: a timestamp has microseconds",
        "at is 1969-12-31 23:59:59.999999999: a timestamp has microseconds",
        "at is 1677-09-21 00:12:43.145224193: a timestamp has microseconds",
    }
    good = {row["id"]: row.get("at") for row in rows if "_corrupt_record" not in row}
    assert good == {9: micros, 0: micros, 2: datetime(1969, 12, 31, 23, 59, 59, 999999), 5: None}
    assert len(rows) == 13


def test_nanoseconds_of_int96_are_exact_or_refused_row_by_row(parquet_landing: LandingFolder) -> None:
    """What Hive, Impala and older pandas write, which Spark alone would cut to microseconds."""
    nanos = [1_740_826_800_000_001_000, 1_740_826_800_000_000_999, -1000, -1, -(2**62), -(2**62) - 24, None, 0]
    table = pa.table({"id": pa.array(range(8)), "at": pa.array(nanos, pa.timestamp("ns"))})
    hive = table.replace_schema_metadata({"writer.date.proleptic": "false"})
    for name, written in (("pandas", table), ("hive", hive)):
        parquet_landing.put(f"{name}.parquet", parquet(written, use_deprecated_int96_timestamps=True))

    rows = parquet_landing.rows()

    refused = sorted(row["_corrupt_record"] for row in rows if "_corrupt_record" in row)
    assert refused == sorted(
        2
        * [
            "at is 2025-03-01 11:00:00.000000999: a timestamp has microseconds",
            "at is 1969-12-31 23:59:59.999999999: a timestamp has microseconds",
            "at is 1823-11-12 00:06:21.572612072: a timestamp has microseconds",
            "at is 1823-11-12 00:06:21.572612096: a timestamp has microseconds",
        ]
    )
    good = {row["id"]: row.get("at") for row in rows if "_corrupt_record" not in row}
    micro = timedelta(microseconds=1)
    assert good == {
        0: datetime(2025, 3, 1, 11) + micro,
        2: datetime(1970, 1, 1) - micro,
        6: None,
        7: datetime(1970, 1, 1),
    }
    assert len(rows) == 16


@pytest.mark.parametrize("rebase", ["CORRECTED", "LEGACY"])
def test_bytes_of_int96_are_the_instants_that_were_written(spark: SparkSession, tmp_path: Path, rebase: str) -> None:
    """Of every century, in both calendars; what no calendar has is told, and is no error, null or other instant."""
    start = datetime(1, 1, 3)
    instants = [start + timedelta(days=9_973 * each, microseconds=each * 977_777_777 + 1) for each in range(360)]
    instants = [each for each in instants if not datetime(1582, 10, 5) <= each < datetime(1582, 10, 15)]
    writer = spark.newSession()
    writer.conf.set("spark.sql.parquet.int96RebaseModeInWrite", rebase)
    writer.conf.set("spark.sql.parquet.outputTimestampType", "INT96")
    written = writer.createDataFrame([(each,) for each in instants], "at timestamp").coalesce(1)
    written.write.parquet(folder := str(tmp_path / "int96"))
    held, meant = int96.read_bytes(spark, [folder], {}, {0})
    assert meant.simpleString() == "struct<at:timestamp>"
    far = bytes(8) + (2**31 - 1).to_bytes(4, "little")
    garbage = spark.createDataFrame([(bytearray(each),) for each in (bytes(12), b"\xff" * 12, far)], "at binary")

    def read(frame: DataFrame) -> list[Any]:
        judged = frame.select(
            int96.micros(F.col("at"), rebase).cast("string").alias("at"),
            int96.told("at", F.col("at"), rebase).alias("told"),
        )
        return [(row.at, row.told) for row in judged.collect()]

    assert [at for at, _ in read(held)] == [str(each).rstrip("0") for each in instants]
    assert {told for _, told in read(held)} == {None}
    assert all((at is None) != (told is None) for at, told in read(garbage))
    assert read(garbage)[2] == (None, "at is nanosecond 0 of Julian day 2147483647: a timestamp has microseconds")


INSTANT = pa.timestamp("ns")
NESTED = {
    "s": pa.struct([("n", pa.int64()), ("in", pa.struct([("a.t", INSTANT)]))]),
    "l": pa.list_(INSTANT),
    "m": pa.map_(pa.string(), INSTANT),
    "d": pa.list_(pa.struct([("x", pa.binary()), ("at", pa.list_(INSTANT))])),
}


def nested(nanos: int | None) -> dict[str, Any]:
    """A row with one instant in each of the places where one can be."""
    deep = [None, {"x": b"x", "at": [None, nanos]}]
    return {"s": {"n": 1, "in": {"a.t": nanos}}, "l": [nanos, None], "m": [("k", nanos)], "d": deep}


@pytest.mark.parametrize("columns", ["id int", "id int\ns string\nl string\nm string\nd string"])
def test_int96_inside_of_others_is_exact_or_refused_row_by_row(parquet_landing: LandingFolder, columns: str) -> None:
    parquet_landing.columns = columns
    exact, cut = 1_740_826_800_000_001_000, 1_740_826_800_000_000_999
    empty: dict[str, Any] = dict.fromkeys(NESTED)
    rows = [nested(exact), nested(None), empty]
    rows += [empty | {name: nested(cut)[name]} for name in NESTED]
    table = {"id": pa.array(range(len(rows)))}
    table |= {name: pa.array([row[name] for row in rows], kind) for name, kind in NESTED.items()}
    table["at"] = pa.array([exact] * len(rows), INSTANT)
    parquet_landing.put("a.parquet", parquet(table, use_deprecated_int96_timestamps=True))

    found = parquet_landing.rows()

    refused = {row["id"]: row["_corrupt_record"] for row in found if "_corrupt_record" in row}
    places = ("s.in.a.t", "l[]", "m{}", "d[].at[]")
    told = "is 2025-03-01 11:00:00.000000999: a timestamp has microseconds"
    assert refused == {number: f"{place} {told}" for number, place in enumerate(places, start=3)}
    good = {row["id"]: row for row in judged(parquet_landing) if "bad" not in row}
    at = "2025-03-01T11:00:00.000001Z"
    assert json.loads(good[0]["s"]) == {"n": 1, "in": {"a.t": at}}
    assert json.loads(good[0]["l"]) == [at, None]
    assert json.loads(good[0]["m"]) == {"k": at}
    assert json.loads(good[0]["d"])[1]["at"] == [None, at]
    assert json.loads(good[1]["s"]) == {"n": 1, "in": {"a.t": None}}
    assert [good[2][name] for name in NESTED] == [None] * len(NESTED)
    assert {row["at"] for row in good.values()} == {datetime(2025, 3, 1, 11, 0, 0, 1)}


def test_int96_as_the_key_of_a_map_is_a_matter_of_its_file(parquet_landing: LandingFolder) -> None:
    keys = pa.array([[(1, "v")]], pa.map_(INSTANT, pa.string()))
    parquet_landing.put("a.parquet", parquet({"m": keys}, use_deprecated_int96_timestamps=True))
    parquet_landing.put("b.parquet", parquet({"id": pa.array([1])}))
    extract = parquet_landing.extract()
    assert {"id": 1} in parquet_landing.rows(extract)
    assert [notice for notice in extract.notices if "INT96 in the keys of a map" in notice]


def test_old_dates_are_what_their_writers_meant(parquet_landing: LandingFolder, spark: SparkSession) -> None:
    days = [each.date() for each in OLD]
    table = {"at": pa.array(OLD, pa.timestamp("us")), "day": pa.array(days)}
    parquet_landing.put("micros.parquet", parquet(table))
    whole = [each.replace(microsecond=0) for each in OLD]
    parquet_landing.put("millis.parquet", parquet({**table, "at": pa.array(whole, pa.timestamp("ms"))}))
    parquet_landing.put("int96.parquet", parquet(table, use_deprecated_int96_timestamps=True))
    old_spark = spark.newSession()
    for kind in ("datetimeRebaseModeInWrite", "int96RebaseModeInWrite"):
        old_spark.conf.set(f"spark.sql.parquet.{kind}", "LEGACY")
    for kind in ("INT96", "TIMESTAMP_MICROS"):
        old_spark.conf.set("spark.sql.parquet.outputTimestampType", kind)
        written = old_spark.createDataFrame(list(zip(OLD, days, strict=True)), "at timestamp, day date").coalesce(1)
        written.write.parquet(str(parquet_landing.folder / kind))
    rows = parquet_landing.rows()
    assert len(rows) == 5 * len(OLD)
    assert {row["day"] for row in rows} == set(days)
    assert {row["at"] for row in rows} == {*OLD, OLD[-1].replace(microsecond=0)}


def test_types_of_other_makers_come_whole(parquet_landing: LandingFolder) -> None:
    columns = {
        "u32": (pa.array([2**32 - 1, None], pa.uint32()), [2**32 - 1, None]),
        "u64": (pa.array([2**64 - 1, None], pa.uint64()), [Decimal(2**64 - 1), None]),
        "d5": (pa.array([Decimal("1.10"), None], pa.decimal128(5, 2)), [Decimal("1.10"), None]),
        "d38": (pa.array([Decimal("9" * 38), None], pa.decimal128(38, 0)), [Decimal("9" * 38), None]),
        "d60": (pa.array([Decimal("1.5"), None], pa.decimal256(30, 20)), [Decimal("1.50000000000000000000"), None]),
        "category": (pa.array(["a", None]).dictionary_encode(), ["a", None]),
        "large": (pa.array(["ä", None], pa.large_string()), ["ä", None]),
        "fixed": (pa.array([b"ab", None], pa.binary(2)), [bytearray(b"ab"), None]),
        "clock": (pa.array([time(1, 2, 3, 4), None], pa.time64("us")), ["01:02:03.000004", None]),
    }
    parquet_landing.put("a.parquet", parquet({name: array for name, (array, _) in columns.items()}))
    rows = [row.asDict() for row in parquet_landing.extract().frame.collect()]
    assert {name: [row[name] for row in rows] for name in columns} == {
        name: want for name, (_, want) in columns.items()
    }


@pytest.mark.parametrize("columns", ["id int", "id int\ns string\nm string\nl string"])
def test_nested_values_are_json(parquet_landing: LandingFolder, columns: str) -> None:
    parquet_landing.columns = columns
    values = [{"a": 1, "b": None, "c": [Decimal("1.10"), None], "d": {"é\n": True}}, None]
    inner = pa.struct([("é\n", pa.bool_())])
    kind = pa.struct([("a", pa.int64()), ("b", pa.string()), ("c", pa.list_(pa.decimal128(5, 2))), ("d", inner)])
    maps = pa.array([[("k", 1.5)], []], pa.map_(pa.string(), pa.float64()))
    table = {"s": pa.array(values, kind), "m": maps, "l": pa.array([[1, None], []])}
    parquet_landing.put("a.parquet", parquet(table))
    rows = judged(parquet_landing)
    assert [row["s"] and json.loads(row["s"], parse_float=Decimal) for row in rows] == values
    assert [json.loads(row["m"]) for row in rows] == [{"k": 1.5}, {}]
    assert [json.loads(row["l"]) for row in rows] == [[1, None], []]
    other = {"s": pa.array(["text"]), "l": pa.array([[0.5]])}
    parquet_landing.put("b.parquet", parquet(other))
    assert {row["s"] for row in judged(parquet_landing)} == {"text", None, rows[0]["s"]}


@pytest.mark.parametrize("columns", ["id int", "id int\nv string"])
def test_nested_values_are_json_whatever_types_they_have(parquet_landing: LandingFolder, columns: str) -> None:
    parquet_landing.columns = columns
    at, day, clock = datetime(2025, 3, 1, 10, 0, 1), date(2025, 3, 1), time(10, 0, 1, 500)
    times = pa.struct([("t", pa.time64("us")), ("l", pa.list_(pa.time64("us")))])
    values = [
        (
            pa.array([{"t": clock, "l": [clock, None]}, None], times),
            {"t": "10:00:01.0005", "l": ["10:00:01.0005", None]},
        ),
        (pa.array([[clock], None]), ["10:00:01.0005"]),
        (pa.array([[("k", clock)], None], pa.map_(pa.string(), pa.time64("us"))), {"k": "10:00:01.0005"}),
        (pa.array([[(clock, 1)], None], pa.map_(pa.time64("us"), pa.int32())), {"10:00:01.0005": 1}),
        (pa.array([[(day, 1)], None], pa.map_(pa.date32(), pa.int32())), {"2025-03-01": 1}),
        (pa.array([[(at, 1)], None], pa.map_(pa.timestamp("us"), pa.int32())), {"2025-03-01T10:00:01.000000": 1}),
        (
            pa.array([[(at, 1)], None], pa.map_(pa.timestamp("us", "UTC"), pa.int32())),
            {"2025-03-01T10:00:01.000000Z": 1},
        ),
        (pa.array([[(b"\xff\x00", 1)], None], pa.map_(pa.binary(), pa.int32())), {"/wA=": 1}),
        (pa.array([[(7, 1)], None], pa.map_(pa.int64(), pa.int32())), {"7": 1}),
        (
            pa.array([[({"a": day}, 1)], None], pa.map_(pa.struct([("a", pa.date32())]), pa.int32())),
            {'{"a":"2025-03-01"}': 1},
        ),
    ]
    for number, (value, _) in enumerate(values):
        table = {"id": pa.array([number, number + 100]), "v": value}
        parquet_landing.put(f"{number}.parquet", parquet(table))
    found = {row["id"]: row["v"] and json.loads(row["v"]) for row in judged(parquet_landing)}
    assert found == {number: said for number, (_, said) in enumerate(values)} | {
        number + 100: None for number in range(len(values))
    }


def test_bytes_are_text_where_the_contract_wants_text_and_they_are_some(parquet_landing: LandingFolder) -> None:
    rows = {"id": pa.array([1, 2]), "name": pa.array(["Ä".encode(), b"\xff\x00"])}
    parquet_landing.put("a.parquet", parquet(rows))
    expected = [{"id": 1, "name": "Ä"}, {"bad": True}]
    assert alike(judged(parquet_landing)) == alike(expected)
    parquet_landing.put("b.parquet", parquet({"id": pa.array([3]), "name": pa.array(["text"])}))
    assert alike(judged(parquet_landing)) == alike([*expected, {"id": 3, "name": "text"}])


def text_of(*values: bytes) -> pa.Array:
    """A column that says it is text, whatever its bytes are: many writers do not look."""
    held = pa.array(values, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(held), held.buffers())


def test_text_that_is_no_utf8_is_told_and_never_replaced(parquet_landing: LandingFolder) -> None:
    given = text_of("Ä".encode(), b"M\xfcller")
    nested = pa.StructArray.from_arrays([given], ["a"])
    kinds = {"name": given, "drifted": given, "struct": nested, "list": pa.ListArray.from_arrays([0, 1, 2], given)}
    for kind, values in kinds.items():
        parquet_landing.put(f"{kind}.parquet", parquet({"id": pa.array([1, 2], pa.int32()), kind: values}))
    keys = pa.MapArray.from_arrays([0, 1, 2], given, pa.array([1, 2]))
    parquet_landing.put("map.parquet", parquet({"id": pa.array([1, 2], pa.int32()), "map": keys}))
    told = [row["_corrupt_record"] for row in parquet_landing.rows() if "_corrupt_record" in row]
    shown = base64.b64encode(b"M\xfcller").decode()
    plain = [f"{kind} is no UTF-8 ({shown})" for kind in ("name", "drifted")]
    assert sorted(told) == sorted([*plain, *(f"{kind} is no UTF-8 (nested)" for kind in ("struct", "list", "map"))])
    assert [set(row) for row in judged(parquet_landing)].count({"bad"}) == 5


def test_a_time_at_the_end_of_all_times_stops_no_other_file(parquet_landing: LandingFolder) -> None:
    parquet_landing.columns = "id int\nat timestamp"
    infinity = pa.array([0, 2**31 - 1], pa.int32()).view(pa.date32())
    parquet_landing.put("a.parquet", parquet({"id": pa.array([1, 2], pa.int32()), "at": infinity}))
    parquet_landing.put("b.parquet", parquet({"id": pa.array([3], pa.int32()), "at": pa.array(["2025-03-01"])}))
    rows = [{"id": 1, "at": datetime(1970, 1, 1)}, {"bad": True}, {"id": 3, "at": datetime(2025, 3, 1)}]
    assert alike(judged(parquet_landing)) == alike(rows)


def test_a_map_with_a_key_that_comes_twice_is_told_and_stops_no_other(parquet_landing: LandingFolder) -> None:
    """What JSON would have of it has no one meaning."""
    twice = {
        "text": pa.array([[("a", 1), ("b", 2)], [("a", 1), ("a", 2)]], pa.map_(pa.string(), pa.int32())),
        "days": pa.array([[], [(date(2025, 3, 1), 1), (date(2025, 3, 1), 1)]], pa.map_(pa.date32(), pa.int32())),
        "bytes": pa.array([None, [[(b"\xff", 1), (b"\xff", 2)]]], pa.list_(pa.map_(pa.binary(), pa.int32()))),
    }
    parquet_landing.columns = "id int\ntext string\ndays string\nbytes string"
    for name, values in twice.items():
        parquet_landing.put(f"{name}.parquet", parquet({"id": pa.array([1, 2], pa.int32()), name: values}))
    told = [row["_corrupt_record"] for row in parquet_landing.rows() if "_corrupt_record" in row]
    assert sorted(told) == [f"{name} is a map with a key that comes twice, or has one inside" for name in sorted(twice)]
    good = [row for row in judged(parquet_landing) if "bad" not in row]
    assert sorted((row["text"], row["days"], row["bytes"]) for row in good if row["text"]) == [
        ('{"a":1,"b":2}', None, None)
    ]
    assert len(good) == 3


def test_variants_are_text(parquet_landing: LandingFolder) -> None:
    parquet_landing.put("a.parquet", parquet({"id": pa.array([1], pa.int32())}))
    spark = parquet_landing.lake.spark
    query = """select 2 id, parse_json('{"a": [1, "x"]}') name, parse_json('[1]') extra"""
    spark.sql(query).coalesce(1).write.parquet(str(parquet_landing.folder / "b"))
    assert parquet_landing.rows() == [{"extra": "[1]", "id": 2, "name": '{"a":[1,"x"]}'}, {"id": 1}]


def test_times_without_a_zone_are_of_the_columns_zone(parquet_landing: LandingFolder) -> None:
    zone = "{logicalTypeOptions: {defaultTimezone: Europe/Berlin}}"
    parquet_landing.columns = "id int\nat timestamp " + zone
    at = datetime(2025, 3, 1, 10)
    for number, unit in enumerate(("ms", "us", "ns")):
        table = {"id": pa.array([number]), "at": pa.array([at], pa.timestamp(unit))}
        parquet_landing.put(f"{unit}.parquet", parquet(table))
    parquet_landing.put("z.parquet", parquet({"id": pa.array([3]), "at": pa.array([at], pa.timestamp("ns", "UTC"))}))
    hours = {row["id"]: row["at"].hour for row in judged(parquet_landing)}
    assert hours == {0: 9, 1: 9, 2: 9, 3: 10}


def zeros_inside(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + b"\0" * 400 + content[middle + 400 :]


NAMES = pa.array([str(number * 7919 % 100_003) for number in range(60_000)])
BIG = parquet({"id": pa.array(range(60_000)), "name": NAMES}, row_group_size=10_000)
TWO_NAMES = pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["x", "x"])


UNREADABLE = [
    b"PAR1",
    b"no parquet at all",
    BIG[:-10],
    BIG[:-4] + b"PARE",
    BIG[:-8] + b"\xff\xff\xff\x7fPAR1",
    BIG[:-400] + b"\0" * 392 + BIG[-8:],
    parquet({"name": pa.array(["a"]), "NAME": pa.array(["b"])}),
    parquet({"ſ": pa.array(["a"]), "S": pa.array(["b"])}),
    parquet(TWO_NAMES),
    parquet({"_metadata": pa.array([1])}),
    parquet({"_Origin": pa.array([1])}),
    parquet({"__tidemark_bad": pa.array([1])}),
    parquet(pa.table({})),
    parquet({"h": pa.array([1.5], pa.float16())}),
    parquet({"u": pa.array([b"0" * 16], pa.uuid())}),
    parquet({"d": pa.array([Decimal("1" * 50)])}),
    parquet({"t": pa.array([1], pa.time64("ns"))}),
    parquet({"t": pa.array([1], pa.time32("ms"))}),
    parquet({"l": pa.array([[1]], pa.list_(pa.timestamp("ns")))}),
]


def test_a_file_that_cannot_be_read_is_one_record_that_names_it(parquet_landing: LandingFolder) -> None:
    bad = {parquet_landing.put(f"bad{n:02}.parquet", content): len(content) for n, content in enumerate(UNREADABLE)}
    parquet_landing.put("good.parquet", parquet({"id": pa.array([1])}))
    extract = parquet_landing.extract()
    *corrupt, good = parquet_landing.rows(extract)
    assert good == {"id": 1}
    assert {tuple(row) for row in corrupt} == {("_corrupt_record",)}
    texts = [row["_corrupt_record"] for row in corrupt]
    assert len(texts) == len(bad)
    assert [path for path, size in bad.items() if not any(f"{path}" in t and f"{size} bytes" in t for t in texts)] == []
    told = [path for path in bad if any(f"{path}" in notice for notice in extract.notices)]
    assert told == list(bad)[:10]
    assert f"{len(bad) - 10} more files could not be read" in extract.notices


def test_only_files_that_are_no_parquet_leave_only_their_records(parquet_landing: LandingFolder) -> None:
    parquet_landing.put("bad.parquet", b"nothing")
    (row,) = parquet_landing.rows()
    assert set(row) == {"_corrupt_record"}


def test_files_without_rows_and_columns_without_values_say_nothing(parquet_landing: LandingFolder) -> None:
    parquet_landing.put("a.parquet", parquet({"id": pa.array([], pa.int64()), "name": pa.array([], pa.string())}))
    parquet_landing.put("b.parquet", parquet({"id": pa.array([1]), "coupon": pa.array([None])}))
    assert parquet_landing.rows() == [{"id": 1}]
    assert "coupon" not in parquet_landing.extract().frame.columns
    parquet_landing.put("c.parquet", parquet({"id": pa.array([2]), "coupon": pa.array([77])}))
    assert parquet_landing.rows() == [{"coupon": 77, "id": 2}, {"id": 1}]


def test_a_drifted_column_of_several_types_takes_the_one_that_holds_them_all(parquet_landing: LandingFolder) -> None:
    small = {
        "i": pa.array([1], pa.int8()),
        "d": pa.array([Decimal("1.10")]),
        "f": pa.array([1], pa.int32()),
        "t": pa.array([5]),
    }
    parquet_landing.put("a.parquet", parquet(small))
    large = {"i": pa.array([2**40]), "d": pa.array([2**40]), "f": pa.array([0.5]), "t": pa.array(["six"])}
    parquet_landing.put("b.parquet", parquet(large))
    types = dict(parquet_landing.extract().frame.dtypes)
    assert {name: types[name] for name in "idft"} == {"i": "bigint", "d": "decimal(21,2)", "f": "double", "t": "string"}
    assert {row["t"] for row in parquet_landing.rows()} == {"5", "six"}


def test_a_file_that_is_broken_inside_is_left_out_when_a_step_finds_it(parquet_landing: LandingFolder) -> None:
    parquet_landing.put("a good one.parquet", parquet({"id": pa.array([1, 2]), "name": pa.array(["a", "b"])}))
    bad = parquet_landing.put("a bad %20 [one].parquet", zeros_inside(BIG))
    extract = parquet_landing.extract()
    engine = parquet_landing.lake.engine()
    with pytest.raises(Exception, match="FAILED_READ_FILE") as failed:
        steps.prepare(engine, "bronze.events", steps.validate(engine, "bronze.events", extract))
    path, cause = failed_read(failed.value) or ("", "")
    repaired = parquet_landing.extract(failed={path: cause})
    assert repaired.watermark == extract.watermark
    assert any(str(bad) in notice for notice in repaired.notices)
    prepared = steps.prepare(engine, "bronze.events", steps.validate(engine, "bronze.events", repaired))
    assert (prepared.books.extracted, prepared.books.inserted, prepared.books.quarantined) == (3, 2, 1)


LACKING = {
    "codec": parquet({"id": pa.array([2])}, compression="brotli"),
    "encoding": parquet(
        {"id": pa.array([3]), "f": pa.array([0.5])}, use_dictionary=False, column_encoding={"f": "BYTE_STREAM_SPLIT"}
    ),
    "range": parquet({"id": pa.array([4]), "at": pa.array([2**62], pa.timestamp("ms"))}),
}


def test_what_spark_cannot_read_of_a_sound_file_is_that_files_matter(parquet_landing: LandingFolder) -> None:
    parquet_landing.put("good.parquet", parquet({"id": pa.array([1])}))
    bad = [parquet_landing.put(f"{name}.parquet", content) for name, content in LACKING.items()]
    failed: dict[str, str] = {}
    extract = parquet_landing.extract()
    while len(failed) < 2:  # one of the two that their footers tell, and the other one
        with pytest.raises(SPARK_FAILURES) as failure:
            extract.frame.write.format("noop").mode("overwrite").save()
        path, cause = failed_read(failure.value) or ("", "")
        failed[path] = cause
        extract = parquet_landing.extract(failed=failed)
        if len(extract.notices) == len(bad):
            break
    *corrupt, good = parquet_landing.rows(extract)
    assert good == {"id": 1}
    assert len(corrupt) == len(bad)
    told = "\n".join(extract.notices)
    assert [path for path in bad if f"{path}: a " not in told] == []
    assert "that Spark cannot read (" in told


def test_options_are_refused(parquet_landing: LandingFolder) -> None:
    parquet_landing.options = {"mergeSchema": True}
    with pytest.raises(ConfigError, match="mergeSchema"):
        parquet_landing.extract()
