"""SQL over frames: a query whose tables are frames by name, without a view of each in the session's catalog.

A view is made by a command, and is there for every other query of the session. What a query reads stands here in the
query itself, as it does in SQL: `WITH name AS (…) query`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame

from tidemark.spark.jvm import java_class, scala_object, scala_sequence

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_PLANS = "org.apache.spark.sql.catalyst.plans.logical"


def query_over(spark: SparkSession, query: str, relations: Mapping[str, DataFrame]) -> DataFrame:
    """The frame of a Spark SQL query that reads `relations` by their names, none of which has a dot.

    A `WITH` of the query itself stands before them. Raises PySpark's `ParseException` and `AnalysisException`.
    """
    session = _internal(spark)
    parsed = session.sessionState().sqlParser().parsePlan(query)
    named = [_named(spark, name, frame) for name, frame in relations.items()]
    plan = java_class(spark, f"{_PLANS}.UnresolvedWith")(parsed, scala_sequence(spark, named), False)
    dataset = scala_object(spark, "org.apache.spark.sql.classic.Dataset$")
    return DataFrame(dataset.ofRows(session, plan), spark)


def _named(spark: SparkSession, name: str, frame: DataFrame) -> Any:
    """One entry of a `WITH`: name, query, and no limit to its recursion."""
    internal: Any = frame
    alias = scala_object(spark, f"{_PLANS}.SubqueryAlias$")
    unlimited = java_class(spark, "scala.Option").empty()
    return java_class(spark, "scala.Tuple3")(
        name, alias.apply(name, internal._jdf.queryExecution().analyzed()), unlimited
    )


def _internal(spark: SparkSession) -> Any:
    session: Any = spark
    return session._jsparkSession
