"""A second witness of what a query shows: Spark itself, asked before anything is computed.

The check of a table's query (`lint.privacy`) reads the text with a parser of its own. Where Spark finds the value of a
personal column in what the query gives, the check has to see it there as well, whatever it says of it then. Where it
does not, the two understand the query in different ways, and it is not run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from tidemark.errors import Finding
from tidemark.lint.privacy import admission
from tidemark.spark.resolved.reading import carried

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from tidemark.config.project import Table
    from tidemark.lint.privacy.personal import Sight


def refuse_unseen(
    spark: SparkSession, tables: Mapping[str, Table], table: Table, frame: DataFrame, inputs: Mapping[str, DataFrame]
) -> None:
    """Raises `ConfigError` where Spark reads a personal value in a column in which the check sees none.

    `frame` is what `query_over` made of the `inputs`, in this order, by the names of their views.
    """
    admission.refuse(table.name, list(unseen(spark, admission.sight(tables), table, frame, inputs)))


def unseen(
    spark: SparkSession, sight: Sight, table: Table, frame: DataFrame, inputs: Mapping[str, DataFrame]
) -> Iterator[Finding]:
    """A finding for each column of a query in which Spark alone reads personal values."""
    personal = {
        name: [each for each in given.columns if sight.given(name).seen(each.lower())] for name, given in inputs.items()
    }
    if not any(personal.values()):
        return
    for name, origins in carried(spark, frame, inputs, personal):
        if origins and not sight.made(table).seen(name.lower()):
            owner, column = min(origins, key=lambda origin: (origin[1] != name, origin))
            message = (
                f"nobody can tell what {table.name} shows: Spark reads {owner}.{column} in the column `{name}`, "
                "which the check of the query does not see"
            )
            fix = "write it with plainer names: one for each table and column, no dot, number or word of SQL"
            yield Finding(table.sql_path or table.contract.path, 1, message, fix)
