"""What is not refused is right: DuckDB computes each query from all rows, and from those of some keys alone."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from tests.unit.sql.test_locality import ON, ORDER, RIGHT, SCHEMA

KEYS = tuple(f"o{number}" for number in range(8))
SEEDS = (1, 2, 3)
TEXTS = {
    "order_id": KEYS,
    "customer_id": ("c1", "c2", "c3"),
    "buyer": ("c1", "c2", "p1", None),
    "product_id": ("p1", "p2", None),
    "person_id": ("C1", "P1"),
    "currency": ("EUR", "USD", "o1", "o2"),
}


def value(draw: Random, column: str, type_: str) -> Any:
    if type_ == "string":
        return draw.choice(TEXTS.get(column, ("x", "y")))
    if type_ == "date":
        return date(2025, 1, 1) + timedelta(days=draw.randrange(3))
    if type_ == "timestamp":
        return datetime(2025, 1, draw.randrange(1, 4)) + timedelta(seconds=draw.randrange(86_400))  # hardly ever twice
    return ["t", "u"][: draw.randrange(3)] if type_.startswith("array") else draw.randrange(9)


@pytest.fixture(params=SEEDS)
def shop(request: pytest.FixtureRequest) -> duckdb.DuckDBPyConnection:
    """Tables of a few random rows, whose dimensions have one row a key, and a schema `part` that lacks most keys."""
    draw, connection = Random(request.param), duckdb.connect()
    connection.execute("CREATE SCHEMA silver; CREATE SCHEMA part")
    for table, columns in SCHEMA.items():
        described = ", ".join(f'"{name}" {duck(type_)}' for name, type_ in columns.items())
        connection.execute(f"CREATE TABLE {table} ({described})")
        for _ in range(25):
            row = [value(draw, name, type_) for name, type_ in columns.items()]
            connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
        name, on = table.partition(".")[2], ON.get(table)
        wanted = f"WHERE order_id IN {KEYS[:3]}" if on == ORDER else ""
        connection.execute(f"CREATE TABLE part.{name} AS FROM {table} {wanted}")
    return connection


def duck(type_: str) -> str:
    return "VARCHAR[]" if type_.startswith("array") else {"string": "VARCHAR"}.get(type_, type_)


def rows(connection: duckdb.DuckDBPyConnection, sql: str, schema: str) -> Counter[str]:
    """The rows of the first keys, by the query over the tables of a schema."""
    query = sqlglot.parse_one(sql, dialect="spark")
    for table in query.find_all(exp.Table):
        if table.db:
            table.set("db", exp.to_identifier(schema))
    found = connection.execute(query.sql("duckdb", identify=True))
    names = [column[0].lower() for column in found.description or ()]
    key = names.index("order_id")
    return Counter(repr(row) for row in found.fetchall() if row[key] in KEYS[:3])


@pytest.mark.parametrize("case", RIGHT, ids=str)
def test_some_keys_come_out_of_their_own_rows_as_out_of_all(shop: duckdb.DuckDBPyConnection, case: str) -> None:
    assert rows(shop, RIGHT[case], "part") == rows(shop, RIGHT[case], "silver")
