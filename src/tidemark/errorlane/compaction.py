"""The error lane with few files: the runs of a day that is over are put into one folder of that day, the ledger into
one file.

A row keeps its id, its day and the run that rejected it. A note in the lane (`_compacting.json`) says which files count
while both forms are there: while it is `writing`, the old ones; once it is `written`, the new ones. So no row is ever
there twice or not at all, and who dies on the way is finished by the next. In the ledger a line may stand twice. To be
called with the table's lease, as whatever writes rows to the lane.
"""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from tidemark import faults
from tidemark.errorlane import rejects
from tidemark.errorlane.quarantine import LANE_SCHEMA
from tidemark.errors import TidemarkError
from tidemark.sources.landing.formats.broken import SPARK_FAILURES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tidemark.aws.folder import Folder

_ROWS_A_FILE = 500_000
_LEDGER_FILES = 20  # are few enough
_LEDGER_BYTES = 8_000_000  # of a file that is large by itself


def compact(spark: SparkSession, lane: Folder, table: str, before: date) -> int:
    """Puts the files of each day before this one together; gives how many files there are less."""
    settle(lane)
    names = lane.names()
    chosen = _worth_it(names, before)
    if not chosen:
        return 0
    into = f"{rejects.COMPACTED}{uuid.uuid4()}"
    _note(lane, {"state": "writing", "into": into, "from": []})
    faults.reach(f"{table}: errors being compacted")
    try:
        _write(spark, lane, chosen, into)
    except SPARK_FAILURES as failure:
        raise _given_up(lane, table, str(failure).partition("\n")[0]) from failure
    faults.reach(f"{table}: errors compacted, not counted")
    new = [name for name in lane.names() if f"/{rejects.RUN}{into}/" in name and name.endswith(".json")]
    given, written = (_lines(spark, lane, names) for names in (chosen, new))
    if given != written:
        raise _given_up(lane, table, f"{given} lines, and {written} rows of them")
    _note(lane, {"state": "written", "into": into, "from": chosen})
    faults.reach(f"{table}: errors compacted, there twice")
    settle(lane)
    return len(chosen) - len(new)


def settle(lane: Folder) -> None:
    """Ends a compaction that died: takes it back before it was whole, and removes what it stands for after that."""
    note = rejects.compaction(lane)
    if note is None:
        return
    if note.state == "writing":
        gone = {name.rpartition("/")[0] for name in lane.names() if f"/{rejects.RUN}{note.into}/" in name}
    else:
        gone = _folders_of(lane.names(), note.replaced)
    for name in sorted(gone):
        lane.delete(name)
    lane.delete(rejects.NOTE)


def compact_ledger(lane: Folder) -> None:
    """Puts small files of the ledger together, each line with the batch that has closed its error."""
    names = [name for name in lane.names(rejects.LEDGER) if name.endswith(".json")]
    small = [name for name in names if lane.size(name) < _LEDGER_BYTES]
    if len(small) <= _LEDGER_FILES:
        return
    lines: list[str] = []
    for name in small:
        batch = rejects.batch_of(name)
        for line in lane.lines(name):
            if line.strip():
                lines.append(json.dumps(({"batch_id": batch} if batch else {}) | json.loads(line)))
    lane.write_text(f"{rejects.LEDGER}/{rejects.COMPACTED}{uuid.uuid4()}.json", "".join(f"{line}\n" for line in lines))
    for name in small:
        lane.delete(name)


def reopen(lane: Folder, batches: Collection[str]) -> None:
    """Takes what these batches have closed out of the ledger: their errors are open again."""
    for name in lane.names(rejects.LEDGER):
        batch = rejects.batch_of(name)
        if batch in batches:
            lane.delete(name)
        elif batch is None and name.endswith(".json"):
            lines = [line for line in lane.lines(name) if line.strip()]
            kept = [line for line in lines if json.loads(line).get("batch_id") not in batches]
            if len(kept) < len(lines):
                lane.write_text(name, "".join(f"{line}\n" for line in kept))


def closing_batches(lane: Folder) -> set[str]:
    """The batches that have closed errors."""
    found: set[str] = set()
    for name in lane.names(rejects.LEDGER):
        if batch := rejects.batch_of(name):
            found.add(batch)
        elif name.endswith(".json"):
            noted = (json.loads(line).get("batch_id") for line in lane.lines(name) if line.strip())
            found |= {str(batch) for batch in noted if batch}
    return found


def _worth_it(names: Iterable[str], before: date) -> list[str]:
    """The files of the days before this one that have several."""
    days: dict[str, list[str]] = defaultdict(list)
    for name in names:
        day = name.partition("/")[0].removeprefix("dt=")
        if name.startswith("dt=") and name.endswith(".json") and day < before.isoformat():
            days[day].append(name)
    return [name for files in days.values() if len(files) > 1 for name in files]


def _write(spark: SparkSession, lane: Folder, chosen: Iterable[str], into: str) -> None:
    files = spark.read.schema(LANE_SCHEMA).option("mode", "FAILFAST").option("basePath", lane.root)
    rows = files.json([lane.path(name) for name in chosen])
    seen_by = F.coalesce(rejects.SEEN_BY, "run_id").alias(rejects.SEEN_BY)
    columns = [name for name in rows.columns if name not in (rejects.SEEN_BY, "run_id")]
    together = rows.select(*columns, seen_by, F.lit(into).alias("run_id")).repartition("dt")
    together = together.sortWithinPartitions("dt", rejects.SEEN_BY, "error_id")
    writer = together.write.mode("append").option("maxRecordsPerFile", _ROWS_A_FILE)
    writer.partitionBy("dt", "run_id").json(lane.root)


def _lines(spark: SparkSession, lane: Folder, names: Iterable[str]) -> int:
    return spark.read.text([lane.path(name) for name in names]).where(F.trim("value") != "").count()


def _given_up(lane: Folder, table: str, seen: str) -> TidemarkError:
    """Takes back what was written, and tells."""
    settle(lane)
    return TidemarkError(
        "the files of the error lane were not put together: not all of their lines are errors; all is as it was",
        table=table,
        step="maintain",
        seen=[seen],
        evidence=lane.root,
        next_step="move the file away that has another text in it (tidemark errors list names it), then maintain again",
    )


def _folders_of(names: Iterable[str], replaced: Collection[str]) -> set[str]:
    """What to remove with these files: the folders of the runs that have no others, else the files."""
    left = {name.rpartition("/")[0] for name in names if name.endswith(".json") and name not in replaced}
    there = set(names)
    folders = {name.rpartition("/")[0] for name in replaced if name in there}
    return (folders - left) | {name for name in replaced if name in there and name.rpartition("/")[0] in left}


def _note(lane: Folder, note: dict[str, object]) -> None:
    lane.write_text(rejects.NOTE, json.dumps(note))
