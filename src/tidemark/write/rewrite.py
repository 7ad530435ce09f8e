"""Small tables are rewritten beside themselves, so that their commit is one entry in the log.

A MERGE into a table of a few files reads it twice, plans for seconds and writes it whole, or shuffles it whole, if
anything in it changes. Here the batch's own job has compared already: what stays is copied once, the change feed of
the commit is written with it, and the candidate that gates and downstream tables read is just files. See
docs/decisions/0005.
"""

from __future__ import annotations

import math
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from tidemark.delta import deltalog, plainfiles, protocol
from tidemark.delta.sizes import SMALL_TABLE, can_be_broadcast, gathered, table_bytes
from tidemark.rows import LANE, own, quoted
from tidemark.spark import storage
from tidemark.write.manifest import CHANGE_TYPE, Rewrite

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

    from tidemark.books import Books
    from tidemark.write.batch import Work

_CHANGE, _KEY = own("change"), own("key_")
_KEPT, _FEED = "kept", "feed"
_LARGER = 4  # times a small table
_WIDE = 100  # a batch that touches one row in so many is taken to touch every file


def fits(work: Work, books: Books) -> bool:
    """Whether the target is a small table of plain files, whose rows the log counts, and keeps a change feed.

    One that is somewhat larger counts as small for a batch that replaces or deletes rows all over it: a MERGE would
    shuffle all of it then.
    """
    if work.state.version is None:
        return False
    plain = plainfiles.plain_files(work.spark, work.path, work.state.version)
    if not protocol.terms(deltalog.snapshot(work.spark, work.path)).own_entries:
        return False
    if plain is None or not plain.feeds or plain.rows is None or not set(work.columns) <= set(plain.schema.names):
        return False
    return plain.size <= SMALL_TABLE * (_LARGER if _touched(books) * _WIDE >= plain.rows else 1)


def stage(work: Work, data: str, schema: StructType, books: Books) -> Rewrite:
    """Writes, in one pass, what the table keeps and the change feed of the batch that lies in `data`."""
    target = work.target()
    if target is None:
        raise ValueError(f"{work.table.name} does not exist yet: there is nothing to rewrite")
    size = storage.size(work.spark, data)
    arriving = gathered(work.spark.read.schema(schema).parquet(data), size)
    marked = _marked(work, target, arriving, books)
    deletes = books.deleted + books.vanished > 0
    change, columns = F.col(_CHANGE), [quoted(name) for name in target.columns]
    was = F.when(change == "delete", change).otherwise(F.when(change.isNotNull(), "update_preimage"))
    lane = F.when(change.isNull(), _KEPT).otherwise(_FEED)
    lanes = marked.select(*columns, was.alias(CHANGE_TYPE), lane.alias(LANE))
    if deletes:  # a file cannot be told to hold only some of its rows: the others of the batch are copied to both
        new = arriving.where(F.col(CHANGE_TYPE) != "delete")
        for each in (_KEPT, _FEED):
            lanes = lanes.unionByName(new.select(*columns, CHANGE_TYPE, F.lit(each).alias(LANE)))
    folder = f"{work.path}/kept-{data.rpartition('/')[2]}"
    files = max(math.ceil(table_bytes(work.spark, work.path) / SMALL_TABLE), 1)
    lanes.coalesce(files).write.mode("overwrite").partitionBy(LANE).parquet(folder)
    kept, feed = (
        [path] if storage.exists(work.spark, path := f"{folder}/{LANE}={each}") else [] for each in (_KEPT, _FEED)
    )
    batch_files = [] if deletes else [data]
    whole = (*kept, *batch_files)
    size = sum(storage.size(work.spark, each) for each in whole)
    return Rewrite(whole, (*feed, *batch_files), _more_rows(work, books), size)


def _more_rows(work: Work, books: Books) -> int:
    """How the number of the table's rows will differ. A tombstone takes the place of its row."""
    gone = books.deleted + (0 if work.missing == "soft" else books.vanished)
    return books.inserted - gone


def _touched(books: Books) -> int:
    return books.updated + books.deleted + books.vanished


def _marked(work: Work, target: DataFrame, arriving: DataFrame, books: Books) -> DataFrame:
    """The target with what the batch does to each row: `_change` is null where it does nothing.

    Rows that vanish may have no key: others have put them there.
    """
    wanted = [quoted(key).alias(_KEY + key) for key in work.keys]
    changes = arriving.where(F.col(CHANGE_TYPE) != "insert").select(*wanted, F.col(CHANGE_TYPE).alias(_CHANGE))
    pairs = [(quoted(key), quoted(_KEY + key)) for key in work.keys]
    same = reduce(and_, (key.eqNullSafe(its) if books.vanished else key == its for key, its in pairs))
    small = can_be_broadcast(changes, _touched(books))
    return target.join(F.broadcast(changes) if small else changes.hint("merge"), same, "left")


def candidate(spark: SparkSession, target: DataFrame, rewrite: Rewrite) -> DataFrame:
    """The table as it will be, read as files; `target` is the table as it is."""
    if not rewrite.whole:
        return spark.createDataFrame([], target.schema)
    return gathered(spark.read.schema(target.schema).parquet(*rewrite.whole), rewrite.size)
