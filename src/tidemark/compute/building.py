"""The rows of a silver or gold table: its query over its inputs, made a history, masked, held against the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from tidemark.compile.casts import casts_of
from tidemark.compute import histories, incremental, tables
from tidemark.compute.gate.witness import refuse_unseen
from tidemark.config.definition import transform_of
from tidemark.delta.table import written_schema
from tidemark.errors import CommitError, ConfigError
from tidemark.lint.privacy import admission
from tidemark.rows import AGE, MAYBE_AGE, ORDER, ORIGIN, TAKEN, judging, literal, places
from tidemark.rows.alignment import Held, align, held_by, with_flag
from tidemark.rows.masking import masking_key, refuse_own, refuse_unknown, with_masks
from tidemark.rows.order import with_order
from tidemark.spark.relations import query_over
from tidemark.sql import queries
from tidemark.write.batch import Checked

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from tidemark.config.project import Table
    from tidemark.engine import Engine
    from tidemark.write.batch import Affected

OWN_SYSTEM = "tidemark"


def computed(engine: Engine, spark: SparkSession, table: Table, affected: Affected | None) -> Checked:
    """The rows of `table` as the candidates of its inputs make them: the `affected` ones, or all."""
    given, held = query(engine, spark, table, affected), _held(engine, table)
    refuse_own(table, given)
    if table.layer == "gold":
        refuse_unknown(engine.project.tables, table, given, held.schema.fieldNames())
    frame = with_order(given, *table.load.write.order_by)
    is_history = table.load.write.mode == "scd2"
    if affected is not None:
        frame = affected.rows_of(frame)  # a query can have rows of its own
    if is_history:
        histories.refuse_undated(table, engine.project.tables)
        frame = histories.identified(frame, table)
    key = None
    if table.layer == "gold":
        key = masking_key(engine.environment, spark, table)
        frame = with_masks(table, frame, key)
    frame = frame.withColumn(ORIGIN, F.lit(f"tidemark://{table.name}"))
    if is_history:
        return histories.check(table, frame, affected, source_system=OWN_SYSTEM, held=held, key=key)
    return check(engine, table, frame, {}, held)


def check(
    engine: Engine, table: Table, frame: DataFrame, fields: Mapping[str, str], held: Held | None = None
) -> Checked:
    """Holds rows against the contract; `fields` are the source's names of columns, `held` what the table has."""
    frame, held = _with_delete_flag(table, frame), held or _held(engine, table)
    casts = casts_of(table.contract, table.load)
    alignment = align(
        frame, table.contract, fields, table.load.on_unknown, _helpers(table), casts, held, table.load.partition_by
    )
    deletes = table.load.write.deletes
    alignment = with_flag(alignment, table.contract, deletes.flag if deletes else None)
    judged = judging.judged(frame, table.contract, alignment)
    return Checked(table.name, frame, judged, alignment, identity={}, source_system=OWN_SYSTEM)


def dated(engine: Engine, table: Table, frame: DataFrame, column: str, *, is_made: bool) -> DataFrame:
    """The frame with when its extract was taken: as its files say; of a system that is asked, when this run began.

    `is_made`: the frame is not of the source, which gave nothing, but of the contract.
    """
    if column in (name.lower() for name in frame.columns) and not is_made:
        raise CommitError(
            f"the source has a column `{column}`, which the load file wants filled with the time of the extract",
            table=table.name,
            step="validate",
            next_step=f"give `taken_at` in the load file of {table.name} another name, or remove it",
        )
    asked = literal(engine.run.started_at)
    return frame.withColumn(column, F.col(TAKEN) if TAKEN in frame.columns else asked).drop(TAKEN)


def _held(engine: Engine, table: Table) -> Held:
    """What columns the table has."""
    state = tables.state_of(engine, table.name)
    if state.version is None:
        return Held()
    contract = table.contract.column_names
    stored = written_schema(engine.session(table.name), engine.table_path(table.name), contract)
    return held_by(stored, contract, state.metadata)


def _with_delete_flag(table: Table, frame: DataFrame) -> DataFrame:
    """A batch without the flag deletes nothing by it."""
    flag = table.load.write.deletes.flag if table.load.write.deletes else None
    known = {name.lower() for name in (*table.contract.column_names, *frame.columns)}
    return frame.withColumn(flag, F.lit(None).cast("boolean")) if flag and flag.lower() not in known else frame


def _helpers(table: Table) -> frozenset[str]:
    """Columns that only order rows or mark deletes: used while comparing, stored only if the contract has them.

    So are the engine's own, of which the order at the source is stored beside the contract's columns.
    """
    return frozenset((set(table.load.write.helpers) - set(table.contract.column_names)) | {ORDER, AGE, MAYBE_AGE})


def query(engine: Engine, spark: SparkSession, table: Table, affected: Affected | None) -> DataFrame:
    """What the table's query, or its transform, gives over the candidates of its inputs, if it may run."""
    admission.admit(engine.project.tables, table.name)
    inputs = incremental.inputs_in(engine, spark, table, affected)
    if table.load.transform:
        return transform_of(table)(inputs)
    if table.sql is None:
        raise ConfigError(f"{table.name} has neither a query nor a transform")
    inputs = {name: places.in_places(each, engine.table(name).contract, [table.sql]) for name, each in inputs.items()}
    names = {name: queries.view_name(name) for name in inputs}
    relations = {names[name]: frame for name, frame in inputs.items()}
    frame = query_over(spark, queries.bind(table.sql, names), relations)
    refuse_unseen(spark, engine.project.tables, table, frame, inputs)
    return frame
