from __future__ import annotations

import pytest

from tidemark.sql.queries import SqlError, parse
from tidemark.sql.tracing.columns import ReadQuery, read_query

SCHEMA = {
    "silver.a": {"id": "int", "x": "string", "n": "int", "_row_hash": "bigint"},
    "silver.b": {"id": "int", "y": "string"},
}


def read(sql: str) -> ReadQuery:
    return read_query(parse(sql), SCHEMA)


@pytest.mark.parametrize(
    ("sql", "outputs"),
    [
        ("SELECT ID, upper(x) AS X FROM silver.a", ("id", "x")),
        ("SELECT * FROM silver.b", ("id", "y")),
        ("SELECT * EXCEPT (y) FROM silver.b", ("id",)),
        ("SELECT a.id, b.* FROM silver.a CROSS JOIN silver.b", ("id", "id", "y")),
        ("SELECT n + 1 FROM silver.a", ("_col_0",)),
        ("WITH c AS (SELECT id AS k FROM silver.a) SELECT * FROM c", ("k",)),
        ("SELECT id FROM silver.a UNION ALL SELECT id FROM silver.b", ("id",)),
        ("SELECT day FROM (SELECT explode(sequence(1, 3)) AS day)", ("day",)),
        ("SELECT d FROM VALUES (1), (2) AS t(d)", ("d",)),
    ],
)
def test_outputs_are_the_columns_a_query_gives(sql: str, outputs: tuple[str, ...]) -> None:
    query = read(sql)
    assert query.outputs == outputs
    assert query.problems() == ()


def test_outputs_know_their_lines() -> None:
    query = read("SELECT\n  id,\n  upper(x)\n    AS shout\nFROM silver.a")
    assert query.output_line("id") == 2
    assert query.output_line("shout") in (3, 4)


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT\n  idd FROM silver.b", [(2, "no column `idd` in silver.b", "did you mean `id`?")]),
        ("SELECT z FROM silver.a", [(1, "no column `z` in silver.a", "use one of: id, n, x")]),
        ("SELECT _row_hsh FROM silver.a", [(1, "no column `_row_hsh` in silver.a", "did you mean `_row_hash`?")]),
        ("SELECT a.y FROM silver.a", [(1, "silver.a has no column `y`", "use one of: id, n, x")]),
        ("SELECT q.id FROM silver.a AS a", [(1, "`q.id`: no table is called `q`", "use one of: a")]),
        (
            "SELECT window.start, q.start FROM silver.a GROUP BY window(x, '1 day')",
            [(1, "`q.start`: no table is called `q`", "use one of: a")],
        ),
        ("SELECT id FROM silver.a, silver.b", [(1, "`id` is in a and b", "write `a.id`")]),
        (
            "SELECT a.id FROM silver.a JOIN silver.b\nON a.id = b.idd",
            [(2, "silver.b has no column `idd`", "did you mean `id`?")],
        ),
        ("WITH c AS (SELECT id FROM silver.a)\nSELECT c.x FROM c", [(2, "c has no column `x`", "use one of: id")]),
        (
            "SELECT id FROM silver.a\nWHERE EXISTS (SELECT 1 FROM silver.b WHERE b.id = a.nn)",
            [(2, "silver.a has no column `nn`", "did you mean `n`?")],
        ),
        ("SELECT w, w FROM silver.b", [(1, "no column `w` in silver.b", "use one of: id, y")]),
    ],
)
def test_columns_that_are_not_there_are_problems_with_line_and_fix(sql: str, found: list[tuple[int, str, str]]) -> None:
    assert [(problem.line, problem.message, problem.fix) for problem in read(sql).problems()] == found


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id AS k FROM silver.a GROUP BY k HAVING k > 1 ORDER BY k",
        "SELECT n + 1 AS m, m + 1 AS o FROM silver.a",
        "SELECT transform(split(x, ','), v -> upper(v)) AS t FROM silver.a",
        "SELECT id, t.e FROM silver.a LATERAL VIEW explode(split(x, ',')) t AS e",
        "SELECT named_struct('f', x).f AS f, INTERVAL 1 DAY AS d, extract(YEAR FROM current_date()) AS y FROM silver.a",
        "SELECT s.f FROM (SELECT named_struct('f', x) AS s FROM silver.a)",
        "SELECT id, x, y FROM silver.a JOIN silver.b USING (id)",
        "SELECT id, x FROM silver.a LEFT SEMI JOIN silver.b USING (id)",
        "SELECT id, x FROM (SELECT id, x FROM silver.a) LEFT ANTI JOIN (SELECT id FROM silver.b) USING (id)",
        "SELECT id, x FROM silver.a LEFT ANTI JOIN (SELECT id, y FROM silver.b) AS b ON b.id = a.id AND b.y = x",
        "SELECT id, x FROM silver.a LEFT SEMI JOIN (SELECT id FROM silver.b) AS b(k) ON k = id",
        "SELECT id AS k, x FROM silver.a UNION ALL SELECT id, y FROM silver.b ORDER BY k LIMIT 3",
        "SELECT id, x FROM silver.a UNION ALL SELECT pos, col FROM (SELECT posexplode(split(y, ',')) FROM silver.b)",
        "SELECT x, sum(n) AS s FROM silver.a GROUP BY ALL",
        "SELECT *, row_number() OVER (ORDER BY n) AS r FROM silver.a QUALIFY r = 1",
        "SELECT a.id FROM silver.a LEFT ANTI JOIN silver.b ON a.id = b.id",
    ],
)
def test_what_spark_resolves_is_no_problem(sql: str) -> None:
    assert read(sql).problems() == ()


