from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from tests.support.lakes import dimensions
from tests.support.lakes.lake import Lake, at
from tidemark.errors import ConfigError
from tidemark.rows import BAD, judging
from tidemark.write.modes.scd2 import UNKNOWN_SURROGATE_KEY, surrogate_key

pytestmark = pytest.mark.usefixtures("planned_anew")

WRITE: dict[str, Any] = {
    "keys": ["id"],
    "effective_from": "updated_at",
    "track": ["city"],
    "deletes": {"flag": "is_deleted"},
}
SCHEMA = "id string, city string, note string, updated_at timestamp, is_deleted boolean"
COLUMNS = "sk string, id string, city string, note string, valid_from timestamp, valid_to timestamp, is_current boolean"
SHOWN = ("id", "city", "note", "valid_from", "valid_to", "is_current")
Version = tuple[Any, ...]


def rows(
    spark: SparkSession,
    versions: Sequence[Version],
    schema: str = SCHEMA,
    columns: str = COLUMNS,
    shown: Sequence[str] = SHOWN,
    rules: Mapping[str, Mapping[str, Any]] | None = None,
    **write: Any,
) -> list[tuple[Any, ...]]:
    """The history of the versions, by key and start."""
    frame = spark.createDataFrame(versions, schema)
    made = dimensions.checked(frame, columns, WRITE | write, **(rules or {})).judged.where(~F.col(BAD))
    order = [shown.index(name) for name in shown if name in ("id", "valid_from", "starts")]
    return sorted((tuple(row) for row in made.select(*shown).collect()), key=lambda row: [row[n] for n in order])


def test_a_change_closes_a_version_and_opens_the_next(spark: SparkSession) -> None:
    versions = [("a", "Ulm", "1", at(1), False), ("a", "Bonn", "2", at(4), False)]

    assert rows(spark, versions) == [
        ("a", "Ulm", "1", at(1), at(4), False),
        ("a", "Bonn", "2", at(4), None, True),
    ]


def test_runs_without_change_in_tracked_columns_collapse_into_their_first_version(spark: SparkSession) -> None:
    versions = [("a", "Ulm", "1", at(1), False), ("a", "Ulm", "2", at(2), False), ("a", None, "3", at(3), False)]

    assert rows(spark, versions) == [("a", "Ulm", "1", at(1), at(3), False), ("a", None, "3", at(3), None, True)]


@pytest.mark.parametrize(
    ("given", "written", "kept"),
    [("string", ["1.0", "1.00", " 1", "2"], "decimal(9,2)"), ("decimal(9,4)", ["1.0001", "1.0002", "1", "2"], "int")],
)
def test_a_value_that_is_only_written_anew_is_no_change(
    spark: SparkSession, given: str, written: list[str], kept: str
) -> None:
    """A log can hold as text what a history holds as a number; what its `cast` lets go says nothing either."""
    frame = spark.createDataFrame(
        [("a", price, at(day)) for day, price in enumerate(written, start=1)],
        "id string, p string, updated_at timestamp",
    )
    columns = f"sk string, id string, price {kept}, valid_from timestamp, valid_to timestamp, is_current boolean"
    write = {"keys": ["id"], "effective_from": "updated_at", "track": ["price"]}
    versions = frame.selectExpr("id", f"CAST(p AS {given}) AS price", "updated_at")
    made = dimensions.checked(versions, columns, write, cast={"price": "round"}).judged
    found = made.selectExpr("CAST(price AS int)", "valid_from", "valid_to", "__tidemark_bad").collect()
    assert sorted(map(tuple, found)) == [(1, at(1), at(4), False), (2, at(4), None, False)]


def test_a_delete_closes_and_a_reappearance_opens_again(spark: SparkSession) -> None:
    versions = [
        ("a", "Ulm", "1", at(1), False),
        ("a", "Ulm", "2", at(2), True),
        ("a", "Ulm", "3", at(3), True),
        ("a", "Ulm", "4", at(5), False),
        ("b", "Bonn", "1", at(1), True),
    ]

    assert rows(spark, versions) == [("a", "Ulm", "1", at(1), at(2), False), ("a", "Ulm", "4", at(5), None, True)]


