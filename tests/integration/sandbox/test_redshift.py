"""Redshift's stand-in through the real driver."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pyarrow as pa
import pytest
import redshift_connector
from hypothesis import HealthCheck, given, settings
from redshift_connector.core import Connection
from redshift_connector.error import ProgrammingError

from sandbox.credentials import REDSHIFT
from sandbox.home import Endpoints
from sandbox.seeding import aws
from sandbox.seeding.redshift import session
from sandbox.shop import BEHAVIOR, Shop
from tests.integration.sandbox.values import ANY_ROWS, TRICKY, Row, as_table, comparable

PARQUET = "IAM_ROLE 'arn:aws:iam::000000000000:role/redshift-s3' FORMAT AS PARQUET"
COLUMNS = (
    "id BIGINT ENCODE az64 DISTKEY, amount NUMERIC(18,2), note VARCHAR(MAX), flag BOOLEAN, day DATE, stamp TIMESTAMP, "
    "ratio DOUBLE PRECISION"
)


@pytest.fixture
def table(shift: Connection) -> str:
    run(shift, f"CREATE TABLE gold.tricky ({COLUMNS}) COMPOUND SORTKEY (stamp, id)")
    return "gold.tricky"


def run(connection: Connection, sql: str, *values: Any) -> list[list[Any]]:
    with closing(connection.cursor()) as cursor:
        cursor.execute(sql, values)
        return [list(row) for row in cursor.fetchall()] if cursor.description else []


@pytest.mark.parametrize(("user", "password"), [(REDSHIFT.user, "guess"), ("nobody", REDSHIFT.password)])
def test_wrong_login_is_refused(endpoints: Endpoints, user: str, password: str) -> None:
    for _ in range(5):  # PostgreSQL hangs up right after the refusal, which must arrive all the same
        with pytest.raises(ProgrammingError, match="password authentication failed"):
            redshift_connector.connect(
                host="127.0.0.1",
                port=endpoints.port("redshift"),
                database="shop",
                user=user,
                password=password,
                ssl=False,
            )


def test_in_and_out(
    shift: Connection,
    table: str,
    location: str,
    put_parquet: Callable[[str, pa.Table], int],
    unloaded: Callable[[], pa.Table],
) -> None:
    put_parquet("part-0.parquet", as_table(TRICKY))
    run(shift, f"COPY {table} FROM '{location}part' {PARQUET}")
    assert run(shift, "SELECT pg_last_copy_count()") == [[len(TRICKY)]]
    run(shift, f"UNLOAD ('SELECT * FROM {table}') TO '{location}out_' {PARQUET}")
    assert run(shift, "SELECT pg_last_unload_count()") == [[len(TRICKY)]]
    assert comparable(unloaded()) == comparable(as_table(TRICKY * 2))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ANY_ROWS)
def test_any_value_survives(
    shift: Connection,
    table: str,
    location: str,
    put_parquet: Callable[[str, pa.Table], int],
    unloaded: Callable[[], pa.Table],
    rows: list[Row],
) -> None:
    put_parquet("any.parquet", as_table(rows))
    run(shift, f"TRUNCATE TABLE {table}")
    run(shift, f"COPY {table} FROM '{location}any' {PARQUET}")
    run(shift, f"UNLOAD ('SELECT * FROM {table}') TO '{location}out_' {PARQUET} ALLOWOVERWRITE")
    assert comparable(unloaded()) == comparable(as_table(rows * 2))


def test_nulls_in_a_column_alone(shift: Connection, location: str, unloaded: Callable[[], pa.Table]) -> None:
    query = "SELECT note FROM (VALUES (NULL), (''''), (NULL)) AS v (note)"
    run(shift, f"UNLOAD ('{query}') TO '{location}' {PARQUET}")
    assert unloaded().to_pylist() == [{"note": None}, {"note": ""}, {"note": None}]


def test_copy_by_manifest(
    shift: Connection, table: str, location: str, put_parquet: Callable[[str, pa.Table], int], s3: Any
) -> None:
    sizes = [put_parquet(f"part-{number}.parquet", as_table(TRICKY)) for number in range(3)]
    entries = [
        {"url": f"{location}part-{number}.parquet", "mandatory": True, "meta": {"content_length": sizes[number]}}
        for number in (0, 2)
    ]

    def put_manifest(body: Any) -> None:
        key = f"{location}manifest".removeprefix(f"s3://{aws.EXCHANGE}/")
        s3.put_object(Bucket=aws.EXCHANGE, Key=key, Body=json.dumps(body))

    copy = f"COPY {table} FROM '{location}manifest' {PARQUET} MANIFEST"
    put_manifest({"entries": entries})
    run(shift, copy)
    assert run(shift, f"SELECT count(*) FROM {table}") == [[2 * len(TRICKY)]]
    shift.commit()
    try:
        for wrong, says in (
            ({"files": entries}, "not as COPY of Parquet wants it"),
            ({"entries": [{"url": entries[0]["url"], "mandatory": True}]}, "content_length"),
            ({"entries": [entries[0] | {"url": f"{location}gone.parquet"}]}, "does not exist"),
            ({"entries": [entries[0] | {"meta": {"content_length": 1}}]}, "the manifest says 1"),
        ):
            put_manifest(wrong)
            with pytest.raises(ProgrammingError, match=says):
                run(shift, copy)
            shift.rollback()
        assert run(shift, f"SELECT count(*) FROM {table}") == [[2 * len(TRICKY)]]
    finally:
        run(shift, f"DROP TABLE {table}")
        shift.commit()


def test_a_large_result_is_several_files(
    shift: Connection, location: str, objects: Callable[[], dict[str, bytes]], unloaded: Callable[[], pa.Table]
) -> None:
    query = "SELECT i, md5(i::text) AS hash FROM generate_series(1, 600000) AS i"
    run(shift, f"UNLOAD ('{query}') TO '{location}' {PARQUET} MAXFILESIZE 5 MB MANIFEST")
    files = objects()
    listed = json.loads(files.pop("manifest"))["entries"]
    assert sorted(files) == [f"{number:04d}_part_00.parquet" for number in range(len(files))]
    assert len(files) > 2
    assert {entry["url"]: entry["meta"]["content_length"] for entry in listed} == {
        location + name: len(content) for name, content in files.items()
    }
    assert sorted(unloaded()["i"].to_pylist()) == list(range(1, 600_001))


def test_files_are_not_overwritten_unasked(
    shift: Connection, location: str, objects: Callable[[], dict[str, bytes]]
) -> None:
    unload = f"UNLOAD ('SELECT 1 AS x') TO '{location}' {PARQUET}"
    run(shift, unload)
    before = objects()
    with pytest.raises(ProgrammingError, match="is not empty"):
        run(shift, unload)
    shift.rollback()
    assert objects() == before
    run(shift, f"{unload} PARALLEL OFF CLEANPATH")
    assert list(objects()) == ["000.parquet"]


def test_commands_belong_to_the_callers_transaction(
    shift: Connection,
    table: str,
    endpoints: Endpoints,
    location: str,
    put_parquet: Callable[[str, pa.Table], int],
    unloaded: Callable[[], pa.Table],
) -> None:
    run(shift, f"INSERT INTO {table} (id) VALUES (%s)", 7)
    run(shift, f"UNLOAD ('SELECT id FROM {table}') TO '{location}' {PARQUET}")
    assert unloaded().to_pylist() == [{"id": 7}]
    put_parquet("more.parquet", as_table(TRICKY))
    run(shift, f"COPY {table} FROM '{location}more' {PARQUET}")
    with closing(session(endpoints)) as other:
        assert run(other, "SELECT to_regclass('gold.tricky')") == [[None]]
    shift.rollback()
    assert run(shift, "SELECT to_regclass('gold.tricky')") == [[None]]


def test_a_prepared_copy_runs_every_time(
    shift: Connection, table: str, location: str, put_parquet: Callable[[str, pa.Table], int]
) -> None:
    put_parquet("part.parquet", as_table(TRICKY))
    with closing(shift.cursor()) as cursor:
        for _ in range(3):  # the driver keeps the statement prepared
            cursor.execute(f"COPY {table} FROM '{location}part' {PARQUET}")
    assert run(shift, f"SELECT count(*) FROM {table}") == [[3 * len(TRICKY)]]


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("COPY gold.tricky FROM '{}nothing' " + PARQUET, "does not exist"),
        ("COPY gold.tricky FROM '{}note' " + PARQUET, "has 1 columns, the table 7"),
        ("COPY gold.tricky (id) FROM '{}note' " + PARQUET, "incompatible Parquet schema for column id"),
        ("COPY gold.tricky FROM '{}text' " + PARQUET, "Invalid Parquet file"),
        ("COPY gold.nope FROM '{}note' " + PARQUET, 'relation "gold.nope" does not exist'),
        ("COPY gold.tricky FROM '{}note' IAM_ROLE DEFAULT CSV", "CSV is not supported"),
        ("UNLOAD ('SELECT nope FROM gold.tricky') TO '{}' " + PARQUET, "nope"),
        ("UNLOAD ('SELECT sum(amount) FROM gold.tricky') TO '{}' " + PARQUET, "cast it to numeric"),
        ("UNLOAD ('SELECT 1 AS a, 2 AS a') TO '{}x' " + PARQUET, "not unique"),
        ("UNLOAD ('SELECT date ''infinity'' AS d') TO '{}x' " + PARQUET, "does not go into Parquet"),
        ("UNLOAD ('SELECT 1 AS x') TO 's3://no-such-bucket/' " + PARQUET, "bucket does not exist"),
    ],
)
@pytest.mark.usefixtures("table")
def test_what_fails_fails_the_transaction(
    shift: Connection, location: str, put_parquet: Callable[[str, pa.Table], int], s3: Any, statement: str, says: str
) -> None:
    put_parquet("note.parquet", pa.table({"note": ["x"]}))
    s3.put_object(Bucket=aws.EXCHANGE, Key=location.removeprefix(f"s3://{aws.EXCHANGE}/") + "text", Body=b"no Parquet")
    with pytest.raises(ProgrammingError, match=says):
        run(shift, statement.format(location))
    with pytest.raises(ProgrammingError, match="current transaction is aborted"):
        run(shift, "SELECT 1")
    shift.rollback()
    assert run(shift, "SELECT 1") == [[1]]


def test_the_shop_is_there(shift: Connection, days: range, shop: Shop) -> None:
    expected = [row for number in days for row in shop.day(number).inserts[BEHAVIOR.name].rows]
    stored = run(shift, f"SELECT * FROM {BEHAVIOR.name}")
    assert sorted(repr(tuple(row)) for row in stored) == sorted(map(repr, expected))
