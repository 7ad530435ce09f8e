"""Classes of Spark's JVM, found without searching.

A dotted name on PySpark's gateway is resolved word by word, and every word that is a package is looked for as a class
in each of some 350 jars. PySpark does the same for every `F.col`. It was a tenth of a run's CPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from py4j.java_gateway import JavaClass

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_OFTEN_USED_BY_PYSPARK = ("functions", "PythonUtils", "PythonSQLUtils", "SparkSession")


def java_class(spark: SparkSession, name: str) -> Any:
    """The class of this full name, as py4j gives it: call it for an object, or its static methods."""
    context: Any = spark.sparkContext
    return JavaClass(name, context._gateway._gateway_client)


def remember_classes(spark: SparkSession) -> None:
    """Looks up once what PySpark would look up again with every expression."""
    context: Any = spark.sparkContext
    for name in _OFTEN_USED_BY_PYSPARK:
        setattr(context._jvm, name, getattr(context._jvm, name))
