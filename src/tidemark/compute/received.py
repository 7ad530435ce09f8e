"""Which rows of silver and gold lead back to what was received in a period: what a backfill computes anew.

Rows of a bronze table belong to a period by its change time, where it has none by the day they were received. From
there the inputs' `on` lead, table by table, to values of each table's grain, as changes do in `incremental`. Tables
on the way need not be part of the backfill: their rows lead on as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from tidemark.compute import incremental
from tidemark.compute.candidate import candidate
from tidemark.compute.changes import ChangesGoneError
from tidemark.compute.incremental import Scope
from tidemark.compute.tables import state_of
from tidemark.config.definition import has_older_rows, is_by
from tidemark.config.load import INCREMENTAL_MODES
from tidemark.rows import literal, quoted
from tidemark.targets.exports import Once
from tidemark.write.batch import Affected

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

    from tidemark.config.project import Table
    from tidemark.engine import Engine
    from tidemark.sources.watermark import Period

_RUN_DATE = "_run_date"


@dataclass(frozen=True)
class Received:
    """What was received in a period, and where it leads.

    `forward_only`: rows that it does not lead to may stay as another query, load file or contract made them.
    """

    period: Period
    forward_only: bool = False
    _found: Once[Affected | None] = field(default_factory=Once, compare=False)

    def to_json(self) -> dict[str, Any]:
        """The part of a batch's identity that says it was made by a backfill, and by which."""
        start, end = self.period.start.isoformat(), self.period.end.isoformat()
        return {"start": start, "end": end, "forward_only": self.forward_only}

    def keys(self, engine: Engine, spark: SparkSession, table: Table) -> Affected | None:
        """The values of the table's grain that the period leads to; None where it may be any of them."""
        return self._found.get(table.name, lambda: self._stage(engine, spark, table))

    def rows(self, engine: Engine, spark: SparkSession, table: Table) -> DataFrame | None:
        """The rows of the table's candidate that the period leads to; None where it may be any of them."""
        frame = candidate(engine, spark, table.name)
        if table.load.source is not None:
            return frame.where(self._is_of_period(table))
        if not table.inputs:
            return frame.limit(0)
        keys = self.keys(engine, spark, table)
        return None if keys is None else keys.rows_of(frame)

    def _stage(self, engine: Engine, spark: SparkSession, table: Table) -> Affected | None:
        if table.load.write.mode not in INCREMENTAL_MODES or table.load.grain is None:
            return None
        values = {}
        for name, spec in table.load.inputs.items():
            if spec.on is None:
                continue
            rows = self.rows(engine, spark, engine.table(name))
            if rows is None:
                return None
            values[name] = rows.select(*map(quoted, spec.columns))
        return incremental.stage(engine, spark, table, "reached", incremental.values(engine, spark, table, values))

    def _is_of_period(self, table: Table) -> Column:
        if table.change_time is None:
            return F.col(_RUN_DATE).between(literal(self.period.start.date()), literal(self.period.end.date()))
        return quoted(table.change_time).between(literal(self.period.start), literal(self.period.end))


def scope(engine: Engine, spark: SparkSession, table: Table, definition: str, received: Received) -> Scope:
    """What of `table` has to be computed: what the period leads to, and what changed in the inputs since, as ever.

    A changed query, load file or contract does not build everything anew here: the rows that are not computed stay as
    they were made, and the scope says by what.
    """
    state = state_of(engine, table.name)
    if state.version is None:
        return Scope(reason="the table does not exist yet")
    if because := incremental.why_anew(engine, spark, table, state):
        return Scope.rebuild(because, anew=True)
    known = incremental.basis(engine, table, state)
    moved = incremental.moved_inputs(engine, table, known)
    signed = known.get("definition")
    is_same = is_by(signed, definition)
    whole = incremental.why_all(table, moved)
    if is_same and whole is None:
        whole = incremental.rejected_out_of_reach(engine, table, known, moved)
    keys = None if whole else received.keys(engine, spark, table)
    if keys is None:
        as_it_was = is_same and not moved
        return Scope(nothing=True) if as_it_was else whole or Scope(reason="its inputs are computed as a whole")
    try:
        changed = incremental.changes(engine, spark, moved)
    except ChangesGoneError as gone:
        return incremental.changes_gone(gone)
    if changed:
        parts = [*incremental.values(engine, spark, table, changed), keys.keys]
        keys = incremental.stage(engine, spark, table, "affected", parts)
    stand, older = incremental.rejects_stand(known), has_older_rows(signed)
    found = Scope(affected=keys, rejects_stand=stand, keeps_older=older)
    return found if is_same else _of_two_definitions(found, str(signed), received)


def _of_two_definitions(found: Scope, before: str, received: Received) -> Scope:
    """The same, with what has to be told and signed of rows that another query, load file or contract made."""
    told = f"only rows that {received.period.start:%Y-%m-%d} to {received.period.end:%Y-%m-%d} lead to are computed by"
    changed = "the changed query, load file or contract"
    if received.forward_only:
        kept = f"{told} {changed}; the others stay as they were made (forward only)"
        return replace(found, notices=(kept,), keeps_older=True)
    return replace(found, notices=(f"{told} {changed}: the next run builds all of it anew",), others_by=before)
