"""What of a silver or gold table has to be computed: nothing, the rows that its inputs' changes affect, or all of it.

The inputs are compared with the versions that the table's last commit names. What changed in one of them since (old
and new values, committed or prepared by this run) names, by the input's `on`, the values of the table that are
affected. The table's grain is the `on` of its first input: its rows are computed anew for whole values of the grain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame

from tidemark.compute import asof
from tidemark.compute.candidate import candidate
from tidemark.compute.changes import ChangesGoneError, between, by_batch
from tidemark.compute.tables import input_id, input_version, state_of, told_gone
from tidemark.config.definition import has_older_rows, is_by, is_mixed
from tidemark.config.load import INCREMENTAL_MODES
from tidemark.delta.sizes import MEGABYTE, SMALL_TABLE, table_bytes
from tidemark.delta.table import read_state, read_version
from tidemark.errors import CommitError
from tidemark.rows import quoted
from tidemark.rows.batches import having
from tidemark.rows.order import with_stored_order
from tidemark.rows.places import in_order
from tidemark.spark import storage
from tidemark.sql.types import METADATA_COLUMNS
from tidemark.write import standing
from tidemark.write.batch import Affected
from tidemark.write.pruning import Extent

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tidemark.config.load import InputSpec
    from tidemark.config.project import Table
    from tidemark.delta.table import TargetState
    from tidemark.engine import Engine
    from tidemark.write.manifest import Prepared

SEEN = "seen"
"""Records of the versions of inputs that gave a table nothing new."""
_BASIS = ("inputs", "input_ids", "definition", "rejects_stand")


@dataclass(frozen=True)
class Scope:
    """What has to be computed. Without `affected` it is the whole table, for this `reason`; `nothing`: not a row.

    `notices` are what a quiet day does not bring: whoever looks at the run should hear of it. `others_by`: the rows
    that are not affected were computed by this other definition, and stay so. `anew`: what the table says of its rows
    is not believed. `rejects_stand`: of rows that a rule rejected before, the table has none, or what was there before.
    `keeps_older`: rows that are not affected may stay for good as an earlier definition made them.
    """

    nothing: bool = False
    reason: str | None = None
    affected: Affected | None = None
    anew: bool = False
    notices: tuple[str, ...] = ()
    others_by: str | None = None
    rejects_stand: bool = False
    keeps_older: bool = False

    @classmethod
    def rebuild(cls, reason: str, *, anew: bool = False) -> Scope:
        """All of it, for a reason that people should hear."""
        return cls(reason=reason, notices=(f"is built anew: {reason}",), anew=anew)


@dataclass(frozen=True)
class Input:
    """An input now (`version`, and what this run has prepared for it), and the version the table was built from.

    `is_other`: another table stands there than the one that the table was built from.
    """

    name: str
    spec: InputSpec
    version: int | None
    seen: int | None
    prepared: bool
    is_other: bool = False

    @property
    def moved(self) -> bool:
        return self.prepared or self.is_other or self.version != self.seen


def scope(engine: Engine, spark: SparkSession, table: Table, definition: str, *, full: bool = False) -> Scope:
    """What of `table` has to be computed; `full` asks for all of it."""
    refuse_inputs_gone(engine, table)
    state = state_of(engine, table.name)
    if state.version is None:
        return Scope(reason="the table does not exist yet", notices=told_gone(engine, table.name, state))
    if full:
        return Scope(reason="a full refresh was asked for")
    if because := why_anew(engine, spark, table, state):
        return Scope.rebuild(because, anew=True)
    if state.batch_id is None:
        return Scope(reason="nothing was committed to it yet")
    known = basis(engine, table, state)
    signed = known.get("definition")
    if not is_by(signed, definition):
        is_part = is_mixed(signed)
        return Scope.rebuild(
            "a backfill computed a part of it by a changed query, load file or contract"
            if is_part
            else "its query, load file or contract changed"
        )
    moved = moved_inputs(engine, table, known)
    if not moved:
        return Scope(nothing=True)
    if whole := why_all(table, moved) or rejected_out_of_reach(engine, table, known, moved):
        return whole
    if bytes_read(engine, spark, table) < engine.environment.compute.incremental_from_mb * MEGABYTE:
        return Scope(reason="it is small, and so are its inputs")
    try:
        changed = changes(engine, spark, moved)
    except ChangesGoneError as gone:
        return changes_gone(gone)
    found = affected(engine, spark, table, changed)
    return Scope(affected=found, rejects_stand=rejects_stand(known), keeps_older=has_older_rows(signed))


def refuse_inputs_gone(engine: Engine, table: Table) -> None:
    """Raises `CommitError` where an input that was there is not any more: it is no input without rows."""
    for name in table.inputs:
        before = engine.indexed.get(name)
        if before is not None and name not in engine.prepared and input_version(engine, name) is None:
            raise CommitError(
                f"its input {name} is not there any more (it was at version {before}); computed without it the table "
                "would lose rows, so nothing was written",
                table=table.name,
                step="build",
                evidence=engine.table_path(name),
                next_step=f"put the folder of {name} back, or make the table anew: tidemark run --select {name}+",
            )


def why_anew(engine: Engine, spark: SparkSession, table: Table, state: TargetState) -> str | None:
    """Why the table cannot stay as others have left it; raises `CommitError` where it is not ours to write."""
    path = engine.table_path(table.name)
    standing.refuse_foreign(spark, table.name, path, state, "build")
    if state.lost:
        return f"its log no longer has its last batch ({state.batch_id or 'not known'})"
    if table.load.write.mode == "append":  # a log is not computed anew
        standing.refuse_columns_gone(spark, table.name, path, state)
    gone = standing.columns_gone(spark, path, state)
    return f"others have taken columns of it away: {', '.join(gone.columns)}" if gone else None


def inputs_in(engine: Engine, spark: SparkSession, table: Table, affected: Affected | None) -> dict[str, DataFrame]:
    """The candidates of the inputs, with the rows that the affected rows of the table are computed from.

    Inputs of the table's own grain come with the affected keys. Of a large one with another `on` (a dimension under a
    fact) only the rows come that the others point at; a small one is read as it is.
    """
    read = {name: with_stored_order(candidate(engine, spark, name)) for name in table.inputs}
    found = {name: in_order(frame, engine.table(name).contract) for name, frame in read.items()}
    if affected is None:
        return found
    whole = dict(found)
    for name, spec in table.load.inputs.items():
        if spec.on and set(spec.on) == set(affected.grain):
            found[name] = affected.rows_of(whole[name])
    for name, spec in table.load.inputs.items():
        if not spec.on or set(spec.on) == set(affected.grain) or _is_small(engine, spark, name):
            continue
        pointing = [
            found[other].select(*map(quoted, spec.on))
            for other, others in table.load.inputs.items()
            if others.on and set(others.on) == set(affected.grain) and set(spec.on) <= set(whole[other].columns)
        ]
        if pointing:
            found[name] = having(whole[name], reduce(DataFrame.unionByName, pointing), spec.on)
    return found


def note_seen(engine: Engine, prepared: Prepared) -> None:
    """Notes that a batch changed nothing: nobody has to look at these versions of the inputs, so computed, again.

    The note is an index entry. It counts as long as the table's last batch is the one that it was made after; the
    commit's own word stands where it is lost.
    """
    table = prepared.table
    state = read_state(engine.session(table), engine.table_path(table))
    known = {name: state.metadata.get(name) for name in _BASIS}
    found: dict[str, Any] = {"inputs": dict(prepared.inputs), "input_ids": dict(prepared.input_ids)}
    found |= {"definition": prepared.definition, "rejects_stand": prepared.rejects_stand}
    if found != known:
        engine.state.put(SEEN, table, {"after": state.batch_id, "epoch": state.epoch, **found})


def basis(engine: Engine, table: Table, state: TargetState) -> Mapping[str, Any]:
    """The `inputs` and the `definition` that the table, as it is, was computed from, or would not differ from."""
    noted = engine.state.get(SEEN, table.name)
    if noted and (noted.value["after"], noted.value["epoch"]) == (state.batch_id, state.epoch):
        return noted.value
    return state.metadata


def moved_inputs(engine: Engine, table: Table, known: Mapping[str, Any]) -> list[Input]:
    """The inputs that are not what the table was computed from, but for lookups whose changes do not matter."""
    seen: Mapping[str, int | None] = known.get("inputs") or {}
    ids: Mapping[str, str | None] = known.get("input_ids") or {}
    found = []
    for name, spec in table.load.inputs.items():
        batch = engine.prepared.get(name)
        prepared = bool(batch and not batch.changes_nothing)
        before, now = ids.get(name), input_id(engine, name)
        is_other = None not in (before, now) and before != now
        each = Input(name, spec, input_version(engine, name), seen.get(name), prepared, is_other)
        if each.moved and spec.refresh != "none":
            found.append(each)
    return found


def why_all(table: Table, moved: Sequence[Input]) -> Scope | None:
    """The whole table, where changes of these inputs can be told in no other way."""
    if table.load.write.mode not in INCREMENTAL_MODES:
        return Scope(reason=f"{table.load.write.mode} tables are computed as a whole")
    for each in moved:
        if each.spec.on is None:
            return Scope(reason=f"{each.name} changed, and any row may depend on it (no `on`)")
    went_back = _is_other(moved) or _went_back(moved)
    return Scope.rebuild(went_back) if went_back else None


def rejects_stand(known: Mapping[str, Any]) -> bool:
    """Whether rows may have been rejected since the table was last computed as a whole; what nobody noted, may be."""
    return bool(known.get("rejects_stand", True))


def rejected_out_of_reach(
    engine: Engine, table: Table, known: Mapping[str, Any], moved: Sequence[Input]
) -> Scope | None:
    """The whole table, where rows that a rule rejected would not be found by what changed.

    The table has no such row, or the one of before, under what values it had then. Rows that are found by the table
    alone are missed then, and a key that has moved to another value of the grain meanwhile would come in twice.
    """
    if not moved or not rejects_stand(known):
        return None
    out_of_reach = [each.name for each in moved if _is_led_by_table(engine, table, each.spec)]
    if not out_of_reach and not _keys_can_move(engine, table):
        return None
    what = f"{' and '.join(out_of_reach)} changed" if out_of_reach else "keys can move between what changed"
    return Scope(reason=f"{what}, and rows that a rule rejected are not found by the rows of the table")


def _is_led_by_table(engine: Engine, table: Table, spec: InputSpec) -> bool:
    """Whether only rows of the table say to which values of the grain those of an input lead."""
    of_grain, on = set(table.load.grain or ()), set(spec.on or ())
    if on == of_grain and not spec.as_of:
        return False
    needed = {*on, *spec.as_of.values(), *of_grain}
    others = table.load.inputs.items()
    leading = [name for name, each in others if not spec.as_of or (each.on and set(each.on) == of_grain)]
    return not any(needed <= {*engine.table(name).contract.column_names, *METADATA_COLUMNS} for name in leading)


def _keys_can_move(engine: Engine, table: Table) -> bool:
    """Whether rows of one key can have one value of the grain now and another one later: the key is of the input."""
    write, of_grain = table.load.write, table.load.grain or ()
    if set(of_grain) <= set(write.keys):
        return False
    first = engine.table(next(name for name, spec in table.load.inputs.items() if spec.on == of_grain))
    keys = set(first.contract.keys)
    return write.mode == "upsert" and first.load.write.mode != "append" and bool(keys) and keys <= set(write.keys)


def _is_other(moved: Sequence[Input]) -> str | None:
    """Which input is another table than the one that was read last."""
    names = [each.name for each in moved if each.is_other]
    return f"{' and '.join(names)} was dropped and made anew, or replaced" if names else None


def _went_back(moved: Sequence[Input]) -> str | None:
    """Which input is an older table than the one that was read last."""
    for each in moved:
        if each.version is not None and each.seen is not None and each.version < each.seen:
            return f"{each.name} is at version {each.version}, and the table was built from version {each.seen}"
    return None


def changes(engine: Engine, spark: SparkSession, moved: Sequence[Input]) -> dict[str, DataFrame]:
    """For each input the old and new values of `on` (and `as_of`) in what changed in it, with repetitions.

    Raises `ChangesGoneError` where that is not known any more.
    """
    return {each.name: _changes(engine, spark, each) for each in moved}


def changes_gone(gone: ChangesGoneError) -> Scope:
    """The whole table, as nobody knows any more what changed in its inputs."""
    return Scope.rebuild(f"what changed in its inputs is not known any more: {gone.summary}")


def _changes(engine: Engine, spark: SparkSession, moved: Input) -> DataFrame:
    on, path = moved.spec.columns, engine.table_path(moved.name)
    parts = []
    if moved.version is not None and moved.version != moved.seen:
        since = -1 if moved.seen is None else moved.seen
        parts.append(between(spark, path, since, moved.version, on))
    if moved.prepared:
        changed = by_batch(spark, path, engine.prepared[moved.name], on)
        if changed is None:
            raise ChangesGoneError(f"{moved.name} is replaced as a whole")
        parts.append(changed)
    return reduce(DataFrame.unionByName, parts)


def affected(engine: Engine, spark: SparkSession, table: Table, changed: Mapping[str, DataFrame]) -> Affected:
    """The affected values of the grain, once each, staged: they filter the inputs, the table and the query's result."""
    return stage(engine, spark, table, "affected", values(engine, spark, table, changed))


