"""Threads of the driver and of tasks share a class loader in a local session, and so what is generated."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pyspark.sql import SparkSession

from tidemark.spark.jvm import java_class


def loader(spark: SparkSession) -> Any:
    return java_class(spark, "java.lang.Thread").currentThread().getContextClassLoader()


def test_code_that_the_driver_compiles_is_there_for_tasks(spark: SparkSession) -> None:
    assert spark.range(10).repartition(2).count() == 10
    threads = java_class(spark, "java.lang.Thread").getAllStackTraces().keySet()
    tasks = [each.getContextClassLoader() for each in threads if each.getName().startswith("Executor task launch")]

    with ThreadPoolExecutor(1) as pool:
        loaders = [loader(spark), pool.submit(loader, spark).result()]

    assert tasks
    assert all(each.equals(tasks[0]) for each in [*tasks, *loaders])
