from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from tidemark.sql.queries import (
    SqlError,
    bind,
    parse,
    tables_read,
    time_windows,
    unbound_position,
    unqualified_tables,
    view_name,
)

NESTED = """-- reads silver.comment
WITH recent AS (SELECT * FROM silver.orders WHERE note <> 'from silver.text')
SELECT r.id, `silver`.`rates`.usd, p.x
FROM recent AS r
JOIN `silver`.`rates` ON rates.id = r.id   -- é before what follows
LEFT JOIN Silver.People p ON p.id = (SELECT max(silver.orders.id) FROM silver.orders)
"""


def test_paths_into_variants_and_windows_of_time_parse() -> None:
    query = parse("SELECT v:a.`b c`[0]:d::int AS x, v:['e'] AS y FROM silver.orders GROUP BY window(at, '1 day')")
    assert query.named_selects == ["x", "y"]
    assert [call.name for call in time_windows(query)] == ["window"]
    assert parse("SELECT sum(x) OVER w AS a FROM t GROUP BY ALL WINDOW w AS (ORDER BY y)").args["windows"]


@pytest.mark.parametrize("sql", ["SELECT map(a) AS b", f"SELECT {'(' * 5000}1{')' * 5000} AS b"])
def test_what_the_parser_stumbles_over_is_told(sql: str) -> None:
    with pytest.raises(SqlError, match="does not parse"):
        parse(sql)


def test_tables_are_those_that_are_read() -> None:
    query = parse(NESTED)
    assert tables_read(query) == ("silver.orders", "silver.people", "silver.rates")
    assert unqualified_tables(query) == ()
    assert [table.name for table in unqualified_tables(parse("SELECT * FROM a, silver.b"))] == ["a"]


def test_binding_changes_nothing_but_the_tables() -> None:
    views = {"silver.orders": "silver__orders", "silver.rates": "v1", "silver.people": "v`2"}
    assert (
        bind(NESTED, views)
        == """-- reads silver.comment
WITH recent AS (SELECT * FROM `silver__orders` AS `orders` WHERE note <> 'from silver.text')
SELECT r.id, `rates`.usd, p.x
FROM recent AS r
JOIN `v1` AS `rates` ON rates.id = r.id   -- é before what follows
LEFT JOIN `v``2` p ON p.id = (SELECT max(orders.id) FROM `silver__orders` AS `orders`)
"""
    )


def test_a_bound_query_runs_on_the_views(spark: SparkSession) -> None:
    session = spark.newSession()
    session.sql("SELECT 1 AS id, '' AS note").createOrReplaceTempView("orders_view")
    session.sql("SELECT 1 AS id, 2.5 AS usd").createOrReplaceTempView("rates_view")
    session.sql("SELECT 1 AS id, 'x' AS x").createOrReplaceTempView("people_view")
    views = {"silver.orders": "orders_view", "silver.rates": "rates_view", "silver.people": "people_view"}
    assert [tuple(row) for row in session.sql(bind(NESTED, views)).collect()] == [(1, 2.5, "x")]


def test_a_field_of_a_struct_is_not_taken_for_a_table(spark: SparkSession) -> None:
    spark.sql("SELECT 1 AS id, named_struct('city', 'Ulm') AS home").createOrReplaceTempView("silver__people")
    query = "SELECT p.id, p.home.city, silver.people.id AS again FROM silver.people AS p JOIN silver.people USING (id)"

    bound = bind(query, {"silver.people": "silver__people"})

    assert [tuple(row) for row in spark.sql(bound).collect()] == [(1, "Ulm", 1)]


def test_a_table_that_is_not_bound_is_refused_with_its_line() -> None:
    with pytest.raises(SqlError, match=r"reads silver\.b, which is not bound") as caught:
        bind("SELECT *\nFROM silver.a\nJOIN silver.b", {"silver.a": "a"})
    assert caught.value.line == 3


@pytest.mark.parametrize(
    ("sql", "line", "message"),
    [
        ("SELECT a\nFROM (SELECT 1", 2, "does not parse"),
        ("SELECT 'a\nFROM x", 1, "does not parse"),
        ("SELECT 1; SELECT 2", 1, "holds 2 statements"),
        ("-- nothing", 1, "holds 0 statements"),
        ("", 1, "holds 0 statements"),
        ("DROP TABLE silver.a", 1, "is a DROP"),
        ("CREATE TABLE a AS SELECT 1", 1, "is a CREATE"),
    ],
)
def test_only_one_query_is_accepted(sql: str, line: int, message: str) -> None:
    with pytest.raises(SqlError) as caught:
        parse(sql)
    assert message in caught.value.message
    assert caught.value.line == line


@pytest.mark.parametrize(
    "sql", ["SELECT 1;", "SELECT 1 -- end", "WITH a AS (SELECT 1) SELECT * FROM a", "(SELECT 1) UNION ALL (SELECT 2)"]
)
def test_a_query_may_end_and_combine_as_spark_lets_it(sql: str) -> None:
    assert tables_read(parse(sql)) == ()


def test_views_are_named_after_their_table() -> None:
    assert view_name("silver.orders") == "silver__orders"


def test_a_position_of_the_bound_text_is_found_in_the_text_as_written() -> None:
    sql = "SELECT silver.orders.x, n FROM silver.orders JOIN silver.a_long_name AS l WHERE l.y > 1"
    views = {"silver.orders": "v", "silver.a_long_name": "silver__a_long_name"}
    bound = bind(sql, views)
    for written in ("x, n", "n FROM", "JOIN", "l WHERE", "l.y > 1", "1"):
        assert unbound_position(sql, views, bound.index(written)) == sql.index(written)
    assert unbound_position(sql, views, bound.index("`v`") + 1) == sql.index("silver.orders JOIN")
