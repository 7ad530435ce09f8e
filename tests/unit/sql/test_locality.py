"""Queries that can be computed for the keys that changed, and queries that cannot."""

from __future__ import annotations

import pytest

from tidemark.sql.locality import troubles
from tidemark.sql.queries import parse
from tidemark.sql.tracing.columns import Schema, read_query
from tidemark.sql.tracing.reach import Tracked
from tidemark.sql.volatile import volatile_calls

SCHEMA: Schema = {
    "silver.orders": {
        "order_id": "string", "customer_id": "string", "buyer": "string", "product_id": "string", "day": "date",
        "amount": "decimal(18,2)", "currency": "string", "status": "string", "at": "timestamp", "tags": "array<string>",
    },
    "silver.returns": {"order_id": "string", "day": "date", "reason": "string"},
    "silver.customers": {"customer_id": "string", "city": "string", "email": "string"},
    "silver.products": {"product_id": "string", "category": "string"},
    "silver.people": {"person_id": "string", "city": "string"},
    "silver.rates": {"currency": "string", "day": "date", "rate": "double"},
}  # fmt: skip
ORDER = ("order_id",)
ON = {
    "silver.orders": ORDER,
    "silver.returns": ORDER,
    "silver.customers": ("customer_id",),
    "silver.products": ("product_id",),
    "silver.people": ("person_id",),
}


def found(sql: str, grain: tuple[str, ...] = ORDER, **on: tuple[str, ...]) -> list[tuple[int, str]]:
    """Line and message of what is wrong with the `on` of the tables above; `rates` is a lookup without one."""
    tracked = [
        Tracked(name, columns, columns == grain, frozenset(SCHEMA[name]), frozenset({"order_id"}))
        for name, columns in (ON | {f"silver.{table}": columns for table, columns in on.items()}).items()
    ]
    read = read_query(parse(sql), SCHEMA)
    assert not read.problems()
    return [(trouble.line, trouble.message) for trouble in troubles(read, tracked)]


