"""The books of a batch: what became of each of its rows, counted where the rows pass.

Nothing is a remainder: rows that are superseded or unchanged are counted as such, so that a step which loses a row
leaves books that do not balance. Counts ride along with the job that stages the batch. When an executor dies, the tasks
before a shuffle whose output went with it run again, and count again, while what is counted after the last shuffle
counts once: the books do not balance then either, and what passed before the shuffle is counted anew by a query.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from tidemark.books import Books
from tidemark.rows import BAD, ROW_HASH, own, quoted
from tidemark.rows.batches import Counter, superseded_rows
from tidemark.rows.judging import adapted_values
from tidemark.write.batch import DELETE, INSERT, KEPT, LABEL, LABELS, ROW_LABELS, STALE, UNCHANGED, UPDATE, VANISHED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

    from tidemark.write.batch import Work

_ROWS = own("rows")
_ADAPTED = own("adapted")


class Tally:
    """Counts the rows of one batch on its way to staging: as they are judged, thinned to one a key, and labelled.

    `among_rejected`: rejected rows are among those that are thinned.
    """

    def __init__(self, judged: DataFrame, *, among_rejected: bool) -> None:
        self.judged = judged_rows(judged)
        self.superseded = superseded_rows(among_rejected=among_rejected)
        self.labels = Counter(**{label: F.count_if(F.col(LABEL) == label) for label in LABELS})

    def books(self, work: Work, distinct: Sequence[str]) -> Books:
        """What was counted, once the batch is staged. `distinct`: the columns of which one row each was kept; (): rows
        were left out for another reason, and counted with the labels, after the last shuffle.
        """
        labels = self.labels.values
        superseded = self.superseded.values["superseded"] if work.keys else 0
        books = _books(self.judged.values, superseded, labels)
        if books.balance:
            return books
        judged = recounted(work, distinct)
        return _books(judged, judged["superseded"] if distinct else superseded, labels)


def judged_rows(judged: DataFrame) -> Counter:
    """What counts judged rows: `extracted`, `quarantined`, and of their values those `adapted`."""
    adapted = F.sum(adapted_values(judged))
    return Counter(extracted=F.count("*"), quarantined=F.count_if(F.col(BAD)), adapted=adapted)


def recounted(work: Work, distinct: Sequence[str]) -> dict[str, int]:
    """`extracted`, `quarantined`, `adapted`, `superseded`, by a query, in whose result each row is once."""
    rows = work.checked.judged.withColumn(ROW_HASH, work.row_hash)
    by_row = rows.groupBy(BAD, *map(quoted, distinct)) if distinct else rows.groupBy(BAD)
    counts = (
        by_row.agg(F.count("*").alias(_ROWS), F.sum(adapted_values(rows)).alias(_ADAPTED))
        .agg(
            F.sum(_ADAPTED).alias("adapted"),
            F.sum(_ROWS).alias("extracted"),
            F.sum(F.when(F.col(BAD), F.col(_ROWS))).alias("quarantined"),
            F.sum(F.when(~F.col(BAD), F.col(_ROWS) - 1)).alias("superseded"),
        )
        .collect()[0]
    )
    found = {name: int(counts[name] or 0) for name in ("extracted", "quarantined", "adapted", "superseded")}
    return found if distinct else found | {"superseded": 0}


def whole_books(work: Work, tally: Tally, kept: int, differences: Mapping[str, int], older: int = 0) -> Books:
    """The books of a batch that stands for all there is: `kept` rows, which differ so from those that they replace.

    `older` rows are of snapshots that do not count.
    """

    def of(judged: Mapping[str, int], superseded: int) -> Books:
        return Books(
            extracted=judged["extracted"],
            quarantined=judged["quarantined"],
            accepted=kept,
            superseded=superseded + older,
            inserted=differences["insert"],
            unchanged=differences["unchanged"],
            vanished=differences["vanished"],
            adapted=judged["adapted"],
        )

    books = of(tally.judged.values, tally.superseded.values["superseded"] if work.keys else 0)
    if books.balance:
        return books
    judged = recounted(work, work.keys)
    return of(judged, judged["superseded"])


def _books(judged: Mapping[str, int], superseded: int, labels: Mapping[str, int]) -> Books:
    return Books(
        extracted=judged["extracted"],
        quarantined=judged["quarantined"],
        accepted=sum(labels[label] for label in ROW_LABELS) - labels[STALE],
        superseded=superseded + labels[STALE],
        inserted=labels[INSERT],
        updated=labels[UPDATE],
        deleted=labels[DELETE],
        unchanged=labels[UNCHANGED],
        vanished=labels[VANISHED],
        kept=labels[KEPT],
        adapted=judged["adapted"],
    )
