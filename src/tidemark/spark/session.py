"""The one place that builds a SparkSession."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidemark.config.environment import ANSI, MEANINGS
from tidemark.spark import jars, logstore
from tidemark.spark.gateway import start_jvm
from tidemark.spark.generated import compile_once
from tidemark.spark.java import JavaHome, find_java
from tidemark.spark.jvm import java_class, remember_classes

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tidemark.config.environment import ComputeSettings, Environment

# A batch can be empty after a shuffle; this rule would then drop the plan's metric nodes, and the books with them.
_KEEP_METRIC_NODES = "org.apache.spark.sql.execution.adaptive.AQEPropagateEmptyRelation"

_MEBIBYTE = 2**20
_EXECUTOR_OPTIONS = "spark.executor.extraJavaOptions"
_TOLD_WITH_VALUES = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")

SPARK_CONF: dict[str, str] = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    # What overflows or cannot be cast fails, and is never a null or another number. Spark's default, unless somebody's
    # spark-defaults say otherwise.
    ANSI: "true",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    # What pandas writes: as numbers, of which those that are whole microseconds become timestamps (landing files).
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    "spark.sql.timeType.enabled": "true",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    "spark.sql.adaptive.optimizer.excludedRules": _KEEP_METRIC_NODES,
    # Good and bad rows of an append go to two folders in one pass: two open files a task are cheaper than a sort.
    "spark.sql.maxConcurrentOutputFileWriters": "2",
    # Inferring further predicates is exponential in the columns of a long condition: with the rules of 20 columns the
    # optimizer took half a minute for 250 bad rows.
    "spark.sql.constraintPropagation.enabled": "false",
    # A load runs some hundred pieces of generated code, many of them the same in each load. Spark keeps 100: every load
    # then compiled them all anew, which was a quarter of an upsert's CPU.
    "spark.sql.codegen.cache.maxEntries": "2000",
    # HotSpot leaves larger methods to its interpreter: a pass over many columns of text then took four times as long.
    # Spark divides the code of such a stage when it may not be one method.
    "spark.sql.codegen.hugeMethodLimit": "8000",
    **logstore.SETTINGS,
    "spark.databricks.delta.snapshotPartitions": "1",
    # The source of every MERGE is a staged batch, which never changes: Delta need not copy it first to be sure.
    "spark.databricks.delta.merge.materializeSource": "none",
    # Where a column was widened, the feed gives the rows before that too, in the wider type; see `read_feed`.
    "spark.databricks.delta.changeDataFeed.unsafeBatchReadOnIncompatibleSchemaChanges.enabled": "true",
    "spark.databricks.delta.properties.defaults.enableChangeDataFeed": "true",
    "spark.databricks.delta.properties.defaults.enableDeletionVectors": "true",
    # PySpark would note the caller's line for each column that is made, with three calls into the JVM.
    "spark.python.sql.dataFrameDebugging.enabled": "false",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # Spark keeps what its UI would show even when there is none: a run is hundreds of queries with long plans.
    "spark.sql.ui.explainMode": "simple",
    "spark.sql.maxPlanStringLength": "10000",
    "spark.sql.ui.retainedExecutions": "20",
    "spark.ui.retainedJobs": "50",
    "spark.ui.retainedStages": "50",
    "spark.ui.retainedTasks": "1000",
    # The footers of staged files give a table's log its bounds, and Parquet says nothing where two of them are long. It
    # cuts such bounds so that they stay bounds, and leaves far more than the 32 characters that the log has.
    "spark.hadoop.parquet.statistics.truncate.length": "1024",
    "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version": "2",
    "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
}

# Of JVMs that we start. Dates, numbers and letters (an `I` is `ı` in Turkish) are what they are anywhere.
_ANYWHERE = "-Duser.timezone=UTC -Duser.language=en -Duser.country=US"

_LOCAL_CONF: dict[str, str] = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}


def build_session(environment: Environment, app_name: str = "tidemark") -> SparkSession:
    """The session of a run: Delta, S3A as the environment says, and the environment's own Spark settings on top."""
    from tidemark.aws.clients import spark_conf as s3a_conf

    compute = environment.compute
    conf = dict(s3a_conf(environment.aws)) | sizes(compute) | dict(compute.conf)
    return start(app_name, compute.master, conf)