def stage(engine: Engine, spark: SparkSession, table: Table, name: str, parts: Sequence[DataFrame]) -> Affected:
    """Values of the grain, once each, in the run's staging."""
    folder, of_grain = f"{engine.staging_path(table.name)}/{name}", table.load.grain or ()
    once = reduce(DataFrame.union, parts).distinct()
    extent = Extent(once.schema, dict(zip(of_grain, of_grain, strict=True)))
    extent.on(once).write.mode("overwrite").parquet(folder)
    return Affected(of_grain, spark.read.schema(once.schema).parquet(folder), extent.bounds)


def values(engine: Engine, spark: SparkSession, table: Table, changed: Mapping[str, DataFrame]) -> list[DataFrame]:
    """The values of the grain to which `changed` values of the inputs' `on` lead, with repetitions.

    Values of other columns than the grain lead to it through the rows of the table, and of the inputs, that have both.
    """
    of_grain = table.load.grain or ()
    parts = []
    for name, found in changed.items():
        spec = table.load.inputs[name]
        on = spec.on or ()
        if spec.as_of:
            parts += _as_of(engine, spark, table, name, found)
            continue
        if set(on) == set(of_grain):
            parts.append(found.select(*map(quoted, of_grain)))
            continue
        once = found.distinct()
        for carrier in _carriers(engine, spark, table, {*on, *of_grain}):
            parts.append(having(carrier, once, on).select(*map(quoted, of_grain)))
    return parts


