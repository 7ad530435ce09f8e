"""`scd2`: history as a function of all versions of a key, so that it cannot depend on the order they arrived in."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tidemark.rows import own, quoted
from tidemark.rows.batches import row_hash

if TYPE_CHECKING:
    from tidemark.config.load import WriteSpec

UNKNOWN_KEY = "unknown"
UNKNOWN_SURROGATE_KEY = "0" * 32
UNKNOWN_VALID_FROM = datetime(1900, 1, 1)
VALID_FROM, VALID_TO, IS_CURRENT = "valid_from", "valid_to", "is_current"
_STATE, _BEFORE, _FIRST, _TIE, _AGAIN = (own(name) for name in ("state", "before", "first", "tie", "again"))


def history(versions: DataFrame, write: WriteSpec) -> DataFrame:
    """The SCD2 rows of `versions` (any number of versions a key, in any order, with repetitions).

    Adds the surrogate key, `valid_from`, `valid_to` (null when open) and `is_current`. Runs in which no `track` column
    changes become one row, with the values of the run's first version; a version with the delete flag closes the
    history, a later one without it opens it again.
    """
    effective = write.effective_from or ""
    flag = write.deletes.flag if write.deletes else None
    deleted = F.coalesce(quoted(flag), F.lit(False)) if flag else F.lit(False)
    in_order = Window.partitionBy(*map(quoted, write.keys)).orderBy(quoted(effective))
    state = F.when(~deleted, row_hash(write.track))
    marked = (
        _one_at_a_time(versions, write.keys, effective)
        .withColumn(_STATE, state)
        .withColumn(_BEFORE, F.lag(_STATE).over(in_order))
        .withColumn(_FIRST, F.row_number().over(in_order) == 1)
    )
    changes = marked.where(F.col(_FIRST) | ~F.col(_BEFORE).eqNullSafe(F.col(_STATE)))
    rows = (
        changes.withColumn(VALID_FROM, quoted(effective))
        .withColumn(VALID_TO, F.lead(quoted(effective)).over(in_order))
        .where(F.col(_STATE).isNotNull())
        .withColumn(IS_CURRENT, F.col(VALID_TO).isNull())
        .drop(_STATE, _BEFORE, _FIRST)
    )
    if write.surrogate_key:
        rows = rows.withColumn(write.surrogate_key, surrogate_key(write.keys))
    return rows.unionByName(_unknown_member(rows, write)) if write.unknown_member else rows


def surrogate_key(keys: tuple[str, ...]) -> Column:
    """The first 32 hex digits of SHA-256 over key and `valid_from`: a rebuild gives the same keys.

    They are joined by `|`; in a key of several columns a `|` or `\\` of the values is escaped by `\\`, as (`a|b`, `c`)
    and (`a`, `b|c`) are two keys.
    """
    start = F.date_format(VALID_FROM, "yyyy-MM-dd HH:mm:ss.SSSSSS")
    texts = [quoted(key).cast("string") for key in keys]
    if len(texts) > 1:
        texts = [F.regexp_replace(text, r"([\\|])", r"\\$1") for text in texts]
    return F.substring(F.sha2(F.concat_ws("|", *texts, start), 256), 1, 32)


def _one_at_a_time(versions: DataFrame, keys: tuple[str, ...], effective: str) -> DataFrame:
    """One version a key and instant; of several, the one whose values hash highest, whatever came first.

    The window begins as that of the history, so that one shuffle and one sort serve both.
    """
    window = Window.partitionBy(*map(quoted, keys)).orderBy(quoted(effective), F.desc(_TIE))
    again = quoted(effective).eqNullSafe(F.lag(quoted(effective)).over(window)) & (F.row_number().over(window) > 1)
    marked = versions.withColumn(_TIE, row_hash(versions.columns)).withColumn(_AGAIN, again)
    return marked.where(~F.col(_AGAIN)).drop(_TIE, _AGAIN)


def _unknown_member(rows: DataFrame, write: WriteSpec) -> DataFrame:
    """The row that facts point at while their member has not arrived."""
    values: dict[str, Column] = {key: F.lit(UNKNOWN_KEY) for key in write.keys}
    values |= {VALID_FROM: F.lit(UNKNOWN_VALID_FROM), IS_CURRENT: F.lit(True)}
    if write.surrogate_key:
        values[write.surrogate_key] = F.lit(UNKNOWN_SURROGATE_KEY)
    columns = [
        values.get(field.name, F.lit(None)).cast(field.dataType).alias(field.name) for field in rows.schema.fields
    ]
    return rows.sparkSession.range(1).select(*columns)
