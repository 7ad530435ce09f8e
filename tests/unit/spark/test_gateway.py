"""The JVM gets no variable that a query should not be able to tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidemark.children import variables_for
from tidemark.spark.jars import changed_jars_of_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OWN = {"_PYSPARK_DRIVER_CONN_INFO_PATH"}
"""What Spark's launcher and we say to the JVM itself."""


def test_the_jvm_of_a_session_has_what_java_may_have(spark: SparkSession) -> None:
    found = dict(spark._jvm.java.lang.System.getenv())
    assert "PATH" in found
    assert found.keys() - variables_for("spark", found).keys() - OWN == set()


def test_sparks_own_jars_are_as_they_were_installed() -> None:
    assert changed_jars_of_spark() == ()
