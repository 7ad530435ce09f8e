"""How far the rows of a table can be told apart by a few columns: whoever knows these of a person finds the row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from tidemark.errors import ConfigError, choose
from tidemark.rows import own, quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_SIZE = own("size")


@dataclass(frozen=True)
class Uniqueness:
    """Of `rows`: into how many combinations they fall, how many stand alone, how many are with fewer than `k`."""

    columns: tuple[str, ...]
    k: int
    rows: int
    combinations: int
    alone: int
    few: int
    smallest: int


def uniqueness(rows: DataFrame, columns: Sequence[str], k: int) -> Uniqueness:
    """Counts the combinations of values of these columns; nulls are a value. No value leaves Spark."""
    for name in columns:
        if name not in rows.columns:
            raise ConfigError(f"the table has no column `{name}`", next_step=choose(name, rows.columns))
    sizes = rows.groupBy(*map(quoted, columns)).agg(F.count("*").alias(_SIZE))
    size = F.col(_SIZE)
    counted = sizes.agg(
        F.coalesce(F.sum(size), F.lit(0)).alias("rows"),
        F.count("*").alias("combinations"),
        F.count_if(size == 1).alias("alone"),
        F.coalesce(F.sum(F.when(size < k, size)), F.lit(0)).alias("few"),
        F.coalesce(F.min(size), F.lit(0)).alias("smallest"),
    ).collect()[0]
    return Uniqueness(tuple(columns), k, **counted.asDict())
