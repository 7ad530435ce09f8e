"""Snowflake's stand-in through the real connector."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pytest
import snowflake.connector
from hypothesis import HealthCheck, given, settings
from snowflake.connector.cursor import SnowflakeCursor
from snowflake.connector.errors import DatabaseError, IntegrityError, ProgrammingError

from sandbox.credentials import SNOWFLAKE
from sandbox.home import Endpoints
from sandbox.seeding.snowflake import session as snowflake_session
from sandbox.shop import CUSTOMERS, PRODUCTS, Shop
from tests.integration.sandbox.conftest import SILENCE
from tests.integration.sandbox.values import ANY_ROWS, TRICKY, Row, as_table, comparable

UNLOAD = "FILE_FORMAT = (TYPE = PARQUET) HEADER = TRUE"
BY_NAME = "FILE_FORMAT = (TYPE = PARQUET) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE"
COLUMNS = "ID NUMBER(38,0), AMOUNT NUMBER(18,2), NOTE VARCHAR, FLAG BOOLEAN, DAY DATE, STAMP TIMESTAMP_NTZ, RATIO FLOAT"


@pytest.fixture
def table(snow: SnowflakeCursor) -> str:
    snow.execute(f"CREATE OR REPLACE TABLE GOLD.TRICKY ({COLUMNS})")
    return "GOLD.TRICKY"


def rows_of(cursor: SnowflakeCursor, sql: str) -> list[tuple[Any, ...]]:
    cursor.execute(sql)
    return [tuple(row) for row in cursor.fetchall()]


@pytest.mark.parametrize(("user", "password"), [(SNOWFLAKE.user, "guess"), ("nobody", SNOWFLAKE.password)])
def test_wrong_login_is_refused_at_once(endpoints: Endpoints, user: str, password: str) -> None:
    started = time.monotonic()
    with pytest.raises(DatabaseError, match="Incorrect username or password was specified"):
        snowflake.connector.connect(
            account="fakesnow",
            host="127.0.0.1",
            port=endpoints.port("snowflake"),
            protocol="http",
            user=user,
            password=password,
        )
    assert time.monotonic() - started < 10


def test_in_and_out(
    snow: SnowflakeCursor,
    table: str,
    location: str,
    put_parquet: Callable[[str, pa.Table], int],
    unloaded: Callable[[], pa.Table],
) -> None:
    put_parquet("part-0.parquet", as_table(TRICKY))
    loaded = rows_of(snow, f"COPY INTO {table} FROM '{location}' FILES = ('part-0.parquet') {BY_NAME}")
    assert [(row[1], row[3]) for row in loaded] == [("LOADED", len(TRICKY))]
    answer = rows_of(snow, f"COPY INTO '{location}out' FROM (SELECT * FROM {table}) {UNLOAD}")
    assert [row[0] for row in answer] == [len(TRICKY)]
    assert comparable(unloaded()) == comparable(as_table(TRICKY * 2))  # what went in, and what came out


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ANY_ROWS)
def test_any_value_survives(
    snow: SnowflakeCursor,
    table: str,
    location: str,
    put_parquet: Callable[[str, pa.Table], int],
    unloaded: Callable[[], pa.Table],
    rows: list[Row],
) -> None:
    put_parquet("any.parquet", as_table(rows))
    snow.execute(f"TRUNCATE TABLE {table}")
    snow.execute(f"COPY INTO {table} FROM '{location}' FILES = ('any.parquet') {BY_NAME} FORCE = TRUE")
    snow.execute(f"COPY INTO '{location}out' FROM (SELECT * FROM {table}) {UNLOAD} OVERWRITE = TRUE")
    assert comparable(unloaded()) == comparable(as_table(rows * 2))


def test_a_large_result_is_several_files(
    snow: SnowflakeCursor, location: str, objects: Callable[[], dict[str, bytes]], unloaded: Callable[[], pa.Table]
) -> None:
    query = "SELECT SEQ8() AS N, UUID_STRING() AS U FROM TABLE(GENERATOR(ROWCOUNT => 300000))"
    answer = rows_of(snow, f"COPY INTO '{location}' FROM ({query}) {UNLOAD} MAX_FILE_SIZE = 3000000")
    files = objects()
    assert len(files) > 2
    assert all(name.startswith("data_") and name.endswith(".snappy.parquet") for name in files)
    assert unloaded().num_rows == answer[0][0] == 300_000
    assert answer[0][2] == sum(map(len, files.values()))


def test_nothing_unloaded_is_no_file(
    snow: SnowflakeCursor, table: str, location: str, objects: Callable[[], dict[str, bytes]]
) -> None:
    assert rows_of(snow, f"COPY INTO '{location}' FROM (SELECT * FROM {table}) {UNLOAD}") == [(0, 0, 0)]
    assert objects() == {}


def test_files_are_not_overwritten_unasked(
    snow: SnowflakeCursor, location: str, objects: Callable[[], dict[str, bytes]]
) -> None:
    unload = f"COPY INTO '{location}' FROM (SELECT 1 AS X) {UNLOAD}"
    snow.execute(unload)
    before = objects()
    with pytest.raises(ProgrammingError, match="Files already existing"):
        snow.execute(unload.replace("SELECT 1", "SELECT 2"))
    assert objects() == before
    detailed = rows_of(snow, f"{unload} OVERWRITE = TRUE DETAILED_OUTPUT = TRUE")
    assert [(row[0], row[2]) for row in detailed] == [("data_0_0_0.snappy.parquet", 1)]


def test_bound_values_and_storage_integration(
    snow: SnowflakeCursor, location: str, unloaded: Callable[[], pa.Table]
) -> None:
    snow.execute(f"COPY INTO '{location}' FROM (SELECT %s AS X) STORAGE_INTEGRATION = LAKE {UNLOAD}", ("it's",))
    assert unloaded().to_pylist() == [{"x": "it's"}]


def test_an_unload_sees_its_own_transaction(
    snow: SnowflakeCursor, table: str, location: str, unloaded: Callable[[], pa.Table]
) -> None:
    snow.execute("BEGIN")
    snow.execute(f"INSERT INTO {table} (ID) VALUES (1)")
    snow.execute(f"COPY INTO '{location}' FROM {table} {UNLOAD}")
    snow.execute("ROLLBACK")
    assert unloaded().num_rows == 1
    assert rows_of(snow, f"SELECT COUNT(*) FROM {table}") == [(0,)]


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("COPY INTO '{}' FROM (SELECT 1 AS X) FILE_FORMAT = (TYPE = CSV)", "TYPE = PARQUET"),
        ("COPY INTO '{}' FROM (SELECT 1 AS X) PARTITION BY ('x') FILE_FORMAT = (TYPE = PARQUET)", "not supported"),
        (
            "COPY INTO '{}' FROM (SELECT CURRENT_TIMESTAMP() AS X) FILE_FORMAT = (TYPE = PARQUET)",
            "TIMESTAMP_TZ and LTZ",
        ),
        ("COPY INTO '{}' FROM (SELECT NOPE FROM GOLD.TRICKY) FILE_FORMAT = (TYPE = PARQUET)", "NOPE"),
        ("COPY INTO '{}' FROM (SELECT * FROM GOLD.NOPE) FILE_FORMAT = (TYPE = PARQUET)", "NOPE does not exist"),
        (
            "COPY INTO 's3://no-such-bucket/x' FROM (SELECT 1 AS X) FILE_FORMAT = (TYPE = PARQUET)",
            "bucket does not exist",
        ),
        ("COPY INTO GOLD.TRICKY FROM '{}' FILES = ('no.parquet') " + BY_NAME, "Remote file was not found"),
        ("SELECT * FROM GOLD.NOPE", "NOPE does not exist"),
        ("SELEC 1", "SELEC"),
        ("SELECT STAMP - STAMP FROM GOLD.TRICKY", "cast it"),
    ],
)
def test_what_fails_is_an_sql_error_at_once(
    snow: SnowflakeCursor, table: str, location: str, statement: str, says: str
) -> None:
    started = time.monotonic()
    with pytest.raises(ProgrammingError, match=says):
        snow.execute(statement.format(location))
    assert time.monotonic() - started < 10
    assert rows_of(snow, f"SELECT COUNT(*) FROM {table}") == [(0,)]  # the session goes on


def test_keys_are_not_enforced(snow: SnowflakeCursor) -> None:
    snow.execute("CREATE OR REPLACE TABLE GOLD.KEYED (A NUMBER, B NUMBER UNIQUE, C NUMBER NOT NULL, PRIMARY KEY (A))")
    snow.execute("INSERT INTO GOLD.KEYED VALUES (1, 1, 1), (1, 1, 1)")
    assert rows_of(snow, "SELECT COUNT(*) FROM GOLD.KEYED") == [(2,)]
    with pytest.raises(IntegrityError, match="NOT NULL"):
        snow.execute("INSERT INTO GOLD.KEYED VALUES (2, 2, NULL)")


def test_sessions_side_by_side_do_not_refuse_each_other(endpoints: Endpoints) -> None:
    def publish(number: int) -> None:
        with snowflake_session(endpoints) as cursor:
            for version in range(3):
                cursor.execute("CREATE TABLE IF NOT EXISTS GOLD.RELEASES (NAME VARCHAR, VERSION NUMBER)")
                cursor.execute("BEGIN")
                cursor.execute(f"DELETE FROM GOLD.RELEASES WHERE NAME = 't{number}'")
                cursor.execute(f"INSERT INTO GOLD.RELEASES VALUES ('t{number}', {version})")
                cursor.execute("COMMIT")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(publish, range(4)))
    with snowflake_session(endpoints) as cursor:
        assert sorted(rows_of(cursor, "SELECT * FROM GOLD.RELEASES")) == [(f"t{number}", 2) for number in range(4)]


def test_a_client_that_died_in_a_transaction_does_not_block_others(endpoints: Endpoints, table: str) -> None:
    with snowflake_session(endpoints) as dead, snowflake_session(endpoints) as alive:
        alive.execute(f"INSERT INTO {table} (ID) VALUES (1)")
        dead.execute("BEGIN")
        dead.execute(f"DELETE FROM {table}")
        time.sleep(SILENCE + 0.5)
        alive.execute(f"UPDATE {table} SET ID = 2")
        with pytest.raises(ProgrammingError, match="Transaction was aborted"):
            dead.execute("COMMIT")
        dead.execute("ROLLBACK")
        assert rows_of(dead, f"SELECT ID FROM {table}") == [(2,)]


def test_the_shop_is_there(snow: SnowflakeCursor, days: range, shop: Shop) -> None:
    stored = rows_of(snow, f"SELECT * FROM {CUSTOMERS.name}")
    expected = [row for number in days for row in shop.day(number).inserts[CUSTOMERS.name].rows]
    assert sorted(map(repr, stored)) == sorted(map(repr, expected))
    products = rows_of(snow, f"SELECT * FROM {PRODUCTS.name}")
    assert sorted(map(repr, products)) == sorted(map(repr, shop.day(days[-1]).products.rows))
