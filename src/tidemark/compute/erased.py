"""People who were erased, and what sources still have of them: no run takes them in again unseen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidemark.control import erasures
from tidemark.errors import ConfigError
from tidemark.lint.privacy import subjects
from tidemark.rows.erased import Absent, without
from tidemark.rows.masking import hidden_key

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from tidemark.config.project import Table
    from tidemark.control.erasures import Receipt
    from tidemark.engine import Engine
    from tidemark.lint.privacy.subjects import Treatment
    from tidemark.rows.batches import Counter


@dataclass(frozen=True)
class Cleared:
    """What a source gave, without people who were erased, and what counts the rows concerned."""

    frame: DataFrame
    counter: Counter | None = None


def clear(engine: Engine, spark: SparkSession, table: Table, frame: DataFrame) -> Cleared:
    """What a source gave of a table, without people who were erased: their rows are left out, or made anonymous."""
    known = erasures.every(engine.state)
    if not known:
        return Cleared(frame)
    groups: dict[tuple[Treatment, str, bool], list[str]] = defaultdict(list)
    for receipt in known:
        treatment = _treatment(engine.project.tables, receipt, table.name)
        if treatment is not None:
            groups[treatment, receipt.key, receipt.folded].append(receipt.digest)
    absent = [
        Absent(treatment, tuple(sorted(digests)), hidden_key(engine.environment, spark, key), folded)
        for (treatment, key, folded), digests in groups.items()
    ]
    fields = table.load.source.fields if table.load.source else {}
    types = {column.name: column.type for column in table.contract.columns}
    return Cleared(*without(frame, absent, types, fields))


def _treatment(tables: Mapping[str, Table], receipt: Receipt, name: str) -> Treatment | None:
    """What the contracts of today say of the person's rows in a table; where they say nothing, what was done then."""
    try:
        today = subjects.trail(tables, receipt.column).treatments
    except ConfigError:
        today = receipt.treatments
    return next((each for each in today if each.table == name), None)