@pytest.mark.parametrize(
    ("expression", "origins"),
    [
        ("x", {("silver.a", "x")}),
        ("concat(x, n)", {("silver.a", "x"), ("silver.a", "n")}),
        ("CASE WHEN x = 'a' THEN n END", {("silver.a", "n")}),
        ("CASE x WHEN 'a' THEN n ELSE id END", {("silver.a", "n"), ("silver.a", "id")}),
        ("if(x = 'a', n, id)", {("silver.a", "n"), ("silver.a", "id")}),
        ("count(x)", set()),
        ("x IS NULL OR x LIKE 'a%'", set()),
        ("sha2(x, 256)", set()),
        ("max(x) OVER (PARTITION BY n ORDER BY id)", {("silver.a", "x")}),
        ("sum(n) FILTER (WHERE x = 'a')", {("silver.a", "n")}),
        ("max_by(n, x)", {("silver.a", "n")}),
        ("(SELECT max(y) FROM silver.b WHERE b.id = a.id)", {("silver.b", "y")}),
        ("1", set()),
    ],
)
def test_origins_are_the_columns_whose_values_can_be_seen(expression: str, origins: set[tuple[str, str]]) -> None:
    assert read(f"SELECT {expression} AS v FROM silver.a GROUP BY ALL").origins("v") == origins


def test_origins_reach_through_ctes_unions_and_recursion() -> None:
    both = read(
        "WITH c AS (SELECT id, x AS v FROM silver.a UNION ALL SELECT id, y FROM silver.b) "
        "SELECT d.v FROM (SELECT * FROM c) AS d"
    )
    assert both.origins("v") == {("silver.a", "x"), ("silver.b", "y")}
    loop = read("WITH RECURSIVE r AS (SELECT id, x FROM silver.a UNION ALL SELECT id + 1, x FROM r) SELECT * FROM r")
    assert loop.origins("x") == {("silver.a", "x")}


def test_a_query_that_cannot_be_resolved_is_refused() -> None:
    with pytest.raises(SqlError):
        read("SELECT 1 AS a FROM silver.a AS t, silver.b AS t")


def test_parts_of_a_union_have_as_many_columns() -> None:
    with pytest.raises(SqlError, match="UNION of 2 and 1 columns") as refused:
        read("SELECT id, x FROM silver.a\nUNION ALL\nSELECT id FROM silver.b")
    assert refused.value.line == 3