def start(app_name: str, master: str | None, conf: Mapping[str, str]) -> SparkSession:
    """A session with Tidemark's settings and `conf` over them; `master` None leaves it to spark-submit."""
    from pyspark.sql import SparkSession

    java = find_java()
    os.environ["JAVA_HOME"] = str(java.path)
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    settings = dict(SPARK_CONF)
    builder: SparkSession.Builder = SparkSession.builder.appName(app_name)
    if master is not None:
        builder = builder.master(master)
        settings |= _class_path(jars.install())
        if master.startswith("local"):
            settings |= _LOCAL_CONF | _shuffle_partitions(master)
    elif jars.are_given():
        jars.verify(jars.jar_folder())
    settings |= {**conf, **MEANINGS}
    settings["spark.driver.extraJavaOptions"] = _java_options(java, settings.get("spark.driver.extraJavaOptions", ""))
    settings[_EXECUTOR_OPTIONS] = " ".join(filter(None, (settings.get(_EXECUTOR_OPTIONS), _ANYWHERE)))
    for key, value in settings.items():
        builder = builder.config(key, value)
    _start_jvm_once(java, settings)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    _leave_zone_and_language(session)
    _hush_values()
    remember_classes(session)
    if str(session.sparkContext.master).startswith("local["):
        compile_once(session)
    return session


def _leave_zone_and_language(session: SparkSession) -> None:
    """The same for a JVM that somebody else has started: spark-submit's."""
    zone, locale = java_class(session, "java.util.TimeZone"), java_class(session, "java.util.Locale")
    zone.setDefault(zone.getTimeZone("UTC"))
    locale.setDefault(locale.forLanguageTag("en-US"))


def _hush_values() -> None:
    """PySpark prints every failed expression with the value on which it failed, which may be personal data."""
    for name in _TOLD_WITH_VALUES:
        logging.getLogger(name).disabled = True


def _start_jvm_once(java: JavaHome, settings: Mapping[str, str]) -> None:
    """The JVM of this process, unless it has one: spark-submit's (on EMR), or an earlier session's."""
    from pyspark import SparkContext

    context: Any = SparkContext
    if context._gateway is None and "PYSPARK_GATEWAY_PORT" not in os.environ:
        context._ensure_initialized(gateway=start_jvm(java, settings))


def sizes(compute: ComputeSettings) -> dict[str, str]:
    """What the environment says of sizes, as Spark and Delta take it."""
    file_bytes = str(compute.file_mb * _MEBIBYTE)
    return {
        "spark.sql.autoBroadcastJoinThreshold": str(round(compute.broadcast_mb * _MEBIBYTE)),
        "spark.sql.files.maxPartitionBytes": file_bytes,
        "spark.databricks.delta.optimize.minFileSize": file_bytes,
        "spark.databricks.delta.optimize.maxFileSize": file_bytes,
    }


def _java_options(java: JavaHome, given: str) -> str:
    quiet = f"-Dlog4j2.configurationFile={Path(__file__).with_name('log4j2.properties').as_uri()}"
    archive = () if jars.WRITE_ARCHIVE in given else jars.archive_options(java)
    return " ".join(option for option in (given, quiet, _ANYWHERE, java.trust_store_option, *archive) if option)


def _class_path(folder: os.PathLike[str]) -> dict[str, str]:
    pattern = str(Path(folder) / "*")
    return {"spark.driver.extraClassPath": pattern, "spark.executor.extraClassPath": pattern}


def _shuffle_partitions(master: str) -> dict[str, str]:
    inside = master.removeprefix("local").strip("[]").split(",")[0]
    cores = int(inside) if inside.isdigit() else (os.cpu_count() or 2) if inside == "*" else 1
    return {"spark.sql.shuffle.partitions": str(max(2, cores))}
