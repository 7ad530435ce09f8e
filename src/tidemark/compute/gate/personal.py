"""The gate's second line: whether the rows that come into a gold table hold what looks like personal data.

It asks the rows themselves, a sample of those that are new, together with the table's checks. What it finds, an
exception in the contract can allow; a mask that does not mask is found as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tidemark.compute.gate.scan import Beside, CheckResult
from tidemark.compute.tables import pinned
from tidemark.delta.table import count_rows, read_version
from tidemark.lint.privacy import admission
from tidemark.lint.privacy.personal import personal_inputs
from tidemark.rows import quoted
from tidemark.rows.finds import FINDS, finds, known_hash, searched, told
from tidemark.sql.types import METADATA_COLUMNS
from tidemark.write.manifest import CHANGE_TYPE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import SparkSession

    from tidemark.config.contract import Contract
    from tidemark.engine import Engine

_ROWS = 2000  # of a batch that are looked at, about
_SEED = 0
_KNOWN_ROWS = 20_000  # of an input whose values are looked for
_NOTHING_FOUND = "nothing in it looks personal"


@dataclass(frozen=True)
class Search:
    """The question, and which part of the known values it asks for."""

    beside: Beside
    coverage: float


def search(engine: Engine, spark: SparkSession, table: str) -> Search | None:
    """What to ask of the rows that this run brings into a gold table; None where it brings none."""
    loaded, batch = engine.table(table), engine.prepared.get(table)
    if loaded.layer != "gold" or batch is None or not batch.books.inserted + batch.books.updated:
        return None
    rows = batch.rows(spark)
    rows = rows.where(F.col(CHANGE_TYPE).isin("insert", "update_postimage"))
    sight = admission.sight(engine.project.tables)
    let = {*METADATA_COLUMNS, CHANGE_TYPE, *(column.name for column in sight.exceptions(loaded))}
    columns = searched(rows.schema.fields, let)
    if not columns:
        return None
    rows = rows.select(*map(quoted, columns))
    known, coverage = _known(engine, spark, table)
    there = batch.staged if batch.operation == "overwrite" else batch.books.inserted + batch.books.updated
    if there <= _ROWS:
        few = rows.coalesce(1) if batch.staged <= _ROWS else rows.repartition(1)
        return Search(Beside(finds(few, columns, known)), coverage)
    # Of every file of the batch, the same rows each time that they are asked for.
    sample = rows.sample(_ROWS / there, _SEED)
    if coverage == 1.0:
        return Search(Beside(finds(sample.repartition(1), columns, known)), coverage)
    # What is known of an input's first rows only is looked for in the batch's first: in a sample few of them would be.
    # These show as well whether a mask masks, which is the same for all rows; reading long tokens of all is not free.
    masked = [column.name for column in loaded.contract.columns if column.mask and column.name in columns]
    unmasked = sample.withColumns({name: F.lit(None).cast(rows.schema[name].dataType) for name in masked})
    return Search(Beside(finds(unmasked.repartition(1), columns, known, rows.limit(_ROWS))), coverage)


def results(asked: Search, contract: Contract) -> tuple[CheckResult, ...]:
    """What was found, as checks that fail."""
    row = asked.beside.answer()
    found = told(row[FINDS] if row is not None else (), asked.coverage)
    if not found:
        return (CheckResult(_NOTHING_FOUND, "pass", "0"),)
    advice = f"mask it in {contract.path.name}, or let it by a personalException there"
    return tuple(
        CheckResult(
            f"`{each.column}` looks like {each.what}, unmasked ({each.count} of {each.looked_at} values): {advice}",
            "fail",
            str(each.count),
        )
        for each in found
    )


def exceptions(engine: Engine, table: str) -> list[dict[str, str | None]]:
    """The exceptions by which columns of the table show what is personal, as they are recorded with every gate."""
    if not engine.table(table).inputs:
        return []
    found = admission.sight(engine.project.tables).exceptions(engine.table(table))
    return [
        {
            "column": column.name,
            "reason": column.exception.reason,
            "approved_by": column.exception.approved_by,
            "until": column.exception.until.isoformat() if column.exception.until else None,
        }
        for column in found
        if column.exception is not None
    ]


def _known(engine: Engine, spark: SparkSession, table: str) -> tuple[DataFrame | None, float]:
    """The hashed values of personal columns of the table's inputs, and how large a part of all of them these are."""
    wanted = personal_inputs(admission.sight(engine.project.tables), engine.table(table))
    parts, coverage = [], 1.0
    for name, columns in wanted.items():
        for frame, share in _rows_of(engine, spark, name):
            there = [each for each in columns if each in frame.columns]
            coverage = min(coverage, share)
            if there:
                hashes = F.array(*(known_hash(quoted(each)) for each in there))
                parts.append(frame.select(F.explode(hashes).alias(FINDS)))
    if not parts:
        return None, coverage
    known = reduce(DataFrame.unionByName, parts).where(F.col(FINDS).isNotNull())
    return known.coalesce(1), coverage


def _rows_of(engine: Engine, spark: SparkSession, name: str) -> Sequence[tuple[DataFrame, float]]:
    """The rows of an input, committed and new, or some of them: what the batch replaces does no harm here."""
    found: list[tuple[DataFrame, float]] = []
    batch, path = engine.prepared.get(name), engine.table_path(name)
    if batch is not None:
        found.append(_first(batch.rows(spark), batch.staged))
    version: Any = batch.target_version if batch is not None else pinned(engine, name)
    if version is not None:
        found.append(_first(read_version(spark, path, version), count_rows(spark, path, version)))
    return found


def _first(rows: DataFrame, count: int) -> tuple[DataFrame, float]:
    """As many of `count` rows as are looked at, and which part of all they are."""
    share = min(1.0, _KNOWN_ROWS / max(count, 1))
    return (rows if share == 1.0 else rows.limit(_KNOWN_ROWS)), share
