"""What is refused because Spark and the parser of the checks would not read the same in a text."""

from __future__ import annotations

import pytest

from tidemark.sql.allowed import Refused, refusals

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
    assert [each.message for each in found] == ([f"has `{lost}` where nobody can follow it"] if lost else [])
