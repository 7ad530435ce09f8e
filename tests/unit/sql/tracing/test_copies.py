"""Which columns a query hands on: the cases are written with what a person sees in them."""

from __future__ import annotations

import pytest

from tidemark.sql.queries import parse
from tidemark.sql.tracing.columns import read_query
from tidemark.sql.tracing.copies import copied

SCHEMA = {
    "silver.people": {"id": "string", "mail": "string", "boss": "string"},
    "silver.orders": {"order_id": "int", "buyer": "string"},
}


@pytest.mark.parametrize(
    ("sql", "origins", "folded"),
    [
        ("SELECT id AS x FROM silver.people", "people.id", False),
        ("SELECT p.id AS x FROM silver.people AS p JOIN silver.orders AS o ON o.buyer = p.id", "people.id", False),
        ("WITH a AS (SELECT id AS y FROM silver.people) SELECT a.y AS x FROM a", "people.id", False),
        ("SELECT id AS x FROM silver.people UNION SELECT buyer FROM silver.orders", "orders.buyer people.id", False),
        ("SELECT coalesce(boss, id) AS x FROM silver.people", "people.boss people.id", False),
        ("SELECT CASE WHEN id > 'm' THEN boss ELSE id END AS x FROM silver.people", "people.boss people.id", False),
        ("SELECT min_by(buyer, order_id) AS x FROM silver.orders", "orders.buyer", False),
        ("SELECT first_value(buyer) OVER (ORDER BY order_id) AS x FROM silver.orders", "orders.buyer", False),
        ("SELECT CAST(order_id AS STRING) AS x FROM silver.orders", "orders.order_id", False),
        ("SELECT (SELECT max(buyer) FROM silver.orders) AS x FROM silver.people", "orders.buyer", False),
        ("SELECT lower(trim(mail)) AS x FROM silver.people", "people.mail", True),
        ("WITH a AS (SELECT upper(mail) AS y FROM silver.people) SELECT y AS x FROM a", "people.mail", True),
        ("SELECT concat(id, mail) AS x FROM silver.people", "", False),
        ("SELECT substr(id, 2) AS x FROM silver.people", "", False),
        ("SELECT sha2(id, 256) AS x FROM silver.people", "", False),
        ("SELECT count(id) AS x FROM silver.people", "", False),
        ("SELECT length(id) AS x FROM silver.people", "", False),
        ("SELECT 'nobody' AS x FROM silver.people", "", False),
    ],
)
def test_what_a_column_is_a_copy_of(sql: str, origins: str, folded: bool) -> None:
    found = copied(read_query(parse(sql), SCHEMA), "x")
    assert " ".join(sorted(f"{table.partition('.')[2]}.{column}" for table, column in found.origins)) == origins
    assert found.folded is folded
