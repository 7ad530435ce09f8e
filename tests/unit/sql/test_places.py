"""Where a part of a query stands, told as a person would."""

from __future__ import annotations

import pytest

from tidemark.sql.places import calls_of, place_of


@pytest.mark.parametrize(
    ("sql", "part", "place"),
    [
        ("SELECT x,\n cast(a AS int) AS n FROM silver.t", "cast(a AS int)", "column n"),
        ("SELECT cast('zz' AS int) AS k FROM silver.t", "cast('zz' AS int)", "column k"),
        ("SELECT a + 1 FROM silver.t", "a + 1", "column number 1"),
        ("WITH w AS (SELECT b * 2 AS z FROM silver.t) SELECT z AS q FROM w", "b * 2", "column z of the CTE w"),
        ("SELECT s.m FROM (SELECT max(a + 1) AS m FROM silver.t) s", "a + 1", "column m of the subquery s"),
        ("SELECT (SELECT max(a + 1) AS m FROM silver.t) AS k FROM silver.u", "a + 1", "column k"),
        ("SELECT b AS o FROM silver.t UNION ALL SELECT a + 1 FROM silver.u", "a + 1", "column o"),
        ("(SELECT b AS o FROM silver.t) UNION ALL (SELECT a + 1 FROM silver.u)", "a + 1", "column o"),
        ("SELECT row_number() OVER (ORDER BY a + 1) AS r FROM silver.t", "a + 1", "column r"),
        ("SELECT b FROM silver.t WHERE a > 3", "a > 3", "the WHERE condition"),
        ("SELECT b FROM silver.t JOIN silver.u ON t.a = u.b", "t.a = u.b", "the JOIN condition"),
        ("SELECT sum(b) AS s FROM silver.t GROUP BY c HAVING sum(a + 1) > 1", "a + 1", "the HAVING condition"),
        (
            "WITH w AS (SELECT b FROM silver.t WHERE a > 3) SELECT b FROM w",
            "a > 3",
            "the WHERE condition of the CTE w",
        ),
    ],
)
def test_a_part_is_told_by_its_column_or_its_clause(sql: str, part: str, place: str) -> None:
    start = sql.index(part)
    found = place_of(sql, start, start + len(part) - 1)
    assert str(found) == place
    assert found is not None
    assert found.line == sql[:start].count("\n") + 1


def test_what_is_no_part_of_a_query_has_no_place() -> None:
    assert place_of("SELECT a FROM silver.t", 100, 110) is None
    assert place_of("SELECT a FROM (", 7, 7) is None


def test_calls_are_found_outside_of_comments_and_texts() -> None:
    sql = "SELECT to_date(a, concat('(', b)), 'to_date(' -- to_date(x)\nFROM silver.t WHERE TO_DATE (c) > d"
    assert [sql[start : stop + 1] for start, stop in calls_of(sql, "to_date")] == [
        "to_date(a, concat('(', b))",
        "TO_DATE (c)",
    ]
