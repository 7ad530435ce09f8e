"""What is refused because Spark and the parser of the checks would not read the same in a text."""

from __future__ import annotations

import pytest

from tidemark.sql.allowed import refusals
from tidemark.sql.refused import Refused

TABLES = ("silver.orders",)


def told(sql: str, *columns: str) -> list[Refused]:
    return list(refusals(sql, TABLES, columns=columns))


@pytest.mark.parametrize(
    "text",
    [
        "/* a /*+ */ b -- */",
        "/* a /* b */ c */",
        "/* not closed",
        "/*/",
        "'not closed",
        "\u00a0",
        "\u2028",
        "\f",
        "$$a$$",
        "{# a #}",
        "{{ a }}",
        "a://b--c",
        r"|| r'a\' || 'b' || r'\'",
        "-- a \\\n",
        "+ `phaſe`",
        "+ `ıd`",
    ],
)
def test_what_spark_reads_in_another_way_is_refused_with_its_line(text: str) -> None:
    found = told(f"SELECT 1,\n2\n{text} AS a FROM silver.orders")
    assert found
    assert found[0].line == 3


@pytest.mark.parametrize(
    "text",
    [
        "/* a */ -- b /* c",
        "/**/ /*** a * / ***/",
        "-- it's `one' \"comment\"",
        "|| 'it''s' || 'it\\'s' || \"it's\" || \"a\"\"b\" || ''",
        r"""|| 'a\\' || r'\d+' || R"a'b" || r''""",
        "|| '/* no comment' || '-- none' || '*/'",
        "|| '{{ a }} $ a://b {# \u00a0'",
        "+ 1e5 + 1L + 2.5BD + X'1F'",
        "AS `a``b -- c`, 2",
        "|| 'ıſ' AS `größe`, 2",
    ],
)
def test_what_both_read_in_the_same_way_passes(text: str) -> None:
    assert told(f"SELECT /*+ COALESCE(1) */ 1\n{text}\nAS a FROM silver.orders") == []


def followed(found: list[Refused]) -> list[str]:
    return [each.message for each in found if each.message.endswith("follow it")]


@pytest.mark.parametrize(
    ("expression", "lost"),
    [
        ("percentile(amount, 0.5, email)", "email"),
        ("percentile(amount, 0.5, length(Email))", "Email"),
        ("trunc(day, email)", "email"),
        ("percentile(amount, 0.5)", None),
        ("trunc(day, 'MM')", None),
        ("extract(day FROM day)", None),
        ("parse_json(amount):email.day", None),
        ("percentile(amount, 0.5, email) + get_json_object(amount, '$.email')", "email"),
        ("date_add(DAY, 1, day)", None),
        ("listagg(email, ',') WITHIN GROUP (ORDER BY email)", None),
        ("transform(array(email), email -> email)", None),
        ("first_value(email) IGNORE NULLS OVER (ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)", None),
    ],
)
def test_a_name_that_the_parser_loses_is_refused(expression: str, lost: str | None) -> None:
    found = told(f"SELECT {expression} AS a FROM silver.orders", "amount", "email", "day")
    assert followed(found) == ([f"has `{lost}` where nobody can follow it"] if lost else [])


KEYWORDS = (
    "last", "nulls", "current", "preceding", "following", "unbounded", "ignore", "respect", "within", "group", "both",
    "leading", "trailing", "first", "name",
)  # fmt: skip


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT amount FROM silver.orders ORDER BY amount NULLS LAST, 2 DESC NULLS FIRST, `last` NULLS LAST",
        "SELECT max(amount) OVER (PARTITION BY day ORDER BY lower(day) NULLS LAST) FROM silver.orders",
        "SELECT sum(amount) OVER (ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM silver.orders",
        "SELECT sum(amount) OVER (ORDER BY day ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM silver.orders",
        "SELECT sum(amount) OVER (ORDER BY day ROWS CURRENT ROW) FROM silver.orders",
        "SELECT sum(amount) OVER w FROM silver.orders WINDOW w AS (ORDER BY day RANGE UNBOUNDED PRECEDING)",
        "SELECT first(amount) IGNORE NULLS, lag(day) RESPECT NULLS OVER (ORDER BY day) FROM silver.orders",
        "SELECT trim(BOTH FROM day), trim(LEADING 'x' FROM day), trim(TRAILING 'x' FROM day) FROM silver.orders",
        "SELECT trim(both both FROM both), trim(leading FROM leading), last, nulls FROM silver.orders",
        "SELECT nulls last, ignore nulls, current row FROM silver.orders ORDER BY nulls NULLS LAST",
        "SELECT last, nulls, current, preceding FROM silver.orders ORDER BY last NULLS LAST",
        "SELECT listagg(name, ',') WITHIN GROUP (ORDER BY name DESC NULLS LAST) FROM silver.orders",
        "SELECT name FROM silver.orders UNION ALL BY NAME SELECT day AS name FROM silver.orders",
    ],
)
def test_columns_may_be_called_as_keywords_are(sql: str) -> None:
    assert told(sql, "amount", "day", *KEYWORDS) == []


