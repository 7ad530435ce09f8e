"""Which personal values Spark's own plan of a query hands on: a corpus, and the plans of all that is harmless."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import DataFrame, SparkSession

from tests.unit.lint.privacy.test_admission import COLUMNS, PERSONAL
from tests.unit.lint.privacy.test_admission import QUERIES as TRACED
from tidemark.spark.relations import query_over
from tidemark.spark.resolved.reading import carried
from tidemark.sql.queries import bind
from tidemark.sql.types import METADATA_COLUMNS

CORPUS: Mapping[str, list[str]] = yaml.safe_load((Path(__file__).parent / "resolved_queries.yaml").read_text("utf-8"))
TYPES = {
    "birth_date": "date", "day": "date", "updated_at": "timestamp", "ordered_at": "timestamp",
    "amount": "decimal(18,2)", "emails": "array<string>",
}  # fmt: skip
VIEWS = {f"silver.{name}": f"silver__{name}" for name in COLUMNS}
WANTED = {VIEWS[f"silver.{name}"]: (*columns, "_row_hash") for name, columns in PERSONAL.items() if columns}


@pytest.fixture(scope="module")
def shop(spark: SparkSession) -> Mapping[str, DataFrame]:
    """The tables of the corpus without rows, by the names of their views."""
    typed = {
        f"silver__{name}": {each: TYPES.get(each, "string") for each in columns} | dict(METADATA_COLUMNS)
        for name, columns in COLUMNS.items()
    }
    return {
        name: spark.createDataFrame([], ", ".join(f"{column} {type_}" for column, type_ in columns.items()))
        for name, columns in typed.items()
    }


def shown(spark: SparkSession, shop: Mapping[str, DataFrame], sql: str) -> dict[str, frozenset[tuple[str, str]]]:
    """The columns that carry something, and what."""
    frame = query_over(spark, bind(sql, VIEWS), shop)
    return {name: found for name, found in carried(spark, frame, shop, WANTED) if found}


def test_the_corpus_is_large_enough() -> None:
    assert len(CORPUS["carried"]) >= 40
    assert len(CORPUS["plain"]) >= 30
    assert len(CORPUS["harmless"]) >= 40
    assert all(len(set(queries)) == len(queries) for queries in CORPUS.values())


@pytest.mark.parametrize("kind", ["carried", "plain"])
def test_values_are_found_whatever_their_names_are(
    kind: str, spark: SparkSession, shop: Mapping[str, DataFrame]
) -> None:
    assert [sql for sql in CORPUS[kind] if not shown(spark, shop, sql)] == []


def test_what_compares_counts_and_numbers_carries_nothing(spark: SparkSession, shop: Mapping[str, DataFrame]) -> None:
    found = {sql: shown(spark, shop, sql) for sql in CORPUS["harmless"]}
    assert {sql: each for sql, each in found.items() if each} == {}


@pytest.mark.parametrize("every", [9, pytest.param(1, marks=pytest.mark.slow)])
def test_what_passes_the_check_of_the_text_carries_nothing(
    every: int, spark: SparkSession, shop: Mapping[str, DataFrame]
) -> None:
    """But for the few that only other types than these, or other versions of Spark, would let be."""
    found, unresolved = {}, 0
    for sql in TRACED["harmless"][::every]:
        try:
            found[sql] = shown(spark, shop, sql)
        except (AnalysisException, ParseException):
            unresolved += 1
    assert {sql: each for sql, each in found.items() if each} == {}
    assert unresolved <= 7


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SELECT customer_id AS id, email AS shown, city FROM silver.customers", {"shown": "email"}),
        ("SELECT email AS id, count(*) AS shown FROM silver.customers GROUP BY 1", {"id": "email"}),
        ("SELECT * FROM (SELECT phone AS p, city FROM silver.customers) AS t(id, shown)", {"id": "phone"}),
        ("SELECT city AS id, phone AS shown FROM silver.customers UNION ALL SELECT 'a', 'b'", {"shown": "phone"}),
        ("SELECT 'a' AS id, 'b' AS shown UNION ALL SELECT phone, city FROM silver.customers", {"id": "phone"}),
        ("WITH t(a, b) AS (SELECT city, phone FROM silver.customers) SELECT t.b, u.a FROM t, t u", {"b": "phone"}),
    ],
)
def test_values_are_told_of_the_column_in_which_they_stand(
    sql: str, columns: Mapping[str, str], spark: SparkSession, shop: Mapping[str, DataFrame]
) -> None:
    wanted = {name: {("silver__customers", column)} for name, column in columns.items()}
    assert shown(spark, shop, sql) == wanted


def test_nobody_hides_an_input_behind_its_name(spark: SparkSession, shop: Mapping[str, DataFrame]) -> None:
    fake = (
        "WITH silver__visits AS (SELECT email AS page FROM silver.customers) SELECT page AS shown FROM silver__visits"
    )
    assert shown(spark, shop, fake) == {"shown": {("silver__customers", "email")}}
    fake = "SELECT silver__visits.page AS shown FROM (SELECT email AS page FROM silver.customers) AS silver__visits"
    assert shown(spark, shop, fake) == {"shown": {("silver__customers", "email")}}


def test_a_frame_that_is_no_query_over_relations_may_show_all_of_them(
    spark: SparkSession, shop: Mapping[str, DataFrame]
) -> None:
    ((name, found),) = carried(spark, spark.sql("SELECT 1 AS one"), shop, {"silver__visits": ["page"]})
    assert (name, found) == ("one", {("silver__visits", "page")})


@pytest.mark.parametrize(("value", "is_seen"), [("o.amount", False), ("length(o.contact_email)", True)])
def test_long_chains_are_followed_to_their_ends(
    value: str, is_seen: bool, spark: SparkSession, shop: Mapping[str, DataFrame]
) -> None:
    sql = f"SELECT o.order_id AS id, {value} {'+ o.amount ' * 200}AS shown FROM silver.orders o"
    assert bool(shown(spark, shop, sql)) is is_seen
