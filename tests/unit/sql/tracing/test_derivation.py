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
        ("exists(split(x, ','), each -> each = at)", {("x", "masked transformation"), ("at", "masked transformation")}),
        ("EXISTS (SELECT 1 FROM silver.b WHERE b.y = a.x)", {("y", "by conditional"), ("x", "by conditional")}),
        ("nvl2(x, n, id)", {("n", "transformation"), ("id", "transformation"), ("x", "by conditional")}),
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
        ("listagg(x, ',') WITHIN GROUP (ORDER BY at)", {("x", "aggregation"), ("at", "by sort")}),
        ("mode() WITHIN GROUP (ORDER BY n)", {("n", "aggregation")}),
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


@pytest.mark.parametrize(
    ("sql", "output"),
    [
        ("SELECT id, col FROM silver.a LATERAL VIEW explode(split(x, ','))", "col"),
        ("SELECT pos, col FROM (SELECT id, posexplode(split(x, ',')) FROM silver.a)", "pos"),
    ],
)
def test_columns_that_have_sparks_names_come_of_what_makes_them(sql: str, output: str) -> None:
    assert read_query(parse(sql), SCHEMA).problems() == ()
    assert derived(sql, output) == {("x", "transformation")}


@pytest.mark.parametrize("star", ["to_json(struct(b.*))", "xxhash64(*)"])
def test_a_star_inside_of_a_function_is_all_columns(star: str) -> None:
    computed = {("id", "transformation"), ("y", "transformation")}
    assert derived(f"SELECT {star} AS v FROM silver.b") == computed
    assert (
        derived(f"WITH c AS (SELECT id, y AS z FROM silver.b) SELECT {star.replace('b.', 'c.')} AS v FROM c")
        == computed
    )


@pytest.mark.parametrize("output", ["place", "word"])
def test_each_of_the_columns_that_a_function_makes_comes_of_its_arguments(output: str) -> None:
    sql = "SELECT id, posexplode(split(x, ',')) AS (place, word) FROM silver.a"
    assert derived(sql, output) == {("x", "transformation")}


def test_a_function_in_the_from_clause_is_no_table() -> None:
    assert derived("SELECT t.v FROM explode(sequence(1, 3)) AS t(v)") == set()


def test_a_window_that_has_a_name_chooses_as_one_without() -> None:
    over = {("n", "aggregation"), ("id", "by window"), ("at", "by window")}
    assert derived("SELECT sum(n) OVER w AS v FROM silver.a WINDOW w AS (PARTITION BY id ORDER BY at)") == over


def test_group_by_all_is_by_what_is_no_aggregate() -> None:
    sql = "SELECT upper(x) AS x, id, count(*) AS v, sum(n) AS s FROM silver.a GROUP BY ALL"
    assert derived(sql) == {("x", "by group_by"), ("id", "by group_by")}
    assert rows(sql) == {(f"{A}.x", "group_by"), (f"{A}.id", "group_by")}


@pytest.mark.parametrize("alias", ["", " AS p"])
def test_columns_of_a_pivot_are_what_it_computes_of_the_rows_that_it_chooses(alias: str) -> None:
    turned = "(SELECT id, x, n, at FROM silver.a) PIVOT (sum(n) AS few, max(at) AS last FOR x IN ('a'))"
    sql = f"SELECT id, a_few, a_last FROM {turned}{alias}"
    assert derived(sql, "id") == {("id", "identity")}
    assert derived(sql, "a_few") == {("n", "aggregation"), ("x", "by conditional")}
    assert derived(sql, "a_last") == {("at", "aggregation"), ("x", "by conditional")}


@pytest.mark.parametrize("relation", ["silver.a", "(SELECT id, n, at FROM silver.a)"])
@pytest.mark.parametrize("alias", ["", " AS p"])
def test_values_of_an_unpivot_are_those_of_the_columns_that_become_rows(relation: str, alias: str) -> None:
    sql = f"SELECT id, word, v FROM {relation} UNPIVOT (v FOR word IN (n, at AS stamp)){alias}"
    assert read_query(parse(sql), SCHEMA).problems() == ()
    assert derived(sql, "id") == {("id", "identity")}
    assert derived(sql, "word") == set()
    assert derived(sql) == {("n", "identity"), ("at", "identity")}
    two = "SELECT v, w FROM silver.a UNPIVOT ((v, w) FOR word IN ((n, x) AS one, (id, at) AS two))"
    assert derived(two) == {("n", "identity"), ("id", "identity")}
    assert derived(two, "w") == {("x", "identity"), ("at", "identity")}


def test_what_is_taken_away_is_no_value_of_the_result() -> None:
    sql = "SELECT x AS v FROM silver.a EXCEPT SELECT y FROM silver.b"
    assert derived(sql) == {("x", "identity")}
    assert rows(sql) == {(f"{B}.y", "filter")}


@pytest.mark.parametrize(
    ("condition", "column"),
    [("x IN (SELECT y FROM silver.b)", "x"), ("n > (SELECT max(b.id) FROM silver.b)", "n")],
)
def test_what_a_subquery_answers_decides_too(condition: str, column: str) -> None:
    answered = "y" if column == "x" else "id"
    expected = {(f"{A}.{column}", "filter"), (f"{B}.{answered}", "filter")}
    assert rows(f"SELECT id FROM silver.a WHERE {condition}") == expected


def test_the_order_that_a_limit_cuts_by_may_be_a_column_of_the_result() -> None:
    assert rows("SELECT id, n * 2 AS twice FROM silver.a ORDER BY twice DESC LIMIT 3") == {(f"{A}.n", "sort")}
    both = "SELECT x AS v FROM silver.a UNION ALL SELECT y FROM silver.b ORDER BY v LIMIT 3"
    assert rows(both) == {(f"{A}.x", "sort"), (f"{B}.y", "sort")}


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
