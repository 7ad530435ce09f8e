"""An append that compares with nothing is staged in one pass: good and bad rows side by side, read and judged once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from tidemark.books import Books
from tidemark.rows import BAD, ERROR, ROW_HASH, judged_with_errors, row_hash, stamp
from tidemark.write.counting import Counter
from tidemark.write.manifest import CHANGE_TYPE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tidemark.write.work import Work

_LANE, _ACCEPTED, _REJECTED = "lane", "accepted", "rejected"


def fits(work: Work) -> bool:
    """Whether every good row is appended as it comes."""
    return work.table.load.write.mode == "append" and not work.keys


def stage(work: Work, data: str, metadata: Mapping[str, Any]) -> Books:
    """Writes both lanes below `data` and counts them."""
    checked = work.checked
    judged = judged_with_errors(checked.source, work.table.contract, checked.alignment)
    staged = judged.select(
        F.lit("insert").alias(CHANGE_TYPE),
        *work.columns,
        row_hash(work.columns).alias(ROW_HASH),
        ERROR,
        F.when(F.col(BAD), _REJECTED).otherwise(_ACCEPTED).alias(_LANE),
    )
    counter = Counter(extracted=F.count("*"), quarantined=F.count_if(F.col(_LANE) == _REJECTED))
    stamped = stamp(staged, metadata)
    counter.on(stamped).write.mode("overwrite").partitionBy(_LANE).parquet(data)
    extracted, quarantined = counter.values["extracted"], counter.values["quarantined"]
    good = extracted - quarantined
    if good == 0:  # a lane without rows has no folder
        stamped.drop(_LANE).limit(0).write.mode("overwrite").parquet(accepted(data))
    return Books(extracted=extracted, quarantined=quarantined, accepted=good, inserted=good)


def accepted(data: str) -> str:
    """Where the good rows lie."""
    return f"{data}/{_LANE}={_ACCEPTED}"


def rejected(data: str) -> str:
    """Where the bad rows lie, if there are any."""
    return f"{data}/{_LANE}={_REJECTED}"