@pytest.mark.parametrize("overwrite", [True, ["note"]])
def test_what_is_overwritten_is_that_of_the_last_version_of_a_row(spark: SparkSession, overwrite: object) -> None:
    versions = [
        ("a", "Ulm", "1", at(1), False),
        ("a", "Ulm", "2", at(2), False),
        ("a", "Ulm", None, at(3), False),
        ("a", "Bonn", "4", at(4), False),
        ("a", "Bonn", "5", at(5), False),
        ("a", "Bonn", "6", at(6), True),
        ("a", "Bonn", "7", at(7), False),
        ("b", "Kiel", "1", at(1), False),
        ("b", "Kiel", "2", at(2), False),
        ("b", "Kiel", "3", at(9), False),
    ]

    assert rows(spark, versions, overwrite=overwrite) == [
        ("a", "Ulm", None, at(1), at(4), False),
        ("a", "Bonn", "5", at(4), at(6), False),
        ("a", "Bonn", "7", at(7), None, True),
        ("b", "Kiel", "3", at(1), None, True),
    ]


@pytest.mark.parametrize("track", ["all", "all but note", {"all_but": ["note"]}])
def test_all_columns_can_be_tracked_but_some(spark: SparkSession, track: object) -> None:
    versions = [("a", "Ulm", "1", at(1), False), ("a", "Ulm", "2", at(2), False), ("a", "Bonn", "2", at(3), False)]

    found = [row[2:4] for row in rows(spark, versions, track=track)]

    of_all = [("1", at(1)), ("2", at(2)), ("2", at(3))]
    assert found == (of_all if track == "all" else [("1", at(1)), ("2", at(3))])


def test_the_end_that_is_open_and_the_columns_have_names_of_your_own(spark: SparkSession) -> None:
    versions = [("a", "Ulm", "1", at(1), False), ("a", "Bonn", "2", at(4), False)]
    columns = "sk string, id string, city string, starts timestamp, ends timestamp, is_live boolean"
    names = {"from": "starts", "to": "ends", "current": "is_live", "open_end": "9999-12-31"}

    found = rows(spark, versions, columns=columns, shown=("id", "city", "starts", "ends", "is_live"), validity=names)

    assert found == [("a", "Ulm", at(1), at(4), False), ("a", "Bonn", at(4), datetime(9999, 12, 31), True)]


@pytest.mark.parametrize(
    ("type_", "starts"),
    [
        ("date", [date(2025, 3, 1), date(2025, 3, 2), date(2025, 3, 4)]),
        ("int", [1, 2, 10]),
        ("bigint", [-5, 0, 2**40]),
        ("decimal(20,0)", [Decimal(1), Decimal(2), Decimal(10**19)]),
        ("string", ["a", "b", "c"]),
    ],
)
def test_a_version_can_be_dated_by_anything_that_has_an_order(
    spark: SparkSession, type_: str, starts: list[Any]
) -> None:
    first, second, third = starts
    versions = [("a", "Bonn", "3", third, False), ("a", "Ulm", "1", first, False), ("a", "Ulm", "2", second, True)]
    schema = f"id string, city string, note string, updated_at {type_}, is_deleted boolean"
    columns = COLUMNS.replace("timestamp", type_)

    assert rows(spark, versions, schema, columns) == [
        ("a", "Ulm", "1", first, second, False),
        ("a", "Bonn", "3", third, None, True),
    ]


@pytest.mark.parametrize("write", [{"effective_from": ["updated_at", "seq"]}, {"order_by": ["seq"]}])
def test_of_one_instant_the_last_in_sequence_counts_then_a_delete(spark: SparkSession, write: dict[str, Any]) -> None:
    schema = f"{SCHEMA}, seq int"
    versions = [
        ("a", "Ulm", "1", at(1), False, 9),
        ("a", "Bonn", "2", at(1), False, 10),
        ("a", "Kiel", "3", at(2), True, 1),
        ("a", "Kiel", "4", at(2), False, 2),
        ("b", "Ulm", "1", at(1), True, 1),
        ("b", "Ulm", "2", at(1), False, 1),
        ("c", "Ulm", "1", at(1), False, None),
        ("c", "Bonn", "2", at(1), False, 0),
    ]

    assert rows(spark, versions, schema, **write) == [
        ("a", "Bonn", "2", at(1), at(2), False),
        ("a", "Kiel", "4", at(2), None, True),
        ("c", "Bonn", "2", at(1), None, True),
    ]


