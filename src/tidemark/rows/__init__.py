"""Steps on rows, each `DataFrame → DataFrame` or `Column → Column`: align, judge, hash, stamp, deduplicate, count.

Not here: where rows come from, and what a batch does to its table.
"""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from tidemark.sql.types import HELPER_PREFIX

ORIGIN = "_origin"
CORRUPT = "_corrupt_record"
BAD = f"{HELPER_PREFIX}bad"
ERROR = f"{HELPER_PREFIX}error"
ROW_HASH = "_row_hash"


def own(name: str) -> str:
    """The name of a helper column, which no column of a user can have."""
    return HELPER_PREFIX + name


def quoted(name: str) -> Column:
    """The column of exactly this name, whatever characters it has."""
    return F.col("`" + name.replace("`", "``") + "`")
