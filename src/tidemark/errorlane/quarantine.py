"""The error lane: every rejected row with its payload, its reasons and its origin, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from tidemark import faults
from tidemark.compile import jsontext
from tidemark.errorlane import rejects
from tidemark.rows import ORIGIN, own, payloads
from tidemark.rows.batches import Counter
from tidemark.rows.order import stored_order
from tidemark.spark import storage

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

REASONS = "array<struct<rule: string, column: string, value: string, message: string>>"
ERROR_SCHEMA = (
    f"error_id string, table string, reasons {REASONS}, payload string, origin string, source_order string,"
    " contract_version string, batch_id string"
)
LANE_SCHEMA = f"{ERROR_SCHEMA}, {rejects.SEEN_BY} string, run_id string, dt date"

_CODES = own("codes")
_INSTANT = r"\A([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9:]{8})(?:\.([0-9]*?)0*)?(?:Z|\+00:00)?\z"


@dataclass(frozen=True)
class ErrorBatch:
    """What the rejected rows of one batch have in common."""

    table: str
    contract_version: str
    batch_id: str
    run_id: str
    run_date: date

    def folder(self, lane: str) -> str:
        """Where, in the table's lane, the rows of the run lie."""
        return run_folder(lane, self.run_date, self.run_id)


@dataclass(frozen=True)
class Rejected:
    """What was added to the lane: rows, and how many of them broke each `column.rule` (one row may break several)."""

    rows: int = 0
    by_rule: Mapping[str, int] = field(default_factory=dict)


def write_errors(
    spark: SparkSession, rejected: DataFrame, lane: str, batch: ErrorBatch, rules: Sequence[str]
) -> Rejected:
    """Adds rejected rows, as `judging.rejected` gives them, to the table's lane; `rules` are the codes to count by.

    A row that was rejected before, in an earlier overlapping window, is known by its origin and what it says, and not
    added again.
    Doing it again for the same batch replaces what had been written; other batches of the run stay.
    """
    return _add(spark, _errors(rejected, batch), lane, batch, rules)


def stage_errors(
    spark: SparkSession, rejected: DataFrame, lane: str, batch: ErrorBatch, rules: Sequence[str], staged: str
) -> Rejected:
    """Keeps what `write_errors` would add to the lane in the folder `staged`; the lane stays as it is."""
    storage.delete(spark, staged)
    return _write_new(spark, _errors(rejected, batch), lane, staged, rules)


def add_staged(spark: SparkSession, staged: str, lane: str, batch: ErrorBatch, rules: Sequence[str]) -> Rejected:
    """Adds to the lane what `stage_errors` has kept, but for rows that came into the lane since."""
    return _add(spark, spark.read.schema(ERROR_SCHEMA).json(staged), lane, batch, rules)


def _errors(rejected: DataFrame, batch: ErrorBatch) -> DataFrame:
    """Rejected rows in the form that they have in the lane: equal ones of one origin too, told apart by a number."""
    alike = Window.partitionBy(ORIGIN, "payload").orderBy("payload")
    number = F.row_number().over(alike)
    again = F.when(number > 1, number.cast("string"))  # nothing for the first, whose id is that of a row by itself
    return rejected.select(
        F.sha2(F.concat_ws("|", F.lit(batch.table), ORIGIN, "payload", again), 256).alias("error_id"),
        F.lit(batch.table).alias("table"),
        "reasons",
        "payload",
        F.col(ORIGIN).alias("origin"),
        stored_order(rejected).alias("source_order"),
        F.lit(batch.contract_version).alias("contract_version"),
        F.lit(batch.batch_id).alias("batch_id"),
    )


def _add(spark: SparkSession, errors: DataFrame, lane: str, batch: ErrorBatch, rules: Sequence[str]) -> Rejected:
    _clear(spark, batch, batch.folder(lane))
    faults.reach(f"{batch.table}: errors being written")
    return _write_new(spark, errors, lane, batch.folder(lane), rules)


def _clear(spark: SparkSession, batch: ErrorBatch, folder: str) -> None:
    """Removes what an earlier attempt at the batch has written. A backfill is one run, and has many of a table."""
    if not storage.exists(spark, folder):
        return
    name = F.substring_index(F.col("_metadata.file_path"), "/", -1)
    rows = spark.read.schema(ERROR_SCHEMA).json(folder).where(F.col("batch_id") == batch.batch_id)
    for (file,) in rows.select(name).distinct().collect():
        storage.delete(spark, f"{folder}/{file}")


