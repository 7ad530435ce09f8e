"""Generated code that is compiled once in a JVM that is driver and executor.

Spark keeps generated classes by code and class loader. Tasks run with a loader of their executor's: what the driver has
compiled to see whether it can be is compiled again for the tasks. In a local session both may have the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidemark.spark.jvm import java_class

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_TASKS = "Executor task launch worker"


def compile_once(spark: SparkSession) -> None:
    """Gives the threads of a local session's driver, and those that they start, the class loader of its tasks."""
    _run_a_task(spark)
    thread = java_class(spark, "java.lang.Thread")
    drivers = thread.currentThread().getContextClassLoader()
    threads = list(thread.getAllStackTraces().keySet())
    tasks = next((each.getContextClassLoader() for each in threads if each.getName().startswith(_TASKS)), drivers)
    for each in threads:
        loader = each.getContextClassLoader()
        if loader is not None and loader.equals(drivers):
            each.setContextClassLoader(tasks)


def _run_a_task(spark: SparkSession) -> None:
    """A thread that runs tasks is there, and has its loader, when it has run one."""
    nothing = java_class(spark, "java.util.Collections").singletonList("")
    spark.sparkContext._jsc.parallelize(nothing, 1).count()
