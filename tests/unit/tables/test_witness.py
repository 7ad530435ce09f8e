"""What Spark makes of the project's own queries is what the check of personal data makes of them."""

from __future__ import annotations

from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from tidemark.compile.schema import METADATA_COLUMNS, spark_schema
from tidemark.compute.gate.witness import unseen
from tidemark.config.project import Project
from tidemark.lint.privacy import admission
from tidemark.spark.relations import query_over
from tidemark.sql.queries import bind, view_name


def test_spark_reads_nothing_personal_where_the_check_sees_none(spark: SparkSession, project: Project) -> None:
    sight, asked = admission.sight(project.tables), 0
    for table in project.tables.values():
        if table.sql is not None:
            inputs = {name: project.table(name).contract for name in table.inputs}
            frames = {
                name: spark.createDataFrame([], StructType(spark_schema(contract).fields + METADATA_COLUMNS.fields))
                for name, contract in inputs.items()
            }
            views = {name: view_name(name) for name in frames}
            frame = query_over(spark, bind(table.sql, views), {views[name]: each for name, each in frames.items()})
            assert list(unseen(spark, sight, table, frame, frames)) == []
            asked += 1
    assert asked == 24
