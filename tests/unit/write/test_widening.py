"""A column whose type grows is widened in place, and what lies in the table already does not look changed."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from delta.tables import DeltaTable
from pyspark.sql import functions as F

from tests.support.lakes.lake import Lake
from tidemark import faults, publishing
from tidemark.delta.plainfiles import read_plain
from tidemark.delta.table import read_feed, read_state, stored_schema
from tidemark.errors import CommitError
from tidemark.rows.batches import row_hash
from tidemark.write.manifest import SchemaChange

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BRONZE = "bronze.items"
SOURCE = {"connection": "shop", "object": "x"}
LOG = {"source": SOURCE, "write": {"mode": "append", "keys": ["id"]}}
STATE = {"source": SOURCE, "write": {"mode": "upsert", "keys": ["id"]}}
GROWTH: list[tuple[str, Any, str, Any]] = [  # before, a value, after, a value that only this holds
    ("smallint", 7, "int", 70_000),
    ("int", 2**31 - 1, "bigint", 2**31),
    ("int", -5, "double", 0.5),
    ("int", 12, "decimal(12,2)", Decimal("0.25")),
    ("bigint", 2**62, "decimal(20,0)", Decimal(10**19)),
    ("float", 0.1, "double", 0.1),
    ("decimal(9,2)", Decimal("1.50"), "decimal(20,4)", Decimal("1.5001")),
    ("decimal(18,2)", Decimal("-1.50"), "decimal(38,2)", Decimal(10**30)),
]


def table(lake: Lake, x: str, load: dict[str, Any] = LOG) -> None:
    lake.table(BRONZE, f"id! string\nx {x}", load, keys=["id"])


def spark_schema(x: str) -> str:
    return f"id string, x {x}"


@pytest.mark.parametrize("load", [LOG, STATE], ids=["log", "state"])
def test_columns_of_the_contract_grow_and_equal_rows_stay_equal(lake: Lake, load: dict[str, Any]) -> None:
    names = [f"x{number}" for number in range(len(GROWTH))]
    before, old, after, new = (dict(zip(names, values, strict=True)) for values in zip(*GROWTH, strict=True))

    def described(types: dict[str, str]) -> str:
        lake.table(BRONZE, "id! string\n" + "\n".join(f"{name} {types[name]}" for name in names), load, keys=["id"])
        return "id string, " + ", ".join(f"{name} {types[name]}" for name in names)

    schema, nulls = described(before), [None] * len(names)
    lake.load(BRONZE, lake.frame(schema, [("1", *old.values()), ("2", *nulls)]))
    stored = lake.delta(BRONZE).where("id = '1'")
    (as_stored,) = map(tuple, stored.select(*(F.col(name).cast(after[name]) for name in names)).collect())
    schema = described(after)

    loaded = lake.load(BRONZE, lake.frame(schema, [("1", *as_stored), ("2", *nulls), ("3", *new.values())]))

    assert loaded.prepared is not None
    assert set(loaded.prepared.schema_changes) == {SchemaChange(name, after[name], before[name]) for name in names}
    assert (loaded.prepared.books.inserted, loaded.prepared.books.unchanged) == (1, 2)
    now = stored_schema(lake.spark, lake.path(BRONZE))
    assert {name: now[name].dataType.simpleString() for name in names} == after
    assert lake.read(BRONZE) == [("1", *as_stored), ("2", *nulls), ("3", *new.values())]
    version = read_state(lake.spark, lake.path(BRONZE)).version
    plain = read_plain(lake.spark, lake.path(BRONZE), version or 0)
    assert plain is not None
    assert sorted(map(tuple, plain.select("id", *names).collect())) == lake.read(BRONZE)


def test_what_grew_stays_comparable_through_every_step(lake: Lake) -> None:
    steps = [("tinyint", 5), ("int", 300), ("bigint", 2**40)]
    received: list[tuple[str, int]] = []
    for number, (type_, value) in enumerate(steps):
        lake.table(BRONZE, "id! string", STATE, keys=["id"])  # the column is drift
        received.append((str(number), value))
        loaded = lake.load(BRONZE, lake.frame(spark_schema(type_), received))
        assert loaded.prepared is not None
        books = loaded.prepared.books
        assert (books.inserted, books.updated, books.unchanged) == (1, 0, number)
    again = lake.load(BRONZE, lake.frame(spark_schema("bigint"), [*received[:2], ("2", 6)]))
    assert again.prepared is not None
    assert (again.prepared.books.updated, again.prepared.books.unchanged) == (1, 2)
    assert lake.read(BRONZE) == [("0", 5), ("1", 300), ("2", 6)]


def test_a_built_table_grows_with_its_contract_and_its_feed_goes_on(lake: Lake) -> None:
    def build(x: str) -> Any:
        load = {"write": {"mode": "upsert", "keys": ["id"]}, "inputs": {BRONZE: {"on": ["id"]}}}
        sql = f"SELECT id, cast(n AS {x}) * 1000 AS x FROM {BRONZE}"
        lake.table("silver.made", f"id! string\nx {x}", load, keys=["id"], sql=sql)
        return lake.build("silver.made").prepared

    lake.table(BRONZE, "id! string\nn int", STATE, keys=["id"])
    lake.load(BRONZE, lake.frame("id string, n int", [("1", 1), ("2", 2)]))
    build("int")
    first = read_state(lake.spark, lake.path("silver.made")).version or 0
    lake.load(BRONZE, lake.frame("id string, n int", [("2", 2**30), ("3", 3)]))

    prepared = build("bigint")

    assert (prepared.books.inserted, prepared.books.updated, prepared.books.unchanged) == (1, 1, 1)
    now = read_state(lake.spark, lake.path("silver.made")).version or 0
    feed = read_feed(lake.spark, lake.path("silver.made"), -1, now).select("id", "x", "_change_type", "_commit_version")
    assert sorted(map(tuple, feed.where(f"_commit_version <= {first}").collect())) == [
        ("1", 1000, "insert", first),
        ("2", 2000, "insert", first),
    ]
    net = publishing.changes_since(lake.engine(), "silver.made", first, now)
    assert sorted((row.id, row.x) for row in net.collect()) == [("2", 2**30 * 1000), ("3", 3000)]


def test_a_table_that_is_replaced_grows(lake: Lake) -> None:
    replaced = {"source": {**SOURCE, "mode": "full"}, "write": {"mode": "replace"}}
    table(lake, "int", replaced)
    lake.load(BRONZE, lake.frame(spark_schema("int"), [("1", 1), ("2", 2)]), full=True)
    table(lake, "bigint", replaced)
    loaded = lake.load(BRONZE, lake.frame(spark_schema("bigint"), [("1", 1), ("2", 2**40)]), full=True)
    assert loaded.prepared is not None
    assert (loaded.prepared.books.unchanged, loaded.prepared.books.inserted) == (1, 1)
    assert lake.read(BRONZE) == [("1", 1), ("2", 2**40)]


def test_a_run_that_dies_before_its_commit_has_only_let_the_column_grow(lake: Lake) -> None:
    table(lake, "int")
    lake.load(BRONZE, lake.frame(spark_schema("int"), [("1", 1)]))
    table(lake, "bigint")
    given = lake.frame(spark_schema("bigint"), [("1", 1), ("2", 2**40)])
    before = read_state(lake.spark, lake.path(BRONZE)).metadata

    def die(reached: str) -> None:
        if reached == f"{BRONZE}: columns may grow, not committed":
            raise InterruptedError(reached)

    engine, end = lake.engine(), faults.observed_by(die)
    try:
        with pytest.raises(InterruptedError):
            lake.load(BRONZE, given, engine=engine)
    finally:
        end()
    engine.leases.release(BRONZE)
    assert lake.read(BRONZE) == [("1", 1)]
    assert read_state(lake.spark, lake.path(BRONZE)).metadata == before

    lake.load(BRONZE, given)
    lake.load(BRONZE, lake.frame(spark_schema("bigint"), [("3", 3)]))

    assert lake.read(BRONZE) == [("1", 1), ("2", 2**40), ("3", 3)]
    operations = [row.operation for row in DeltaTable.forPath(lake.spark, lake.path(BRONZE)).history().collect()]
    assert operations == ["WRITE", "WRITE", "SET TBLPROPERTIES", "WRITE"]


NO_GROWTH = [
    ("bigint", "int"),
    ("double", "float"),
    ("decimal(20,2)", "decimal(9,2)"),
    ("decimal(9,2)", "decimal(9,4)"),
    ("bigint", "double"),
    ("int", "string"),
    ("date", "timestamp"),
]


def test_what_does_not_hold_every_value_is_refused_and_nothing_is_written(lake: Lake) -> None:
    names = [f"x{number}" for number in range(len(NO_GROWTH))]
    types = dict(zip(names, (before for before, _ in NO_GROWTH), strict=True))

    def describe(**changed: str) -> None:
        columns = [f"{name} {type_}" for name, type_ in (types | changed).items()]
        lake.table(BRONZE, "\n".join(["id! string", *columns]), LOG, keys=["id"])

    def given(key: str) -> Any:
        values = ["2025-03-01" if type_ == "date" else "1" for type_ in types.values()]
        return lake.frame(", ".join(f"{name} string" for name in ["id", *names]), [(key, *values)])

    describe()
    lake.load(BRONZE, given("1"))
    version = read_state(lake.spark, lake.path(BRONZE)).version
    for name, (before, after) in zip(names, NO_GROWTH, strict=True):
        describe(**{name: after})
        engine = lake.engine()
        with pytest.raises(CommitError, match="another type") as raised:
            lake.load(BRONZE, given("2"), engine=engine)
        engine.leases.release(BRONZE)
        assert f"{name} is {before} in the table and {after} in the batch" in str(raised.value)
    assert read_state(lake.spark, lake.path(BRONZE)).version == version


def test_a_hash_of_a_grown_column_is_that_of_its_first_type_where_that_holds_the_value(spark: SparkSession) -> None:
    before = spark.createDataFrame([("a", 5), ("b", None), ("c", -(2**31))], "k string, n int")
    after = before.withColumn("n", F.col("n").cast("bigint"))
    old = before.select(row_hash(["k", "n"])).collect()
    assert after.select(row_hash(["k", "n"], {"n": ("int",)})).collect() == old
    assert after.select(row_hash(["k", "n"])).collect() != old
    larger = spark.createDataFrame([("a", 2**31)], "k string, n bigint")
    assert (
        larger.select(row_hash(["k", "n"], {"n": ("int",)})).collect() == larger.select(row_hash(["k", "n"])).collect()
    )
