"""A process with a JVM of its own that commits to Delta tables on S3, one commit for each line that it is given.

`python -m tests.support.worlds.racer ours|stranger BUCKET ENDPOINT`; a line on standard input is `TABLE NUMBER`, the
answer on standard output how many attempts the commit took. Ours makes entries of the log as loads do; the stranger is
a plain Spark session that appends, and compacts, with Delta's own writer.
"""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql.types import StringType, StructField, StructType

from tidemark.aws.clients import spark_conf
from tidemark.aws.settings import AwsSettings
from tidemark.delta import deltalog
from tidemark.spark.session import start
from tidemark.write.commit import CONFLICTS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

REGION = "eu-central-1"
SMALL = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
SCHEMA = StructType([StructField("id", StringType())])
INTERPRETED = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
COMPACTS_EVERY = 10


def main(side: str, bucket: str, endpoint: str) -> None:
    """Answers lines until there are no more."""
    aws = AwsSettings(region=REGION, endpoint_url=endpoint)
    conf = {"spark.driver.memory": "700m", "spark.driver.extraJavaOptions": SMALL, **INTERPRETED}
    spark = start(f"racer-{side}", "local[1]", spark_conf(aws) | conf)
    commit = {"ours": adopt, "stranger": append}[side]
    client: Any = boto3.client
    s3 = client("s3", endpoint_url=endpoint, region_name=REGION)
    tell("ready")
    for line in sys.stdin:
        table, number = line.split()
        tell(commit(spark, s3, bucket, table, int(number)))
    spark.stop()


def tell(answer: object) -> None:
    sys.stdout.write(f"{answer}\n")
    sys.stdout.flush()


def adopt(spark: SparkSession, s3: Any, bucket: str, table: str, number: int) -> int:
    """Puts a staged file into the table, which the first one makes."""
    path, folder = f"s3a://{bucket}/{table}", f"_tidemark/{number}"
    content = io.BytesIO()
    pq.write_table(pa.table({"id": [f"ours-{number}"]}), content)
    s3.put_object(Bucket=bucket, Key=f"{table}/{folder}/part-0.parquet", Body=content.getvalue())
    entry = deltalog.Entry(f"race:{number}", json.dumps({"batch_id": f"ours-{number}"}), ("id",))
    for attempt in range(1, 100):
        seen = deltalog.latest_version(spark, path)
        new = deltalog.NewTable(SCHEMA, (), {"delta.isolationLevel": "Serializable"}) if seen is None else None
        try:
            known = deltalog.NO_TABLE if seen is None else seen
            deltalog.adopt(spark, path, f"{path}/{folder}", entry, seen=known, rows=1, new=new)
        except CONFLICTS:
            continue
        return attempt
    raise AssertionError(f"{table} could not be written")


def append(spark: SparkSession, s3: Any, bucket: str, table: str, number: int) -> int:
    """Appends a row; every tenth time it puts the table's files together as well."""
    path = f"s3a://{bucket}/{table}"
    spark.createDataFrame([(f"stranger-{number}",)], SCHEMA).coalesce(1).write.format("delta").mode("append").save(path)
    if number % COMPACTS_EVERY == 0:
        for attempt in range(1, 100):
            try:
                spark.sql(f"OPTIMIZE delta.`{path}`").collect()
            except CONFLICTS:
                continue
            return attempt
    return 1


if __name__ == "__main__":
    main(*sys.argv[1:])
