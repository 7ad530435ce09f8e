"""Small tables are rewritten beside themselves, so that their commit is one entry in the log.

A MERGE into a table of a few files reads it twice, plans for seconds and writes it whole, if anything in it changes.
Here the batch's own job has compared already: what stays is copied once, the change feed of the commit is written with
it, and the candidate that gates and downstream tables read is just files. See docs/decisions/0005.
"""

from __future__ import annotations

from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from tidemark.rows import quoted
from tidemark.write import plainfiles
from tidemark.write.manifest import CHANGE_TYPE, Rewrite, batch_folder

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from tidemark.books import Books
    from tidemark.write.work import Work

SMALL = 32_000_000
"""Bytes of a table up to which copying it costs less than planning a MERGE."""

_KEY, _CHANGE = "_key_", "_change"
_UPDATES = ("update_preimage", "update_postimage")


def fits(work: Work) -> bool:
    """Whether the target is a small table of plain files that keeps a change feed and gets no new columns."""
    if work.state.version is None:
        return False
    plain = plainfiles.plain_files(work.spark, work.path, work.state.version)
    if plain is None or not plain.feeds or plain.size > SMALL:
        return False
    return set(work.columns) <= set(plain.schema.fieldNames())


def stage(work: Work, batch: str, data: str, books: Books) -> Rewrite:
    """Writes what the table keeps, and the change feed, of the batch that lies in `data`."""
    target = work.target()
    if target is None:
        raise ValueError(f"{work.table.name} does not exist yet: there is nothing to rewrite")
    arriving = work.spark.read.parquet(data)
    columns = target.columns
    marked = _marked(work, target, arriving)
    removes = books.deleted + books.vanished > 0
    kept = marked.where(F.col(_CHANGE).isNull()).select(*map(quoted, columns))
    new = arriving.where(F.col(CHANGE_TYPE) != "delete")
    # a file cannot be told to hold only some of its rows: where the batch deletes, its other rows are copied
    whole = kept.unionByName(new.select(*map(quoted, columns))) if removes else kept
    before = F.when(F.col(_CHANGE) == "delete", "delete").otherwise(_UPDATES[0])
    was = marked.where(F.col(_CHANGE).isNotNull()).select(*map(quoted, columns), before.alias(CHANGE_TYPE))
    feed = was.unionByName(new.select(*map(quoted, columns), CHANGE_TYPE))
    staged = Rewrite(
        kept=f"{work.path}/kept-{batch}",
        adopts_batch=not removes,
        change_data=f"{work.path}/_change_data/{batch_folder(batch)}",
    )
    whole.coalesce(1).write.mode("overwrite").parquet(staged.kept)
    feed.coalesce(1).write.mode("overwrite").parquet(staged.change_data)
    return staged


def _marked(work: Work, target: DataFrame, arriving: DataFrame) -> DataFrame:
    """The target with what the batch does to each row: `_change` is null where it does nothing."""
    changes = arriving.where(F.col(CHANGE_TYPE) != "insert").select(
        *[quoted(key).alias(_KEY + key) for key in work.keys], F.col(CHANGE_TYPE).alias(_CHANGE)
    )
    same = reduce(and_, (quoted(key) == quoted(_KEY + key) for key in work.keys))
    return target.join(F.broadcast(changes), same, "left")


def candidate(spark: SparkSession, rewrite: Rewrite, data: str) -> DataFrame:
    """The table as it will be, read as files."""
    kept = spark.read.parquet(rewrite.kept)
    folders = (rewrite.kept, data) if rewrite.adopts_batch else (rewrite.kept,)
    return spark.read.schema(kept.schema).parquet(*folders)
