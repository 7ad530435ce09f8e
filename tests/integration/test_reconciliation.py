"""The lake beside Snowflake and Redshift: the same rows are equal, and what is not is found, with its column."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tests.support.worlds.systems import WAREHOUSES, Systems
from tests.unit.reconcile.values import FLOATS, NO_NUMBERS, NUMBERS_IN_TEXTS, VALUES, text_of
from tidemark import steps
from tidemark.config.project import Table
from tidemark.engine import Engine
from tidemark.reconcile import leftout, published, received
from tidemark.reconcile.comparing import Showing
from tidemark.reconcile.dialects import DIALECTS
from tidemark.reconcile.found import Reconciled
from tidemark.targets import PublishRequest, target_for

EVERY = frozenset({"id", "line", "name", "amount", "noted_at", "day", "is_new", "score", "_batch_id"})
MILLION = 1_000_000
COLUMNS = (
    "id string\nline int\nname string\namount decimal(18,2)\nnoted_at timestamp\nday date\nis_new boolean\nscore double"
)
warehouses = pytest.mark.parametrize("warehouse", WAREHOUSES)


@warehouses
def test_a_warehouse_writes_values_canonically(systems: Systems, warehouse: str) -> None:
    dialect = DIALECTS[warehouse]
    for kind, type_, sql, text in VALUES:
        value = f"CAST({sql or 'NULL'} AS {type_})"
        (row,) = systems.execute(
            warehouse, f"SELECT {dialect.canonical('v', kind, kind)} FROM (SELECT {value} AS v) AS t"
        )
        assert row == (text,), f"{value} is written {row[0]!r}"


@warehouses
def test_a_warehouse_writes_floating_point_numbers_by_their_bits(systems: Systems, warehouse: str) -> None:
    dialect = DIALECTS[warehouse]
    for number in FLOATS:
        value = f"CAST({'NULL' if number is None else repr(number)} AS {dialect.double_type})"
        (row,) = systems.execute(
            warehouse, f"SELECT {dialect.canonical('v', 'float', 'float')} FROM (SELECT {value} AS v) AS t"
        )
        expected = text_of(number)
        assert row == (dialect.title if expected == "?" else expected,), f"{value} is written {row[0]!r}"
    for name in NO_NUMBERS:
        value = f"CAST('{name.replace('Infinity', dialect.infinity)}' AS {dialect.double_type})"
        asked = f"SELECT {dialect.canonical('v', 'float', 'float')} FROM (SELECT {value} AS v) AS t"
        assert systems.execute(warehouse, asked) == [(name,)]


@warehouses
def test_a_warehouse_finds_the_number_that_a_text_stands_for(systems: Systems, warehouse: str) -> None:
    dialect = DIALECTS[warehouse]
    for scale, text, number in NUMBERS_IN_TEXTS:
        value = f"(SELECT CAST('{text}' AS VARCHAR(100)) AS v) AS t"
        (row,) = systems.execute(warehouse, f"SELECT {dialect.canonical('v', 'text', 'number', scale)} FROM {value}")
        assert row == (number,), f"{text} is written {row[0]!r}"


@warehouses
def test_a_warehouse_hashes_as_md5_does(systems: Systems, warehouse: str) -> None:
    dialect = DIALECTS[warehouse]
    digests = [dialect.digest("'it''s äöü'", "text"), dialect.digest("'12'", "number")]
    numbers = f"SELECT {dialect.hashed(digests)} AS n UNION ALL SELECT {16**15 - 1}"
    rows = systems.execute(warehouse, f"SELECT {dialect.hashed(digests)}")
    hashed = leftout.key_hash([("it's äöü", "text"), ("12", "number")])
    assert int(rows[0][0]) == hashed
    assert systems.execute(warehouse, f"SELECT {dialect.summed('n')} FROM ({numbers}) AS t") == [
        (str(hashed + 16**15 - 1),)
    ]


@dataclass
class Shop:
    """A table of a warehouse, and the bronze table that receives it."""

    systems: Systems
    warehouse: str
    object: str
    load: Mapping[str, Any]

    def execute(self, *statements: str) -> None:
        self.systems.execute(self.warehouse, *(each.format(t=self.object) for each in statements))

    @property
    def table(self) -> Table:
        columns = (
            "id string\nline int {logicalTypeOptions: {minimum: 0}}\nname string\namount decimal(18,2)\nnoted timestamp"
        )
        return self.systems.table(columns, {"object": self.object}, **self.load)

    def receive(self) -> Table:
        """Extracts, prepares and commits what is new."""
        table = self.table
        engine = self.engine()
        known = engine.state.get("table", table.name)
        mark = (known.value.get("watermark") or {}) if known else {}
        low = datetime.fromisoformat(mark["high"]) if mark.get("high") else None
        connection = self.systems.connection(self.warehouse)
        extract = self.systems.extract(table, connection, low=low, bookkeeping=mark)
        checked = steps.validate(engine, table.name, extract)
        self.systems.lake.finish(engine, table.name, *self.systems.lake.prepare(engine, table.name, checked))
        return table

    def engine(self) -> Engine:
        return replace(self.systems.lake.engine(), connect=lambda _: self.systems.connection(self.warehouse))

    def reconcile(self) -> Reconciled:
        return received.reconcile(self.engine(), self.table, Showing(EVERY | {"noted"}, EVERY))


LOG = {"watermark": {"column": "noted"}, "write": {"mode": "append", "keys": ["id", "line", "noted"]}}
FULL = {"write": {"mode": "append", "keys": ["id", "line"]}}


@pytest.fixture(params=WAREHOUSES)
def shop(request: pytest.FixtureRequest, systems: Systems) -> Iterator[Shop]:
    warehouse = str(request.param)
    schema = {"snowflake": "SALES", "redshift": "analytics"}[warehouse]
    made = Shop(systems, warehouse, f"{schema}.t_{uuid.uuid4().hex[:10]}", LOG)
    made.execute(
        "CREATE TABLE {t} (id VARCHAR(20), line INTEGER, name VARCHAR(100), amount DECIMAL(18, 2), noted TIMESTAMP)",
        "INSERT INTO {t} VALUES ('a', 1, 'Ann', 1.50, '2025-03-01 10:00:00.123456'),"
        " ('a', 2, NULL, 0, '2025-03-01 10:00:00'),"
        " ('b', 1, 'Bob  ', -7, '2025-03-02 00:00:00'), ('c', 1, '', NULL, '2025-03-02 00:00:00')",
    )
    yield made
    made.execute("DROP TABLE {t}")


def test_a_source_and_what_was_received_of_it_are_equal(shop: Shop) -> None:
    shop.receive()
    found = shop.reconcile()
    assert (found.outcome, found.rows, dict(found.left_out)) == ("equal", (4, 4), {})


def test_rows_that_are_not_the_same_are_found(shop: Shop) -> None:
    shop.receive()
    shop.execute(
        "UPDATE {t} SET amount = 1.51 WHERE id = 'a' AND line = 1",
        "DELETE FROM {t} WHERE id = 'b'",
        "INSERT INTO {t} VALUES ('z', 9, 'late', 1, '2025-03-01 00:00:00')",
    )
    found = shop.reconcile()
    rows = {(row.what, row.key["id"], row.key["line"]): dict(row.columns) for row in found.differences}
    assert rows == {
        ("changed", "a", "1"): {"amount": ("1.51", "1.5")},
        ("extra", "b", "1"): {},
        ("missing", "z", "9"): {},
    }
    assert found.columns == {"amount": 1}


def test_what_the_source_has_changed_since_is_left_out(shop: Shop) -> None:
    """A source that updates in place: the lake still has what was there when it was read."""
    shop.receive()
    shop.execute(
        "UPDATE {t} SET amount = 99, noted = '2025-03-05 00:00:00' WHERE id = 'a' AND line = 1",
        "INSERT INTO {t} VALUES ('z', 9, 'new', 1, '2025-03-06 00:00:00')",
    )
    found = shop.reconcile()
    assert (found.outcome, dict(found.left_out)) == ("equal", {"changed since": 2, "not read yet": 2})
    shop.receive()
    again = shop.reconcile()
    assert (again.outcome, again.rows, dict(again.left_out)) == ("equal", (5, 5), {})


def test_a_source_that_keeps_versions_is_compared_with_all_of_them(shop: Shop) -> None:
    for name in ("a", "c"):
        shop.execute("INSERT INTO {t} VALUES ('" + name + "', 1, 'again', 2, '2025-03-01 23:00:00')")
    shop.receive()
    found = shop.reconcile()
    assert (found.outcome, found.rows) == ("equal", (6, 6))
    shop.execute(
        "DELETE FROM {t} WHERE id = 'a' AND amount = 1.50",
        "INSERT INTO {t} VALUES ('b', 1, 'Bob', 2, '2025-03-02 00:00:00.000001')",
    )
    found = shop.reconcile()
    assert (found.outcome, found.extra, found.missing, dict(found.left_out)) == ("differs", 1, 0, {"not read yet": 1})


def test_rejected_rows_are_left_out_and_rows_without_a_key_are_compared(shop: Shop) -> None:
    shop.execute("INSERT INTO {t} VALUES ('q', -1, 'bad', 1, '2025-03-01 00:00:00'), (NULL, 1, 'x', 1, '2025-03-01')")
    shop.receive()
    found = shop.reconcile()
    assert (found.outcome, found.rows, dict(found.left_out)) == ("equal", (5, 5), {"in the error lane": 1})
    shop.execute("INSERT INTO {t} VALUES (NULL, 2, 'y', 1, '2025-03-01')")
    found = shop.reconcile()
    assert [(row.what, dict(row.key)) for row in found.differences] == [("missing", {"id": None, "line": "2"})]


def test_a_state_without_change_times_is_compared_with_the_newest_versions(shop: Shop) -> None:
    shop.load = FULL | {"watermark": None}
    shop.receive()
    shop.execute("UPDATE {t} SET name = 'Anna' WHERE id = 'a' AND line = 1")
    found = shop.reconcile()
    assert found.columns == {"name": 1}
    assert [dict(row.columns) for row in found.differences] == [{"name": ("Anna", "Ann")}]


def test_what_cannot_be_compared_is_said(shop: Shop) -> None:
    shop.receive()
    shop.execute("ALTER TABLE {t} DROP COLUMN name")
    found = shop.reconcile()
    assert (found.outcome, found.reason) == (
        "not compared",
        "columns that cannot be compared: name (the source does not have it); 4 rows are equal in the other columns",
    )
    shop.execute("ALTER TABLE {t} DROP COLUMN id")
    assert "its key cannot be compared: id" in str(shop.reconcile().reason)


def million(systems: Systems) -> DataFrame:
    """A million rows with values of all types."""
    n = F.col("n")
    return systems.spark.range(MILLION).toDF("n").select(
        F.format_string("ORD-%08d", (n / 2).cast("long")).alias("id"),
        (n % 2).cast("int").alias("line"),
        F.when(n % 11 != 0, F.concat(F.lit("Zoë "), n.cast("string"))).alias("name"),
        (n / 7).cast("decimal(18,2)").alias("amount"),
        F.timestamp_micros(n * 1_234_567_891 + 1_700_000_000_000_000).alias("noted_at"),
        F.date_add(F.lit("2025-01-01").cast("date"), (n % 400).cast("int")).alias("day"),
        (n % 3 == 0).alias("is_new"),
        (n / 9.0).alias("score"),
        F.lit("batch").alias("_batch_id"),
        F.lit("2025-03-31 05:00:00").cast("timestamp").alias("_ingest_ts"),
        F.lit("2025-03-31").cast("date").alias("_run_date"),
        F.xxhash64("n").alias("_row_hash"),
    )  # fmt: skip


ODD_ONES = {
    "missing": ("DELETE FROM {t} WHERE id = 'ORD-00123456' AND line = 1", "missing", set()),
    "extra": (
        "INSERT INTO {t} (id, line, name, _batch_id) VALUES ('ORD-00123456x', 1, 'new', 'batch')", "extra", set()
    ),
    "changed": (
        "UPDATE {t} SET noted_at = '2025-03-31 10:00:00' WHERE id = 'ORD-00123456' AND line = 1",
        "changed",
        {"noted_at"},
    ),
}  # fmt: skip


@pytest.mark.timeout(1800)
@warehouses
def test_one_row_of_a_million_is_found(systems: Systems, warehouse: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = f"t_{uuid.uuid4().hex[:10]}"
    lake, connection = systems.lake, systems.connection(warehouse)
    load = {"write": {"mode": "upsert", "keys": ["id", "line"]}, "publish": [warehouse]}
    lake.table(f"gold.{name}", COLUMNS, load, keys=["id", "line"], sql="SELECT 1 AS nothing")
    engine = _publishing_engine(systems, warehouse)
    table, path = engine.table(f"gold.{name}"), engine.table_path(f"gold.{name}")
    million(systems).write.format("delta").save(path)
    rows = systems.spark.read.format("delta").load(path)
    target = target_for(connection.kind)(connection, "gold", systems.environment)
    changes = rows.withColumn("_change_type", F.lit("insert"))
    exchange = f"{systems.environment.exchange}/publish/test/{name}"
    target.publish(PublishRequest(table, changes, True, exchange, "r1", 0, MILLION))
    relation = f"gold.{name}"
    try:
        same = published.reconcile(_publishing_engine(systems, warehouse), table, warehouse, Showing(EVERY, EVERY))
        assert (same.outcome, same.rows, same.read) == ("equal", (MILLION, MILLION), (0, 0))
        for statement, what, columns in ODD_ONES.values():
            systems.execute(warehouse, f"CREATE TABLE {relation}_kept AS SELECT * FROM {relation}")
            systems.execute(warehouse, statement.format(t=relation))
            found = published.reconcile(_publishing_engine(systems, warehouse), table, warehouse, Showing(EVERY, EVERY))
            (row,) = found.differences
            assert (found.outcome, row.what, row.key["line"]) == ("differs", what, "1")
            assert row.key["id"] == ("ORD-00123456x" if what == "extra" else "ORD-00123456")
            assert set(row.columns) == columns
            assert (found.missing + found.extra + found.changed, found.complete) == (1, True)
            assert max(found.read) < MILLION / 100
            with capsys.disabled():
                print(f"\n{warehouse}, one row {what} among {MILLION}: read again {found.read}")
            systems.execute(
                warehouse, f"DELETE FROM {relation}", f"INSERT INTO {relation} SELECT * FROM {relation}_kept"
            )
            systems.execute(warehouse, f"DROP TABLE {relation}_kept")
    finally:
        systems.execute(warehouse, f"DROP TABLE {relation}")


def _publishing_engine(systems: Systems, warehouse: str) -> Engine:
    """An engine whose environment has the warehouse as a target."""
    engine = systems.lake.engine()
    environment = engine.environment.model_copy(update={"targets": systems.environment.targets})
    environment = environment.model_copy(update={"name": systems.environment.name})
    return replace(
        engine,
        project=replace(engine.project, environment=environment),
        connect=lambda _: systems.connection(warehouse),
    )
