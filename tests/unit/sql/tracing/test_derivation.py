"""How output columns come of columns of tables: each way by hand."""

from __future__ import annotations

import pytest

from tidemark.sql.queries import parse
from tidemark.sql.tracing.columns import read_query
from tidemark.sql.tracing.derivation import AS_IT_IS, COMPUTED, Via

SCHEMA = {
    "silver.a": {"id": "int", "x": "string", "n": "int", "at": "timestamp"},
    "silver.b": {"id": "int", "y": "string"},
}
A, B = "silver.a", "silver.b"


def derived(sql: str, output: str = "v") -> set[tuple[str, str]]:
    """Column and way, as `x masked transformation`."""
    found = read_query(parse(sql), SCHEMA).derivations.of(output)
    return {(column, _told(via)) for (_, column), via in found}


def _told(via: Via) -> str:
    return " ".join((*(() if via.direct else ("by",)), *(("masked",) if via.masks else ()), via.how))


def rows(sql: str) -> set[tuple[str, str]]:
    return {
        (f"{table}.{column}", via.how) for (table, column), via in read_query(parse(sql), SCHEMA).derivations.rows()
    }


@pytest.mark.parametrize(
    ("expression", "ways"),
    [
        ("x", {("x", "identity")}),
        ("(x)", {("x", "identity")}),
        ("CAST(n AS STRING)", {("n", "transformation")}),
        ("TRY_CAST(x AS INT)", {("x", "transformation")}),
        ("coalesce(x, 'none')", {("x", "transformation")}),
        ("n * 2 + id", {("n", "transformation"), ("id", "transformation")}),
        ("CASE WHEN x = 'a' THEN n ELSE 0 END", {("n", "transformation"), ("x", "by conditional")}),
        ("if(n > 1, x, 'b')", {("x", "transformation"), ("n", "by conditional")}),
        ("n > 1", {("n", "masked transformation")}),
        ("sha2(x, 256)", {("x", "masked transformation")}),
        ("substring(sha2(x, 256), 1, 8)", {("x", "masked transformation")}),
        ("'constant'", set()),
        (
            "lag(n) OVER (PARTITION BY id ORDER BY at)",
            {("n", "transformation"), ("id", "by window"), ("at", "by window")},
        ),
        ("(SELECT max(y) FROM silver.b WHERE b.id = a.id)", {("y", "aggregation")}),
    ],
)
def test_what_becomes_of_a_value(expression: str, ways: set[tuple[str, str]]) -> None:
    assert derived(f"SELECT {expression} AS v FROM silver.a") == ways


@pytest.mark.parametrize(
    ("expression", "ways"),
    [
        ("sum(n)", {("n", "aggregation")}),
        ("CAST(round(sum(n * 2), 2) AS INT)", {("n", "aggregation")}),
        ("count(DISTINCT x)", {("x", "masked aggregation")}),
        ("count_if(x = 'a')", {("x", "masked aggregation")}),
        ("min_by(x, n)", {("x", "aggregation"), ("n", "by conditional")}),
        ("sum(n) FILTER (WHERE x = 'a')", {("n", "aggregation"), ("x", "by conditional")}),
        ("sum(CASE WHEN x = 'a' THEN n END)", {("n", "aggregation"), ("x", "by conditional")}),
        # How many rows there are in a group is said by what it is a group of.
        ("count(*)", {("id", "by group_by")}),
        ("count(1)", {("id", "by group_by")}),
    ],
)
def test_what_is_gathered_of_a_group(expression: str, ways: set[tuple[str, str]]) -> None:
    assert derived(f"SELECT id, {expression} AS v FROM silver.a GROUP BY id") == ways


def test_ways_add_up_through_ctes_unions_and_subqueries() -> None:
    sql = (
        "WITH sums AS (SELECT id, sum(n) AS total, count(x) AS many FROM silver.a GROUP BY id), "
        "both AS (SELECT CAST(total AS STRING) AS v, many FROM sums UNION ALL SELECT y, id FROM silver.b) "
        "SELECT upper(v) AS v, many, CASE WHEN many > 1 THEN v END AS w FROM (SELECT * FROM both)"
    )
    assert derived(sql) == {("n", "aggregation"), ("y", "transformation")}
    assert derived(sql, "many") == {("x", "masked aggregation"), ("id", "identity")}
    assert derived(sql, "w") == {
        ("n", "aggregation"),
        ("y", "transformation"),
        ("x", "by conditional"),
        ("id", "by conditional"),
    }


def test_a_recursive_query_comes_to_an_end() -> None:
    sql = "WITH RECURSIVE r AS (SELECT id, x FROM silver.a UNION ALL SELECT id + 1, x FROM r) SELECT x AS v FROM r"
    assert derived(sql) == {("x", "identity")}


def test_a_generated_table_comes_of_its_arguments() -> None:
    assert derived("SELECT t.e AS v FROM silver.a LATERAL VIEW explode(split(x, ',')) t AS e") == {
        ("x", "transformation")
    }
    assert derived("SELECT explode(sequence(1, 3)) AS v") == set()


def test_which_rows_there_are_is_decided_by_joins_conditions_and_groups() -> None:
    sql = (
        "SELECT a.x, count(*) AS c FROM silver.a JOIN silver.b ON b.id = a.id "
        "WHERE a.at > TIMESTAMP '2025-01-01' AND EXISTS (SELECT 1 FROM silver.b AS o WHERE o.y = a.x) "
        "GROUP BY a.x HAVING sum(a.n) > 1"
    )
    assert rows(sql) == {
        (f"{A}.id", "join"),
        (f"{B}.id", "join"),
        (f"{A}.at", "filter"),
        (f"{B}.y", "filter"),
        (f"{A}.x", "filter"),
        (f"{A}.x", "group_by"),
        (f"{A}.n", "filter"),
    }
    assert rows("SELECT x FROM silver.a ORDER BY n LIMIT 3") == {(f"{A}.n", "sort")}
    assert rows("SELECT x FROM silver.a ORDER BY n") == set()
    assert rows("SELECT x, y FROM silver.a JOIN silver.b USING (id)") == {(f"{A}.id", "join"), (f"{B}.id", "join")}


def test_ways_one_after_the_other() -> None:
    gathered, chosen = Via(True, "aggregation"), Via(False, "filter")
    assert AS_IT_IS.after(gathered) == gathered
    assert gathered.after(COMPUTED) == gathered
    assert COMPUTED.after(chosen) == chosen
    assert chosen.after(gathered) == chosen
    assert COMPUTED.after(Via(True, "identity", masks=True)) == Via(True, "transformation", masks=True)
