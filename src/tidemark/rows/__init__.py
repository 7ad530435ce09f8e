"""Steps on rows, each `DataFrame → DataFrame` or `Column → Column`: align, judge, hash, stamp, deduplicate, count.

Not here: where rows come from, and what a batch does to its table.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from pyspark.sql import Column
from pyspark.sql import functions as F

from tidemark.sql.types import HELPER_PREFIX

ORIGIN = "_origin"
CORRUPT = "_corrupt_record"
ORDER = f"{HELPER_PREFIX}source_order"
AGE = f"{HELPER_PREFIX}snapshot_age"
MAYBE_AGE = f"{HELPER_PREFIX}maybe_snapshot_age"
TAKEN = f"{HELPER_PREFIX}taken_at"
BAD = f"{HELPER_PREFIX}bad"
ERROR = f"{HELPER_PREFIX}error"
AS_GIVEN = f"{HELPER_PREFIX}as_given_"
ROW_HASH = "_row_hash"
# Parts of what is staged lie in folders of this column. VACUUM passes over folders that begin with _ or a dot, and no
# column of a contract has a hyphen.
LANE = "tidemark-lane"
_BIGINT = 2**63


def own(name: str) -> str:
    """The name of a helper column, which no column of a user can have."""
    return HELPER_PREFIX + name


def literal(value: str | bool | date | float | Decimal | None) -> Column:
    """A value as a column; an instant is naive UTC, or says its zone.

    Spark's own `lit` takes a naive instant for one of the zone that this machine happens to be in.
    """
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return F.lit(aware.isoformat(sep=" ")).cast("timestamp")
    if isinstance(value, int) and not -_BIGINT <= value < _BIGINT:
        return F.lit(Decimal(value))
    return F.lit(value)


def quoted(name: str) -> Column:
    """The column of exactly this name, whatever characters it has."""
    return F.col("`" + name.replace("`", "``") + "`")


def is_set(flag: str) -> Column:
    """Whether the flag, a boolean or the text of one, is true; what is no such text is not."""
    return F.coalesce(quoted(flag).try_cast("boolean"), F.lit(False))