WRONG = {
    "a window over everything": ("SELECT order_id, sum(amount) OVER () AS total FROM silver.orders", "over ()"),
    "a running total": ("SELECT order_id, sum(amount) OVER (ORDER BY at) AS total FROM silver.orders", "order by"),
    "a window over another column": (
        "SELECT order_id, rank() OVER (PARTITION BY customer_id ORDER BY at) AS n FROM silver.orders",
        "rank()",
    ),
    "a window over more than the key is for": (
        "SELECT order_id, lag(amount) OVER (PARTITION BY upper(order_id) ORDER BY at) AS n FROM silver.orders",
        "lag(",
    ),
    "a named window": (
        "SELECT order_id, sum(amount) OVER w AS n FROM silver.orders WINDOW w AS (PARTITION BY day ORDER BY at)",
        "over w",
    ),
    "a window in an expression in a CTE": (
        "WITH x AS (SELECT order_id, 1 + amount / sum(amount) OVER (PARTITION BY day) AS s FROM silver.orders)"
        " SELECT order_id, s FROM x",
        "partition by",
    ),
    "a window that only QUALIFY has": (
        "SELECT order_id FROM silver.orders QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY at) = 1",
        "row_number()",
    ),
    "an aggregate by another column": (
        "SELECT min(order_id) AS order_id, sum(amount) AS a FROM silver.orders GROUP BY customer_id",
        "group by",
    ),
    "an aggregate of everything": ("SELECT max(order_id) AS order_id FROM silver.orders", "max("),
    "a key cast to another type": ("SELECT CAST(order_id AS INT) AS order_id FROM silver.orders", "cast("),
    "a dimension by a computed key that is not there": (
        "SELECT o.order_id, o.buyer AS person_id, c.city FROM silver.orders AS o"
        " LEFT JOIN silver.people AS c ON c.person_id = upper(o.buyer)",
        "person_id",
    ),
    "a dimension by a computed key, of which rows without a partner are dropped": (
        "SELECT o.order_id, upper(o.buyer) AS person_id, c.city FROM silver.orders AS o"
        " LEFT JOIN silver.people AS c ON c.person_id = upper(o.buyer) WHERE c.city = 'Ulm'",
        "person_id",
    ),
    "a recursive query": (
        "WITH RECURSIVE r AS (SELECT order_id, buyer FROM silver.orders"
        " UNION ALL SELECT o.order_id, o.buyer FROM silver.orders AS o JOIN r ON o.customer_id = r.buyer)"
        " SELECT order_id, buyer FROM r",
        "",
    ),
    "an aggregate that the parser does not know": (
        "SELECT 'x' AS order_id, try_sum(amount) AS a FROM silver.orders",
        "try_sum",
    ),
    "a join by one of two conditions": (
        "SELECT a.order_id FROM silver.orders AS a LEFT JOIN silver.returns AS b"
        " ON b.order_id = a.order_id OR b.day = a.day",
        "join",
    ),
    "a full join of three, by one side": (
        "SELECT coalesce(a.order_id, b.order_id, c.order_id) AS order_id FROM silver.orders AS a"
        " FULL JOIN silver.returns AS b ON b.order_id = a.order_id"
        " FULL JOIN silver.returns AS c ON c.order_id = a.order_id",
        "join",
    ),
    "HAVING without groups": ("SELECT 'x' AS order_id FROM silver.orders HAVING count(*) > 1", ""),
    "an aggregate by what is made of the key": (
        "SELECT left(order_id, 3) AS order_id, sum(amount) AS a FROM silver.orders GROUP BY left(order_id, 3)",
        "group by",
    ),
    "a rollup": (
        "SELECT order_id, sum(amount) AS a FROM silver.orders GROUP BY order_id WITH ROLLUP",
        "group by",
    ),
    "grouping sets": (
        "SELECT order_id, day, sum(amount) AS a FROM silver.orders GROUP BY GROUPING SETS ((order_id, day), (day))",
        "group by",
    ),
    "GROUP BY ALL without the key": ("SELECT day, count(*) AS order_id FROM silver.orders GROUP BY ALL", "group by"),
    "LIMIT": ("SELECT order_id, amount FROM silver.orders ORDER BY amount DESC LIMIT 10", "limit"),
    "OFFSET": ("SELECT order_id, amount FROM silver.orders ORDER BY amount OFFSET 2", "offset"),
    "LIMIT in a CTE": (
        "WITH x AS (SELECT order_id FROM silver.orders LIMIT 5) SELECT order_id FROM x",
        "limit",
    ),
    "LIMIT over a union": (
        "SELECT order_id FROM silver.orders UNION ALL SELECT order_id FROM silver.returns LIMIT 3",
        "limit",
    ),
    "a sample": ("SELECT order_id FROM silver.orders TABLESAMPLE (10 PERCENT)", "tablesample"),
    "a share of the total": (
        "SELECT order_id, amount / (SELECT sum(amount) FROM silver.orders) AS share FROM silver.orders",
        "sum(",
    ),
    "compared with the newest of all": (
        "SELECT order_id FROM silver.orders WHERE day = (SELECT max(day) FROM silver.orders)",
        "max(",
    ),
    "a correlated subquery by another column": (
        "SELECT order_id, (SELECT count(*) FROM silver.orders AS x WHERE x.customer_id = o.customer_id) AS n"
        " FROM silver.orders AS o",
        "count(",
    ),
    "a correlated subquery by less than": (
        "SELECT order_id, (SELECT max(x.amount) FROM silver.orders AS x WHERE x.order_id < o.order_id) AS n"
        " FROM silver.orders AS o",
        "max(",
    ),
    "EXISTS by another column": (
        "SELECT order_id FROM silver.orders AS o WHERE EXISTS (SELECT 1 FROM silver.returns AS r WHERE r.day = o.day)",
        "subquery",
    ),
    "NOT EXISTS of anything": (
        "SELECT order_id FROM silver.orders WHERE NOT EXISTS (SELECT 1 FROM silver.returns)",
        "subquery",
    ),
    "IN by another column": (
        "SELECT order_id FROM silver.orders WHERE day IN (SELECT day FROM silver.returns)",
        "subquery",
    ),
    "NOT IN by another column": (
        "SELECT order_id FROM silver.orders WHERE day NOT IN (SELECT day FROM silver.returns)",
        "",
    ),
    "a self join by another column": (
        "SELECT a.order_id, b.amount FROM silver.orders AS a JOIN silver.orders AS b ON a.customer_id = b.customer_id",
        "",
    ),
    "a left self join by another column": (
        "SELECT a.order_id, b.amount FROM silver.orders AS a LEFT JOIN silver.orders AS b ON b.day = a.day",
        "join",
    ),
    "a cross join": ("SELECT a.order_id FROM silver.orders AS a CROSS JOIN silver.returns AS b", ""),
    "a comma join without a condition": ("SELECT a.order_id FROM silver.orders AS a, silver.returns AS b", ""),
    "a left join by a range alone": (
        "SELECT o.order_id, c.city FROM silver.orders AS o LEFT JOIN silver.customers AS c ON c.email > o.buyer",
        "join",
    ),
    "a join by what is made of a column": (
        "SELECT o.order_id, p.category, o.product_id FROM silver.orders AS o"
        " LEFT JOIN silver.products AS p ON p.product_id = upper(o.product_id)",
        "join",
    ),
    "a join by another column than the input's rows are found by": (
        "SELECT o.order_id, c.city, o.customer_id FROM silver.orders AS o"
        " LEFT JOIN silver.customers AS c ON c.customer_id = o.buyer",
        "customer_id",
    ),
    "the same member twice": (
        "SELECT o.order_id, o.customer_id, c.city, b.city AS other FROM silver.orders AS o"
        " LEFT JOIN silver.customers AS c ON c.customer_id = o.customer_id"
        " LEFT JOIN silver.customers AS b ON b.customer_id = o.buyer",
        "customer_id",
    ),
    "a member found by another column": (
        "SELECT o.order_id, c.customer_id FROM silver.orders AS o JOIN silver.customers AS c ON c.email = o.buyer",
        "customer_id",
    ),
    "a dimension that is aggregated by something else": (
        "WITH n AS (SELECT category, count(*) AS many FROM silver.products GROUP BY category)"
        " SELECT o.order_id, o.product_id, n.many FROM silver.orders AS o LEFT JOIN n ON n.category = o.status",
        "group by",
    ),
    "the key is computed": ("SELECT upper(order_id) AS order_id FROM silver.orders", "upper(orders.order_id)"),
    "the key is another column": ("SELECT customer_id AS order_id, order_id AS c FROM silver.orders", "customer_id"),
    "the key is computed in a CTE": (
        "WITH x AS (SELECT trim(order_id) AS order_id FROM silver.orders) SELECT order_id FROM x",
        "order_id",
    ),
    "the key is missing": ("SELECT customer_id FROM silver.orders", "nothing"),
    "a branch of a union with another column": (
        "SELECT order_id, day FROM silver.orders UNION ALL SELECT reason, day FROM silver.returns",
        "silver.returns",
    ),
    "a union that drops the key and what is equal": (
        "WITH u AS (SELECT day FROM silver.orders UNION SELECT day FROM silver.returns)"
        " SELECT o.order_id FROM silver.orders AS o JOIN u ON u.day = o.day",
        "union",
    ),
    "EXCEPT without the key": (
        "WITH u AS (SELECT day FROM silver.orders EXCEPT SELECT day FROM silver.returns)"
        " SELECT o.order_id FROM silver.orders AS o JOIN u ON u.day = o.day",
        "except",
    ),
    "INTERSECT without the key": (
        "WITH u AS (SELECT day FROM silver.orders INTERSECT SELECT day FROM silver.returns)"
        " SELECT o.order_id FROM silver.orders AS o JOIN u ON u.day = o.day",
        "intersect",
    ),
    "DISTINCT without the key": ("SELECT DISTINCT customer_id AS order_id FROM silver.orders", ""),
    "values in use under a condition": (
        "WITH u AS (SELECT DISTINCT currency FROM silver.orders WHERE status = 'x')"
        " SELECT o.order_id FROM silver.orders AS o JOIN u ON u.currency = o.currency",
        "distinct",
    ),
    "values in use, of rows that are not joined back": (
        "WITH u AS (SELECT DISTINCT currency FROM silver.orders)"
        " SELECT o.order_id FROM silver.returns AS o CROSS JOIN u",
        "currency",
    ),
    "values in use, joined back by another column": (
        "WITH u AS (SELECT DISTINCT currency FROM silver.orders)"
        " SELECT o.order_id FROM silver.orders AS o JOIN u ON u.currency = o.status",
        "currency",
    ),
    "a full join by another column": (
        "SELECT coalesce(a.order_id, b.order_id) AS order_id FROM silver.orders AS a"
        " FULL JOIN silver.returns AS b ON a.day = b.day",
        "join",
    ),
    "a full join that gives one side": (
        "SELECT a.order_id FROM silver.orders AS a FULL JOIN silver.returns AS b ON a.order_id = b.order_id",
        "order_id",
    ),
    "a right join that gives the side that may be missing": (
        "SELECT a.order_id FROM silver.orders AS a RIGHT JOIN silver.returns AS b ON a.order_id = b.order_id",
        "order_id",
    ),
    "names in capitals and quotes": (
        "SELECT `Order_ID`, SUM(`Amount`) OVER (PARTITION BY `DAY`) AS s FROM SILVER.`orders`",
        "over",
    ),
    "a pivot that spends the key": (
        "SELECT 'x' AS order_id FROM (SELECT order_id, day, amount FROM silver.orders)"
        " PIVOT (sum(amount) FOR order_id IN ('a', 'b'))",
        "",
    ),
}


