"""Classes of Spark's JVM, found without searching.

A dotted name on PySpark's gateway is resolved word by word, and every word that is a package is looked for as a class
in each of some 350 jars. PySpark does the same for every `F.col`, and fifteen times for the exception that ends every
loop over a Java collection. It was a fifth of a run's CPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from py4j.java_gateway import JavaClass, JavaPackage

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_OFTEN_USED_BY_PYSPARK = ("functions", "PythonUtils", "PythonSQLUtils", "SparkSession", "SparkSession$")
_OFTEN_USED_BY_FULL_NAME = (
    "py4j.reflection.TypeUtil",
    "org.apache.spark.util.Utils",
    "org.apache.spark.sql.Observation",
    "org.apache.spark.sql.expressions.Window",
    "org.apache.spark.sql.expressions.UnresolvedNamedLambdaVariable",
    "org.apache.spark.sql.internal.SQLConf",
    "io.delta.tables.DeltaTable",
)


def java_class(spark: SparkSession, name: str) -> Any:
    """The class of this full name, as py4j gives it: call it for an object, or its static methods."""
    context: Any = spark.sparkContext
    return JavaClass(name, context._gateway._gateway_client)


def scala_object(spark: SparkSession, name: str) -> Any:
    """The Scala object of this full name, with its `$`."""
    return getattr(java_class(spark, name), "MODULE$")


def scala_sequence(spark: SparkSession, values: list[Any]) -> Any:
    """The values as a Scala `Seq`."""
    return java_class(spark, "org.apache.spark.api.python.PythonUtils").toSeq(values)


def remember_classes(spark: SparkSession) -> None:
    """Looks up once what PySpark would look up again with every expression."""
    context: Any = spark.sparkContext
    for name in _OFTEN_USED_BY_PYSPARK:
        setattr(context._jvm, name, getattr(context._jvm, name))
    for name in _OFTEN_USED_BY_FULL_NAME:
        _remember(context._jvm, name)


def _remember(jvm: Any, full_name: str) -> None:
    """Makes each package of the name an attribute of the one before it, and the class one of the last."""
    client, jvm_id, inside = jvm._gateway_client, jvm._id, jvm
    *packages, name = full_name.split(".")
    for number, package in enumerate(packages, start=1):
        if package not in vars(inside):
            setattr(inside, package, JavaPackage(".".join(packages[:number]), client, jvm_id))
        inside = vars(inside)[package]
    setattr(inside, name, JavaClass(full_name, client))