def _as_of(engine: Engine, spark: SparkSession, table: Table, name: str, changed: DataFrame) -> list[DataFrame]:
    """The values of the grain to which an input leads whose latest row at or before an instant counts.

    Rows of the inputs of the grain that have its columns say all; where there are none, the table's own do.
    """
    of_grain, spec = table.load.grain or (), table.load.inputs[name]
    needed = {*(spec.on or ()), *spec.as_of.values(), *of_grain}
    others = [other for other, each in table.load.inputs.items() if each.on and set(each.on) == set(of_grain)]
    inputs = [frame for frame in (candidate(engine, spark, other) for other in others) if needed <= set(frame.columns)]
    once = asof.spans(changed, candidate(engine, spark, name), spec)
    folder = f"{engine.staging_path(table.name)}/spans/{name}"
    once.write.mode("overwrite").parquet(folder)
    found = spark.read.schema(once.schema).parquet(folder)
    carriers = inputs or _carriers(engine, spark, table, needed)
    return [asof.reached(carrier, found, spec).select(*map(quoted, of_grain)) for carrier in carriers]


def _carriers(engine: Engine, spark: SparkSession, table: Table, columns: set[str]) -> list[DataFrame]:
    """The table as it is, and those of its inputs' candidates that have all these columns."""
    path = engine.table_path(table.name)
    version = read_state(spark, path).version
    frames = [] if version is None else [read_version(spark, path, version)]
    frames += [candidate(engine, spark, name) for name in table.inputs]
    return [frame for frame in frames if columns <= set(frame.columns)]


def bytes_read(engine: Engine, spark: SparkSession, table: Table) -> int:
    """The files of the table and of its inputs, with what is prepared for them: committed or not, it counts alike."""
    committed = sum(table_bytes(spark, engine.table_path(name)) for name in (table.name, *table.inputs))
    waiting = [engine.prepared[name].data for name in table.inputs if name in engine.prepared]
    return committed + sum(storage.size(spark, data) for data in waiting)


def _is_small(engine: Engine, spark: SparkSession, table: str) -> bool:
    return table_bytes(spark, engine.table_path(table)) <= SMALL_TABLE