@pytest.mark.parametrize("case", WRONG, ids=str)
def test_what_needs_rows_of_other_keys_is_refused(case: str) -> None:
    sql, told = WRONG[case]
    messages = [message for _, message in found(sql)]
    assert messages
    assert any(told.lower() in message.lower() for message in messages), messages


RIGHT = {
    "row by row": "SELECT order_id, upper(status) AS status FROM silver.orders WHERE amount > 0",
    "a star": "SELECT * FROM silver.orders",
    "by the key": "SELECT order_id, sum(amount) AS a FROM silver.orders GROUP BY order_id HAVING sum(amount) > 0",
    "by the key's place": "SELECT order_id, sum(amount) AS a FROM silver.orders GROUP BY 1",
    "by the key's alias": "SELECT o.order_id AS order_id, day, count(*) AS n FROM silver.orders AS o GROUP BY ALL",
    "the newest of each": (
        "WITH r AS (SELECT *, row_number() OVER (PARTITION BY order_id ORDER BY at DESC) AS n FROM silver.orders)"
        " SELECT order_id, amount FROM r WHERE n = 1"
    ),
    "a window by the key and more": (
        "SELECT order_id, sum(amount) OVER (PARTITION BY day, order_id) AS s FROM silver.orders"
    ),
    "a named window by the key": "SELECT order_id, sum(amount) OVER w AS s FROM silver.orders WINDOW w AS (PARTITION BY"
    " order_id ORDER BY at)",
    "QUALIFY by the key": (
        "SELECT order_id FROM silver.orders QUALIFY row_number() OVER (PARTITION BY order_id ORDER BY at) = 1"
    ),
    "an aggregate that is joined": (
        "WITH r AS (SELECT order_id, count(*) AS n FROM silver.returns GROUP BY order_id)"
        " SELECT o.order_id, coalesce(r.n, 0) AS n FROM silver.orders AS o LEFT JOIN r ON r.order_id = o.order_id"
    ),
    "joined by USING": (
        "WITH r AS (SELECT order_id, count(*) AS n FROM silver.returns GROUP BY order_id)"
        " SELECT order_id, n FROM silver.orders LEFT JOIN r USING (order_id)"
    ),
    "a full join": (
        "SELECT coalesce(a.order_id, b.order_id) AS order_id, a.amount, b.reason FROM silver.orders AS a"
        " FULL OUTER JOIN silver.returns AS b ON b.order_id = a.order_id"
    ),
    "a full join by USING": (
        "SELECT order_id, amount, reason FROM silver.orders FULL JOIN silver.returns USING (order_id)"
    ),
    "a right join": (
        "SELECT b.order_id, a.amount FROM silver.orders AS a RIGHT JOIN silver.returns AS b ON a.order_id = b.order_id"
    ),
    "a comma join": "SELECT a.order_id FROM silver.orders AS a, silver.returns AS b WHERE a.order_id = b.order_id",
    "an inner join that gives the other side": (
        "SELECT b.order_id FROM silver.orders AS a JOIN silver.returns AS b"
        " ON a.order_id = b.order_id AND a.day < b.day"
    ),
    "a self join by the key": (
        "SELECT a.order_id, b.amount FROM silver.orders AS a JOIN silver.orders AS b ON a.order_id = b.order_id"
    ),
    "a lookup, whatever it is joined by": (
        "SELECT o.order_id, r.rate FROM silver.orders AS o LEFT JOIN silver.rates AS r"
        " ON r.currency = o.currency AND r.day <= o.day"
    ),
    "a share of a lookup's total": (
        "SELECT o.order_id, o.amount / (SELECT sum(rate) FROM silver.rates) AS s FROM silver.orders AS o"
    ),
    "a dimension": (
        "SELECT o.order_id, c.city FROM silver.orders AS o LEFT JOIN silver.customers AS c"
        " ON c.customer_id = o.customer_id"
    ),
    "a dimension, inner": (
        "SELECT o.order_id, c.city FROM silver.orders AS o JOIN silver.customers AS c ON o.customer_id = c.customer_id"
        " WHERE c.city <> 'x'"
    ),
    "two dimensions, and a sum by the key": (
        "SELECT o.order_id, min(c.city) AS city, count(p.category) AS n FROM silver.orders AS o"
        " LEFT JOIN silver.customers AS c ON c.customer_id = o.customer_id"
        " LEFT JOIN silver.products AS p ON p.product_id = o.product_id GROUP BY o.order_id"
    ),
    "a dimension of the lowest line": (
        "WITH f AS (SELECT order_id, min_by(product_id, at) AS product_id FROM silver.orders GROUP BY order_id)"
        " SELECT f.order_id, p.category FROM f LEFT JOIN silver.products AS p ON p.product_id = f.product_id"
    ),
    "EXISTS by the key": (
        "SELECT order_id FROM silver.orders AS o"
        " WHERE EXISTS (SELECT 1 FROM silver.returns AS r WHERE r.order_id = o.order_id AND r.day > o.day)"
    ),
    "NOT EXISTS by the key": (
        "SELECT order_id FROM silver.orders AS o"
        " WHERE NOT EXISTS (SELECT 1 FROM silver.returns AS r WHERE r.order_id = o.order_id)"
    ),
    "IN by the key": (
        "SELECT order_id FROM silver.orders"
        " WHERE order_id IN (SELECT order_id FROM silver.returns WHERE day > '2025-01-01')"
    ),
    "NOT IN by a key that is never null": (
        "SELECT order_id FROM silver.orders WHERE order_id NOT IN (SELECT order_id FROM silver.returns)"
    ),
    "a semi join": (
        "SELECT o.order_id FROM silver.orders AS o LEFT SEMI JOIN silver.returns AS r ON r.order_id = o.order_id"
    ),
    "an anti join": (
        "SELECT o.order_id FROM silver.orders AS o LEFT ANTI JOIN silver.returns AS r ON r.order_id = o.order_id"
    ),
    "a correlated maximum": (
        "SELECT order_id FROM silver.orders AS o"
        " WHERE at = (SELECT max(x.at) FROM silver.orders AS x WHERE x.order_id = o.order_id)"
    ),
    "a lateral subquery": (
        "SELECT o.order_id, r.reason FROM silver.orders AS o, LATERAL (SELECT reason FROM silver.returns AS x"
        " WHERE x.order_id = o.order_id ORDER BY day LIMIT 1) AS r"
    ),
    "exploded": "SELECT order_id, tag FROM silver.orders LATERAL VIEW explode(tags) t AS tag",
    "exploded in the list": "SELECT order_id, explode(tags) AS tag FROM silver.orders",
    "distinct rows with the key": "SELECT DISTINCT order_id, customer_id FROM silver.orders",
    "united": "SELECT order_id, day FROM silver.orders UNION ALL SELECT order_id, day FROM silver.returns",
    "united once": "SELECT order_id, day FROM silver.orders UNION SELECT order_id, day FROM silver.returns",
    "united under other names": (
        "WITH u AS (SELECT order_id AS k, day FROM silver.orders"
        " UNION ALL SELECT order_id AS r, day FROM silver.returns)"
        " SELECT k AS order_id, max(day) AS day FROM u GROUP BY k"
    ),
    "EXCEPT with the key": "SELECT order_id FROM silver.orders EXCEPT SELECT order_id FROM silver.returns",
    "a row of its own": "SELECT order_id, day FROM silver.orders UNION ALL SELECT 'unknown', NULL",
    "nested CTEs": (
        "WITH a AS (SELECT order_id AS k, amount FROM silver.orders),"
        " b AS (SELECT k, sum(amount) AS s FROM a GROUP BY k),"
        " c AS (SELECT b.k AS kk, b.s FROM b) SELECT kk AS order_id, s FROM c ORDER BY s"
    ),
    "values in use, joined back": (
        "WITH u AS (SELECT DISTINCT currency, day FROM silver.orders),"
        " r AS (SELECT u.currency, u.day, max_by(f.rate, f.day) AS rate FROM u JOIN silver.rates AS f"
        " ON f.currency = u.currency AND f.day <= u.day GROUP BY u.currency, u.day)"
        " SELECT o.order_id, r.rate FROM silver.orders AS o LEFT JOIN r ON r.currency = o.currency AND r.day = o.day"
    ),
    "values in use, computed and joined back": (
        "WITH v AS (SELECT order_id, currency, CAST(at AS DATE) AS d FROM silver.orders WHERE amount > 0),"
        " u AS (SELECT currency, d FROM v GROUP BY currency, d)"
        " SELECT v.order_id, u.d FROM v JOIN u ON u.currency = v.currency AND u.d = v.d"
    ),
    "names in capitals": "SELECT `ORDER_ID`, SUM(Amount) AS a FROM Silver.Orders GROUP BY Order_Id",
    "a cast to the type that it has": (
        "WITH o AS (SELECT CAST(order_id AS STRING) AS order_id, amount FROM silver.orders)"
        " SELECT CAST(order_id AS STRING) AS order_id, sum(amount) AS a FROM o GROUP BY CAST(order_id AS STRING)"
    ),
    "a dimension by a key that is computed alike": (
        "SELECT o.order_id, upper(o.buyer) AS person_id, c.city FROM silver.orders AS o"
        " LEFT JOIN silver.people AS c ON c.person_id = upper(o.buyer)"
    ),
    "joined by another column, and summed up by the key": (
        "WITH r AS (SELECT o.order_id, count(x.rate) AS n FROM silver.rates AS x"
        " LEFT JOIN silver.orders AS o ON o.currency = x.currency AND o.day = x.day GROUP BY o.order_id)"
        " SELECT o.order_id, r.n FROM silver.orders AS o LEFT JOIN r ON r.order_id = o.order_id"
    ),
    "a lookup as the driver": (
        "SELECT r.currency AS order_id, sum(o.amount) AS a FROM silver.rates AS r"
        " LEFT JOIN silver.orders AS o ON o.order_id = r.currency GROUP BY r.currency"
    ),
    "a window over groups": (
        "SELECT order_id, day, sum(sum(amount)) OVER (PARTITION BY order_id ORDER BY day) AS a"
        " FROM silver.orders GROUP BY order_id, day"
    ),
    "a subquery in a CASE": (
        "SELECT order_id, CASE WHEN EXISTS (SELECT 1 FROM silver.returns AS r WHERE r.order_id = o.order_id) THEN 1 END"
        " AS x FROM silver.orders AS o"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", RIGHT, ids=str)
def test_what_stays_inside_of_a_key_is_not_refused(case: str) -> None:
    assert found(RIGHT[case]) == []


def test_grouping_by_columns_of_several_is_by_their_key() -> None:
    sql = "SELECT day, currency, sum(amount) AS a FROM silver.orders GROUP BY day, currency"
    assert found(sql, ("day",), orders=("day",)) == []
    assert found(sql, ("day", "customer_id"), orders=("day", "customer_id"))


def test_a_column_that_may_be_null_makes_not_in_of_the_key_wrong() -> None:
    sql = "SELECT day FROM silver.orders WHERE day NOT IN (SELECT day FROM silver.returns)"
    ((line, message),) = found(sql, ("day",), orders=("day",), returns=("day",))
    assert (line, "no `day`" in message) == (1, True)


IN = "o.customer_id IN (SELECT c.customer_id FROM silver.customers AS c)"


@pytest.mark.parametrize(
    "condition",
    [f"NOT ({IN})", f"({IN}) = false", f"({IN}) IS NULL", f"coalesce({IN}, true)", f"NOT (o.day IS NULL OR {IN})"],
)
def test_in_is_refused_wherever_unknown_is_another_answer_than_no(condition: str) -> None:
    sql = f"SELECT o.order_id, o.customer_id FROM silver.orders AS o WHERE {condition}"
    ((_, message),) = found(sql)
    assert "no `customer_id`" in message


def test_in_as_a_value_is_refused_and_as_a_condition_is_not() -> None:
    ((_, message),) = found(f"SELECT o.order_id, o.customer_id, {IN} AS is_known FROM silver.orders AS o")
    assert "no `customer_id`" in message
    for right in (f"CASE WHEN o.amount > 0 AND {IN} THEN 1 ELSE 0 END AS x", "1 AS x"):
        where = f" WHERE (o.amount > 1 OR {IN})"
        assert found(f"SELECT o.order_id, o.customer_id, {right} FROM silver.orders AS o{where}") == []


def test_what_is_asked_for_may_not_be_null_where_in_is_denied() -> None:
    known = frozenset({"customer_id", "order_id"})
    for required, refused in ((frozenset({"order_id"}), True), (known, False)):
        orders = Tracked("silver.orders", ORDER, True, frozenset(SCHEMA["silver.orders"]), required)
        customers = Tracked(
            "silver.customers",
            ("customer_id",),
            False,
            frozenset(SCHEMA["silver.customers"]),
            frozenset(("customer_id",)),
        )
        sql = f"SELECT o.order_id, o.customer_id FROM silver.orders AS o WHERE NOT {IN}"
        messages = [each.message for each in troubles(read_query(parse(sql), SCHEMA), [orders, customers])]
        assert ["has any row" in message for message in messages] == [True] * refused


def test_in_of_rows_of_the_same_key_may_have_nulls() -> None:
    inner = "SELECT r.reason FROM silver.returns AS r WHERE r.order_id = o.order_id"
    assert found(f"SELECT o.order_id FROM silver.orders AS o WHERE o.status NOT IN ({inner})") == []


TOTAL = "SELECT order_id, sum(amount) OVER () AS total FROM silver.orders"


@pytest.mark.parametrize(
    "sql",
    [
        f"({TOTAL})",
        f"SELECT order_id, total FROM (({TOTAL}))",
        "SELECT order_id, sum(amount) OVER () AS total FROM (silver.orders)",
        "SELECT o.order_id, r.reason FROM (silver.orders AS o JOIN silver.returns AS r ON o.day = r.day)",
        "SELECT o.order_id FROM silver.orders AS o JOIN (silver.returns AS r JOIN silver.rates AS f ON true)"
        " ON o.day = r.day",
    ],
)
def test_an_input_that_is_read_where_nobody_can_follow_is_refused(sql: str) -> None:
    assert any("cannot be followed" in message for _, message in found(sql))


@pytest.mark.parametrize("kind", [",", "CROSS JOIN", "LEFT JOIN"])
def test_what_lateral_looks_at_is_followed(kind: str) -> None:
    on = " ON true" if kind == "LEFT JOIN" else ""
    sql = (
        f"SELECT o.order_id, l.total FROM silver.orders AS o {kind} LATERAL"
        " (SELECT sum(p.amount) AS total FROM silver.orders AS p WHERE p.{0} = o.{0}) AS l" + on
    )
    assert found(sql.format("order_id")) == []
    assert [line for line, _ in found(sql.format("day"))] == [1]


def test_a_common_table_that_nobody_reads_says_nothing() -> None:
    assert found("WITH x AS (SELECT order_id FROM silver.returns LIMIT 3) SELECT order_id FROM silver.orders") == []


def test_a_finding_names_clause_line_and_input() -> None:
    sql = "SELECT\n  order_id,\n  sum(amount) OVER (ORDER BY at)\n    AS total\nFROM silver.orders"
    ((line, message),) = found(sql)
    assert line == 3
    assert "OVER (ORDER BY orders.at" in message
    assert "silver.orders" in message
    assert "`on: [order_id]`" in message


def test_each_trouble_is_told_once() -> None:
    few = "WITH x AS (SELECT order_id FROM silver.orders LIMIT 5)"
    sql = f"{few} SELECT a.order_id FROM x AS a JOIN x AS b USING (order_id)"
    assert len(found(sql)) == 1


@pytest.mark.parametrize(
    "call",
    [
        "rand()", "random()", "randn(3)", "uuid()", "now()", "current_timestamp", "current_timestamp()", "current_date",
        "curdate()", "localtimestamp()", "unix_timestamp()", "monotonically_increasing_id()", "input_file_name()",
        "current_user()", "shuffle(tags)", "spark_partition_id()", "date_diff(current_date(), day)",
        "DATE 'today'", "TIMESTAMP 'now'", "CAST(' Now' AS TIMESTAMP)", "try_cast('tomorrow' AS DATE)", "date('now')",
        "to_date('yesterday')", "try_to_timestamp('now')", "day < 'today'", "at BETWEEN '2020-01-01' AND 'now'",
        "day IN ('today')", "coalesce(day, 'today')", "CASE WHEN day > at THEN day ELSE 'today' END", "year('now')",
        "date_add('today', 1)", "datediff('today', day)", "TIMESTAMP '10:00'", "at > '10:00'",
        "aes_encrypt(status, 'abcdefghijklmnop')",
    ],
)  # fmt: skip
def test_functions_that_give_something_else_every_time_are_found(call: str) -> None:
    read = read_query(parse(f"SELECT order_id, {call} AS x FROM silver.orders"), SCHEMA)
    assert list(volatile_calls(read.query, SCHEMA))


def test_functions_of_a_row_are_not() -> None:
    sql = (
        "SELECT order_id, unix_timestamp(at) AS u, date_diff(day, at) AS d, xxhash64(order_id) AS h FROM silver.orders"
    )
    assert list(volatile_calls(read_query(parse(sql), SCHEMA).query, SCHEMA)) == []


@pytest.mark.parametrize(
    "value",
    [
        "status = 'today'", "upper('now')", "coalesce(status, 'now')", "CASE status WHEN 'now' THEN day END",
        "CASE WHEN status = 'now' THEN day END", "DATE '2025-01-01'", "TIMESTAMP '2025-01-01 10:00'", "'10:00'",
        "DATE 'epoch'", "status IN ('today', 'tomorrow')",
    ],
)  # fmt: skip
def test_words_and_fixed_times_are_not(value: str) -> None:
    read = read_query(parse(f"SELECT order_id, {value} AS x FROM silver.orders"), SCHEMA)
    assert list(volatile_calls(read.query, SCHEMA)) == []