RESERVED_ELSEWHERE = ("select", "all", "distinct", "values")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT `select`, `all` FROM silver.orders UNION ALL SELECT DISTINCT amount, day FROM silver.orders",
        "WITH a AS (SELECT count(DISTINCT day) AS `distinct` FROM silver.orders) SELECT * FROM a",
        "SELECT * FROM (SELECT ALL amount FROM silver.orders) o JOIN (SELECT day FROM silver.orders) d",
        "SELECT amount FROM silver.orders EXCEPT ALL SELECT amount FROM silver.orders MINUS SELECT 1",
    ],
)
def test_keywords_in_their_own_places_are_no_columns_of_their_names(sql: str) -> None:
    assert told(sql, "amount", "day", *RESERVED_ELSEWHERE) == []


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("SELECT sum(SELECT - 3) FROM silver.orders", "SELECT"),
        ("SELECT (select) FROM silver.orders", "select"),
        ("SELECT amount FROM silver.orders WHERE amount = coalesce(select, 1)", "select"),
        ("SELECT distinct - 3 FROM silver.orders", "distinct"),
        ("SELECT sum(all - 3) FROM silver.orders", "all"),
        ("SELECT DISTINCT FROM silver.orders", "DISTINCT"),
    ],
)
def test_the_same_words_where_they_may_be_columns_are_refused(sql: str, word: str) -> None:
    messages = [each.message for each in told(sql, "amount", "day", *RESERVED_ELSEWHERE)]
    assert f"has `{word}` where nobody can follow it" in messages


@pytest.mark.parametrize(
    ("sql", "lost"),
    [
        ("SELECT percentile(1, 0.5, last) FROM silver.orders ORDER BY day NULLS LAST", "last"),
        ("SELECT nulls last, percentile(1, 0.5, last) FROM silver.orders", "last"),
        ("SELECT 1 + nulls last, percentile(1, 0.5, nulls) FROM silver.orders", "nulls"),
        ("SELECT current row, percentile(1, 0.5, current) FROM silver.orders", "current"),
        ("SELECT first(day, true), percentile(1, 0.5, nulls) FROM silver.orders", "nulls"),
        (
            "SELECT sum(1) OVER (ORDER BY day ROWS 1 PRECEDING), percentile(1, 0.5, current) FROM silver.orders",
            "current",
        ),
        ("SELECT trim(day), percentile(1, 0.5, both) FROM silver.orders", "both"),
    ],
)
def test_a_lost_column_is_none_the_less_refused_for_its_name(sql: str, lost: str) -> None:
    assert followed(told(sql, "day", *KEYWORDS)) == [f"has `{lost}` where nobody can follow it"]


@pytest.mark.parametrize(
    "number", ["1", "12L", "3s", "4Y", "1.5", ".5", "2.", "1e3", "1.5E-3", "2F", "1.0D", "3.2BD", "1e+5D"]
)
def test_numbers_may_be_written_as_spark_has_them(number: str) -> None:
    assert told(f"SELECT {number} AS a, amount[0].x AS b FROM silver.orders WHERE amount>{number}") == []


@pytest.mark.parametrize("name", ["1e", "0xab", "0x1_0", "1el", "12E", "2.e", "1.5L"])
def test_what_is_a_name_to_spark_and_a_number_to_the_parser_is_refused(name: str) -> None:
    assert told(f"SELECT {name} AS a FROM silver.orders")


def test_names_whose_small_letters_follow_from_their_place_are_refused() -> None:
    (found,) = told("SELECT `ΑΣ` FROM silver.orders")
    assert "Spark takes for another one" in found.message


@pytest.mark.parametrize(
    ("sql", "is_refused"),
    [
        ("SELECT silver.orders.day FROM silver.orders, (SELECT struct(1 AS day) AS orders) silver", True),
        ("SELECT orders.day FROM silver.orders CROSS JOIN (SELECT 1 AS x) AS orders", True),
        ("SELECT silver.day FROM silver.orders AS silver", False),
        ("SELECT silver.orders.day FROM silver.orders", False),
        ("SELECT x FROM (SELECT day AS x FROM silver.orders) AS orders", False),
    ],
)
def test_an_alias_that_could_be_meant_by_the_name_of_a_table_is_refused(sql: str, is_refused: bool) -> None:
    assert bool(told(sql)) is is_refused
