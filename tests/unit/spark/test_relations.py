"""Queries over frames by name, without views."""

from __future__ import annotations

import pytest
from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import DataFrame, SparkSession

from tidemark.spark.relations import query_over


@pytest.fixture(scope="module")
def people(spark: SparkSession) -> DataFrame:
    return spark.sql("SELECT * FROM VALUES (1, 'Ulm'), (2, 'Bonn'), (2, 'Bonn') AS people(id, city)")


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT count(*) FROM people", [(3,)]),
        ("SELECT a.id FROM people a JOIN people b ON a.id = b.id WHERE a.city = 'Ulm'", [(1,)]),
        ("WITH cities AS (SELECT DISTINCT city FROM people) SELECT count(*) FROM cities", [(2,)]),
        ("SELECT id FROM people p WHERE EXISTS (SELECT 1 FROM people o WHERE o.id > p.id)", [(1,)]),
        ("SELECT (SELECT max(id) FROM people) AS most", [(2,)]),
        ("SELECT id FROM people WHERE id = 1 UNION ALL SELECT 9", [(1,), (9,)]),
    ],
)
def test_a_query_reads_frames_by_their_names(
    spark: SparkSession, people: DataFrame, query: str, rows: list[tuple[int, ...]]
) -> None:
    assert sorted(map(tuple, query_over(spark, query, {"people": people}).collect())) == rows


def test_what_the_query_itself_calls_so_stands_before_the_frame(spark: SparkSession, people: DataFrame) -> None:
    query = "WITH people AS (SELECT 7 AS id) SELECT id FROM people"
    assert query_over(spark, query, {"people": people}).collect() == [(7,)]


def test_the_session_knows_nothing_of_it(spark: SparkSession, people: DataFrame) -> None:
    query_over(spark, "SELECT 1 FROM people", {"people": people}).collect()
    with pytest.raises(AnalysisException, match="people"):
        spark.sql("SELECT 1 FROM people")


def test_what_is_no_query_or_reads_no_frame_is_refused(spark: SparkSession, people: DataFrame) -> None:
    with pytest.raises(ParseException):
        query_over(spark, "SELEC 1 FROM people", {"people": people})
    with pytest.raises(AnalysisException, match="colour"):
        query_over(spark, "SELECT colour FROM people", {"people": people})