def test_what_was_missing_is_deleted_from_when_that_was_seen(spark: SparkSession) -> None:
    schema = f"{SCHEMA}, seen_at timestamp"
    versions = [
        ("a", "Ulm", "1", at(1), False, at(2)),
        ("a", "Ulm", "1", at(1), True, at(5)),  # gone, with the change time of its last version
        ("a", "Ulm", "1", at(1), False, at(7)),  # back, as it was
        ("a", "Bonn", "2", at(6), False, at(8)),  # changed before it was seen again
        ("b", "Ulm", "1", at(1), False, at(2)),
        ("b", "Bonn", "2", at(3), False, at(5)),
    ]

    assert rows(spark, versions, schema, deletes={"flag": "is_deleted", "at": "seen_at"}) == [
        ("a", "Ulm", "1", at(1), at(5), False),
        ("a", "Bonn", "2", at(7), None, True),
        ("b", "Ulm", "1", at(1), at(3), False),
        ("b", "Bonn", "2", at(3), None, True),
    ]


@pytest.mark.parametrize("seed", range(2))
def test_history_does_not_depend_on_order_or_repetition(spark: SparkSession, seed: int) -> None:
    chance = random.Random(seed)
    versions = [
        (
            chance.choice("ab"),
            chance.choice(["X", "Y", None]),
            str(n),
            at(1) + timedelta(hours=n // 2),
            chance.random() < 0.2,
        )
        for n in range(24)
    ]
    expected = rows(spark, versions, overwrite=True)

    shuffled = versions + chance.choices(versions, k=6)
    chance.shuffle(shuffled)

    assert rows(spark, shuffled, overwrite=True) == expected


BROKEN = (
    ("a", "Ulm", "1", at(1), False),
    ("a", "Bonn", "much too long", at(2), False),  # breaks a rule
    ("a", "Ulm", "3", at(3), False),
    ("a", "Kiel", "4", at(4), False),
    ("b", "Ulm", "much too long", at(1), True),  # what a delete still says does not matter
    ("b", "Ulm", "1", at(0 + 1), False),
    (None, "Ulm", "1", at(1), False),
    ("c", "Ulm", "1", None, False),
    ("d", "Ulm", "1", datetime(9999, 12, 31, 23, 59, 59, 999999), False),
)


def test_a_version_that_breaks_a_rule_leaves_the_one_before_it_in_force(spark: SparkSession) -> None:
    found = rows(spark, BROKEN, rules={"note": {"max_length": 3}})

    assert found == [
        ("a", "Ulm", "1", at(1), at(4), False),
        ("a", "Kiel", "4", at(4), None, True),
        ("d", "Ulm", "1", datetime(9999, 12, 31, 23, 59, 59, 999999), None, True),
    ]


def test_a_version_can_be_valid_from_the_first_day_of_the_calendar(spark: SparkSession) -> None:
    frame = spark.createDataFrame([("a", "Ulm", "1", False)], SCHEMA.replace("updated_at timestamp, ", ""))
    versions = frame.withColumn("updated_at", F.lit("0001-01-01 00:00:00").cast("timestamp"))

    (row,) = dimensions.checked(versions, COLUMNS, WRITE).judged.selectExpr("CAST(valid_from AS STRING)", BAD).collect()

    assert tuple(row) == ("0001-01-01 00:00:00", False)


def test_rejected_versions_come_along_and_say_why(spark: SparkSession) -> None:
    names = {"open_end": "9999-12-31"}
    frame = spark.createDataFrame(BROKEN, SCHEMA)
    made = dimensions.checked(frame, COLUMNS, WRITE | {"validity": names}, note={"max_length": 3})
    assert made.contract is not None

    bad = judging.rejected(made.source, made.contract, made.alignment).collect()

    told = sorted((reason.column, reason.rule, reason.value) for row in bad for reason in row.reasons)
    assert told == [
        ("id", "required", None),
        ("note", "maxLength", "much too long"),
        ("valid_from", "exclusiveMaximum", "9999-12-31 23:59:59.999999"),
        ("valid_from", "required", None),
    ]
    assert made.judged.where(BAD).count() == len(bad) == 4
    assert not any("__tidemark" in row.payload for row in bad)


def test_keys_of_several_columns_have_a_surrogate_key_each_whatever_stands_in_them(spark: SparkSession) -> None:
    texts = ["a", "a|", "|a", "a|a", "\\", "a\\", "\\|", "|", ""]
    keys = [(first, second) for first in texts for second in texts]
    frame = spark.createDataFrame(keys, "a string, b string")

    found = {row.sk for row in frame.select(surrogate_key(("a", "b"), F.lit("1")).alias("sk")).collect()}

    assert len(found) == len(keys)


@pytest.mark.parametrize(
    ("type_", "start", "text"),
    [
        ("timestamp", at(1, 2, 3), "2025-03-01 02:03:00.000000"),
        ("date", date(2025, 3, 1), "2025-03-01 00:00:00.000000"),
        ("int", 7, "7"),
    ],
)
def test_the_surrogate_key_is_a_function_of_key_and_start(
    spark: SparkSession, type_: str, start: object, text: str
) -> None:
    schema = f"id string, city string, note string, updated_at {type_}, is_deleted boolean"

    found = rows(spark, [("a", "Ulm", "1", start, False)], schema, COLUMNS.replace("timestamp", type_), ["sk", "id"])

    assert found == [(hashlib.sha256(f"a|{text}".encode()).hexdigest()[:32], "a")]


@pytest.mark.parametrize(
    ("type_", "key", "unknown"),
    [
        ("string", "a", "unknown"),
        ("int", 1, -1),
        ("decimal(9,2)", Decimal("1.00"), Decimal("-1.00")),
        ("date", date(2025, 3, 1), date(1900, 1, 1)),
        ("timestamp", at(1), datetime(1900, 1, 1)),
    ],
)
def test_the_unknown_member_has_the_type_of_its_key_and_is_no_current_member(
    spark: SparkSession, type_: str, key: object, unknown: object
) -> None:
    schema = f"id {type_}, area int, city string, updated_at timestamp"
    columns = (
        f"sk string, id! {type_}, area! int, city! string, valid_from timestamp, valid_to timestamp, is_current boolean"
    )
    write = {"keys": ["id", "area"], "effective_from": "updated_at", "track": ["city"]}
    taken = [(unknown, -1, "Ulm", at(1)), (unknown, None, "Ulm", at(1))]
    frame = spark.createDataFrame([(key, 5, "Ulm", at(1)), (unknown, 5, "Ulm", at(1)), *taken], schema)

    made = dimensions.checked(frame, columns, write | {"unknown_member": {"city": "?"}})
    found = {row.sk: tuple(row)[1:7] for row in made.judged.where(~F.col(BAD)).collect()}
    reasons = judging.rejected(made.source, made.contract, made.alignment).select("reasons.rule").collect()

    assert sorted(rule for (rules,) in reasons for rule in rules) == ["required", "reserved"]
    assert found.pop(UNKNOWN_SURROGATE_KEY) == (unknown, -1, "?", datetime(1900, 1, 1), None, False)
    others = [(member, 5, "Ulm", at(1), None, True) for member in (key, unknown)]
    assert sorted(found.values(), key=repr) == sorted(others, key=repr)


def test_a_history_without_the_columns_of_one_is_refused(spark: SparkSession) -> None:
    frame = spark.createDataFrame([], SCHEMA)

    with pytest.raises(ConfigError, match="no column `is_current`"):
        dimensions.checked(frame, COLUMNS.replace(", is_current boolean", ""), WRITE)


VERSIONS = "id! string\ncity string\nupdated_at! timestamp\nis_deleted boolean"
DIMENSION = """sk! string\nid! string\ncity string {logicalTypeOptions: {maxLength: 4}}
valid_from! timestamp\nvalid_to timestamp\nis_current! boolean"""
FROM_LOG = "id string, city string, updated_at timestamp, is_deleted boolean"


def describe(lake: Lake) -> None:
    keys = ["id", "updated_at"]
    source = {"source": {"connection": "shop", "object": "v"}, "write": {"mode": "append", "keys": keys}}
    lake.table("bronze.versions", VERSIONS, source, keys=keys)
    load = {"inputs": {"bronze.versions": {"on": ["id"]}}, "write": {"mode": "scd2", "surrogate_key": "sk"} | WRITE}
    query = "SELECT id, city, updated_at, is_deleted FROM bronze.versions"
    lake.table("gold.dim", DIMENSION, load, keys=["id", "valid_from"], sql=query)


def test_late_versions_rewrite_only_the_rows_they_change(lake: Lake) -> None:
    describe(lake)
    lake.load("bronze.versions", lake.frame(FROM_LOG, [("a", "A", at(1), False), ("a", "A", at(9), False)]))
    lake.load("bronze.versions", lake.frame(FROM_LOG, [("b", "B", at(1), False)]), identity={"n": 2})
    lake.build("gold.dim")

    lake.load("bronze.versions", lake.frame(FROM_LOG, [("a", "X", at(5), False)]), identity={"n": 3})
    loaded = lake.build("gold.dim")

    assert lake.read("gold.dim", "id", "city", "valid_from", "valid_to", "is_current") == [
        ("a", "A", at(1), at(5), False),
        ("a", "A", at(9), None, True),
        ("a", "X", at(5), at(9), False),
        ("b", "B", at(1), None, True),
    ]
    assert loaded.prepared is not None
    assert (loaded.prepared.books.inserted, loaded.prepared.books.updated, loaded.prepared.books.unchanged) == (2, 1, 0)


def test_a_rejected_version_is_in_the_lane_and_in_the_books_and_comes_in_once_the_rule_is_mended(lake: Lake) -> None:
    describe(lake)
    versions = [("a", "A", at(1), False), ("a", "Heidelberg", at(5), False), ("b", "B", at(1), False)]
    lake.load("bronze.versions", lake.frame(FROM_LOG, versions))

    loaded = lake.build("gold.dim")

    shown = ("id", "city", "valid_to", "is_current")
    assert lake.read("gold.dim", *shown) == [("a", "A", None, True), ("b", "B", None, True)]
    assert loaded.prepared is not None
    books = loaded.prepared.books
    assert (books.extracted, books.quarantined, books.accepted, books.inserted) == (3, 1, 2, 2)
    (error,) = lake.errors("gold.dim")
    assert "Heidelberg" in str(error["payload"])
    assert [reason["rule"] for reason in error["reasons"]] == ["maxLength"]

    contract = lake.root / "config" / "gold" / "dim.contract.yaml"
    contract.write_text(contract.read_text("utf-8").replace("maxLength: 4", "maxLength: 40"), "utf-8")
    lake.build("gold.dim")

    assert lake.read("gold.dim", *shown) == [
        ("a", "A", at(5), False),
        ("a", "Heidelberg", None, True),
        ("b", "B", None, True),
    ]


def test_deletes_that_are_dated_by_another_clock_than_versions_are_refused(spark: SparkSession) -> None:
    columns = COLUMNS.replace("valid_from timestamp, valid_to timestamp", "valid_from bigint, valid_to bigint")
    frame = spark.createDataFrame([], SCHEMA.replace("updated_at timestamp", "updated_at bigint, seen_at timestamp"))
    write = WRITE | {"deletes": {"flag": "is_deleted", "at": "seen_at"}}
    with pytest.raises(ConfigError, match="its deletes by `seen_at`, a timestamp"):
        dimensions.checked(frame, columns, write)