def _write_new(spark: SparkSession, errors: DataFrame, lane: str, folder: str, rules: Sequence[str]) -> Rejected:
    """Writes to `folder` the errors that the lane does not have, and counts them."""
    if storage.exists(spark, lane):
        errors = _not_in(errors, read_errors(spark, lane))
    codes = F.transform("reasons", lambda reason: F.concat_ws(".", reason["column"], reason["rule"]))
    counted = {f"rule_{number}": F.count_if(F.array_contains(_CODES, code)) for number, code in enumerate(rules)}
    new = Counter(rows=F.count("*"), **counted)
    new.on(errors.withColumn(_CODES, codes)).drop(_CODES).write.mode("append").json(folder)
    by_rule = {code: new.values[f"rule_{number}"] for number, code in enumerate(rules)}
    return Rejected(new.values["rows"], {code: rows for code, rows in by_rule.items() if rows})


def _not_in(errors: DataFrame, lane: DataFrame) -> DataFrame:
    """The errors that the lane does not have: of equal ones of one origin as many as are more than there."""
    place, known, number = (own("place"), own("said")), own("known"), own("number")
    here = [F.coalesce("origin", F.lit("")).alias(place[0]), _said("payload").alias(place[1])]
    there = lane.groupBy(*here).agg(F.collect_set("error_id").alias(known))
    told = errors.select("*", *here).join(there, list(place), "left")
    is_there = F.coalesce(F.array_contains(known, F.col("error_id")), F.lit(False))
    first_the_known = Window.partitionBy(*place).orderBy(is_there.desc(), "error_id")
    numbered = told.withColumn(number, F.row_number().over(first_the_known))
    is_more = F.col(number) > F.coalesce(F.size(known), F.lit(0))
    return numbered.where(F.col(known).isNull() | is_more).drop(*place, known, number)


def _said(payload: str) -> Column:
    """What a row says by itself: the columns of its batch, their order and their types are no matter."""
    values = jsontext.parsed_object(F.col(payload))
    entries = F.filter(
        F.map_entries(values), lambda entry: entry["value"].isNotNull() & (entry["key"] != F.lit(payloads.TYPES))
    )
    plain = F.transform(
        entries,
        lambda entry: F.struct(
            F.lower(entry["key"]), F.regexp_replace(jsontext.unmarked(entry["value"]), _INSTANT, "$1 $2.$3")
        ),
    )
    return F.coalesce(F.to_json(F.array_sort(plain)), F.col(payload))


def run_folder(lane: str, run_date: date, run_id: str) -> str:
    """Where a run writes what it rejects of the table with this lane."""
    return f"{lane}/dt={run_date.isoformat()}/run_id={run_id}"


def read_errors(spark: SparkSession, lane: str) -> DataFrame:
    """The lane of a table: one row an error, with the day (`dt`) and the run (`run_id`) that it was seen in."""
    rows = spark.read.schema(LANE_SCHEMA).option("basePath", lane).json(lane)
    note = storage.read_text(spark, f"{lane}/{rejects.NOTE}")
    if note is not None:
        rows = _that_count(rows, rejects.Compaction.from_json(note))
    return rows.withColumn("run_id", F.coalesce(rejects.SEEN_BY, "run_id")).drop(rejects.SEEN_BY)


def _that_count(rows: DataFrame, compaction: rejects.Compaction) -> DataFrame:
    """The rows without those that are there twice, while files of the lane are put together."""
    if compaction.state == "writing":
        return rows.where(F.col("run_id") != compaction.into)
    file = F.substring_index(F.col("_metadata.file_path"), "/", -3)  # the day, the run and the file's own name
    return rows.where(~file.isin(*compaction.replaced))


def still_open(spark: SparkSession, errors: DataFrame, lane: str) -> DataFrame:
    """Those of the lane's errors that are neither replayed nor discarded."""
    folder = f"{lane}/{rejects.LEDGER}"
    if not storage.exists(spark, folder):
        return errors
    ledger = spark.read.schema(rejects.LEDGER_SCHEMA).option("recursiveFileLookup", "true").json(folder)
    return errors.join(ledger.select("error_id").distinct(), "error_id", "left_anti")


def note_replayed(error_ids: DataFrame, lane: str, batch_id: str, run_id: str) -> None:
    """Closes the errors of a replayed batch; again is a no-op, because the batch has one place in the ledger."""
    noted = error_ids.select(
        "error_id",
        F.lit(rejects.REPLAYED).alias("status"),
        F.lit(run_id).alias("run_id"),
        F.lit(rejects.noted_at()).alias("at"),
    )
    noted.write.mode("overwrite").json(f"{lane}/{rejects.replayed_folder(batch_id)}")
